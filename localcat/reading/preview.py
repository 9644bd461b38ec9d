"""Images as small pictures: the bands, ranges and colours that their product shows by default."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy

from localcat.errors import BadRequestError, ClientError, LocalcatWarning, NotFoundError, RasterError, StorageError
from localcat.models.band import Band
from localcat.models.enums import StorageState
from localcat.models.requests import ReadRequest
from localcat.rasters.files.opening import open_raster
from localcat.rasters.writing.picture import encoded_picture
from localcat.reading.arrays import read_one
from localcat.reading.layers import of_present, require_pixels, sources_of
from localcat.reading.plan import band_names, bands_by_name, native_grid
from localcat.reading.shades import color_table, colored, shown_range
from localcat.reading.stated import have_overviews

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localcat.earth.contexts import GeoContext
    from localcat.models.image import Image

    MaskedArray = numpy.ma.MaskedArray[Any, Any]

_COLORS = ("red", "green", "blue")  # the names of bands by which a product without default_display_bands is shown
_LARGEST = 16_384  # pixels a side
_SIZE = 512  # pixels of the longer side of an image, by which its ranges are found; the size of a preview
_THUMBNAIL = 128
_MOST_PIXELS = 2**24  # of a file without overviews that is read for a thumbnail: 4096 × 4096
_MOST_LOOKED_AT = 16  # images whose ranges are found together
_FAST = 1  # of 9, how hard a preview is compressed: six times as fast as 6, and a sixth larger


def preview_png(image: Image, size: int, bands: Any) -> bytes:
    """Return a picture of an image as PNG; `Image.preview` says how."""
    return encoded_picture(numpy.moveaxis(preview_array(image, size, bands), -1, 0), "PNG", level=_FAST)


def thumbnail_png(image: Image) -> bytes | None:
    """Return a very small picture of an image as PNG, for notebooks.

    None if it has no pixels here or none that can be read, or if so many of them would have to be read that it took
    long: those of a large file without overviews.
    """
    if image.storage_state == StorageState.REMOTE:
        return None
    try:
        sources = sources_of(image, list(bands_by_name(image).values()))
        for source in sources:
            with open_raster(source.path, max_bytes=None) as dataset:
                if dataset.width * dataset.height > _MOST_PIXELS and not dataset.overviews(1):
                    return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LocalcatWarning)  # of a turned grid, say: the table has its numbers
            return encoded_picture(numpy.moveaxis(preview_array(image, _THUMBNAIL, None), -1, 0), "PNG", level=_FAST)
    except ClientError:
        return None


def preview_array(image: Image, size: int, bands: Any) -> NDArray[numpy.uint8]:
    """Return a picture of an image, shape (row, column, 4); `Image.preview_array` says how."""
    if isinstance(size, bool) or not isinstance(size, int | numpy.integer) or not 1 <= size <= _LARGEST:
        raise BadRequestError(f"the size of a preview is a whole number of pixels from 1 to {_LARGEST}, not {size!r}")
    return of_present(image, lambda present: _picture(present, int(size), bands))


def _picture(image: Image, size: int, bands: Any) -> NDArray[numpy.uint8]:
    require_pixels(image)
    available = bands_by_name(image)
    names = shown_bands(image) if bands is None else band_names(bands)
    last = available.get(names[-1])
    has_alpha = len(names) in (2, 4) and last is not None and last.is_opacity
    shown = names[:-1] if has_alpha else names
    if len(shown) not in (1, 3):
        raise BadRequestError(f"a preview shows 1 or 3 bands, and perhaps an alpha band, not {', '.join(names)}")
    chosen = [available[name] for name in shown if name in available]
    is_coded = len(chosen) == 1 and color_table(chosen[0]) is not None
    request = ReadRequest(
        bands=names,
        geocontext=picture_context(image, size),
        mask_alpha=names[-1] if has_alpha else None,
        resampler=_resampler(image, chosen, is_coded=is_coded),
    )
    pixels = read_one(image, request).pixels[: len(shown)]
    if _shape(image, size) == _shape(image, _SIZE):  # else a small picture of noise had more contrast than a large one
        ranges = [shown_range([layer], band) for layer, band in zip(pixels, chosen, strict=True)]
    else:
        ranges = ranges_of([image], chosen)
    colors = numpy.moveaxis(colored(pixels, chosen, ranges), 0, -1)
    colors[numpy.ma.getmaskarray(pixels).any(axis=0)] = 0
    return colors


def ranges_of(images: Sequence[Image], bands: Sequence[Band]) -> list[tuple[float, float]]:
    """Return the ranges in which pictures of images show bands, whatever part of them is shown.

    Bands without a display range get percentiles of small versions of the images, of some of many.
    """
    coarse: list[MaskedArray] = []
    if any(band.display_range is None for band in bands):
        for image in images[:: -(-len(images) // _MOST_LOOKED_AT)]:
            with suppress(RasterError, StorageError, NotFoundError):  # of an image that could be left out
                coarse.append(_coarse(image, bands))
    return [shown_range([pixels[at] for pixels in coarse], band) for at, band in enumerate(bands)]


def _coarse(image: Image, bands: Sequence[Band]) -> MaskedArray:
    request = ReadRequest(
        bands=[str(band.name) for band in bands],
        geocontext=picture_context(image, _SIZE),
        resampler=_resampler(image, bands, is_coded=any(band.holds_codes for band in bands)),
    )
    return read_one(image, request).pixels[: len(bands)]


def picture_context(image: Image, size: int) -> GeoContext:
    """Return all of an image on a grid of at most so many pixels a side, and of no more than it has."""
    return image.geocontext.assign(geometry=None, shape=_shape(image, size), align_pixels=False)


def _resampler(image: Image, bands: Sequence[Band], *, is_coded: bool) -> str:
    """Return how a picture is made: of overviews where there are some, else by means of all pixels."""
    if is_coded:
        return "near"
    return "bilinear" if have_overviews(sources_of(image, bands)) else "average"


def shown_bands(image: Image) -> Sequence[str]:
    """Return the bands that a product shows: those it names, else its colours, else its first one.

    Raises
    ------
    BadRequestError
        If it has none.
    """
    product, available = image.product, bands_by_name(image)
    if product is not None and product.default_display_bands:
        return list(product.default_display_bands)
    if all(name in available for name in _COLORS):
        return _COLORS
    measured = [name for name, band in available.items() if not band.is_mask]
    names = measured or list(available)
    if not names:
        raise BadRequestError(f"product '{image.product_id}' has no bands to show")
    return names[:1]


def _shape(image: Image, size: int) -> tuple[int, int]:
    """Return (rows, columns) of a picture that fits into a square; never more than the image has."""
    height, width = native_grid(image).shape
    scale = min(size / max(height, width), 1.0)
    return max(1, round(height * scale)), max(1, round(width * scale))
