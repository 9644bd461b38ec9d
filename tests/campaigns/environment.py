"""Writes and reads pixels in whatever environment it is started: run as ``python -m tests.campaigns.environment``.

It prints what came of it; the same must come in any environment, or an error of localcat.
"""

from __future__ import annotations

import hashlib
import json
import sys
import warnings
from pathlib import Path

import numpy

from localcat import AOI, Catalog, Image, LocalcatError, Product, SpectralBand
from tests.leftovers import is_pixels

META = {"geoTransform": [500_000, 60, 0, 4_000_000, 0, -60], "coordinateSystem": {"epsg": 32618}}


def hostile(folder: Path) -> dict[str, str]:
    """Return variables by which others change what GDAL and PROJ do, with a folder of things that they lead to."""
    folder.mkdir()
    (folder / "gdal_evil.so").write_text("no library")
    (folder / "gdalplugins.ini").write_text("[order]\ngdal_evil.so\n")
    (folder / "evil.py").write_text("raise SystemExit('a driver in Python was run')\n")
    (folder / "gdalrc").write_text("[configoptions]\nGDAL_PAM_ENABLED=YES\nGTIFF_IGNORE_READ_ERRORS=YES\n")
    address = "http://127.0.0.1:9"
    return {
        # Code
        "GDAL_DRIVER_PATH": str(folder),
        "GDAL_PYTHON_DRIVER_PATH": str(folder),
        "GDAL_VRT_ENABLE_PYTHON": "YES",
        "PYTHONSO": str(folder / "gdal_evil.so"),
        # Addresses
        "PROJ_NETWORK": "ON",
        "PROJ_NETWORK_ENDPOINT": address,
        "PROJ_USER_WRITABLE_DIRECTORY": str(folder),
        "GDAL_HTTP_PROXY": address,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_S3_ENDPOINT": "127.0.0.1:9",
        "GS_OAUTH2_REFRESH_TOKEN": "token",
        "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".tif",
        "CPL_VSIL_USE_TEMP_FILE_FOR_RANDOM_WRITE": "YES",
        # Other files
        "GDAL_CONFIG_FILE": str(folder / "gdalrc"),
        "GDAL_DISABLE_READDIR_ON_OPEN": "FALSE",
        "GDAL_PAM_ENABLED": "YES",
        "GDAL_PAM_PROXY_DIR": str(folder),
        "GDAL_GEOREF_SOURCES": "WORLDFILE,PAM",
        "TIFF_USE_OVR": "YES",
        "USE_RRD": "YES",
        "CPL_LOG": str(folder / "log"),
        "CPL_DEBUG": "ON",
        # Other pixels
        "GTIFF_IGNORE_READ_ERRORS": "YES",
        "GDAL_TIFF_INTERNAL_MASK": "NO",
        "GDAL_TIFF_ENDIANNESS": "BIG",
        "GDAL_RASTERIO_RESAMPLING": "LANCZOS",
        "GTIFF_POINT_GEO_IGNORE": "YES",
        "GTIFF_DIRECT_IO": "YES",
        "GTIFF_VIRTUAL_MEM_IO": "YES",
        "GDAL_FORCE_CACHING": "YES",
        "GDAL_NUM_THREADS": "ALL_CPUS",
        "GDAL_CACHEMAX": "1",
        "GDAL_TIFF_OVR_BLOCKSIZE": "64",
        "COMPRESS_OVERVIEW": "JPEG",
        "BIGTIFF_OVERVIEW": "YES",
        "OSR_DEFAULT_AXIS_MAPPING_STRATEGY": "AUTHORITY_COMPLIANT",
        "OGR_CT_FORCE_TRADITIONAL_GIS_ORDER": "NO",
        "OSR_USE_NON_DEPRECATED": "NO",
        "OGR_ENABLE_PARTIAL_REPROJECTION": "YES",
        "CENTER_LONG": "90",
        "GDAL_WARP_USE_TRANSLATION_OPTIM": "NO",
        "GDAL_VALIDATE_CREATION_OPTIONS": "NO",
    }


def use(folder: Path) -> dict[str, str]:
    """Upload an array and read it back in several ways; return what was found."""
    array = numpy.ma.MaskedArray(numpy.arange(2 * 700 * 600).astype("uint16").reshape(2, 700, 600), mask=False)
    array[:, :9, 30:90] = numpy.ma.masked
    with Catalog.create(folder / "survey.gpkg", org="acme") as catalog:
        product = Product(id="x", name="X", catalog=catalog)
        product.save()
        for index in (0, 1):
            SpectralBand(
                name=f"b{index}", product=product, data_type="UInt16", data_range=(0, 9), band_index=index
            ).save()
        image = Image(product=product, name="a", acquired="2020-01-01")
        image.upload_ndarray(array, raster_meta=META, overviews=[2, 4]).raise_for_status()
        image = Image.get("acme:x:a", catalog=catalog)
        here = AOI(
            bounds=(500_100, 3_975_000, 520_000, 3_999_000), bounds_crs="EPSG:32618", crs="EPSG:3857", resolution=150
        )
        found = {
            "file": image.files[0].hash,
            "row": repr((image.geotrans, image.cs_code, image.geometry.wkt)),
            "verified": str(catalog.verify("full", progress=False)),
        }
        for name, pixels in (("own grid", image.ndarray("b0 b1")), ("other grid", image.ndarray("b0 b1", here))):
            found[name] = hashlib.sha256(pixels.filled(0).tobytes() + pixels.mask.tobytes()).hexdigest()
        found["beside"] = repr(sorted(path.suffix for path in folder.rglob("*") if is_pixels(path)))
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    try:
        told = use(Path(sys.argv[1]))
    except LocalcatError as error:
        told = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(told))
