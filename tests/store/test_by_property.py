"""The index of values inside extra_properties: answers as without it, few rows read, in step with the images."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from localcat import BadRequestError, Catalog, Image, Product
from localcat import properties as p
from localcat.expressions.properties import Expression
from localcat.store.damage.problem_kinds import ProblemKind as Kind
from localcat.store.query import by_property as module
from localcat.store.query.by_property import by_property
from tests.damage import raw
from tests.json_conditions import BELOW, CONDITIONS, VALUE

KEYS = ["v", "w", ("o", "a b", "c")]
VALUES: list[Any] = [
    *(None, True, False, 0, 1, 1.0, -0.0, 0.5, 5, -5, 2**53 + 1, 2**63 - 1, -(2**63), 1e300, 5e-324),
    *("", "a", "A", "ab", "b", "ä", "\U0001f30d", "1", "true", "null", "5%", "2017-01-01", "x" * 5000),
    *([], [5], ["a"], {}, {"a b": {"c": 5}}, {"c": 1}),
]
WANTED = [value for value in VALUES if value is not None and not isinstance(value, list | dict)]


def leaf(chance: random.Random) -> Expression:
    handle, value = chance.choice([VALUE, BELOW]), chance.choice(WANTED)
    kind = chance.randrange(9 if isinstance(value, bool) else 12)
    if kind < 2:
        return handle == value
    if kind < 4:
        return handle.any_of(chance.choices(WANTED, k=chance.randrange(1, 5)))
    if kind < 6:
        return handle.prefix(chance.choice(["", "a", "x", "\U0001f30d"]))
    if kind < 9:
        return [handle.isnotnull, handle.isnull, handle != value][kind - 6]
    return [handle < value, handle >= value, handle > value][kind - 9]


def condition(chance: random.Random, depth: int = 2) -> Expression:
    if depth == 0 or chance.random() < 0.4:
        return leaf(chance)
    parts = condition(chance, depth - 1), condition(chance, depth - 1)
    joined = parts[0] & parts[1] if chance.random() < 0.3 else parts[0] | parts[1]
    return ~joined if chance.random() < 0.2 else joined


@pytest.fixture(scope="module")
def catalog():
    """A catalog of which most images have a value under each key."""
    chance = random.Random(5)
    with Catalog.temporary(org="") as catalog:
        Product(id="x", name="x", catalog=catalog).save()
        stored = [{"v": value, "o": {"a b": {"c": chance.choice(VALUES)}}} for value in VALUES]
        stored += [{"o": value, "v": chance.choice(VALUES)} for value in VALUES]
        stored += [one for one, _, _ in CONDITIONS]
        records = [{"id": f"x:{number:03d}", "extra_properties": one} for number, one in enumerate(stored)]
        catalog.reindex(properties=KEYS)
        assert catalog.add_images([*records, {"id": "x:none"}]).failed == []
        yield catalog


def uses_index(search: Any) -> bool:
    return "image_property" in search.to_sql()[0]


def test_answers_are_those_of_the_filter_in_memory(catalog: Catalog) -> None:
    """Choice 23."""
    images, chance, indexed = catalog.images.collect(), random.Random(6), 0
    for expression in [*(one for _, one, _ in CONDITIONS), *(condition(chance) for _ in range(600))]:
        search = catalog.images.filter(expression)
        assert search.ids() == [image.id for image in images.filter(expression)], expression
        assert search.count() == len(search.ids())
        indexed += uses_index(search)
    assert indexed > 200


@pytest.mark.parametrize(
    ("expression", "is_asked"),
    [
        (VALUE == "a", True),
        (VALUE == 5, True),
        (VALUE == True, True),  # noqa: E712  # makes a condition
        (VALUE > 5, True),
        (VALUE.any_of(["a", 5, True]), True),
        (VALUE.any_of(list(range(1000))), True),
        (VALUE.prefix("a"), True),
        (VALUE.isnotnull, True),
        (BELOW == 5, True),
        ((VALUE == 5) | (BELOW == 5), True),
        ((VALUE == 5) & (p.name != "a"), True),
        (VALUE != 5, False),
        (~(VALUE == 5), False),
        (VALUE.isnull, False),
        (VALUE.like("a%"), False),
        (p.extra_properties["other"] == 5, False),
        ((VALUE == 5) | (p.extra_properties["other"] == 5), False),
        ((VALUE == 5) | (p.name == "a"), False),
        (p.name == "a", False),
    ],
)
def test_conditions_that_pick_values_ask_the_index(catalog: Catalog, expression: Expression, is_asked: bool) -> None:
    assert uses_index(catalog.images.filter(expression)) is is_asked


def test_times_are_compared_without_the_index(catalog: Catalog) -> None:
    search = catalog.images.filter((date(2017, 1, 1) == VALUE) & (BELOW != "none"))
    assert not uses_index(search)
    assert not uses_index(catalog.images.filter(VALUE.any_of([5, date(2017, 1, 1)])))
    assert catalog.images.filter(date(2017, 1, 1) == VALUE).ids()[0] == f"x:{VALUES.index('2017-01-01'):03d}"


def test_only_what_is_found_is_read(catalog: Catalog) -> None:
    sql, params = catalog.images.filter((VALUE == "ab") & (p.product_id == "x")).to_sql()
    with catalog.database.read() as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", params)]
    assert "SEARCH image USING INTEGER PRIMARY KEY (rowid=?)" in plan
    assert any("SEARCH item USING COVERING INDEX image_property_by_value (key_id=? AND type=? AND value=?)" in line
               for line in plan)  # fmt: skip


def test_of_several_conditions_the_one_with_the_fewest_images_is_asked(catalog: Catalog) -> None:
    sql, params = catalog.images.filter(VALUE.isnotnull & (BELOW == "ab") & VALUE.prefix("")).to_sql()
    assert sql.count("image_property") == 1
    assert params[0] == '["o", "a b", "c"]'


def test_a_value_of_many_images_is_looked_for_in_the_rows(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    search = catalog.images.filter(VALUE.isnotnull)
    found = search.ids()
    monkeypatch.setattr(module, "FEW", 10)
    search = catalog.images.filter(VALUE.isnotnull)
    assert (uses_index(search), search.ids()) == (False, found)


def test_areas_and_words_are_asked_of_their_own_indexes(catalog: Catalog) -> None:
    search = catalog.images.filter(VALUE == 5)
    assert not uses_index(search.intersects((0, 0, 1, 1)))
    assert not uses_index(search.find_text("x"))
    assert by_property(catalog.products.filter(VALUE == 5)._question(), None).indexed is None


@pytest.fixture
def small(tmp_path: Path):
    """A catalog with two keys that have an index, and four images."""
    with Catalog.create(tmp_path / "small.gpkg", org="") as catalog:
        Product(id="x", name="x", catalog=catalog).save()
        catalog.reindex(properties=["n", p.extra_properties["o"]["m"]])
        for number in range(4):
            Image(id=f"x:{number}", extra_properties={"n": number, "o": {"m": "a"}}, catalog=catalog).save()
        yield catalog


def entries(catalog: Catalog) -> list[tuple[str, str, str, Any]]:
    rows = catalog.sql(
        "SELECT uid, path, type, value FROM image_property JOIN image ON image.id = image_id "
        "JOIN property_key ON property_key.id = key_id ORDER BY uid, path"
    )
    return [tuple(row.values()) for row in rows]


def test_entries_follow_every_write(small: Catalog) -> None:
    n, m = '["n"]', '["o", "m"]'
    assert entries(small)[:3] == [("x:0", n, "integer", 0), ("x:0", m, "text", "a"), ("x:1", n, "integer", 1)]
    image = Image.get("x:0", catalog=small)
    image.extra_properties["n"] = None
    image.extra_properties["o"] = {"m": [1]}
    image.save()
    image = Image.get("x:1", catalog=small)
    image.tags = ["other"]
    image.save()
    Image.get("x:2", catalog=small).delete()
    small.add_images([{"id": "x:3", "extra_properties": {"n": 2.5}}, {"id": "x:4"}], on_conflict="replace")
    assert entries(small) == [
        ("x:0", m, "array", None),
        ("x:1", n, "integer", 1),
        ("x:1", m, "text", "a"),
        ("x:3", n, "real", 2.5),
    ]
    assert small.images.filter(p.extra_properties["n"] > 1).ids() == ["x:3"]
    assert small.verify("full").ok


def test_merged_images_have_entries(small: Catalog, tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "other.gpkg", org="") as other:
        Product(id="x", name="x", catalog=other).save()
        Image(id="x:1", extra_properties={"n": 11}, catalog=other).save()
        Image(id="x:9", extra_properties={"n": 9}, catalog=other).save()
    small.merge(tmp_path / "other.gpkg", policy="theirs")
    assert small.images.filter(p.extra_properties["n"] >= 9).ids() == ["x:1", "x:9"]
    assert small.verify("full").ok


def test_the_choice_of_keys_holds_until_it_is_changed(small: Catalog) -> None:
    small.reindex()
    assert uses_index(small.images.filter(p.extra_properties["n"] == 1))
    small.reindex(properties=["other"])
    assert not uses_index(small.images.filter(p.extra_properties["n"] == 1))
    assert entries(small) == []
    small.reindex(properties=["n", ("n",), "n"])
    assert len(entries(small)) == 4
    small.reindex(properties=[])
    assert small.sql("SELECT * FROM property_key") == []


def test_a_search_from_before_a_key_lost_its_index_is_still_right(small: Catalog) -> None:
    search = small.images.filter(p.extra_properties["n"].any_of([1, 2]) | (p.extra_properties["o"]["m"] == "b"))
    assert uses_index(search)
    assert search.ids() == ["x:1", "x:2"]
    with Catalog.open(small.path) as other:
        other.reindex(properties=["o"])
    assert search.ids() == ["x:1", "x:2"]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM image_property WHERE image_id = 2",
        "UPDATE image_property SET value = 7 WHERE image_id = 2 AND type = 'integer'",
        "UPDATE image_property SET type = 'real' WHERE image_id = 2 AND type = 'integer'",
        "UPDATE image SET extra_properties = NULL WHERE id = 2",
        "UPDATE image SET extra_properties = '{\"n\": 5}' WHERE id = 2",
    ],
)
def test_entries_out_of_step_are_found_and_mended(small: Catalog, statement: str) -> None:
    raw(small, statement)
    (problem,) = small.verify().problems
    assert (problem.kind, problem.object_id) == (Kind.PROPERTIES, "x:1")
    small.reindex()
    assert small.verify("full").ok


def test_an_entry_behind_the_last_image_with_properties_is_found(small: Catalog) -> None:
    Image(id="x:9", catalog=small).save()
    raw(small, "INSERT INTO image_property SELECT max(id), 1, 'text', 'a' FROM image")
    assert [one.object_id for one in small.verify().problems] == ["x:9"]


def test_a_damaged_key_is_told_and_costs_nothing_else(small: Catalog) -> None:
    raw(small, """UPDATE property_key SET path = '["n", 1' WHERE path = '["n"]'""", "DELETE FROM image_property")
    assert small.images.filter(p.extra_properties["n"] == 1).ids() == ["x:1"]
    told = [one for one in small.verify().problems if one.object_id == "property_key"]
    assert [(one.kind, one.found) for one in told] == [(Kind.PROPERTIES, '["n", 1')]
    assert "reindex(properties=[...])" in told[0].advice


def test_damaged_json_has_no_entries(small: Catalog) -> None:
    raw(small, "UPDATE image SET extra_properties = '{\"n\": ' WHERE id = 2", "DELETE FROM image_property")
    small.reindex()
    assert [one.kind for one in small.verify().problems] == [Kind.VALUE]
    assert {uid for uid, _, _, _ in entries(small)} == {"x:0", "x:2", "x:3"}


def test_a_recovered_catalog_has_the_same_keys(small: Catalog, tmp_path: Path) -> None:
    before = entries(small)
    small.close()
    assert Catalog.recover(small.path, tmp_path / "new.gpkg").problems == []
    with Catalog.open(tmp_path / "new.gpkg") as new:
        assert entries(new) == before
        assert uses_index(new.images.filter(p.extra_properties["n"] == 1))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("n", r"properties are several keys of extra_properties, as in \['eo:snow'\], not 'n'"),
        (p.extra_properties["n"], "properties are several keys"),
        ([5], "an index is for a key of extra_properties, such as 'eo:snow'.*, not for 5"),
        ([()], r"not for \(\)"),
        ([("a", 1)], r"not for \('a', 1\)"),
        ([p.cloud_fraction], "not for p.cloud_fraction"),
        ([p.extra_properties], "not for p.extra_properties"),
        ([f"k{number}" for number in range(33)], "at most 32 keys have an index, not 33; choose"),
        (["\ud800"], "extra_properties"),
    ],
)
def test_other_keys_are_refused(small: Catalog, given: Any, message: str) -> None:
    with pytest.raises(BadRequestError, match=message):
        small.reindex(properties=given)
    assert len(entries(small)) == 8
