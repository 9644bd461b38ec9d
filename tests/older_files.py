"""Files as an older localcat wrote them: an alpha band of 0 and 1 with the colour alpha, beside a nodata of GDAL's."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing

import numpy
import rasterio
from rasterio.enums import ColorInterp, Resampling

from localcat import Catalog, Image
from localcat.rasters.files.overviews import OVERVIEWS_TAG
from localcat.rasters.files.sources import MASK_TAG
from tests.small_catalog import META, alpha, make_product, spectral, upload

VALID = numpy.zeros((64, 48), dtype=bool)
VALID[10:50, 5:] = True


def upload_as_before(catalog: Catalog, product: str = "older", **attributes: object) -> Image:
    """Upload an image of a band and its alpha band, and write its file as an older localcat did."""
    bands = [spectral("b", nodata=0), alpha()]
    made = make_product(product, *bands, catalog=catalog, data_type="UInt16")
    array = numpy.stack([numpy.arange(64 * 48).reshape(64, 48) % 50, VALID]).astype("uint16")
    image = upload(made, "x", array, meta=META, options={"overviews": [2]}, **attributes)
    path = catalog.path_of(image.files[0])
    with rasterio.open(path) as file:
        profile, tags = {**file.profile, "nodata": 0, "tiled": True, "driver": "GTiff"}, file.tags()
    for tag in (OVERVIEWS_TAG, MASK_TAG):
        tags.pop(tag)
    with rasterio.open(path, "w", **profile) as file:
        file.colorinterp = [ColorInterp.gray, ColorInterp.alpha]
        file.write(array)
        file.update_tags(**tags)
        file.build_overviews([2], Resampling.nearest)
    content = path.read_bytes()
    with closing(sqlite3.connect(catalog.path, isolation_level=None)) as connection:
        connection.execute(
            "UPDATE image_file SET size_bytes = ?, hash = ? WHERE href = ?",
            (len(content), hashlib.sha256(content).hexdigest(), image.files[0].href),
        )
        connection.execute("UPDATE image SET size_bytes = ? WHERE uid = ?", (len(content), image.id))
    image.reload()
    return image
