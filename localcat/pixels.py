"""Reading an image's bands: from its product's declarations to places in files, and onto a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy
from affine import Affine

from localcat.crs import parse_crs
from localcat.errors import (
    BadRequestError,
    CorruptImageError,
    ImageDeletedError,
    RasterError,
)
from localcat.geocontext import AOI, GeoContext
from localcat.geocontext.grid import Grid
from localcat.models.band import Band, ClassBand, MaskBand
from localcat.models.enums import ResampleAlgorithm, StorageState
from localcat.models.image import Image
from localcat.rasters.describe import band_info, raster_info
from localcat.rasters.dtypes import numpy_dtype
from localcat.rasters.read import BandSource, read_bands
from localcat.rasters.scaling import BandScaling, apply_scaling, scaling_parameters

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from localcat.catalog import Catalog
    from localcat.models.requests import ReadRequest
    from localcat.models.values import File

_ALPHA = "alpha"  # the name by which a product's alpha band is found
_TRIES = 3  # a replaced image has other files; how often to look again before giving up


def read_image(catalog: Catalog, image: Image, request: ReadRequest) -> Any:
    """Read bands of an image onto a grid; `Image.ndarray` says how.

    An image that was replaced meanwhile gives its new pixels, one that was deleted an error; never the old ones.
    """
    if request.bands_axis not in range(-2, 3):
        raise BadRequestError(f"bands_axis is from -2 to 2, not {request.bands_axis!r}")
    names = band_names(request.bands)
    for remaining in reversed(range(_TRIES)):
        present = Image.get(str(image.id), catalog=catalog)
        if present is None:
            raise ImageDeletedError(f"image '{image.id}' is not in the catalog any more; nothing was read")
        try:
            return _read(catalog, present, names, request)
        except ImageDeletedError:
            if not remaining:
                raise
    raise AssertionError("the last try returns or raises")


def band_names(bands: str | Sequence[str]) -> list[str]:
    """Return the names in what a user calls bands: text with spaces, or a list.

    Raises
    ------
    TypeError
        If it is neither.
    BadRequestError
        If it names none, or one twice.
    """
    if isinstance(bands, str):
        names = bands.split()
    elif isinstance(bands, list | tuple) and all(isinstance(name, str) for name in bands):
        names = list(bands)
    else:
        raise TypeError(f"bands is a text or a list of texts, not {bands!r}")
    if not names:
        raise BadRequestError("bands names no band; pass for example 'red green blue'")
    return names


@dataclass(frozen=True, slots=True)
class BandChoice:
    """Which bands are read.

    Parameters
    ----------
    bands : list of Band
        Those asked for, in order, with the alpha band last where it is read.
    alpha : Band or None
        The band whose zeros are transparent.
    drops_alpha : bool
        Whether the alpha band was not asked for, and is left out of the result.
    """

    bands: list[Band]
    alpha: Band | None
    drops_alpha: bool


def choose_bands(
    available: Mapping[str, Band], names: list[str], mask_alpha: bool | str | None, owner: str
) -> BandChoice:
    """Return the bands to read, and which of them masks.

    Raises
    ------
    BadRequestError
        If a band is not available, an alpha band is required and missing, or it is asked for and not last.
    """
    for name in names:
        if name not in available:
            raise BadRequestError(
                f"Invalid bands: band '{name}' is not available in {owner}; it has {', '.join(available) or 'none'}"
            )
    if not (mask_alpha is None or isinstance(mask_alpha, bool | str)):
        raise BadRequestError(f"mask_alpha is True, False, None or the name of a band, not {mask_alpha!r}")
    bands = [available[name] for name in names]
    alpha_name = mask_alpha if isinstance(mask_alpha, str) else _ALPHA
    if mask_alpha is False or (mask_alpha is None and alpha_name not in available):
        return BandChoice(bands, None, drops_alpha=False)
    if alpha_name not in available:
        raise BadRequestError(
            f"Cannot mask alpha: no alpha band '{alpha_name}' for {owner}. Try setting 'mask_alpha=False'."
        )
    alpha = available[alpha_name]
    if alpha_name not in names:
        return BandChoice([*bands, alpha], alpha, drops_alpha=True)
    if names[-1] != alpha_name:
        raise BadRequestError("Alpha must be the last band in order to reduce rasterization errors")
    return BandChoice(bands, alpha, drops_alpha=False)


def native_grid(image: Image) -> Grid:
    """Return the grid of an image's own pixels.

    Raises
    ------
    RasterError
        If the image has no georeferencing.
    """
    crs = image.cs_code or image.projection
    geotrans, columns, rows = image.geotrans, image.x_pixels, image.y_pixels
    if crs is None or geotrans is None or columns is None or rows is None:
        raise RasterError(f"image '{image.id}' has no georeferencing; set cs_code, geotrans, x_pixels and y_pixels")
    return Grid(parse_crs(crs), Affine.from_gdal(*geotrans), (rows, columns))


def _read(catalog: Catalog, image: Image, names: list[str], request: ReadRequest) -> Any:
    available = {str(band.name): band for band in catalog.bands_of(str(image.product_id))}
    choice = choose_bands(available, names, request.mask_alpha, f"product '{image.product_id}'")
    grid, cutline = _target(image, request)
    scales, data_type = scaling_parameters(
        [band_scaling(band) for band in choice.bands], request.scaling, request.data_type
    )
    pixels = read_bands(
        sources(catalog, image, choice.bands),
        grid,
        resampling=ResampleAlgorithm(request.resampler).value,
        mask_nodata=request.mask_nodata,
        cutline=cutline,
        all_touched=bool(request.all_touched),
    )
    pixels = masked_by_alpha(pixels, choice)
    kept = choice.bands[:-1] if choice.drops_alpha else choice.bands
    scaled = apply_scaling(pixels[: len(kept)], None if scales is None else scales[: len(kept)], numpy_dtype(data_type))
    result = scaled if request.mask_nodata or choice.alpha is not None else numpy.ma.getdata(scaled)
    result = numpy.moveaxis(result, 0, request.bands_axis)
    if not request.raster_info:
        return result
    info = raster_info(
        grid,
        bands=[
            band_info(number, name=str(band.name), data_type=data_type, nodata=band.nodata)
            for number, band in enumerate(kept, start=1)
        ],
        files=[str(file.href) for file in image.files or []],
        metadata={"id": image.id},
    )
    return result, info


def masked_by_alpha(pixels: Any, choice: BandChoice) -> Any:
    """Mask all bands where the alpha band, which comes last, is 0 or itself masked."""
    if choice.alpha is None:
        return pixels
    alpha = pixels[-1]
    transparent = numpy.ma.getmaskarray(alpha) | (numpy.ma.getdata(alpha) == 0)
    return numpy.ma.MaskedArray(numpy.ma.getdata(pixels), mask=numpy.ma.getmaskarray(pixels) | transparent)


def sources(catalog: Catalog, image: Image, bands: Sequence[Band]) -> list[BandSource]:
    """Return where the bands of an image lie on the disk.

    Raises
    ------
    RasterError
        If the image has no pixels here, or lacks a file that a band needs.
    CorruptImageError
        If a file's size is not what the catalog says.
    """
    files: Sequence[File] = image.files or []
    if image.storage_state != StorageState.AVAILABLE or not files:
        raise RasterError(f"image '{image.id}' has no pixels in this catalog (storage_state '{image.storage_state}')")
    found = []
    for band in bands:
        position = band.file_index or 0
        if position >= len(files):
            raise RasterError(
                f"band '{band.name}' lies in file {position} and image '{image.id}' has {len(files)} files"
            )
        file = files[position]
        path = catalog.path_of(file)
        if file.size_bytes is not None and path.exists() and path.stat().st_size != file.size_bytes:
            raise CorruptImageError(
                f"'{path}' has {path.stat().st_size:,} bytes and should have {file.size_bytes:,}; restore it from a copy"
            )
        found.append(
            BandSource(
                path, (band.band_index or 0) + 1, band.nodata, is_categorical=isinstance(band, ClassBand | MaskBand)
            )
        )
    return found


def band_scaling(band: Band) -> BandScaling:
    """Return what scaling has to know of a band."""
    return BandScaling(
        name=str(band.name),
        data_type=band.data_type or "UInt16",
        data_range=_pair(band.data_range),
        display_range=_pair(band.display_range),
        physical_range=_pair(getattr(band, "physical_range", None)) if "physical_range" in band.ATTRIBUTES else None,
        is_scalable=not isinstance(band, ClassBand | MaskBand),
    )


def _pair(values: tuple[float, ...] | None) -> tuple[float, float] | None:
    return None if values is None else (values[0], values[1])


def _target(image: Image, request: ReadRequest) -> tuple[Grid, BaseGeometry | None]:
    """Return the grid to read onto, and the geometry outside which pixels are masked."""
    changes: dict[str, Any] = {
        name: value
        for name, value in (
            ("crs", request.crs),
            ("resolution", request.resolution),
            ("all_touched", request.all_touched),
        )
        if value is not None
    }
    context = request.geocontext
    if context is None:
        if not changes:
            return native_grid(image), None
        context = image.geocontext.assign(geometry=None, **changes)
    elif not isinstance(context, GeoContext):
        raise BadRequestError(f"geocontext is an AOI, a DLTile or an XYZTile, not {context!r}")
    elif changes:
        if not isinstance(context, AOI):
            raise BadRequestError(f"{type(context).__name__} geocontext does not support modifying crs or resolution")
        context = context.assign(**changes)
    return context.grid(), context.cutline
