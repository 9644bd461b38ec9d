"""Values of all kinds, given to every function that takes a user's: run as ``python -m tests.campaigns.inputs``.

A process of its own, in which crashes are counted. Wrong types raise TypeError, as everywhere in Python, if that comes
from localcat's own code; whatever else is not localcat's error is a finding.
"""

from __future__ import annotations

import json
import math
import random
import sys
import traceback
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy
import shapely

import localcat
from localcat import (
    AOI,
    Catalog,
    DLTile,
    Image,
    ImageCollection,
    ImageUploadOptions,
    LocalcatError,
    Product,
    SpectralBand,
    XYZTile,
)
from localcat import properties as p

OURS = Path(localcat.__file__).parent
META = {"geoTransform": [500_000, 60, 0, 4_000_000, 0, -60], "coordinateSystem": {"epsg": 32618}}
_TEXTS = (
    "",
    " ",
    "a",
    "acme:x:a",
    "x" * 5000,
    "\x00",
    "\ud800",
    "é\u0301\u202e",
    "'; DROP TABLE image; --",
    '"a" OR NEAR(b',
    "../../etc/passwd",
    "/vsicurl/http://127.0.0.1:9/x",
    "EPSG:4326",
    "EPSG:99999999",
    "+proj=utm +zone=99",
    'GEOGCS["x"',
    "POINT (1 2)",
    "POLYGON ((0 0, 1 1, 0 1, 0 0))",
    "POINT EMPTY",
    "2020-01-01",
    "2020-13-45T99:00Z",
    "60m",
    "-0",
    "1e400",
    "%",
    "[" * 2000,
    '{"type": "Point", "coordinates": [1, 2]}',
)


def value(dice: random.Random, depth: int = 2) -> Any:
    """Return anything."""
    kind = dice.randrange(14 if depth else 11)
    if kind == 0:
        return dice.choice([None, True, False, ..., NotImplemented, object(), int, len])
    if kind == 1:
        return dice.choice([0, 1, -1, 2**31, 2**63, -(2**63) - 1, 10**400, dice.randrange(-400, 400)])
    if kind == 2:
        return dice.choice([0.5, -0.0, math.nan, math.inf, -math.inf, 5e-324, 1.8e308, dice.uniform(-400, 400), 1j])
    if kind in (3, 4, 5):
        return dice.choice(_TEXTS)
    if kind == 6:
        return bytes(dice.randrange(256) for _ in range(dice.randrange(9)))
    if kind == 7:
        return dice.choice([date.min, date.max, datetime.max, datetime(2020, 1, 1, tzinfo=UTC), timedelta.max])
    if kind == 8:
        return dice.choice([Path("x.tif"), Path("/"), slice(None), range(3), numpy.int64(7), numpy.nan, numpy.bool_(1)])
    if kind == 9:
        return dice.choice(
            [
                shapely.Point(1, 2),
                shapely.Point(),
                shapely.box(0, 0, 500, 500),
                shapely.LineString(),
                shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]),
                shapely.Point(math.nan, 0),
            ]
        )
    if kind == 10:
        shape = dice.choice([(), (0,), (3,), (64, 48), (1, 64, 48), (2, 3, 4, 5), (2, 0, 3)])
        dtype = dice.choice(
            ["uint8", "int64", "float16", "float64", "complex128", "bool", "U3", "object", "M8[s]", ">u2"]
        )
        return numpy.zeros(shape, dtype)
    items = [value(dice, depth - 1) for _ in range(dice.randrange(5))]
    if kind == 11:
        return items
    if kind == 12:
        return tuple(items)
    keys = ["type", "coordinates", "a", "", 5, None, "op", "args", "geoTransform"]
    return {dice.choice(keys): item for item in items}


def takers(catalog: Catalog, dice: random.Random) -> list[tuple[str, Callable[[], Any]]]:
    """Return what takes values, each with values of its own."""

    def any_value() -> Any:
        return value(dice)

    def image(**given: Any) -> Image:
        return Image(**{"product_id": "acme:x", "name": "new", "acquired": "2020-01-01", "catalog": catalog, **given})

    images = catalog.images
    field = dice.choice([p.name, p.acquired, p.cloud_fraction, p.tags, p.geometry, p.extra_properties["a"], p.id])
    compared = dice.choice(["__eq__", "__ne__", "__lt__", "__ge__", "in_", "like", "prefix", "any_of"])
    relation = dice.choice(["intersects", "within", "contains", "disjoint"])
    attribute = dice.choice(sorted(Image._attributes))
    return [
        ("name", lambda: image(name=any_value()).save()),
        ("id", lambda: Image(id=any_value(), catalog=catalog, acquired="2020-01-01").save()),
        ("tags", lambda: image(tags=any_value()).save()),
        ("extra_properties", lambda: image(extra_properties=any_value()).save()),
        ("an attribute", lambda: image(**{attribute: any_value()}).save()),
        ("sort", lambda: images.sort(any_value()).ids()),
        ("limit", lambda: images.limit(any_value()).ids()),
        ("filter", lambda: images.filter(any_value()).ids()),
        ("a comparison", lambda: images.filter(getattr(field, compared)(any_value())).ids()),
        ("find_text", lambda: images.find_text(any_value()).ids()),
        ("a place", lambda: getattr(images, relation)(any_value()).ids()),
        ("nearest", lambda: images.nearest(any_value(), any_value())),
        ("get", lambda: Image.get(any_value(), catalog=catalog)),
        ("get_many", lambda: Image.get_many(any_value(), catalog=catalog)),
        ("exists", lambda: Product.exists(any_value(), catalog=catalog)),
        ("a geometry", lambda: AOI(geometry=any_value())),
        ("a CRS", lambda: AOI(crs=any_value())),
        ("bounds", lambda: AOI(bounds=any_value(), bounds_crs=any_value(), resolution=any_value(), crs="EPSG:3857")),
        ("a tile by its key", lambda: DLTile.from_key(any_value())),
        ("a tile", lambda: XYZTile(any_value(), any_value(), any_value())),
        ("a tile at a place", lambda: DLTile.from_latlon(*(any_value() for _ in range(5)))),
        ("a range", lambda: images.filter(p.acquired.between(any_value(), any_value())).ids()),
        ("an array", lambda: image().upload_ndarray(any_value(), raster_meta=META).raise_for_status()),
        (
            "raster_meta",
            lambda: image().upload_ndarray(numpy.ones((1, 8, 8), "uint16"), raster_meta=any_value()).raise_for_status(),
        ),
        ("files", lambda: image().upload(any_value()).raise_for_status()),
        ("bands", lambda: Image.get("acme:x:a", catalog=catalog).ndarray(any_value())),
        ("a geocontext", lambda: Image.get("acme:x:a", catalog=catalog).ndarray("red", any_value())),
        ("scaling", lambda: Image.get("acme:x:a", catalog=catalog).ndarray("red", scaling=any_value())),
        ("a point", lambda: Image.get("acme:x:a", catalog=catalog).point(any_value(), any_value())),
        (
            "records",
            lambda: catalog.add_images([any_value(), {"id": "acme:x:new", "acquired": any_value()}], progress=False),
        ),
        ("sql", lambda: catalog.sql("SELECT ?", any_value())),
        ("summary_interval", lambda: images.summary_interval(interval=any_value())),
    ]


