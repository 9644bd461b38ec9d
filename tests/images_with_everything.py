"""Images with every attribute set and unset, usual and odd values, and the Items that they are."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import shapely

from localcat import Catalog, Image, Product
from localcat.models.attributes.scalars import Integer, Number, Text, Timestamp
from tests.small_catalog import make_product, spectral

PLACES = [
    shapely.box(10, 50, 11, 51),
    shapely.Polygon([(20, 0), (30, 1), (22, 7)]),
    shapely.Point(5, 5),
    shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(3, 0, 4, 1)]),
]
ODD_PLACES = [
    shapely.MultiPolygon([shapely.box(170, 0, 180, 1), shapely.box(-180, 0, -170, 1)]),
    shapely.box(-180, -90, 180, 90),
]
SHA = "ab" * 32
FILES: list[list[dict[str, Any]]] = [
    [{"href": "https://x.org/a.tif", "size_bytes": 7, "hash": SHA}],
    [{"href": "https://x.org/a.jp2"}, {"href": "https://x.org/b.tif", "size_bytes": 8}],
    [{"provider_href": "s3://x/a.tif"}],
]
ODD_FILES: list[list[dict[str, Any]]] = [
    [{"provider_href": "missing:red"}, {"href": "https://x.org/b.tif"}],
    [{"href": f"https://x.org/{number}.tif"} for number in range(14)],
]
ODD: dict[str, list[Any]] = {
    "satellite_id": [""],
    "tags": [[], [""], ["a", ""]],
    "cloud_fraction": [1 / 3, 1e-40],
    "solar_elevation_angle": [-91.0, 90.5],
    "azimuth_angle": [-1.0],
    "projection": ["+proj=utm +zone=33"],
    "extra_properties": [
        {"gsd": 10},
        {"a": {"b": [1, None, "x"]}, "datetime": "mine"},
        {"created": "2020-01-01T00:00:00Z"},
    ],
    "radiance_gain_bias": [((1.0, 2.0), None)],
    "reflectance_scale": [(0.1, None)],
}
USUAL: dict[str, list[Any]] = {
    "satellite_id": ["L8", "Étoile"],
    "tags": [["a"], ["a", "b"]],
    "cloud_fraction": [0.0, 0.25, 0.29, 1.0],
    "cs_code": ["EPSG:32633", "EPSG:4326", "ESRI:54009"],
    "geotrans": [(500_000.0, 10.0, 0.0, 4e6, 0.0, -10.0)],
    "solar_elevation_angle": [-90.0, 45.5],
    "azimuth_angle": [0.0, 360.0],
}


def _value(name: str, rng: random.Random, is_plain: bool) -> Any:
    attribute = Image._attributes[name]
    if not is_plain and name in ODD and rng.random() < 0.1:
        return rng.choice(ODD[name])
    if name in USUAL:
        return rng.choice(USUAL[name])
    if isinstance(attribute, Number):
        return round(rng.random(), 3)
    if isinstance(attribute, Integer):
        return rng.randrange(1, 9999)
    if isinstance(attribute, Timestamp):
        year = 2021 if name == "acquired_end" else 2020
        return f"{year}-0{rng.randrange(1, 9)}-01T00:00:00{rng.choice(['', '.5', '.000001'])}Z"
    return rng.choice(["x", "é\n"]) if type(attribute) is Text and name != "projection" else None


def fill(catalog: Catalog, rng: random.Random, count: int, *, is_plain: bool = False) -> None:
    """Add images with random attributes to three products; `is_plain` leaves odd values out."""
    products: list[Product] = [
        make_product("one", spectral("red", nodata=0, wavelength_nm_center=650), catalog=catalog),
        make_product("two", spectral("red"), spectral("nir", file_index=1, band_index=0), catalog=catalog),
        make_product("bare", catalog=catalog),
    ]
    if not is_plain:
        products.append(
            make_product(
                "odd", spectral("a", nodata=7), spectral("b", nodata=float("nan"), data_type="Float32"), catalog=catalog
            )
        )
    names = [name for name in Image._attributes if name not in _APART]
    records = []
    for number in range(count):
        product = rng.choice(products)
        share = rng.choice([0.1, 0.5, 0.9])
        record = {name: _value(name, rng, is_plain) for name in names if rng.random() < share}
        if rng.random() < 0.9:
            record["geometry"] = rng.choice(PLACES if is_plain or rng.random() < 0.9 else ODD_PLACES)
        if rng.random() < 0.9:
            record["files"] = rng.choice(FILES if is_plain or rng.random() < 0.9 else ODD_FILES)
        records.append({**record, "product_id": product.id, "name": f"n{number}"})
    report = catalog.add_images(records, progress=False)
    assert (report.added, report.failed) == (count, [])


_APART = {"id", "product_id", "name", "created", "modified", "geometry", "files", "storage_state"}


def items_of(catalog: Catalog, folder: Path | None = None) -> dict[str, dict[str, Any]]:
    """Return the Items of all images, each made by itself, by the names of the images.

    Paths of files here are relative to a folder, if one is given.
    """
    found = {str(image.name): image.to_stac_item() for image in catalog.images}
    for item in found.values():
        for asset in item["assets"].values():
            if folder is not None and Path(asset["href"]).is_absolute():
                asset["href"] = os.path.relpath(asset["href"], folder)
    return found
