"""Choice 23: `extra_properties` keep any JSON value, whichever way it comes in, and are found by what they hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from localcat import Catalog, Expression, Image, Product
from localcat import properties as p
from localcat.errors import LocalcatError

texts = st.text(max_size=6) | st.sampled_from(["", "a.b", 'say "x"', "it's", "%_\\", "\x00", "e\u0301", "é", "\ud800"])
whole = st.integers(-3, 3) | st.integers() | st.sampled_from([2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**30])
parts = st.floats() | st.sampled_from([-0.0, 5e-324, 1e308, 0.1, 1e16, 2.0**63])
values = st.recursive(
    st.none() | st.booleans() | whole | parts | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def catalog() -> Iterator[Catalog]:
    with Catalog.temporary(org="acme") as catalog:
        Product(id="p", name="P", catalog=catalog).save()
        yield catalog


def kinds(value: Any) -> Any:
    """Return a value with its types, so that 1, 1.0 and True differ, and 0.0 from -0.0."""
    if isinstance(value, dict):
        return {key: kinds(one) for key, one in value.items()}
    if isinstance(value, list):
        return [kinds(one) for one in value]
    return type(value).__name__, repr(value)


def conditions(held: dict[str, Any], about: Any = p.extra_properties) -> Iterator[Expression]:
    """Yield what is true of an object that holds these values."""
    for key, value in held.items():
        one = about[key]
        yield one.isnull if value is None else one.isnotnull
        if isinstance(value, dict):
            yield from conditions(value, one)
        elif isinstance(value, bool):
            yield (one == value) & (one != (not value)) & one.any_of([value])
        elif isinstance(value, int | float):
            yield (one == value) & (one <= value) & ~(one < value) & one.any_of([value, "x"]) & (one != "x")
        elif isinstance(value, str):
            yield (one == value) & one.prefix(value[:2]) & (one >= value) & (one != value + "x")


def saved(catalog: Catalog, extra: dict[str, Any]) -> str | None:
    try:
        Image(id="acme:p:saved", extra_properties=extra, catalog=catalog).save()
    except LocalcatError as error:
        return str(error)
    return None


def added(catalog: Catalog, extra: dict[str, Any]) -> str | None:
    record = {"name": "added", "product_id": "acme:p", "extra_properties": extra}
    report = catalog.add_images([{**record, "storage_state": "remote"}])
    return str(report.failed[0].error) if report.failed else None


@given(extra=st.dictionaries(texts, values, max_size=4))
@example(extra={"n": 2**63, "m": -(2**63) - 1, "k": 10**30})
@example(extra={"a": {"b": [None, True, 1, 1.0, -0.0, "1"]}, "a.b": 1, "": {"": ""}})
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_json_is_kept_and_found_or_refused_by_every_way_in(catalog: Catalog, extra: dict[str, Any]) -> None:
    ways = {"saved": saved(catalog, extra), "added": added(catalog, extra)}
    found = {image.name: image for image in catalog.images}
    wanted = [f"acme:p:{name}" for name in sorted(found)]
    if not wanted:
        return
    wrong = [condition for condition in conditions(extra) if catalog.images.filter(condition).ids() != wanted]
    for image in found.values():
        image.delete()
    assert (ways["saved"] is None) == (ways["added"] is None), ways
    assert found.keys() == {name for name, error in ways.items() if error is None}
    for image in found.values():
        assert kinds(image.extra_properties) == kinds(extra)
        json.dumps(image.extra_properties, allow_nan=False)
    assert wrong == []