def pixel_takers(catalog: Catalog, dice: random.Random, folder: Path) -> list[tuple[str, Callable[[], Any]]]:
    """Return what takes values to read or to write pixels by, each with values of its own."""

    def any_value() -> Any:
        return value(dice)

    def collected() -> ImageCollection:
        area = AOI((-75, 36.1, -74.98, 36.13), crs="EPSG:4326", shape=(8, 9))
        return catalog.images.filter(p.id == "acme:x:a").collect(geocontext=area)

    def one() -> Image:
        image = Image.get("acme:x:a", catalog=catalog)
        assert image is not None
        return image

    def new() -> Image:
        return Image(product_id="acme:x", name="new", acquired="2020-01-01", catalog=catalog)

    pixels = numpy.ones((1, 64, 48), "uint16")
    # Flags are left out: of them Python itself asks for their truth.
    read = dice.choice(
        ["crs", "resolution", "mask_alpha", "bands_axis", "resampler", "processing_level", "scaling", "data_type"]
    )
    together = dice.choice([read, "on_error", "max_bytes"])
    formats = ["compress", "level", "blocksize", "bigtiff"]
    option = dice.choice(["overviews", "overview_resampler", "image_files", *formats])
    return [
        ("an argument of ndarray", lambda: one().ndarray("red", **{read: any_value()})),
        ("an argument of mosaic", lambda: collected().mosaic("red", **{together: any_value()})),
        ("an argument of stack", lambda: collected().stack("red", **{together: any_value()})),
        ("max_workers", lambda: collected().stack("red", max_workers=any_value())),
        ("preview", lambda: one().preview(any_value(), bands=any_value())),
        ("a series", lambda: collected().point_series(any_value(), any_value(), "red")),
        ("coverage", lambda: collected().filter_coverage(any_value())),
        ("a download's format", lambda: one().download("red", dest=folder, format=any_value(), nodata=any_value())),
        ("an upload's option", lambda: ImageUploadOptions(**{option: any_value()})),
        ("overviews", lambda: new().upload_ndarray(pixels, raster_meta=META, overviews=any_value())),
        ("a timeout", lambda: next(iter(catalog.image_uploads)).wait_for_completion(any_value())),
        ("files in place", lambda: new().upload(any_value(), copy=False).raise_for_status()),
    ]


def attempt(catalog: Catalog, seed: int) -> dict[str, Any]:
    dice = random.Random(seed)
    ways = takers(catalog, dice) + pixel_takers(catalog, dice, catalog.path.parent / "out")
    name, take = ways[seed % len(ways)]
    foreign, outcome = "", "taken"
    try:
        take()
    except LocalcatError as error:
        outcome = type(error).__name__
    except TypeError as error:
        outcome = "TypeError"
        if OURS not in Path(traceback.extract_tb(error.__traceback__)[-1].filename).parents:
            foreign = traceback.format_exc(limit=-5)
    except Exception:  # noqa: BLE001  # whatever it is, it is a finding
        foreign = traceback.format_exc(limit=-5)
    return {"seed": seed, "way": name, "outcome": outcome, "foreign": foreign}


def main(folder: str, start: str, count: str) -> None:
    warnings.simplefilter("ignore")
    with Catalog.create(Path(folder) / "survey.gpkg", org="acme") as catalog:
        product = Product(id="x", name="X", catalog=catalog)
        product.save()
        SpectralBand(name="red", product=product, data_type="UInt16", data_range=(0, 9), band_index=0).save()
        pixels = numpy.ones((1, 64, 48), "uint16")
        Image(product=product, name="a", acquired="2020-01-01").upload_ndarray(
            pixels, raster_meta=META
        ).raise_for_status()
        for seed in range(int(start), int(start) + int(count)):
            print(json.dumps({"begun": seed}), flush=True)
            print(json.dumps(attempt(catalog, seed)), flush=True)
            added = [one for one in catalog.images if one.id != "acme:x:a"]
            for one in added:
                one.delete()
        print(json.dumps({"verified": catalog.verify("full", progress=False).problems == []}))


if __name__ == "__main__":
    main(*sys.argv[1:])
