"""Images as small pictures: the bands, ranges and colours that their product shows by default."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from localcat.errors import BadRequestError
from localcat.models.band import Band
from localcat.models.requests import ReadRequest
from localcat.rasters.writing.picture import encoded_picture
from localcat.reading.arrays import read_one
from localcat.reading.layers import of_present, require_pixels, sources_of
from localcat.reading.plan import band_names, bands_by_name, native_grid
from localcat.reading.stated import are_averaged_quickly

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localcat.models.image import Image

    MaskedArray = numpy.ma.MaskedArray[Any, Any]

_COLORS = ("red", "green", "blue")  # the names of bands by which a product without default_display_bands is shown
_LARGEST = 16_384  # pixels a side
_RANGE = (0.0, 10_000.0)  # of a band that declares none


def preview_png(image: Image, size: int, bands: Any) -> bytes:
    """Return a picture of an image as PNG; `Image.preview` says how."""
    return encoded_picture(numpy.moveaxis(preview_array(image, size, bands), -1, 0), "PNG")


def preview_array(image: Image, size: int, bands: Any) -> NDArray[numpy.uint8]:
    """Return a picture of an image, shape (row, column, 4); `Image.preview_array` says how."""
    if isinstance(size, bool) or not isinstance(size, int | numpy.integer) or not 1 <= size <= _LARGEST:
        raise BadRequestError(f"the size of a preview is a whole number of pixels from 1 to {_LARGEST}, not {size!r}")
    return of_present(image, lambda present: _picture(present, int(size), bands))


def _picture(image: Image, size: int, bands: Any) -> NDArray[numpy.uint8]:
    require_pixels(image)
    available = bands_by_name(image)
    names = _names(image, available) if bands is None else band_names(bands)
    last = available.get(names[-1])
    has_alpha = len(names) in (2, 4) and last is not None and last.is_opacity
    shown = names[:-1] if has_alpha else names
    if len(shown) not in (1, 3):
        raise BadRequestError(f"a preview shows 1 or 3 bands, and perhaps an alpha band, not {', '.join(names)}")
    table = _color_table(available.get(shown[0])) if len(shown) == 1 else None
    request = ReadRequest(
        bands=names,
        geocontext=image.geocontext.assign(geometry=None, shape=_shape(image, size), align_pixels=False),
        mask_alpha=names[-1] if has_alpha else None,
        resampler=_resampler(
            image, [available[name] for name in shown if name in available], is_coded=table is not None
        ),
    )
    pixels = read_one(image, request).pixels[: len(shown)]
    if table is not None:
        colors = _looked_up(pixels[0], table)
    else:
        shades = [_shade(layer, available[name]) for layer, name in zip(pixels, shown, strict=True)]
        opaque = numpy.full(shades[0].shape, 255, dtype=numpy.uint8)
        colors = numpy.stack([*(shades * 3)[:3], opaque], axis=-1)
        named = _named_colors(available[shown[0]]) if len(shown) == 1 else None
        if named is not None:
            colors = named[shades[0]]
    colors[numpy.ma.getmaskarray(pixels).any(axis=0)] = 0
    return colors


def _resampler(image: Image, bands: Sequence[Band], *, is_coded: bool) -> str:
    """Return how a picture is made: by means, unless all of a large file would have to be read for them."""
    if is_coded:
        return "near"
    return "average" if are_averaged_quickly(sources_of(image, bands)) else "bilinear"


def _names(image: Image, available: dict[str, Band]) -> Sequence[str]:
    """Return the bands that a product shows: those it names, else its colours, else its first one."""
    product = image.product
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


def _shade(layer: MaskedArray, band: Band) -> NDArray[numpy.uint8]:
    """Return 0 to 255 for the display range of a band."""
    low, high = band.display_range or band.data_range or _RANGE
    values = numpy.nan_to_num(numpy.ma.getdata(layer).astype(numpy.float64), nan=low, posinf=high, neginf=low)
    position = (values - low) / (high - low) if high != low else numpy.where(values > low, 1.0, 0.0)
    shade: NDArray[numpy.uint8] = numpy.rint(position.clip(0, 1) * 255).astype(numpy.uint8)
    return shade


def _color_table(band: Band | None) -> NDArray[numpy.uint8] | None:
    """Return the colours (RGBA) of a band by pixel value, if it declares them."""
    declared = None if band is None else band.colors
    return None if not declared else numpy.array(declared, dtype=numpy.uint8)


def _looked_up(layer: MaskedArray, table: NDArray[numpy.uint8]) -> NDArray[numpy.uint8]:
    """Return the colour of each pixel; transparent where its value has none."""
    values = numpy.ma.getdata(layer).astype(numpy.float64)
    is_known = (values >= 0) & (values < len(table))
    colors: NDArray[numpy.uint8] = table[numpy.where(is_known, values, 0).astype(numpy.intp)]
    colors[~is_known] = 0
    return colors


def _named_colors(band: Band) -> NDArray[numpy.uint8] | None:
    """Return the 256 colours (RGBA) of a band's named colour map, None where matplotlib is missing or lacks it."""
    name = getattr(band, "colormap_name", None)
    if name is None:
        return None
    try:
        from matplotlib import colormaps  # an extra
    except ImportError:
        return None
    if name not in colormaps:
        return None
    colors: NDArray[numpy.uint8] = colormaps[name](numpy.arange(256) / 255, bytes=True)
    return colors
