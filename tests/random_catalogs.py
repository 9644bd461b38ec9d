"""Hypothesis strategies: shapes, whole catalogs, and the searches to ask them.

A catalog is drawn as records: what the store keeps of each attribute, which is also what the oracle compares. `fill`
writes the records through the store's own rows, so that a catalog of a dozen objects takes a few milliseconds.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import shapely
from hypothesis import strategies as st

from localcat import Catalog, Image, Product, Resolution
from localcat.earth.geometry import as_geometry
from localcat.errors import GeometryWarning
from localcat.expressions.fields import Fields, Kind
from localcat.expressions.nodes import (
    AnyOf,
    Comparison,
    IsNotNull,
    IsNull,
    Node,
    Not,
    Op,
    Ref,
    Relation,
    Spatial,
    all_of,
    one_of,
)
from localcat.models.attributes.values import File
from localcat.models.band import Band
from localcat.models.object import CatalogObjectBase
from localcat.store import rows
from localcat.timestamps import EARLIEST, LATEST, from_microseconds, to_microseconds
from tests.strategies import METRES, TIME_TEXTS, about_values, beyond_the_original, conditions

# Few values each, so that ties are frequent and filters hit; all of them are awkward in some way.
TEXTS = ["", "a", "A", "aa", "ab", "b", "ß", "ss", "a%b", "a_b", "a\\b", "%", "_", '"', "it's", "é", "e\u0301"]
TEXTS += ["\uffff", "\U0001f6f0", "\U0010ffff", "1", "0.2", "null", "[]", "x\ny", "'; DROP TABLE image; --"]
WORDS = ["lake", "Lake", "new lake", "field-7", "Étang", "etang", "north"]  # for find_text
KEYS = ["sensor", "it's", 'say "x"', "a.b", "$", "$.a", "[0]", "clé", "back\\slash", "", "line\nbreak"]
NUMBERS = [0.0, -0.0, 0.1, 0.2, 0.30000000000000004, 0.5, 1.0, -1.5, 60.0, 1e300, 5e-324, 2.0**53]
INTEGERS = [1, 2, 3, 10, 2**53, 2**53 + 1, 2**63 - 1]
MOMENTS = [
    EARLIEST,
    LATEST,
    *(to_microseconds("1582-10-04T23:59:59.999999"), to_microseconds("1969-12-31T23:59:59.999999"), 0, -1, 1),
    *(to_microseconds("1899-12-31T23:59:59.5"), to_microseconds("1900-01-01"), to_microseconds("1968-02-29T12:30")),
    *(
        to_microseconds("2016-12-31T23:59:59.999999"),
        to_microseconds("2017-01-01"),
        to_microseconds("2017-01-01T00:01"),
    ),
    *(to_microseconds("2017-01-02"), to_microseconds("2017-03-31T23:59:59.999999"), to_microseconds("2017-04-01")),
    *(to_microseconds("2020-02-29T11:59:59"), to_microseconds("2020-02-29T12:00"), to_microseconds("2020-12-31T10:00")),
]
NAMES = ["a", "A", "B", "a-b", "a.b", "a_b", "9", "10", "Z", "z", "lake-1", "north.lake", "x"]
PRODUCT_IDS = ["acme:a", "acme:a:b", "acme:A", "it's", 'say "x"', "é%_\\", "acme"]

_LONGITUDES = [-180.0, -179.9, -175.0, -90.0, -0.1, 0.0, 0.1, 1 / 3, 10.0, 90.0, 175.0, 179.99999999, 180.0]
_LATITUDES = [-90.0, -80.0, -10.0, 0.0, 1 / 3, 10.0, 80.0, 90.0]


def _squares() -> st.SearchStrategy[Any]:
    """Draw boxes of 1e-7° to 30°, some reaching beyond ±180°."""

    def square(longitude: float, latitude: float, size: float) -> Any:
        return shapely.box(longitude, max(latitude - size, -90.0), longitude + size, min(latitude + size, 90.0))

    sizes = st.sampled_from([1e-7, 0.1, 1.0, 5.0, 10.0, 30.0])
    return st.builds(square, st.sampled_from(_LONGITUDES), st.sampled_from(_LATITUDES), sizes)


def _with_hole(longitude: float, latitude: float, half: float) -> Any:
    outer = shapely.box(longitude - half, latitude - half, longitude + half, latitude + half)
    inner = shapely.box(longitude - half / 2, latitude - half / 2, longitude + half / 2, latitude + half / 2)
    return outer.difference(inner)


_positions = st.tuples(st.sampled_from(_LONGITUDES), st.sampled_from(_LATITUDES))
SPECIAL_SHAPES = [
    (-180, -90, 180, 90),  # the whole globe, as a bounding box
    (170, -10, -170, 10),  # a bounding box across the antimeridian
    (175, 75, -175, 90),
    (-180, -10, -175, 10),  # up to the antimeridian from the east
    (175, -10, 180, 10),  # and from the west
    (-100, -20, 100, 20),  # more than half of the globe
    shapely.Polygon([(-120, 80), (0, 80), (120, 80), (240, 80)]),  # around the north pole
    shapely.Polygon([(-120, -70), (-240, -70), (-360, -70), (-480, -70)]),  # around the south pole
    shapely.Polygon([(170, 0), (190, 0), (190, 10), (170, 10)]),  # edges across the antimeridian
    shapely.box(-170, 0, 170, 10),  # a rectangle, as wide as it is written
    (0, 90, 0, 90),  # a pole, which is at all longitudes
    shapely.LineString([(50, 80), (50, 90)]),
    shapely.LineString([(175, 5), (185, 5)]),
    shapely.LineString([(-180, -10), (-180, 10)]),
    shapely.LineString([(180, -10), (180, 10)]),
    shapely.Point(180, 0),
    shapely.Point(-180, 0),
    shapely.MultiPolygon([shapely.box(-5, -5, 5, 5), shapely.box(170, -5, 178, 5)]),
    shapely.MultiPolygon([shapely.box(-179, -5, -175, 5), shapely.box(175, -5, 179, 5)]),
    shapely.MultiPoint([(0, 0), (179.9, 10), (-179.9, 10)]),
    shapely.GeometryCollection([shapely.Point(10, 10), shapely.box(-175, 0, -170, 1)]),
    _with_hole(0, 0, 10),
    _with_hole(180, 0, 10),
]


def _usable(shape: Any) -> shapely.Geometry | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GeometryWarning)
        return as_geometry(shape)


def shapes() -> st.SearchStrategy[shapely.Geometry]:
    """Draw footprints and areas, as `as_geometry` gives them."""
    points = _positions.map(shapely.Point)
    lines = st.tuples(_positions, _positions).filter(lambda ends: ends[0] != ends[1]).map(shapely.LineString)
    return (st.sampled_from(SPECIAL_SHAPES) | _squares() | points | lines).map(_usable)


# Records


@dataclass(frozen=True)
class Record:
    """An object as it lies in the catalog, and as the oracle sees it.

    `values` are what filters compare, by attribute; `stored` is what the columns hold.
    """

    kind: type[CatalogObjectBase]
    values: dict[str, Any]
    stored: dict[str, Any] = field(repr=False)
    geometry: shapely.Geometry | None = None
    size_bytes: int = 0

    @property
    def id(self) -> str:
        return str(self.values["id"])

    def read(self, ref: Ref) -> Any:
        return self.values.get(ref.attribute)


def record(kind: type[CatalogObjectBase], given: dict[str, Any]) -> Record:
    """Make the record of an object of a class, of attributes as a user writes them."""
    values, stored = {}, {}
    for name, value in given.items():
        attribute = kind._attributes[name]
        coerced = attribute.coerce(value)
        stored[name] = attribute.dump(coerced)
        values[name] = attribute.compared(coerced)
    files = given.get("files") or []
    return Record(kind, values, stored, given.get("geometry"), sum(file.size_bytes or 0 for file in files))


_stored_moments = st.sampled_from(MOMENTS).map(from_microseconds)
_stored_texts = st.sampled_from(TEXTS)
_tags = st.lists(st.sampled_from([*TEXTS[:8], *WORDS]), max_size=3)
_extra = st.dictionaries(
    st.sampled_from(KEYS),
    st.recursive(
        _stored_texts | st.sampled_from([*NUMBERS, *INTEGERS, True, False, None]) | st.sampled_from(TIME_TEXTS),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS[:3]), inner, max_size=2),
        max_leaves=3,
    ),
    max_size=3,
)
_files = st.lists(st.sampled_from([0, 1, 7, 2**40]), min_size=1, max_size=2).map(
    lambda sizes: [File(href=f"{size}.tif", size_bytes=size) for size in sizes]
)
_resolutions = st.sampled_from(
    [Resolution(60, "meters"), Resolution(111111.0, "meters"), Resolution(1, "degrees"), Resolution(0.1, "degrees")]
)

OFTEN: dict[str, st.SearchStrategy[Any]] = {"tags": _tags, "extra_properties": _extra}
RARELY: dict[type[CatalogObjectBase], dict[str, st.SearchStrategy[Any]]] = {
    Product: {
        "description": _stored_texts | st.sampled_from(WORDS),
        "is_core": st.booleans(),
        "revisit_period_minutes_min": st.sampled_from(NUMBERS),
        "end_datetime": _stored_moments,
        "resolution_min": _resolutions,
        "resolution_max": _resolutions,
        "owners": st.just(["user:a", "org:b"]),
        "default_display_bands": st.sampled_from([["a"], ["%", "it's"], ["red", "green", "blue"]]),
    },
    Band: {
        "description": _stored_texts | st.sampled_from(WORDS),
        "vendor_order": st.sampled_from([-3, 0, 2]),
        "nodata": st.sampled_from([*NUMBERS, float("nan")]),
        "vendor_band_name": _stored_texts,
        "resolution": _resolutions,
    },
    Image: {
        "acquired_end": _stored_moments,
        "published": _stored_moments,
        "area": st.sampled_from(NUMBERS),
        "fill_fraction": st.sampled_from(NUMBERS[:7]),
        "x_pixels": st.sampled_from(INTEGERS),
        "satellite_id": _stored_texts,
        "provider_id": _stored_texts,
        "processing_pipeline_id": _stored_texts,
        "cs_code": st.sampled_from(["EPSG:4326", "EPSG:32618"]),
        "preview_url": _stored_texts,
        "storage_state": st.sampled_from(["available", "remote"]),
    },
}


@st.composite
def records(draw: Callable[..., Any]) -> list[Record]:
    """Draw a catalog: one to three products, up to three bands and up to eight images."""

    def attributes(kind: type[CatalogObjectBase]) -> dict[str, Any]:
        given = {name: draw(values) for name, values in OFTEN.items() if draw(st.booleans())}
        for name in draw(st.lists(st.sampled_from(sorted(RARELY[kind])), max_size=3, unique=True)):
            given[name] = draw(RARELY[kind][name])
        # Of the same few moments, so that creation and change tie, too.
        return {**given, "created": draw(_stored_moments), "modified": draw(_stored_moments)}

    found = []
    products = draw(st.lists(st.sampled_from(PRODUCT_IDS), min_size=1, max_size=3, unique=True))
    for uid in products:
        given = {"id": uid, "name": draw(_stored_texts), **attributes(Product)}
        if draw(st.booleans()):
            given["start_datetime"] = draw(_stored_moments)
        found.append(record(Product, given))
    belongs = st.tuples(st.sampled_from(products), st.sampled_from(NAMES))
    for product, name in draw(st.lists(belongs, max_size=3, unique=True)):
        kind = Band._classes[draw(st.sampled_from(sorted(Band._classes)))]
        given = {"id": f"{product}:{name}", "product_id": product, "name": name, "type": kind._type, **attributes(Band)}
        if kind._type == "spectral" and draw(st.booleans()):
            given["wavelength_nm_min"] = draw(st.sampled_from(NUMBERS))
        if kind._type == "mask" and draw(st.booleans()):
            given["is_alpha"] = draw(st.booleans())
        found.append(record(kind, given))
    for product, name in draw(st.lists(belongs, max_size=8, unique=True)):
        given = {"id": f"{product}:{name}", "product_id": product, "name": name, **attributes(Image)}
        for attribute, values in (
            ("acquired", _stored_moments),
            ("cloud_fraction", st.sampled_from(NUMBERS[:7])),
            ("geometry", shapes()),
            ("files", _files),
        ):
            if draw(st.integers(0, 4)):  # mostly set
                given[attribute] = draw(values)
        found.append(record(Image, given))
    return found


def fill(catalog: Catalog, found: list[Record]) -> None:
    """Write records into a catalog, through the store."""
    with catalog.database.write() as transaction:
        row_ids: dict[str, int] = {}
        for one in found:
            stored = dict(one.stored)
            if "product_id" in stored:
                stored["product_id"] = row_ids[stored["product_id"]]
            row_id = rows.insert(transaction.connection, one.kind.table, stored)
            if one.kind is Product:
                row_ids[one.id] = row_id


# Filters


def _operands(kind: type[CatalogObjectBase], fields: Fields) -> dict[str, st.SearchStrategy[Any]]:
    """Return what to compare each attribute with, where any value of its kind would mostly miss or be refused."""
    by_kind: dict[Kind, st.SearchStrategy[Any]] = {
        Kind.TEXT: _stored_texts,
        Kind.LIST: st.sampled_from([*TEXTS[:8], *WORDS, "user:a"]),
        Kind.NUMBER: st.sampled_from(NUMBERS),
        Kind.TIMESTAMP: _stored_moments,
        Kind.MAPPING: _stored_texts | st.sampled_from(NUMBERS) | st.sampled_from(INTEGERS),
    }
    special = {
        "id": st.builds("{}:{}".format, st.sampled_from(PRODUCT_IDS), st.sampled_from(NAMES)),
        "product_id": st.sampled_from([*PRODUCT_IDS, "unknown"]),
        "name": st.sampled_from(NAMES) | _stored_texts,
        "type": st.sampled_from(["spectral", "mask", "class"]),
        "storage_state": st.sampled_from(["available", "remote"]),
        "is_core": st.booleans(),
        "is_alpha": st.booleans(),
        "cs_code": st.sampled_from(["EPSG:4326", "epsg:4326"]),
        "geometry": shapes(),
    }
    if kind is Product:
        special["id"] = st.sampled_from(PRODUCT_IDS)
    if kind is Band:
        for name in ("data_type", "colormap_name"):
            special[name] = st.just({"data_type": "Byte", "colormap_name": "magma"}[name])
    for name, attribute in kind._filterable().items():
        if attribute.type_name == "int":
            special.setdefault(name, st.sampled_from([*INTEGERS, 0.5]))
        if attribute.type_name == "Resolution":
            special.setdefault(name, _resolutions | st.sampled_from([60, 11111.1, 111111, "1°", "60 m"]))
    return {name: special[name] if name in special else by_kind[fields[name].kind] for name in fields}


def _about_keys() -> st.SearchStrategy[Node]:
    refs = st.lists(st.sampled_from(KEYS[:3]), min_size=2, max_size=3).map(tuple) | st.sampled_from(KEYS).map(
        lambda k: (k,)
    )
    return about_values(
        refs.map(lambda keys: Ref("extra_properties", keys)),
        _stored_texts | st.sampled_from(NUMBERS) | st.sampled_from(INTEGERS),
    )


def _beyond(fields: Fields) -> st.SearchStrategy[Node]:
    of_kind = {kind: [Ref(name) for name in fields if fields[name].kind is kind] for kind in Kind}
    below = [Ref("extra_properties", keys) for keys in ((KEYS[0],), (KEYS[1],), (KEYS[0], KEYS[1]))]
    return beyond_the_original(of_kind[Kind.TEXT], of_kind[Kind.NUMBER], of_kind[Kind.LIST], below)


def _often_asked(fields: Fields, operands: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Node]:
    """Draw conditions that indexes answer: on product, time and id."""
    names = [name for name in ("product_id", "acquired", "cloud_fraction", "id", "tags") if name in list(fields)]

    def comparison(name: str) -> st.SearchStrategy[Node]:
        ops = [Op.EQ, Op.NE] if name == "tags" else list(Op)
        some = st.lists(operands[name], max_size=3).map(tuple)
        return st.builds(Comparison, st.just(Ref(name)), st.sampled_from(ops), operands[name]) | st.builds(
            AnyOf, st.just(Ref(name)), some
        )

    return st.sampled_from(names).flatmap(comparison)


@functools.cache
def filters(kind: type[CatalogObjectBase]) -> st.SearchStrategy[Node]:
    """Draw filters over all attributes of a class."""
    fields = kind.fields()
    operands = _operands(kind, fields)
    leaves = conditions(fields, values=operands) | _often_asked(fields, operands) | _about_keys() | _beyond(fields)

    def joined(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        some = st.lists(inner, min_size=2, max_size=3)
        return some.map(lambda parts: all_of(*parts)) | some.map(lambda parts: one_of(*parts)) | inner.map(Not)

    return st.recursive(leaves, joined, max_leaves=5)


# Searches


@dataclass(frozen=True)
class Asked:
    """What a search asks, in the terms of its methods."""

    kind: type[CatalogObjectBase]
    where: Node | None = None
    order: tuple[str, ...] = ()
    limit: int | None = None
    text: str | None = None
    area: shapely.Geometry | None = None
    with_unset: bool = False


@functools.cache
def _orders(kind: type[CatalogObjectBase]) -> st.SearchStrategy[tuple[str, ...]]:
    sortable = sorted(name for name in kind.fields() if kind.fields()[name].sortable)
    usual = [name for name in ("acquired", "cloud_fraction", "product_id", "name", "id") if name in sortable]
    some = st.lists(st.sampled_from(usual) | st.sampled_from(sortable), max_size=3, unique=True)
    signs = st.tuples(*[st.sampled_from(["", "-"])] * 3)
    return st.builds(lambda names, signs: tuple(map("".join, zip(signs, names, strict=False))), some, signs)


@functools.cache
def asked_of(kind: type[CatalogObjectBase]) -> st.SearchStrategy[Asked]:
    """Draw searches for objects of one class."""
    return st.builds(
        Asked,
        st.just(kind),
        where=st.none() | filters(kind),
        order=_orders(kind),
        limit=st.none() | st.integers(0, 6),
        text=st.none() | st.none() | st.sampled_from(["lake", "LAKE new", "etang", "field 7", "north lake"]),
        area=st.none() | shapes() if kind is Image else st.none(),
        with_unset=st.booleans(),
    )


def asked() -> st.SearchStrategy[Asked]:
    """Draw a search; most are for images."""
    return st.sampled_from([Image, Image, Image, Product, Band]).flatmap(asked_of)


# Conditions on a place, and images to ask for


def places() -> st.SearchStrategy[Spatial]:
    """Draw one condition on a place."""
    ref = st.just(Ref("geometry"))
    relations = st.sampled_from([one for one in Relation if one is not Relation.WITHIN_DISTANCE])
    near = st.builds(Spatial, ref, st.just(Relation.WITHIN_DISTANCE), shapes(), st.sampled_from(METRES))
    return st.builds(Spatial, ref, relations, shapes()) | near


def filters_on_places() -> st.SearchStrategy[Node]:
    """Draw filters of a few conditions, most of them on a place."""
    leaves = (
        places()
        | places()
        | st.builds(Comparison, st.just(Ref("cloud_fraction")), st.sampled_from(list(Op)), st.sampled_from([0.1, 0.2]))
        | st.builds(Comparison, st.just(Ref("acquired")), st.sampled_from(list(Op)), st.sampled_from(["2017-01-01"]))
        | st.builds(Comparison, st.just(Ref("product_id")), st.just(Op.EQ), st.sampled_from(["a", "b"]))
        | st.sampled_from([IsNull(Ref("geometry")), IsNotNull(Ref("geometry"))])
    )

    def joined(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        some = st.lists(inner, min_size=2, max_size=3)
        return some.map(lambda parts: all_of(*parts)) | some.map(lambda parts: one_of(*parts)) | inner.map(Not)

    return st.recursive(leaves, joined, max_leaves=6)


@st.composite
def records_with_places(draw: Callable[..., Any]) -> list[Record]:
    """Draw a catalog of two products and up to twelve images, most of them with a footprint."""
    found = [record(Product, {"id": uid, "name": uid, "created": "2020", "modified": "2020"}) for uid in "ab"]
    for number in range(draw(st.integers(1, 12))):
        given = {"id": f"a:{number:02d}", "product_id": draw(st.sampled_from("ab")), "name": f"{number:02d}"}
        given |= {"created": "2020", "modified": "2020"}
        if draw(st.integers(0, 5)):
            given["geometry"] = draw(shapes())
        if draw(st.booleans()):
            given["cloud_fraction"] = draw(st.sampled_from([0.1, 0.2]))
        if draw(st.booleans()):
            given["acquired"] = draw(st.sampled_from(["2016-06-01", "2017-01-01", "2018-01-01"]))
        found.append(record(Image, given))
    return found
