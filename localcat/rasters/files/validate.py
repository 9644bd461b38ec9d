"""Whether a file is laid out as a Cloud-Optimized GeoTIFF (OGC 21-026), judged from its directories alone."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Final

from localcat.rasters.files.environment import read_errors
from localcat.rasters.files.opening import plain_location
from localcat.rasters.files.tiff import (
    IMAGE_LENGTH,
    IMAGE_WIDTH,
    REDUCED_IMAGE,
    SUBFILE_TYPE,
    TILE_BYTE_COUNTS,
    TILE_OFFSETS,
    TILE_WIDTH,
    TRANSPARENCY_MASK,
    Directory,
    TiffFile,
)

_GHOST: Final = b"GDAL_STRUCTURAL_METADATA_SIZE="
_GHOST_LENGTH = 43 + 512  # bytes; the line with the size, and more than GDAL writes after it


@dataclass(frozen=True, slots=True)
class CogReport:
    """What the layout of a file is like.

    Parameters
    ----------
    problems : tuple of str
        What a Cloud-Optimized GeoTIFF must not have; empty for a good file.
    overviews : tuple of int
        Widths of the overviews in pixels, in the order of their directories.
    has_ghost_area : bool
        Whether GDAL's notes on the layout come before the first directory.
    """

    problems: tuple[str, ...]
    overviews: tuple[int, ...]
    has_ghost_area: bool

    @property
    def is_valid(self) -> bool:
        """Whether no problem was found."""
        return not self.problems


def validate_cog(path: str | PathLike[str]) -> CogReport:
    """Check the layout of a GeoTIFF; no pixel is decoded.

    Parameters
    ----------
    path : str or path
        A regular file.

    Raises
    ------
    CorruptImageError
        If the file is not a TIFF, or its directories cannot be followed.
    UnsafePathError
        If the path is not a regular file.
    """
    with read_errors(path):
        plain = plain_location(path)
        with plain.open("rb") as file:
            return _report(TiffFile(file, name=str(plain)))


def _report(tiff: TiffFile) -> CogReport:
    directories = tiff.directories()
    if not directories:
        raise tiff.damaged("it holds no image")
    ghost = tiff.header_bytes(_GHOST_LENGTH)
    has_ghost_area = ghost.startswith(_GHOST)
    problems: list[str] = []
    if has_ghost_area and b"KNOWN_INCOMPATIBLE_EDITION=YES" in ghost:
        problems.append("the file was edited after it was written, and lost its layout")
    if any(TILE_WIDTH not in directory.tags for directory in directories):
        problems.append("an image in the file is cut into strips, not into tiles")
        return CogReport(tuple(problems), (), has_ghost_area)
    pages = [directory for directory in directories if not _kind(tiff, directory) & TRANSPARENCY_MASK]
    sizes = [(tiff.integer(page, IMAGE_WIDTH), tiff.integer(page, IMAGE_LENGTH)) for page in pages]
    if _kind(tiff, pages[0]) & REDUCED_IMAGE:
        problems.append("the first image of the file is an overview")
    if any(not _kind(tiff, page) & REDUCED_IMAGE for page in pages[1:]):
        problems.append("the file holds a second image that is not an overview")
    if sizes != sorted(sizes, reverse=True) or len(set(sizes)) < len(sizes):
        problems.append("overviews do not shrink from each to the next")
    offsets = [directory.offset for directory in directories]
    if offsets != sorted(offsets):
        problems.append("directories do not follow each other in the file")
    starts = [_data_start(tiff, page) for page in pages]
    known = [start for start in starts if start is not None]
    if known and min(known) < max(offsets):
        problems.append("pixels lie before the last directory")
    if known != sorted(known, reverse=True):
        problems.append("the tiles of a coarser overview lie after those of a finer image")
    return CogReport(tuple(problems), tuple(width for width, _ in sizes[1:]), has_ghost_area)


def _kind(tiff: TiffFile, directory: Directory) -> int:
    values = tiff.integers(directory, SUBFILE_TYPE, most=1)
    return values[0] if values else 0


def _data_start(tiff: TiffFile, directory: Directory) -> int | None:
    """Return the offset of the first tile of an image; None if it has no tile (all of them are nodata)."""
    offsets = tiff.integers(directory, TILE_OFFSETS)
    counts = tiff.integers(directory, TILE_BYTE_COUNTS)
    return min((offset for offset, count in zip(offsets, counts, strict=False) if count), default=None)
