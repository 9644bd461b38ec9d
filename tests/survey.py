"""A catalog of two products, two images with pixels and five without, beside two files to upload.

Campaigns stop operations on it half-way, and `test_error_texts` provokes errors on it. The `provider_id` of an image
says which upload it is of.
"""

from __future__ import annotations

from pathlib import Path

import numpy

from localcat import Catalog, Image
from tests.checker import data_folder
from tests.small_catalog import META, make_product, spectral

NAME = "survey.gpkg"


def pixels(value: int) -> numpy.ndarray:
    return numpy.full((64, 48), value, "uint16")


def new_image(catalog: Catalog, product: str, name: str, version: str) -> Image:
    return Image(
        id=f"acme:{product}:{name}", catalog=catalog, acquired="2020-01-01", provider_id=version, tags=[f"v{version}"]
    )


def upload_version(catalog: Catalog, name: str, version: str, **options: object) -> None:
    image = new_image(catalog, "one", name, version)
    image.upload_ndarray(pixels(int(version)), raster_meta=META, **options).raise_for_status()


def build(folder: Path) -> None:
    """Make that catalog in a folder, and the files in its folder ``source``."""
    with Catalog.create(folder / NAME, org="acme") as catalog:
        for name, files in (("one", 1), ("two", 2)):
            bands = [spectral(f"b{index}", band_index=0, file_index=index) for index in range(files)]
            make_product(name, *bands, catalog=catalog)
        for name in ("a", "b"):
            upload_version(catalog, name, "1")
        catalog.add_images(remote_records(range(5), "0"), progress=False)
    source = folder / "source"
    source.mkdir()
    first = next(data_folder(folder / NAME).rglob("a-*.tif"))
    for number in (0, 1):
        (source / f"{number}.tif").write_bytes(first.read_bytes())


def remote_records(numbers: range, version: str) -> list[dict[str, object]]:
    """Return images without pixels, as `Catalog.add_images` takes them."""
    return [
        {
            "id": f"acme:one:r{number}",
            "acquired": "2020-01-01",
            "geometry": (number % 170, 0, number % 170 + 1, 1),
            "provider_id": version,
            "tags": ["remote"],
            "extra_properties": {"eo:snow": number / 10, "view": {"off": version}},
        }
        for number in numbers
    ]


def noise() -> numpy.ndarray:
    """Return pixels that no compression makes smaller than the catalog file: about 1 MB."""
    return numpy.random.default_rng(7).integers(0, 10_000, (720, 720), "uint16")
