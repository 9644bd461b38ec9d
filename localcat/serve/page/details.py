"""What the page shows of one image: where it is, its attributes, its files and bands, and how to read it elsewhere."""

from __future__ import annotations

import json
import math
import shlex
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import shapely

from localcat.earth.geometry import footprint_box
from localcat.errors import NotFoundError
from localcat.models.enums import StorageState
from localcat.models.image import Image
from localcat.serve.answers import as_json, part
from localcat.serve.page.filters import Box, box_of, opening, option
from localcat.serve.page.overviews import as_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapely.geometry.base import BaseGeometry
    from starlette.responses import Response

    from localcat.catalog import Catalog
    from localcat.models.attributes.values import File
    from localcat.models.band import Band
    from localcat.serve.service import Asked

_LONGEST = 600  # characters of a value
_MOST_KEYS = 200  # of extra_properties
_MOST_FILES = 200
_MOST_BANDS = 200
_MOST_POINTS = 5000  # of the footprint
_FINEST = 2e-5  # degrees
_COLORS = ("red", "green", "blue")
_ELSEWHERE = {"geometry", "files", "extra_properties", "name", "product_id"}  # shown in a way of their own


def image(asked: Asked) -> Response:
    """Return all that the page shows of an image."""
    asked.query.only("id")
    found = _image_of(asked)
    bands = list(found.product.bands().limit(_MOST_BANDS)) if found.product is not None else []
    files = found.files or []
    shape, is_here = found.geometry, bool(files) and found.storage_state != StorageState.REMOTE
    return as_json(
        {
            "id": found.id,
            "name": found.name,
            "product": found.product_id,
            "acquired": as_text(found.acquired),
            "cloud": found.cloud_fraction,
            "here": is_here,
            "geometry": None if shape is None else shapely.geometry.mapping(_simple(shape)),
            "bounds": None if shape is None else _bounds(shape),
            "attributes": _attributes(found),
            "extra": _extra(found),
            "files": [_file(found, at, file, is_here=is_here) for at, file in enumerate(files[:_MOST_FILES])],
            "files_in_all": len(files),
            "bands": [{"name": band.name, "told": _told(band), "range": band.data_range} for band in bands],
            "shown": _shown(found, bands),
            "links": {
                "picture": f"preview/{part(found.id)}.png",
                "tiles": f"tiles/image/{part(found.id)}/{{z}}/{{x}}/{{y}}.png",
                "cut": f"cut/{part(found.id)}.tif",
            },
        }
    )


def image_snippets(asked: Asked) -> Response:
    """Return how bands of an image are read, all of it or what is in a box; without bands how it is shown.

    As Python, and as a command of the shell.
    """
    asked.query.only("id", "bands", "bbox")
    found, bands, box = _image_of(asked), asked.query.words("bands") or [], box_of("bbox", asked.query)
    return as_json(
        {
            "python": _python(asked.catalog, found, bands, box),
            "shell": _shell(asked.catalog, found, bands, box),
        }
    )


def _image_of(asked: Asked) -> Image:
    uid = asked.query.text("id") or ""
    found = Image.get(uid, catalog=asked.catalog)
    if found is None:
        raise NotFoundError(f"there is no image {uid!r:.300}; it may have been deleted since it was listed")
    return found


def _simple(shape: BaseGeometry) -> BaseGeometry:
    """Return a footprint with so few points that it is drawn at once."""
    tolerance = _FINEST
    while shapely.get_num_coordinates(shape) > _MOST_POINTS and tolerance < 1:
        shape = shapely.simplify(shape, tolerance)
        tolerance *= 4
    return shape


def _bounds(shape: BaseGeometry) -> Box:
    """Return west, south, east and north edge of a footprint, west > east across the antimeridian."""
    west, east, south, north = footprint_box(shape)
    return west, south, east - 360 if east > 180 else east, north


