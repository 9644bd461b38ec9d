"""Any value at all: it comes back exactly, or it is refused with our error and leaves no row."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcat import Catalog, DocumentState, Image, LocalcatError, Product, Resolution, SpectralBand
from tests.drawing import examples

texts = st.one_of(
    st.text(max_size=20),
    st.text(st.characters(categories=["Cs", "Cc", "Lu", "So"]), max_size=5),
    st.sampled_from(["", "\x00", "\ud800", "a\udfffb", "x" * 2001, "é" * 501, "'; DROP TABLE image; --", "%", "null"]),
)
numbers = st.one_of(
    st.integers(),
    st.floats(),
    st.booleans(),
    st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**400, -0.0, 5e-324, math.nan, math.inf]),
)
zones = st.sampled_from([None, dt.UTC, *(dt.timezone(dt.timedelta(hours=hours)) for hours in (-12, 5.5, 14))])
times = st.one_of(
    st.datetimes(timezones=zones),
    st.dates(),
    st.datetimes().map(str),
    st.datetimes(timezones=zones).map(dt.datetime.isoformat),
)
positions = st.tuples(st.floats(-200, 200), st.floats(-95, 95)) | st.tuples(numbers, numbers)
shapes = st.one_of(
    positions.map(lambda at: {"type": "Point", "coordinates": at}),
    st.lists(positions, max_size=5).map(lambda line: {"type": "LineString", "coordinates": line}),
    st.tuples(st.floats(-180, 180), st.floats(-90, 89), st.floats(0, 30), st.floats(0, 1)).map(
        lambda box: {
            "type": "Polygon",
            "coordinates": [
                [
                    (box[0], box[1]),
                    (box[0] + box[2], box[1]),
                    (box[0] + box[2], box[1] + box[3]),
                    (box[0], box[1] + box[3]),
                    (box[0], box[1]),
                ]
            ],
        }
    ),
)
scalars = st.one_of(st.none(), texts, numbers, times, st.binary(max_size=5))
anything = st.one_of(
    scalars,
    shapes,
    st.lists(scalars, max_size=4),
    st.lists(texts, max_size=40),
    st.lists(st.lists(numbers, max_size=4), max_size=3),
    st.dictionaries(texts, scalars, max_size=4),
    st.dictionaries(st.sampled_from(["value", "unit", "href", "function", "bands"]), scalars, max_size=3),
)
READONLY = {"created", "modified", "resolution_min", "resolution_max", "type"}
IDENTITY = {"id", "name", "product_id", "product"}


def fields(kind: type, *more: str) -> list[str]:
    return sorted(set(kind.ATTRIBUTES) - READONLY - IDENTITY | set(more))


KINDS: dict[type, list[str]] = {
    Product: fields(Product, "id", "name"),
    SpectralBand: fields(SpectralBand, "name"),
    Image: fields(Image, "name"),
}
cases = st.sampled_from(list(KINDS)).flatmap(
    lambda kind: st.tuples(
        st.just(kind), st.dictionaries(st.sampled_from(KINDS[kind]), anything, min_size=1, max_size=3)
    )
)


def check(catalog: Catalog, kind: Any, values: dict[str, Any]) -> None:
    """Save an object with the values, and compare what is found with what was accepted."""
    needed: dict[str, Any] = {"name": "x"}
    if kind is Product:
        needed["id"] = "x"
    else:
        needed["product_id"] = "acme:guide"
    if kind is SpectralBand:
        needed |= {"data_type": "Byte", "data_range": (0, 1), "band_index": 0}
    before = catalog.search(kind).count()
    thing = None
    try:
        thing = kind(catalog=catalog, **{**needed, **values})
        accepted = thing.serialize()
        repr(thing)
        thing.save()
    except LocalcatError:
        assert catalog.search(kind).count() == before
        assert thing is None or thing.state is DocumentState.UNSAVED
        return
    found = kind.get(thing.id, catalog=catalog)
    assert found == thing
    saved = found.serialize()
    assert {name: saved[name] for name in accepted} == accepted
    json.dumps(saved, allow_nan=False)
    for name, value in values.items():
        exact = getattr(found, name)
        if isinstance(value, str) and isinstance(exact, str) and name != "id":
            assert exact == value
        if isinstance(value, int | float) and isinstance(exact, float):
            assert exact == float(value) or math.isnan(exact)
        if name in ("tags", "extra_properties") and value is not None:
            assert exact == json.loads(json.dumps(value))  # a tuple inside comes back as a list
    thing.delete()
    assert catalog.search(kind).count() == before


@pytest.fixture(scope="module")
def shared() -> Any:
    with Catalog.temporary(org="acme") as catalog:
        Product(id="guide", name="Guide", catalog=catalog).save()
        yield catalog


checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
ignored = pytest.mark.filterwarnings("ignore::localcat.errors.GeometryWarning")  # repaired shapes are still shapes


@ignored
@settings(max_examples=examples(400), derandomize=True, deadline=None, suppress_health_check=checks)
@given(case=cases)
def test_a_value_comes_back_exactly_or_is_refused(shared: Catalog, case: tuple[type, dict[str, Any]]) -> None:
    """Reliability, figure 21."""
    check(shared, *case)


@ignored
@pytest.mark.campaign
@settings(max_examples=20_000, derandomize=True, deadline=None, suppress_health_check=checks)
@given(case=cases)
def test_many_values_come_back_exactly_or_are_refused(shared: Catalog, case: tuple[type, dict[str, Any]]) -> None:
    """Reliability, figure 21."""
    check(shared, *case)


@settings(max_examples=examples(150), derandomize=True, deadline=None, suppress_health_check=checks)
@given(id=texts)
def test_any_id_can_be_asked_for(shared: Catalog, id: str) -> None:
    """3.2: there is no such object, and that is all."""
    for kind in (Product, SpectralBand, Image):
        assert kind.get(id, catalog=shared) is None
        assert kind.get_many([id], ignore_missing=True, catalog=shared) == []
        assert kind.delete(id, catalog=shared) is False


@settings(max_examples=examples(150), derandomize=True, deadline=None, suppress_health_check=checks)
@given(value=anything)
def test_any_value_may_be_tried_as_a_resolution(value: object) -> None:
    """3.4: it is one, or it is refused."""
    try:
        found = Resolution.parse(value)
    except LocalcatError:
        return
    assert math.isfinite(found.metres)
