"""Dictionaries whose entries are attributes."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcat import utils
from localcat.utils import DotDict, DotList

NESTED = {"a": {"b": [{"c": 1}, [{"d": 2}]]}, "n": None, "t": (1, {"x": 2})}


def test_the_module_has_the_originals_names_alone() -> None:
    """3.1."""
    assert utils.__all__ == ["DotDict", "DotList"]


def test_entries_are_attributes_however_deep() -> None:
    made = DotDict(NESTED)
    assert made.a.b[0].c == made["a"]["b"][0]["c"] == 1
    assert made.a.b[1][0].d == 2
    assert made.n is None
    assert (made.t, type(made.t[1])) == ((1, {"x": 2}), dict)


def test_it_equals_and_is_shown_as_a_dictionary() -> None:
    assert DotDict(NESTED) == NESTED
    assert repr(DotDict(NESTED)) == repr(NESTED)
    assert json.loads(json.dumps(DotDict(a=NESTED["a"]))) == {"a": NESTED["a"]}


def test_assigning_and_deleting_an_attribute_changes_the_entry() -> None:
    made = DotDict(a={"b": 1})
    made.a.b = 2
    made.new = {"c": [{}]}
    made.new.c[0].d = 3
    assert made == {"a": {"b": 2}, "new": {"c": [{"d": 3}]}}
    del made.a
    assert made == {"new": {"c": [{"d": 3}]}}


def test_what_is_put_in_is_copied() -> None:
    given = {"b": 1}
    made = DotDict(a=given)
    made.a.b = 2
    assert given == {"b": 1}


@pytest.mark.parametrize("use", [lambda d: d.red, lambda d: delattr(d, "red")])
def test_an_unknown_attribute_is_named_with_those_there_are(use: Any) -> None:
    with pytest.raises(AttributeError, match=r"DotDict has no entry 'red'; it has \['blue'\]"):
        use(DotDict(blue=1))
    assert not hasattr(DotDict(), "red")
    assert "blue" in dir(DotDict(blue=1))


def filled_dicts() -> list[DotDict]:
    plain = {"a": {"b": [{"c": 1}]}}
    by_item, by_update, by_default = DotDict(), DotDict(), DotDict()
    by_item["a"] = plain["a"]
    by_update.update(plain)
    by_default.setdefault("a", plain["a"])
    by_joining = DotDict()
    by_joining |= plain
    return [
        DotDict(plain),
        DotDict(**plain),
        DotDict(plain.items()),
        by_item,
        by_update,
        by_default,
        by_joining,
        DotDict() | plain,
        plain | DotDict(),
        DotDict.fromkeys(["a"], plain["a"]),
        DotDict(plain).copy(),
        copy.copy(DotDict(plain)),
        copy.deepcopy(DotDict(plain)),
        pickle.loads(pickle.dumps(DotDict(plain))),
    ]


@pytest.mark.parametrize("made", filled_dicts())
def test_every_way_to_fill_it_makes_attributes(made: DotDict) -> None:
    assert type(made) is DotDict
    assert made.a.b[0].c == 1


def filled_lists() -> list[DotList]:
    plain: list[Any] = [{"c": 1}]
    by_append, by_extend, by_insert, by_adding, by_item, by_slice = (DotList() for _ in range(6))
    by_append.append(plain[0])
    by_extend.extend(plain)
    by_insert.insert(0, plain[0])
    by_adding += plain
    by_item.append(None)
    by_item[0] = plain[0]
    by_slice[:] = plain
    return [
        DotList(plain),
        by_append,
        by_extend,
        by_insert,
        by_adding,
        by_item,
        by_slice,
        DotList() + plain,
        plain + DotList(),
        DotList(plain) * 1,
        1 * DotList(plain),
        DotList(plain)[:],
        DotList(plain).copy(),
        copy.copy(DotList(plain)),
        copy.deepcopy(DotList(plain)),
        pickle.loads(pickle.dumps(DotList(plain))),
    ]


@pytest.mark.parametrize("made", filled_lists())
def test_every_way_to_fill_a_list_makes_attributes(made: DotList) -> None:
    assert type(made) is DotList
    assert made[0].c == 1
    assert made == [{"c": 1}]


def test_what_is_no_dictionary_is_not_joined() -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        DotDict() | 3  # type: ignore[operator]
    with pytest.raises(TypeError, match="unsupported operand"):
        DotList() + 3  # type: ignore[operator]


@given(
    st.dictionaries(
        st.text(),
        st.recursive(st.none() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)),
    )
)
def test_any_json_reads_as_it_was(plain: dict[str, Any]) -> None:
    assert DotDict(plain) == plain
    assert pickle.loads(pickle.dumps(DotDict(plain))) == plain
