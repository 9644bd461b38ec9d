"""Strategies for catalogs of all kinds: bands of every type, images with whatever an image can have."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from localcat import (
    Catalog,
    ClassBand,
    GenericBand,
    Image,
    MaskBand,
    MicrowaveBand,
    Product,
    SpectralBand,
)
from localcat.models.attributes.scalars import Number

ODD_NAMES = ["a", "A", "..", "CON", "con.tif", "a.", "-", "_", "x" * 300, "1", "nul"]
ODD_IDS = [*ODD_NAMES, "a/b", "a b", "../../a", "ü", "日本", "a\\b", "a:b", "?*<>|", "%2F", "🛰"]

numbers = st.floats(-1e6, 1e6, allow_nan=False)
words = st.text("abc é日🛰\"'\\/,;%", max_size=6)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=4,
)
property_names = words | st.sampled_from(
    ["datetime", "gsd", "eo:cloud_cover", "proj:code", "localcat:x", "stac:item", "mine", "title", "bands", "providers"]
)
times = st.datetimes(max_value=datetime(9999, 12, 30))
footprints = st.sampled_from(
    [
        None,
        {"type": "Polygon", "coordinates": [[[10, 0], [12, 0], [12, 3], [10, 0]]]},
        (170.0, -10.0, -170.0, 10.0),  # across the antimeridian
        (-180.0, -90.0, 180.0, 90.0),
        {"type": "Point", "coordinates": [5.5, 6.25]},
        {
            "type": "MultiPolygon",
            "coordinates": [[[[0, 0], [1, 0], [1, 1], [0, 0]]], [[[5, 5], [6, 5], [6, 6], [5, 5]]]],
        },
        {
            "type": "Polygon",
            "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]], [[1, 1], [2, 1], [2, 2], [1, 1]]],
        },
    ]
)
WGS = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0],'
    'UNIT["degree",0.0174532925199433]]'
)
grids = st.fixed_dictionaries(
    {},
    optional={
        "cs_code": st.sampled_from(["EPSG:32633", "EPSG:4326", "ESRI:54009"]),
        "projection": st.sampled_from(["+proj=utm +zone=33 +datum=WGS84", WGS]),
        "geotrans": st.tuples(numbers, st.just(10.0), st.just(0.0), numbers, st.just(0.5), st.just(-10.0)),
        "x_pixels": st.integers(1, 10**6),
        "y_pixels": st.integers(1, 10**6),
    },
)
files = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "href": st.sampled_from(
                ["https://x.org/a.tif", "s3://bucket/b.jp2", "gs://b/c?d=e&f", "https://x.org/a%20b"]
            ),
            "provider_href": st.sampled_from(["https://provider.example/a.tif", "a/relative/name"]),
            "provider_id": words.filter(bool),
            "size_bytes": st.integers(0, 2**40),
            "hash": st.sampled_from(["ab" * 32, "AB" * 32, "not a sha256"]),
        },
    ).filter(lambda file: "href" in file or "provider_href" in file),
    max_size=3,
)


@st.composite
def images(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the attributes of an image, but for its name."""
    made: dict[str, Any] = {"geometry": draw(footprints), **draw(grids), "files": draw(files)}
    if draw(st.booleans()):
        made["acquired"] = draw(times)
        if draw(st.booleans()):
            made["acquired_end"] = max(draw(times), made["acquired"])
    elif draw(st.booleans()):
        made["acquired_end"] = draw(times)
    for name, attribute in Image._attributes.items():
        if isinstance(attribute, Number) and draw(st.integers(0, 3)) == 0:
            made[name] = draw(st.floats(0, 1))
    made["tags"] = draw(st.lists(words.filter(bool), max_size=3))
    made["satellite_id"] = draw(st.none() | words)
    made["provider_url"] = draw(st.none() | words)
    made["published"] = draw(st.none() | times)
    made["bits_per_pixel"] = draw(st.none() | st.lists(st.floats(0, 64), min_size=1, max_size=3))
    made["extra_properties"] = draw(st.dictionaries(property_names, json_values, max_size=4))
    return {name: value for name, value in made.items() if value is not None}


@st.composite
def bands(draw: st.DrawFn) -> list[tuple[type, dict[str, Any]]]:
    """Draw some bands, each a class and its attributes."""
    made = []
    for position, name in enumerate(draw(st.lists(st.sampled_from(["red", "nir", "vv", "classes", "m"]), unique=True))):
        kind = draw(st.sampled_from([SpectralBand, MicrowaveBand, MaskBand, ClassBand, GenericBand]))
        said: dict[str, Any] = {"name": name, "file_index": draw(st.integers(0, 2)), "band_index": position}
        said["data_type"] = draw(st.sampled_from(["Byte", "UInt16", "Float32"]))
        if kind is not MaskBand:
            said["data_range"] = (0, 200)
            said |= draw(
                st.fixed_dictionaries(
                    {}, optional={"nodata": st.sampled_from([0, 7]), "display_range": st.just((0, 9))}
                )
            )
        if kind is SpectralBand:
            said["wavelength_nm_center"] = draw(st.none() | st.floats(1, 20_000))
        if kind in (SpectralBand, GenericBand, MicrowaveBand):
            said["physical_range"] = draw(st.none() | st.just((0.0, 1.0)))
        if kind is ClassBand:
            said["class_labels"] = draw(st.none() | st.lists(st.none() | words, max_size=3))
            said["colormap"] = draw(st.none() | st.lists(st.just((1, 2, 3, 4)), min_size=1, max_size=3))
        if kind is MicrowaveBand:
            said["frequency"] = draw(st.none() | st.floats(1, 100))
        said["resolution"] = draw(st.none() | st.sampled_from(["10m", "0.5°"]))
        said["description"] = draw(st.none() | words)
        made.append((kind, {name: value for name, value in said.items() if value is not None}))
    return made


@st.composite
def products(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw some products: ``id``, ``bands``, ``images`` by name, and attributes."""
    ids = draw(st.lists(st.sampled_from(ODD_IDS), min_size=1, max_size=2, unique=True))
    return [
        {
            "id": uid,
            "bands": draw(bands()),
            "images": draw(st.dictionaries(st.sampled_from(ODD_NAMES), images(), max_size=3)),
            "attributes": {
                "description": draw(words),
                "tags": draw(st.lists(words.filter(bool), max_size=2)),
                "is_core": draw(st.booleans()),
                "extra_properties": draw(st.dictionaries(property_names, json_values, max_size=2)),
            },
        }
        for uid in ids
    ]


def fill(catalog: Catalog, drawn: list[dict[str, Any]]) -> None:
    """Save what was drawn."""
    for one in drawn:
        product = Product(id=one["id"], name=one["id"], catalog=catalog, **one["attributes"])
        product.save()
        for kind, attributes in one["bands"]:
            kind(product=product, **attributes).save()
        for name, attributes in one["images"].items():
            Image(product=product, name=name, **attributes).save()
