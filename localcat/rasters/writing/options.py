"""The options of a Cloud-Optimized GeoTIFF and their ranges; loads no rasterio, so that declarations can use them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from localcat.errors import AttributeValidationError
from localcat.rasters.files.resampling import OVERVIEW_RESAMPLINGS

COMPRESSION_LEVELS: Final[Mapping[str, range]] = {
    "DEFLATE": range(1, 13),
    "ZSTD": range(1, 23),
    "LZW": range(0),
    "NONE": range(0),
}
"""The levels of each compression; lossless ones only, so that a file holds exactly the pixels that were given."""

BIGTIFF: Final = ("YES", "NO", "IF_NEEDED", "IF_SAFER")
LEAST_BLOCKSIZE: Final = 128  # pixels; GDAL's COG driver complains below
BLOCKSIZE_MULTIPLE: Final = 16  # pixels; TIFF 6.0, section 15
MOST_OVERVIEWS: Final = 16
SMALL_BYTES: Final = 64 * 2**20
"""Up to this size of pixels, a file is encoded in memory."""


@dataclass(frozen=True, slots=True)
class CogOptions:
    """How a Cloud-Optimized GeoTIFF is written.

    Parameters
    ----------
    compress : str
        ``"DEFLATE"``, ``"ZSTD"``, ``"LZW"`` or ``"NONE"``, in any case; all of them keep every bit.
    level : int, optional
        Effort of DEFLATE (1 to 12) or ZSTD (1 to 22).
    blocksize : int, optional
        Edge of a tile in pixels; a multiple of 16, and at least 128. None for 512, or for a smaller tile if that holds
        the whole raster.
    bigtiff : str
        ``"IF_SAFER"``, ``"IF_NEEDED"``, ``"YES"`` or ``"NO"``, in any case.
    overviews : sequence of int, optional
        Decimation factors from 2, such as ``(2, 4)``; at most 16. Empty for none, None for powers of two down to a
        single tile.
    overview_resampling : str, optional
        A name in `localcat.rasters.files.resampling.OVERVIEW_RESAMPLINGS`; by default the nearest pixel for categorical
        bands and the mean for others.
    threads : int
        Threads that compress blocks.
    small_bytes : int
        Largest array, in bytes, that is encoded in memory.

    Raises
    ------
    AttributeValidationError
        If a value is out of its range.
    """

    compress: str = "DEFLATE"
    level: int | None = None
    blocksize: int | None = None
    bigtiff: str = "IF_SAFER"
    overviews: Sequence[int] | None = None
    overview_resampling: str | None = None
    threads: int = 1
    small_bytes: int = SMALL_BYTES

    def __post_init__(self) -> None:
        checked = {"compress": checked_compression(self.compress), "bigtiff": checked_bigtiff(self.bigtiff)}
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.level is not None:
            checked_level(self.level, self.compress)
        if self.blocksize is not None:
            checked_blocksize(self.blocksize)
        if self.overviews is not None:
            checked_overviews(self.overviews)
        if self.overview_resampling is not None and self.overview_resampling not in OVERVIEW_RESAMPLINGS:
            choices = ", ".join(map(repr, OVERVIEW_RESAMPLINGS))
            raise AttributeValidationError(f"overview_resampling is one of {choices}, not {self.overview_resampling!r}")


def checked_compression(value: Any) -> str:
    """Return the name of a compression in upper case; raise `AttributeValidationError` for any other value."""
    return _word("compress", value, tuple(COMPRESSION_LEVELS))


def checked_bigtiff(value: Any) -> str:
    """Return a choice of BigTIFF in upper case; raise `AttributeValidationError` for any other value."""
    return _word("bigtiff", value, BIGTIFF)


def checked_level(value: Any, compress: str | None = None) -> int:
    """Return a level of a compression, DEFLATE if that is None; raise `AttributeValidationError` if it has no such."""
    level, method = _whole_number("level", value), compress or "DEFLATE"
    levels = COMPRESSION_LEVELS[method]
    if level not in levels:
        hint = f"from {levels[0]} to {levels[-1]}" if levels else "left out"
        raise AttributeValidationError(f"level of {method} is {hint}, not {level}")
    return level


def checked_blocksize(value: Any) -> int:
    """Return the edge of a tile in pixels; raise `AttributeValidationError` if a COG cannot have such tiles."""
    edge = _whole_number("blocksize", value)
    if edge < LEAST_BLOCKSIZE or edge % BLOCKSIZE_MULTIPLE:
        raise AttributeValidationError(
            f"blocksize is a multiple of {BLOCKSIZE_MULTIPLE} from {LEAST_BLOCKSIZE} on, not {edge}"
        )
    return edge


def checked_overviews(value: Any) -> list[int]:
    """Return the decimation factors of overviews, ascending; raise `AttributeValidationError` for any other value."""
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        raise AttributeValidationError(f"overviews is a list of decimation factors such as [2, 4], not {value!r}")
    factors = list(value)
    for factor in factors:
        if isinstance(factor, bool) or not hasattr(factor, "__index__") or factor.__index__() < 2:
            raise AttributeValidationError(f"an overview's decimation factor is a whole number from 2, not {factor!r}")
    if len(factors) > MOST_OVERVIEWS:
        raise AttributeValidationError(f"an image has at most {MOST_OVERVIEWS} overviews, not {len(factors)}")
    if len(set(factors)) != len(factors):
        raise AttributeValidationError(f"overviews names a decimation factor twice: {factors!r}")
    return sorted(factor.__index__() for factor in factors)


def _word(name: str, value: Any, allowed: Sequence[str]) -> str:
    word = value.upper() if isinstance(value, str) else ""
    if word not in allowed:
        raise AttributeValidationError(f"{name} is one of {', '.join(map(repr, allowed))}, not {value!r}")
    return word


def _whole_number(name: str, value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise AttributeValidationError(f"{name} is a whole number, not {value!r}")
    number: int = value.__index__()
    return number
