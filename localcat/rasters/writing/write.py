"""Arrays to Cloud-Optimized GeoTIFFs, in a way that no lost byte goes unnoticed.

GDAL reports success for a file whose last bytes the disk refused. So GDAL never has the last word here: it encodes
into memory, or into a scratch file beside the target, and Python writes the bytes and hashes them on the way; pixels
that went over the disk are read back and compared.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy
import rasterio.shutil
from rasterio.io import MemoryFile
from rasterio.windows import Window

from localcat.disk.digest import hash_stream
from localcat.errors import (
    BadRequestError,
    CorruptImageError,
    RasterWarning,
    StorageError,
    StorageFullError,
    warn_caller,
)
from localcat.rasters.files.environment import overviews_compressed, raster_environment, small_cache, write_errors
from localcat.rasters.files.opening import open_raster
from localcat.rasters.files.resampling import COMPLEX_RESAMPLINGS
from localcat.rasters.writing.checks import BandLayer, check_array, check_layers, layers_for
from localcat.rasters.writing.options import LEAST_BLOCKSIZE, MOST_OVERVIEWS, CogOptions
from localcat.rasters.writing.scratch import Layout, assemble, scratch_bytes, scratch_path
from localcat.rasters.writing.strips import ArrayPixels, PixelSource, size_of, strips_of
from localcat.rasters.writing.telling import Telling, telling_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.io import DatasetReader

    from localcat.earth.contexts.grid import Grid

_BLOCKSIZE = 512  # pixels


@dataclass(frozen=True, slots=True)
class FileDigest:
    """What is known of a file that was read or written as a whole.

    Parameters
    ----------
    size_bytes : int
    sha256 : str
        In hex.
    fill_fraction : float, optional
        The share of its pixels that are valid in all bands, if its pixels were looked at.
    """

    size_bytes: int
    sha256: str
    fill_fraction: float | None = None


def write_cog(
    array: NDArray[Any],
    path: str | PathLike[str],
    *,
    grid: Grid,
    options: CogOptions | None = None,
    bands: Sequence[BandLayer] | None = None,
    mask: NDArray[numpy.bool_] | None = None,
    tags: Mapping[str, str] | None = None,
) -> FileDigest:
    """Write an array as a Cloud-Optimized GeoTIFF.

    Parameters
    ----------
    array : ndarray, shape (band, row, column) or (row, column)
        Pixels in the stored dtype; no scaling is applied. See `check_array` for what is accepted.
    path : str or path
        Where to write. An existing file is written into, so its inode and a lock on it stay. Scratch files begin with
        the same name, and are removed.
    grid : Grid
        CRS, transform and shape; ``grid.shape`` equals the last two axes of `array`.
    options : CogOptions, optional
        Compression, tiles and overviews.
    bands : sequence of BandLayer, optional
        One for each band.
    mask : ndarray of bool, shape (band, row, column) or (row, column), optional
        True = invalid; by default the mask of a masked array. Masked pixels become nodata in bands that have one, else
        the file gets an internal mask.
    tags : mapping of str to str, optional
        Metadata of the file, such as ``TIFFTAG_DATETIME``.

    Returns
    -------
    FileDigest
        Of the bytes that were written; nothing was synced to the disk yet.

    Raises
    ------
    InvalidArrayError, GridMismatchError
        If the array, the mask, the grid and the band settings do not fit.
    BadRequestError
        If an overview would have no pixel.
    StorageError
        If the disk refuses, or holds other pixels than were given.

    Warns
    -----
    RasterWarning
        If the overview resampling is one for complex numbers, or a colormap cannot be kept.

    Notes
    -----
    GDAL's COG driver lays the file out: OGC 21-026, Cloud Optimized GeoTIFF. Overviews come before the full
    resolution in the file and after it in the chain of directories.
    """
    chosen = CogOptions() if options is None else options
    if mask is None and isinstance(array, numpy.ma.MaskedArray):
        mask = numpy.ma.getmaskarray(array)
    pixels = check_array(array)
    layers = layers_for(len(pixels), bands)
    check_layers(pixels.shape, pixels.dtype, grid, layers)
    check_overviews(chosen.overviews, grid.shape)
    if mask is not None and mask.ndim == 2:
        mask = numpy.asarray(mask)
    elif mask is not None and numpy.ndim(array) == 2:
        mask = mask.reshape(pixels.shape)
    for text in departures(layers, chosen):
        warn_caller(RasterWarning(text))
    return write_pixels(ArrayPixels(pixels, mask, layers), path, grid=grid, options=chosen, bands=layers, tags=tags)


def write_pixels(
    source: PixelSource,
    path: str | PathLike[str],
    *,
    grid: Grid,
    options: CogOptions,
    bands: Sequence[BandLayer],
    tags: Mapping[str, str] | None = None,
) -> FileDigest:
    """Write pixels from anywhere as `write_cog` does those of an array; they were checked, and fit the grid."""
    layout = Layout(
        grid=grid,
        telling=telling_of(source, bands),
        factors=overview_factors(grid.shape, options),
        resampling=options.overview_resampling,
        blocksize=_tile_edge(grid.shape, options),
        tags=dict(tags or {}),
    )
    target = Path(path)
    with write_errors(target), raster_environment(threads=options.threads):
        if size_of(source) <= options.small_bytes:
            return _write_small(source, layout, options, target)
        with small_cache():
            return _write_large(source, layout, options, target)


def overview_factors(shape: tuple[int, int], options: CogOptions) -> tuple[int, ...]:
    """Return the decimation factors of a raster's overviews: those asked for, or powers of two down to one tile."""
    if options.overviews is not None:
        return tuple(sorted(set(options.overviews)))
    factors: list[int] = []
    factor, tile = 1, _tile_edge(shape, options)
    while max(shape) > tile * factor and min(shape) >= 2 * factor and len(factors) < MOST_OVERVIEWS:
        factor *= 2
        factors.append(factor)
    return tuple(factors)


