"""What may be stored: checks of arrays, masks and band settings before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy

from localcat.errors import BadRequestError, GridMismatchError, InvalidArrayError
from localcat.rasters.files.dtypes import DATA_TYPES, data_type_name, is_representable
from localcat.rasters.files.georeferencing import check_crs_is_kept

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localcat.earth.contexts.grid import Grid

_CASTS = {
    "bool": "uint8",
    "int8": "int16",
    "int64": "int32",
    "uint64": "uint32",
    "float16": "float32",
    "longdouble": "float64",
    "complex64": "float32, one band for each part",
    "complex128": "float64, one band for each part",
}
COLORMAP_DTYPES = ("uint8", "uint16")  # of pixels that a file can give colours to


@dataclass(frozen=True, slots=True)
class BandLayer:
    """What is stored about one band beside its pixels.

    Parameters
    ----------
    description : str, optional
        Name of the band.
    nodata : float, optional
        The value that marks invalid pixels; must be representable in the array's dtype. Where bands differ in it, or
        one is alpha, a file tells it by an internal mask and a tag.
    is_alpha : bool
        Whether the band holds opacity, 0 = transparent.
    is_categorical : bool
        Whether values are codes; overviews of such a band take the nearest pixel or the mode, never a mean.
    is_mask : bool
        Whether values only say which pixels are masked; the nodata of the file is not meant for them.
    color : str, optional
        What the band shows in a picture, as GDAL names it: ``"red"``, ``"green"``, ``"blue"``, ``"gray"``.
    colormap : dict of int to tuple, optional
        RGBA (0 to 255) by pixel value; kept by single-band files of uint8 and uint16.
    scale, offset : float
        Physical value = pixel × scale + offset.
    unit : str, optional
        Unit of the physical value.
    dtype : str, optional
        numpy's name of the type that the band is declared with; a file with pixels beyond it is refused.
    """

    description: str | None = None
    nodata: float | None = None
    is_alpha: bool = False
    is_categorical: bool = False
    is_mask: bool = False
    color: str | None = None
    colormap: dict[int, tuple[int, int, int, int]] | None = None
    scale: float = 1.0
    offset: float = 0.0
    unit: str | None = None
    dtype: str | None = None


def check_array(array: object) -> NDArray[Any]:
    """Return an array as (band, row, column), in native byte order and contiguous, or say why it cannot be stored.

    Parameters
    ----------
    array : ndarray, shape (band, row, column) or (row, column)
        Of uint8, int16, uint16, int32, uint32, float32 or float64 in any byte order and memory layout. A masked
        array counts as its data.

    Returns
    -------
    ndarray, shape (band, row, column)
        The same memory where that is possible.

    Raises
    ------
    InvalidArrayError
        If the rank, the dtype or the size does not fit.
    """
    if not isinstance(array, numpy.ndarray):
        raise InvalidArrayError(f"pixels are a numpy array, not {type(array).__name__}; pass numpy.asarray(...)")
    pixels: NDArray[Any] = numpy.asarray(numpy.ma.getdata(array))
    if pixels.ndim not in (2, 3):
        raise InvalidArrayError(
            f"an array of shape {pixels.shape} is neither (row, column) nor (band, row, column); reshape it"
        )
    dtype = pixels.dtype.newbyteorder("=")
    if dtype.name not in DATA_TYPES.values():
        target = _CASTS.get(dtype.name)
        advice = f"cast it with array.astype('{target}')" if target and "," not in target else f"store it as {target}"
        choices = ", ".join(DATA_TYPES.values())
        raise InvalidArrayError(
            f"pixels of dtype {pixels.dtype} cannot be stored; {advice if target else f'cast it to one of {choices}'}"
        )
    if pixels.size == 0:
        raise InvalidArrayError(f"an array of shape {pixels.shape} holds no pixels; every side needs at least one")
    if pixels.ndim == 2:
        pixels = pixels[numpy.newaxis]
    return numpy.ascontiguousarray(pixels, dtype=dtype)


def check_layers(shape: tuple[int, ...], dtype: numpy.dtype[Any], grid: Grid, bands: Sequence[BandLayer]) -> None:
    """Check that pixels of shape (band, row, column), their grid and their band settings belong together.

    Raises
    ------
    GridMismatchError
        If the array and the grid differ in shape, or the grid's transform or CRS cannot be stored.
    InvalidArrayError
        If the number of bands differs, or a nodata value does not fit the dtype.
    """
    if shape[1:] != tuple(grid.shape):
        raise GridMismatchError(
            f"the array has {shape[1]} rows and {shape[2]} columns, its grid {grid.shape[0]} and "
            f"{grid.shape[1]}; pass an array of shape (band, {grid.shape[0]}, {grid.shape[1]})"
        )
    if grid.transform.is_degenerate or not numpy.isfinite(tuple(grid.transform)).all():
        raise GridMismatchError(f"the transform {grid.geotransform} has no inverse; pixels need a size")
    if grid.transform.is_identity:
        raise GridMismatchError("in a GeoTIFF an identity transform is the same as none; flip the rows and its y axis")
    check_crs_is_kept(grid)
    if len(bands) != shape[0]:
        raise InvalidArrayError(f"the array has {shape[0]} bands, but {len(bands)} are described")
    for number, band in enumerate(bands, start=1):
        if band.nodata is not None and not is_representable(band.nodata, dtype):
            raise InvalidArrayError(
                f"nodata {band.nodata:g} of band {number} cannot be stored as {dtype}; "
                f"choose a value that {data_type_name(dtype)} holds"
            )
        if band.colormap is not None and dtype.name not in COLORMAP_DTYPES:
            raise InvalidArrayError(f"a colormap needs uint8 or uint16 pixels, band {number} has {dtype}")


def shared_nodata(bands: Sequence[BandLayer]) -> float | None:
    """Return the nodata that all bands but alpha agree on, None if they do not."""
    distinct = {repr(band.nodata): band.nodata for band in bands if not band.is_alpha}
    return next(iter(distinct.values())) if len(distinct) == 1 else None


def layers_for(count: int, bands: Sequence[BandLayer] | None) -> Sequence[BandLayer]:
    """Return the given band settings, or plain ones."""
    if bands is not None and not all(isinstance(band, BandLayer) for band in bands):
        raise BadRequestError("bands are described by BandLayer records")
    return [BandLayer()] * count if bands is None else bands
