"""Open a raster file that a stranger may have written: one file, a named driver, bounded sizes."""

from __future__ import annotations

import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final

import numpy
from rasterio._err import CPLE_BaseError
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from localcat.disk.archive import Location, Member
from localcat.earth.crs import without_files
from localcat.errors import CorruptImageError, InvalidArrayError, TooLargeError, UnsafePathError
from localcat.rasters.files.environment import raster_environment, read_errors, stated_errors
from localcat.rasters.files.tiff import TiffFile, has_georeferencing

MAX_RASTER_BYTES: Final = 32 * 2**30
"""How large a raster may be when it is decoded, in bytes, unless the caller allows more."""

MAX_BLOCK_BYTES: Final = 256 * 2**20
"""How large one tile or strip may be when it is decoded, in bytes; GDAL decodes whole blocks."""

_SIGNATURES: Final = (
    (b"II*\x00", "GTiff"),
    (b"MM\x00*", "GTiff"),
    (b"II+\x00", "GTiff"),
    (b"MM\x00+", "GTiff"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JP2OpenJPEG"),
    (b"\xff\x4f\xff\x51", "JP2OpenJPEG"),
)
_HEAD_BYTES: Final = 2**16
_quiet = threading.Lock()


@contextmanager
def open_raster(
    path: str | PathLike[str],
    *,
    overview_level: int | None = None,
    max_bytes: int | None = MAX_RASTER_BYTES,
    threads: int = 1,
) -> Iterator[DatasetReader]:
    """Open a GeoTIFF or JPEG 2000 file for reading, and nothing else.

    The kind of file is judged by its first bytes; sidecar files are not looked at. The caller's block runs inside the
    pinned environment and its raster errors leave as this library's.

    Parameters
    ----------
    path : str or path
        A regular file, or a member of an archive; no symbolic link, no URL, no virtual file of GDAL.
    overview_level : int, optional
        Open this overview (0 is the finest) instead of the full resolution.
    max_bytes : int, optional
        Largest decoded size of the raster; None for no limit. One block never exceeds `MAX_BLOCK_BYTES`.
    threads : int
        Threads that decode blocks.

    Raises
    ------
    UnsafePathError
        If the path is anything but a plain file.
    CorruptImageError
        If the content is neither TIFF nor JPEG 2000, or cannot be opened.
    InvalidArrayError
        If its pixels are complex numbers.
    TooLargeError
        If the raster or one of its blocks would take more memory than allowed.
    ImageDeletedError
        If there is no such file.
    """
    with read_errors(path):
        plain = plain_location(path)
        name = plain.gdal_name if isinstance(plain, Member) else str(plain)
        driver, is_georeferenced = _signature(plain)
        options: dict[str, Any] = {} if overview_level is None else {"overview_level": overview_level}
        with _disk_asked(plain), raster_environment(threads=threads):
            with nullcontext() if is_georeferenced else quiet_georeferencing():
                try:
                    # What rasterio.open does with a path, without the environment of its own that it would add.
                    with stated_errors(plain):
                        dataset = DatasetReader(name, driver=driver, sharing=False, **options)
                except NotGeoreferencedWarning as error:  # only where warnings are errors, and the header is damaged
                    raise CorruptImageError(f"{plain} has a damaged transform; restore it from a copy") from error
            with dataset:
                with stated_errors(plain):
                    _check_pixels(dataset, plain, max_bytes)
                    _ask(dataset)
                    if dataset.crs is not None:
                        without_files(dataset.crs)
                yield dataset


@contextmanager
def _disk_asked(path: Location) -> Iterator[None]:
    """Let the system say what is wrong: GDAL takes a disk that cannot be read for a damaged file."""
    try:
        yield
    except (RasterioError, CPLE_BaseError):
        with path.open("rb") as file:
            file.read(_HEAD_BYTES)
        raise


def plain_location(path: str | PathLike[str]) -> Location:
    """Return a member of an archive as it is, and anything else as `plain_path` does."""
    return path if isinstance(path, Member) else plain_path(path)


def plain_path(path: str | PathLike[str]) -> Path:
    """Return the absolute path of a regular file.

    Raises
    ------
    UnsafePathError
        If the path is a URL, a virtual file of GDAL, a symbolic link, or no regular file.
    """
    text = fspath(path)
    if text.startswith(("/vsi", "\\vsi")) or "://" in text or "\x00" in text or text.lstrip().startswith("<"):
        raise UnsafePathError(f"{text[:200]!r} is not a plain file; pass the path of a local GeoTIFF or JPEG 2000 file")
    plain = Path(text).absolute()
    mode = plain.lstat().st_mode
    if not stat.S_ISREG(mode):
        kind = "a symbolic link" if stat.S_ISLNK(mode) else "no regular file"
        raise UnsafePathError(f"{plain} is {kind}; pass the path of the file itself")
    return plain


@contextmanager
def quiet_georeferencing() -> Iterator[None]:
    """Silence rasterio's warning about a missing or an identity transform, which this library handles itself.

    Used only where the warning is known to come: the filters of `warnings` belong to the whole process, so the lock
    keeps two threads of this library from restoring each other's.
    """
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


@contextmanager
def quiet_threads() -> Iterator[None]:
    """Silence the same warning while threads read.

    rasterio silences it itself while it warps, by changing the process's filters for a moment; two threads that do so
    at once may restore each other's. With the filter set around them all, none of what they restore lets it through.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def _signature(path: Location) -> tuple[str, bool]:
    """Return the driver that the first bytes ask for, and whether the header holds a geotransform for sure."""
    with path.open("rb") as file:
        head = file.read(12)
        for magic, driver in _SIGNATURES:
            if head.startswith(magic):
                return driver, driver == "GTiff" and has_georeferencing(TiffFile(file, name=str(path)))
    raise CorruptImageError(f"{path} is neither a GeoTIFF nor a JPEG 2000 file; convert it to one of them")


def _check_pixels(dataset: DatasetReader, path: Location, max_bytes: int | None) -> None:
    """Raise an error if the pixels of an open raster are of no use here, or too many."""
    if any(dtype.startswith("complex") for dtype in dataset.dtypes):  # one of these types is none of numpy's
        raise InvalidArrayError(
            f"{path} has pixels of dtype {dataset.dtypes[0]}, and images hold real numbers; store each part as a band"
        )
    itemsizes = [numpy.dtype(dtype).itemsize for dtype in dataset.dtypes]
    size = dataset.width * dataset.height * sum(itemsizes)
    if max_bytes is not None and size > max_bytes:
        raise TooLargeError(
            f"{path} holds {dataset.count} × {dataset.height} × {dataset.width} pixels, {size} bytes when decoded; "
            f"at most {max_bytes} are allowed, raise the limit if the file is yours"
        )
    blocks = [rows * columns * size for (rows, columns), size in zip(dataset.block_shapes, itemsizes, strict=True)]
    together = structure(dataset, "INTERLEAVE") == "PIXEL"
    block = sum(blocks) if together else max(blocks, default=0)
    if block > MAX_BLOCK_BYTES:
        raise TooLargeError(
            f"{path} has blocks of {block} bytes when decoded; at most {MAX_BLOCK_BYTES} are read, "
            "write the file again with smaller tiles"
        )


def structure(dataset: DatasetReader, name: str) -> str | None:
    """Return what GDAL says of the structure of a file, such as its ``"COMPRESSION"``, in GDAL's own word.

    rasterio's attributes of it are members of an enum, plain text or an error, by its version and the word.
    """
    word: str | None = dataset.tags(ns="IMAGE_STRUCTURE").get(name)
    return word


def _ask(dataset: DatasetReader) -> None:
    """Ask a file once for all that is asked of it later, so that what cannot be understood is found here.

    rasterio makes an enum or a number of most of these, which may raise anything.
    """
    for name in ("nodatavals", "mask_flag_enums", "colorinterp", "scales", "offsets"):
        getattr(dataset, name)
    dataset.overviews(1)