def _attributes(image: Image) -> list[tuple[str, str]]:
    """Return the names and the texts of the attributes that are set, but for `extra_properties`."""
    values = {name: getattr(image, name) for name in image.serialize() if name not in _ELSEWHERE}
    return [(name, _as_text(value)) for name, value in values.items() if value not in (None, [], ())]


def _extra(image: Image) -> list[tuple[str, str]]:
    """Return the keys of `extra_properties` and the texts of their values; of very many the first ones."""
    extra = list((image.extra_properties or {}).items())
    shown = [(key[:_LONGEST], _as_text(value)) for key, value in extra[:_MOST_KEYS]]
    return [*shown, ("…", f"and {len(extra) - _MOST_KEYS:,} keys more")] if len(extra) > _MOST_KEYS else shown


def _as_text(value: Any) -> str:
    match value:
        case str():
            text = value
        case datetime():
            text = value.astimezone(UTC).isoformat(" ").removesuffix("+00:00")
        case float():
            text = f"{value:.12g}"
        case list() | tuple() if not any(isinstance(one, list | tuple | dict) for one in value):
            text = ", ".join(_as_text(one) for one in value)
        case _:
            text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _file(image: Image, position: int, file: File, *, is_here: bool) -> dict[str, Any]:
    """Return what is shown of a file; its name, and where it is to be had if it is here."""
    name = PurePosixPath(str(file.href or file.provider_href or "")).name or f"file {position}"
    address = f"files/{part(image.id)}/{position}/{part(name)}" if is_here else None
    return {"name": name, "bytes": file.size_bytes, "href": address}


def _told(band: Band) -> str:
    """Return in a few words what a band measures."""
    words = [str(band.type)]
    wavelength = getattr(band, "wavelength_nm_center", None)
    if wavelength is not None:
        words.append(f"{wavelength:g} nm")
    if band.description:
        words.append(band.description[:_LONGEST])
    return ", ".join(words)


def _shown(image: Image, bands: Sequence[Band]) -> list[str]:
    """Return the one or three bands that a picture of the image has unless others are chosen."""
    names = {str(band.name): band for band in bands if not band.is_mask}
    product = image.product
    chosen = [name for name in (product.default_display_bands or () if product else ()) if name in names]
    if len(chosen) in (1, 3):
        return chosen
    if all(name in names for name in _COLORS):
        return list(_COLORS)
    return list(names or [str(band.name) for band in bands])[:1]


def _python(catalog: Catalog, image: Image, bands: Sequence[str], box: Box | None) -> str:
    area, grid = "", _grid_of(image)
    if bands and box is not None and grid is not None:
        bounds = ", ".join(f"{edge:.12g}" for edge in box)
        area = f", AOI(bounds=({bounds}), crs={grid[0]!r}, resolution={grid[1]})"
    return (
        f"from localcat import {'AOI, ' if area else ''}Catalog, Image\n\n"
        f"with {opening(catalog)} as catalog:\n"
        f"    image = Image.get({image.id!r}, catalog=catalog)\n"
        f"    {f'pixels = image.ndarray({list(bands)!r}{area})' if bands else 'print(image)'}\n"
    )


def _shell(catalog: Catalog, image: Image, bands: Sequence[str], box: Box | None) -> str:
    words, grid = ["localcat", "-C", str(catalog.path)], _grid_of(image)
    if not bands:
        return shlex.join([*words, "show", str(image.id)])
    words += ["read", str(image.id), *option("bands", ",".join(bands))]
    if box is not None and grid is not None:
        words += option("bbox", ",".join(f"{edge:.12g}" for edge in box))
        words += [*option("crs", grid[0]), *option("resolution", grid[1])]
    return shlex.join([*words, "-o", "image.tif"])


def _grid_of(image: Image) -> tuple[str, str] | None:
    """Return the CRS and the resolution of an image, in which a part of it is read; None if it has no such grid."""
    crs = image.cs_code or image.projection
    if crs is None or image.geotrans is None:
        return None
    return crs, f"{math.hypot(image.geotrans[1], image.geotrans[4]):.12g}"  # along a row, also of a turned grid
