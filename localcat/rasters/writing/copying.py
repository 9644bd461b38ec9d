"""Files that exist already: copied as they are once every pixel proved readable, or rewritten as COGs."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy
from rasterio.enums import Resampling
from rasterio.windows import Window

from localcat.disk.digest import CHUNK, hash_stream
from localcat.errors import BadRequestError, ImageDeletedError, InvalidArrayError
from localcat.rasters.files.describe import RasterDescription, describe
from localcat.rasters.files.dtypes import data_type_name, is_representable, misfit, numpy_dtype
from localcat.rasters.files.environment import read_errors, small_cache, write_errors
from localcat.rasters.files.georeferencing import check_crs_is_kept
from localcat.rasters.files.opening import MAX_RASTER_BYTES, open_raster, plain_path
from localcat.rasters.files.sources import BandSource, Request, hidden_pixels, is_marked, markers_of, own_alphas
from localcat.rasters.files.tiff import (
    COMPRESSION,
    DEFLATE,
    IMAGE_LENGTH,
    IMAGE_WIDTH,
    TILE_BYTE_COUNTS,
    TILE_LENGTH,
    TILE_OFFSETS,
    TILE_WIDTH,
    TiffFile,
)
from localcat.rasters.warping.straight import StraightPixels, straight_of
from localcat.rasters.writing.checks import BandLayer
from localcat.rasters.writing.options import CogOptions
from localcat.rasters.writing.strips import FilePixels, PixelSource, row_strips
from localcat.rasters.writing.write import FileDigest, check_overviews, write_pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rasterio.io import DatasetReader


def copy_raster(
    source: str | PathLike[str],
    destination: str | PathLike[str],
    *,
    declared: Mapping[int, BandLayer] | None = None,
    max_bytes: int | None = MAX_RASTER_BYTES,
) -> FileDigest:
    """Copy a GeoTIFF or JPEG 2000 file byte for byte, after decoding every block of it.

    Parameters
    ----------
    source : str or path
        A regular file; see `localcat.rasters.files.opening.open_raster`.
    destination : str or path
        An existing file is written into, so its inode and a lock on it stay. Nothing is synced to the disk.
    declared : mapping of int to BandLayer, optional
        What is known of a band, by GDAL's number; its nodata, and 0 in one of opacity, is not valid. The file's own
        nodata counts for others.
    max_bytes : int, optional
        Largest decoded size of the raster; None for no limit.

    Returns
    -------
    FileDigest
        Of the bytes that were written.

    Raises
    ------
    CorruptImageError
        If a block, a mask or an overview cannot be decoded.
    ImageDeletedError
        If the source changed while it was copied.
    StorageError
        If the disk refuses.
    """
    with _whole(source, declared, max_bytes) as (plain, fill_fraction):
        with read_errors(plain):
            reader = plain.open("rb")
        with reader, write_errors(destination), Path(destination).open("wb") as writer:
            return _read_through(reader, writer, fill_fraction)


def digest_raster(
    source: str | PathLike[str],
    *,
    declared: Mapping[int, BandLayer] | None = None,
    max_bytes: int | None = MAX_RASTER_BYTES,
) -> FileDigest:
    """Return what `copy_raster` does of a GeoTIFF or JPEG 2000 file; nothing is written.

    Raises
    ------
    CorruptImageError
        If a block, a mask or an overview cannot be decoded.
    ImageDeletedError
        If the file is missing, or changed while it was read.
    """
    with _whole(source, declared, max_bytes) as (plain, fill_fraction), read_errors(plain), plain.open("rb") as reader:
        return _read_through(reader, None, fill_fraction)


def check_pixels(
    path: str | PathLike[str],
    *,
    declared: Mapping[int, BandLayer] | None = None,
    max_bytes: int | None = MAX_RASTER_BYTES,
) -> float:
    """Decode every block of a file, of its mask and of its overviews; memory holds few blocks at a time.

    Returns
    -------
    float
        The share of its pixels that are valid in all bands: neither nodata, nor transparent, nor masked.

    Raises
    ------
    CorruptImageError
        If one of them cannot be decoded.
    """
    with small_cache():
        with open_raster(path, max_bytes=max_bytes) as dataset:
            levels = len(dataset.overviews(1))
            fill_fraction = _decode(dataset, declared or {})
            is_tiff = dataset.driver == "GTiff"
        for level in range(levels):
            with open_raster(path, overview_level=level, max_bytes=max_bytes) as overview:
                _decode(overview, {})
    if is_tiff:
        with read_errors(path), Path(path).open("rb") as file:
            _check_last_tiles(TiffFile(file, name=str(path)))
    return fill_fraction


def as_cog(
    source: str | PathLike[str],
    destination: str | PathLike[str],
    *,
    options: CogOptions | None = None,
    tags: Mapping[str, str] | None = None,
    declared: Mapping[int, BandLayer] | None = None,
    max_bytes: int | None = MAX_RASTER_BYTES,
) -> FileDigest:
    """Rewrite a GeoTIFF or JPEG 2000 file as a Cloud-Optimized GeoTIFF with the same pixels, masks and settings.

    Every block is decoded twice: none is written before all of them proved readable. A file with ground control points
    is brought onto the grid of `localcat.rasters.warping.straight.straight_of`; each pixel there is the nearest one.

    Parameters
    ----------
    source : str or path
        A georeferenced file; a few rows at a time are in memory.
    destination : str or path
        See `localcat.rasters.writing.write.write_cog`.
    options : CogOptions, optional
        Compression, tiles and overviews; the source's own overviews are not kept.
    tags : mapping of str to str, optional
        Metadata beside the source's own.
    declared : mapping of int to BandLayer, optional
        What is known of a band, by GDAL's number: whether it holds codes, which overviews never average, and a nodata,
        which counts where the source names none.
    max_bytes : int, optional
        As in `copy_raster`.

    Raises
    ------
    BadRequestError
        If the source has neither a CRS and a transform nor control points, or an overview would have no pixel.
    GridMismatchError
        If a GeoTIFF cannot keep its CRS.
    CorruptImageError
        If it cannot be decoded.
    ImageDeletedError
        If it changed while it was read.
    StorageError
        If the disk refuses.
    """
    description = describe(source)
    straight = None
    if description.grid is None and description.control_points is not None:
        straight = straight_of(description.control_points, description.shape)
    grid = description.grid if straight is None else straight.grid
    if grid is None:
        raise BadRequestError(f"{source} has no CRS or no transform; give the file both before it is rewritten")
    check_crs_is_kept(grid)
    chosen = options or CogOptions()
    check_overviews(chosen.overviews, grid.shape)
    bands = layers_in(description, declared)
    with (
        _whole(source, declared, max_bytes) as (plain, fill_fraction),
        small_cache(),
        open_raster(plain, max_bytes=max_bytes) as dataset,
    ):
        dtype, is_masked = numpy_dtype(description.data_type), description.has_internal_mask
        pixels: PixelSource = FilePixels(dataset, dtype, is_masked)
        if straight is not None:
            nodata = [0.0 if band.is_alpha else band.nodata for band in bands]
            pixels = StraightPixels(dataset, straight, dtype, nodata, has_internal_mask=is_masked)
        all_tags = {**description.tags, **(tags or {})}
        digest = write_pixels(pixels, destination, grid=grid, options=chosen, bands=bands, tags=all_tags)
    if straight is not None:  # the grid also has pixels outside of the file
        fill_fraction = check_pixels(destination, declared=declared, max_bytes=max_bytes)
    return replace(digest, fill_fraction=fill_fraction)


def layers_in(description: RasterDescription, declared: Mapping[int, BandLayer] | None) -> list[BandLayer]:
    """Return what is to be said of the bands of a file that is written again: its own words, and what is declared."""
    known = [(declared or {}).get(number, BandLayer()) for number in range(1, description.count + 1)]
    return [
        BandLayer(
            description=description.descriptions[at],
            nodata=_nodata_of(description, at, known[at].nodata),
            is_alpha=description.alpha_index == at + 1 or known[at].is_alpha,
            is_categorical=known[at].is_categorical or description.colormaps[at] is not None,
            is_mask=known[at].is_mask,
            color=description.color_interpretations[at],
            colormap=description.colormaps[at],
            scale=description.scales[at],
            offset=description.offsets[at],
            unit=description.units[at] or None,
        )
        for at in range(description.count)
    ]


def have_same_pixels(one: str | PathLike[str], other: str | PathLike[str]) -> bool:
    """Return whether two files hold the same numbers of bands, rows and columns, and the same bits in each pixel."""
    with open_raster(one, max_bytes=None) as first, open_raster(other, max_bytes=None) as second:
        if (first.count, first.shape, first.dtypes) != (second.count, second.shape, second.dtypes):
            return False
        bands = FilePixels(first, numpy.dtype(first.dtypes[0]), has_internal_mask=False)
        for rows in row_strips(bands.shape, bands.dtype.itemsize):
            window = Window(0, rows.start, first.width, rows.stop - rows.start)
            if first.read(window=window).tobytes() != second.read(window=window).tobytes():
                return False
    return True


def _nodata_of(description: RasterDescription, at: int, declared: float | None) -> float | None:
    """Return the nodata of a band: the file's own, else the declared one, unless an internal mask stands for it.

    One that no pixel can be marks none, and GDAL would write another number in its place.
    """
    own, dtype = description.nodata[at], numpy_dtype(description.data_type)
    if own is not None and is_representable(own, dtype):
        return own
    is_used = declared is not None and not description.has_internal_mask and is_representable(declared, dtype)
    return declared if is_used else None


@contextmanager
def _whole(
    source: str | PathLike[str], declared: Mapping[int, BandLayer] | None, max_bytes: int | None
) -> Iterator[tuple[Path, float]]:
    """Give the path of a file all of whose pixels can be decoded, and the share of those that are valid.

    Raises if the file changes while the block runs.
    """
    with read_errors(source):
        plain = plain_path(source)
        before = plain.stat()
    fill_fraction = check_pixels(plain, declared=declared, max_bytes=max_bytes)
    yield plain, fill_fraction
    with read_errors(source):
        after = plain.stat()
    if _identity(before) != _identity(after):
        raise ImageDeletedError(f"{plain} changed while it was read; try again once it is complete")


def _read_through(reader: BinaryIO, writer: BinaryIO | None, fill_fraction: float) -> FileDigest:
    """Hash an open file from its beginning, and copy it where there is somewhere to."""
    size, digest = hash_stream(reader.read, None if writer is None else writer.write)
    return FileDigest(size, digest, fill_fraction)


def _decode(dataset: DatasetReader, declared: Mapping[int, BandLayer]) -> float:
    """Decode every block, and return the share of pixels that are valid in all bands."""
    layers = {number: declared.get(number, BandLayer()) for number in dataset.indexes}
    sources = [BandSource(dataset.name, n, layer.nodata, is_mask=layer.is_mask) for n, layer in layers.items()]
    everything = Request(sources, range(len(sources)), Resampling.nearest, mask_nodata=True)
    markers = [markers_of(dataset, source) for source in sources]
    opaque = {number for number, layer in layers.items() if layer.is_alpha}.union(own_alphas(dataset))
    valid = 0
    for _, window in dataset.block_windows(1):
        hidden = hidden_pixels(dataset, window, everything)
        invalid = numpy.zeros((window.height, window.width), dtype=bool) if hidden is None else hidden
        for number, layer in layers.items():
            pixels = dataset.read(number, window=window)
            _require_fit(pixels, layer, dataset, number)
            invalid |= pixels == 0 if number in opaque else is_marked(pixels, markers[number - 1])
        valid += invalid.size - int(numpy.count_nonzero(invalid))
    return valid / int(dataset.width * dataset.height)


def _require_fit(pixels: NDArray[Any], layer: BandLayer, dataset: DatasetReader, number: int) -> None:
    """Raise an error if pixels would be clipped or rounded when they are read in the type that their band declares."""
    beyond = None if layer.dtype is None else misfit(pixels, layer.dtype)
    if beyond is not None:
        raise InvalidArrayError(
            f"band {number} of '{dataset.name}' holds {beyond:g}, and its band '{layer.description}' stores "
            f"{layer.dtype}; declare the band as {data_type_name(dataset.dtypes[number - 1])}"
        )


def _check_last_tiles(tiff: TiffFile) -> None:
    """Compare the checksums of the bottom row of tiles, which GDAL decodes only as far as the image reaches.

    GDAL stops before the end of the stream, where the checksum is, so damage there would pass as pixels.
    """
    for directory in tiff.directories():
        if TILE_LENGTH not in directory.tags or not DEFLATE.intersection(tiff.integers(directory, COMPRESSION)):
            continue
        offsets, counts = (tiff.integers(directory, tag) for tag in (TILE_OFFSETS, TILE_BYTE_COUNTS))
        tiles_down = -(-tiff.integer(directory, IMAGE_LENGTH) // tiff.integer(directory, TILE_LENGTH))
        tiles_across = -(-tiff.integer(directory, IMAGE_WIDTH) // tiff.integer(directory, TILE_WIDTH))
        for at, (offset, count) in enumerate(zip(offsets, counts, strict=False)):
            if count and at // tiles_across % tiles_down == tiles_down - 1:
                _check_stream(tiff, offset, count)


def _check_stream(tiff: TiffFile, offset: int, count: int) -> None:
    stream, data = zlib.decompressobj(), tiff.read(offset, count)
    try:
        while data and not stream.eof:
            stream.decompress(data, CHUNK)
            data = stream.unconsumed_tail
    except zlib.error as error:
        raise tiff.damaged(f"the tile at byte {offset} cannot be decompressed ({error})") from error
    if not stream.eof:
        raise tiff.damaged(f"the tile at byte {offset} ends too early")


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
