"""Values at a point, and boxes as GeoTIFF."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.background import BackgroundTask
from starlette.responses import FileResponse
from starlette.routing import Route

from localcat.disk.faults import temporary_directory
from localcat.earth.contexts import AOI
from localcat.earth.crs import parse_crs
from localcat.errors import BadRequestError, InvalidCRSError, TooLargeError
from localcat.models.enums import ResampleAlgorithm
from localcat.reading.plan import bands_by_name, native_grid
from localcat.serve.answers import as_json
from localcat.serve.parameters import numbers
from localcat.serve.pictures.tiles import image_of

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from localcat.models.image import Image
    from localcat.serve.service import Asked, Service

OF_POINT = ("lon", "lat", "bands")
"""The parameters of the values at a point."""

OF_CUT = ("bbox", "bands", "resolution", "crs", "resampler")
"""The parameters of a box as GeoTIFF."""

_MOST_PIXELS = 2**25  # of a cut, over all bands: 64 MiB of 16-bit numbers
_MOST_BANDS = 64


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes of this area."""
    return [
        Route("/point/{image}", service.endpoint(_point)),
        Route("/cut/{image}.tif", service.endpoint(_cut)),
    ]


def _point(asked: Asked) -> Response:
    asked.query.only(*OF_POINT)
    lon = asked.query.number("lon", least=-180, most=180)
    lat = asked.query.number("lat", least=-90, most=90)
    if lon is None or lat is None:
        raise BadRequestError("the values at a point need lon and lat, in degrees")
    found = image_of(asked).point(lon, lat, _bands(asked))
    return as_json(
        {
            "image": found.image_id,
            "acquired": None if found.acquired is None else found.acquired.isoformat(),
            "lon": found.lon,
            "lat": found.lat,
            "values": dict(zip(found.bands, found.values, strict=True)),
        }
    )


def _cut(asked: Asked) -> Response:
    asked.query.only(*OF_CUT)
    image = image_of(asked)
    bands = _bands(asked)
    if bands is None:
        bands = [name for name in bands_by_name(image) if name != "alpha"]
    context = _context(asked, image)
    rows, columns = context.grid().shape
    if rows * columns * len(bands) > _MOST_PIXELS:
        raise TooLargeError(
            f"{rows:,} × {columns:,} pixels of {len(bands)} bands are more than the {_MOST_PIXELS:,} of a cut; "
            "choose a smaller box, fewer bands or a coarser resolution, or use localcat read"
        )
    resampler = asked.query.choice("resampler", [str(one.value) for one in ResampleAlgorithm])
    folder = temporary_directory("localcat-cut-")
    try:
        path = Path(image.download(bands, context, dest=Path(folder.name) / "cut.tif", resampler=resampler))
        name = f"{image.name}-cut.tif"
        return FileResponse(
            path,
            media_type="image/tiff",
            filename=name,
            stat_result=path.stat(),
            background=BackgroundTask(folder.cleanup),
        )
    except BaseException:
        folder.cleanup()
        raise


def _bands(asked: Asked) -> list[str] | None:
    bands = asked.query.words("bands")
    if bands is not None and len(bands) > _MOST_BANDS:
        raise BadRequestError(f"{len(bands)} bands are more than the {_MOST_BANDS} that one request may name")
    return bands


def _context(asked: Asked, image: Image) -> AOI:
    box = asked.query.words("bbox")
    if box is None or len(box) != 4:
        raise BadRequestError("a cut needs a bbox: west, south, east and north in degrees, joined by commas")
    crs, resolution = asked.query.text("crs"), asked.query.number("resolution", least=0)
    if crs is None:
        crs = image.cs_code or image.projection
        resolution = _finest(image) if resolution is None else resolution
    elif resolution is None:
        raise BadRequestError(f"a cut with a crs of its own needs a resolution, in units of {crs!r:.100}")
    else:
        _check(crs)
    return AOI(bounds=numbers("bbox", box), crs=crs, resolution=resolution)


def _check(crs: str) -> None:
    """Raise BadRequestError if a CRS that was asked for is not one; of an image it would be a fault of the catalog."""
    try:
        parse_crs(crs)
    except InvalidCRSError as error:
        raise BadRequestError(str(error)) from error


def _finest(image: Image) -> float:
    """Return the shorter side of a pixel of an image, in units of its CRS."""
    a, b, _, d, e, _ = native_grid(image).transform[:6]
    return min(math.hypot(a, d), math.hypot(b, e))
