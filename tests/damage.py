"""Catalogs on the disk that are damaged by hand, and how."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import numpy

from localcat import Catalog, DataType, Image, MaskBand, Product, SpectralBand

PAGE = 4096  # bytes of a page of the catalog file
AREA = {"type": "Polygon", "coordinates": [[[10, 0], [12, 0], [12, 3], [10, 0]]]}
PIXELS = numpy.ma.masked_less(numpy.arange(2, 2 + 64 * 48, dtype="uint16").reshape(1, 64, 48), 146)
META = {"geoTransform": [500_000, 60, 0, 4_000_000, 0, -60], "coordinateSystem": {"epsg": 32618}}


def fill(catalog: Catalog) -> Product:
    """Put a product, two bands and four images in: a and b uploaded, far and nowhere without pixels."""
    product = Product(id="guide", name="Guide", catalog=catalog)
    product.save()
    SpectralBand(
        name="blue", product=product, data_type=DataType.UINT16, data_range=(0, 10000), band_index=0, catalog=catalog
    ).save()
    MaskBand(
        name="alpha", product=product, is_alpha=True, data_type=DataType.UINT16, band_index=1, catalog=catalog
    ).save()
    upload(product, "a", tags=["red", "green"])
    upload(product, "b")
    far = {"id": "acme:guide:far", "acquired": "2021-06-01", "geometry": AREA, "files": [{"href": "https://x.org/f"}]}
    catalog.add_images([far, {"id": "acme:guide:nowhere"}], progress=False)
    return product


def upload(product: Product, name: str, *, overwrite: bool = False, tags: list[str] | None = None) -> Image:
    """Upload small pixels as an image."""
    image = Image(product=product, name=name, acquired="2020-01-01", tags=tags, catalog=product._catalog)
    image.upload_ndarray(PIXELS, raster_meta=META, overwrite=overwrite).raise_for_status()
    return image


def raw(catalog: Catalog, *statements: str) -> None:
    """Change the file behind the catalog's back."""
    connection = sqlite3.connect(catalog.path, isolation_level=None)
    try:
        for statement in statements:
            connection.execute(statement)
    finally:
        connection.close()


def file_of(catalog: Catalog, name: str) -> Path:
    """Return the file of an uploaded image."""
    image = Image.get(f"acme:guide:{name}", catalog=catalog)
    assert image is not None
    return catalog.path_of((image.files or [])[0])


def flip(path: Path, position: int) -> None:
    """Change a byte of a file."""
    content = bytearray(path.read_bytes())
    content[position] ^= 0xFF
    path.write_bytes(content)


def damage(random_: random.Random, content: bytearray) -> None:
    """Damage a file as disks and programs do: bits, sectors, pages, its end."""
    for _ in range(random_.randrange(1, 6)):
        at = random_.randrange(len(content) or 1)
        kind = random_.randrange(5)
        if kind == 0:
            content[at : at + 1] = bytes([content[at] ^ 1 << random_.randrange(8)])
        elif kind == 1:
            content[at // 512 * 512 : at // 512 * 512 + 512] = bytes(512)
        elif kind == 2:
            other = random_.randrange(len(content) // PAGE)
            content[at // PAGE * PAGE : at // PAGE * PAGE + PAGE] = content[other * PAGE : other * PAGE + PAGE]
        elif kind == 3:
            length = random_.randrange(1, 2000)
            content[at : at + length] = random_.randbytes(length)[: len(content) - at]
        elif len(content) > 10 * PAGE:
            del content[at:]
        if len(content) < PAGE:
            return