def _tile_edge(shape: tuple[int, int], options: CogOptions) -> int:
    """Return the edge of a tile: what was asked for, or 512, or less where that holds the whole raster.

    The part of a tile outside the raster is compressed and decoded too, for nothing: with tiles of 512 pixels an upload
    of 64 × 64 pixels takes 24 ms instead of 15, and its file is a third larger.
    """
    if options.blocksize is not None:
        return options.blocksize
    whole = -(-max(shape) // 16) * 16
    return min(max(whole, LEAST_BLOCKSIZE), _BLOCKSIZE)


def _creation_options(options: CogOptions, layout: Layout) -> dict[str, str]:
    """Return GDAL's creation options for its COG driver."""
    created = {
        "COMPRESS": options.compress,
        "BLOCKSIZE": str(layout.blocksize),
        "BIGTIFF": options.bigtiff,
        "OVERVIEWS": "FORCE_USE_EXISTING" if layout.factors else "NONE",
        "NUM_THREADS": str(options.threads),
    }
    if options.compress != "NONE":
        created["PREDICTOR"] = "YES"  # horizontal differences for integers, floating point ones for floats
    if options.level is not None:
        created["LEVEL"] = str(options.level)
    return created


def _encode(dataset: DatasetReader, target: str | Path, layout: Layout, options: CogOptions) -> None:
    """Write an assembled dataset as a COG."""
    chosen = _creation_options(options, layout)
    with overviews_compressed(chosen["COMPRESS"]):
        rasterio.shutil.copy(dataset, target, driver="COG", **chosen)


def _write_small(source: PixelSource, layout: Layout, options: CogOptions, target: Path) -> FileDigest:
    with assemble(source, layout, beside=None) as dataset, MemoryFile(ext=".tif") as encoded:
        _encode(dataset, encoded.name, layout, options)
        with target.open("wb") as file:
            return _copied(encoded, file)


def _write_large(source: PixelSource, layout: Layout, options: CogOptions, target: Path) -> FileDigest:
    _check_room(scratch_bytes(source.shape[0], source.dtype.itemsize, layout), target)
    with scratch_path(target) as scratch:
        with assemble(source, layout, beside=target) as dataset:
            _encode(dataset, scratch, layout, options)
        with scratch.open("rb") as encoded, target.open("wb") as file:
            digest = _copied(encoded, file)
    _compare(source, target, layout.telling)
    return digest


def _copied(source: BinaryIO | MemoryFile, file: BinaryIO) -> FileDigest:
    """Copy bytes into an open file and hash them on the way."""
    return FileDigest(*hash_stream(source.read, file.write))


def _check_room(needed: int, target: Path) -> None:
    free = shutil.disk_usage(target.parent).free
    if free < needed:
        raise StorageFullError(f"{target} needs {needed} bytes while it is written, {free} are free; make some room")


def _compare(source: PixelSource, target: Path, telling: Telling) -> None:
    """Read a file back a few rows at a time and compare every bit, and its mask, with what it should hold."""
    bits = f"u{source.dtype.itemsize}"
    try:
        with open_raster(target, max_bytes=None) as dataset:
            for rows, pixels, internal in strips_of(source):
                window = Window(0, rows.start, dataset.width, rows.stop - rows.start)
                same = numpy.array_equal(dataset.read(window=window).view(bits), pixels.view(bits))
                if telling.is_masked:
                    hidden = dataset.read_masks(1, window=window) == 0
                    same = same and numpy.array_equal(hidden, telling.everywhere(pixels, internal))
                if not same:
                    raise StorageError(
                        f"{target} holds other pixels than were written, in row {rows.start} or below; the disk may be "
                        "full or damaged, write the image elsewhere"
                    )
    except CorruptImageError as error:
        raise StorageError(
            f"{target} cannot be read back as it was written; the disk may be full or damaged, write elsewhere"
        ) from error


def check_overviews(factors: Sequence[int] | None, shape: tuple[int, int]) -> None:
    """Raise BadRequestError if an overview of a raster of this shape, (height, width), would have no pixel."""
    coarsest = max(factors or [0])
    if coarsest > max(shape):
        height, width = shape
        raise BadRequestError(
            f"an overview of factor {coarsest} of {width} × {height} pixels would have none; leave it out"
        )


def departures(bands: Sequence[BandLayer], options: CogOptions) -> list[str]:
    """Return in which ways a file will be written otherwise than is asked for."""
    found = []
    if options.overview_resampling in COMPLEX_RESAMPLINGS:
        found.append(
            f"overview resampling {options.overview_resampling!r} is for complex numbers; overviews are averaged"
        )
    if len(bands) > 1 and any(band.colormap is not None for band in bands):
        found.append("a GeoTIFF of several bands keeps no colormap; it stays in the catalog only")
    return found
