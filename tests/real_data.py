"""The folder of real rasters, the mark of the tests that need it, and an upload of one."""

from __future__ import annotations

from pathlib import Path

import pytest
import rasterio
from rasterio.enums import ColorInterp

from localcat import GenericBand, Image, ImageUpload, MaskBand, Product
from localcat.rasters.files.dtypes import data_type_name

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
RASTERS = REAL_DATA / "rasters"
needs_real_data = pytest.mark.skipif(not REAL_DATA.is_dir(), reason="no folder of real rasters here")


def uploaded(name: str, *, product: Product | None = None, **options) -> tuple[Image, ImageUpload]:
    """Return an image of a file, and its upload; the product declares what the file holds."""
    path = RASTERS / name
    if product is None:
        product = Product(id=path.stem, name=name)
        product.save()
        with rasterio.open(path) as dataset:
            for index, color in enumerate(dataset.colorinterp):
                is_alpha = color is ColorInterp.alpha
                band = MaskBand(name="alpha", is_alpha=True) if is_alpha else GenericBand(name=f"b{index}")
                band.product, band.band_index, band.file_index = product, index, 0
                band.data_type = data_type_name(dataset.dtypes[index])
                if not is_alpha:
                    band.data_range = (0, 1)
                band.save()
    image = Image(product=product, name=path.stem, acquired="2020-01-01")
    return image, image.upload(path, **options)
