"""The directories of a TIFF file, read without GDAL: the header, before anything is decoded.

Formats: TIFF 6.0 (Adobe, 1992), BigTIFF (2007), GeoTIFF 1.1 (OGC 19-008).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import isfinite
from typing import BinaryIO, Final

from localcat.errors import CorruptImageError

SUBFILE_TYPE: Final = 254
IMAGE_WIDTH: Final = 256
IMAGE_LENGTH: Final = 257
COMPRESSION: Final = 259
TILE_WIDTH: Final = 322
TILE_LENGTH: Final = 323
TILE_OFFSETS: Final = 324
TILE_BYTE_COUNTS: Final = 325
PIXEL_SCALE: Final = 33550
TIE_POINTS: Final = 33922
TRANSFORMATION: Final = 34264

REDUCED_IMAGE = 1  # bit of SUBFILE_TYPE: an overview
TRANSPARENCY_MASK = 4  # bit of SUBFILE_TYPE: an internal mask

DEFLATE = frozenset({8, 32946})  # values of COMPRESSION; zlib streams, each with its own checksum

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_DOUBLE = 12
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_MOST_DIRECTORIES = 256  # a page, its mask and sixteen overviews with theirs are 34
_MOST_TAGS = 4096


@dataclass(frozen=True, slots=True)
class Tag:
    """One entry of a directory: field type, number of values, and their offset in the file."""

    kind: int
    count: int
    position: int


@dataclass(frozen=True, slots=True)
class Directory:
    """One image file directory.

    Parameters
    ----------
    offset : int
        Where the directory begins in the file, in bytes.
    tags : dict of int to Tag
        Its entries by tag number.
    """

    offset: int
    tags: dict[int, Tag]


class TiffFile:
    """The header and the directories of an open TIFF file.

    Parameters
    ----------
    file : binary file
        Open for reading; must support seeking.
    name : str
        What messages call the file.

    Raises
    ------
    CorruptImageError
        If the header or a directory cannot be followed.
    """

    def __init__(self, file: BinaryIO, *, name: str) -> None:
        self._file, self._name = file, name
        head = self._bytes(0, 16)
        self.order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
        version = struct.unpack(f"{self.order}H", head[2:4])[0] if self.order else 0
        if version not in (42, 43):
            raise self.damaged("the file does not begin like a TIFF")
        self.is_big = version == 43
        first = (
            struct.unpack(f"{self.order}Q", head[8:16]) if self.is_big else struct.unpack(f"{self.order}I", head[4:8])
        )
        self.first: int = first[0]
        self.header_size = 16 if self.is_big else 8

    def directories(self) -> list[Directory]:
        """Return every directory of the main chain, in the chain's order."""
        found: list[Directory] = []
        seen: set[int] = set()
        offset = self.first
        while offset:
            if offset in seen or len(found) >= _MOST_DIRECTORIES:
                raise self.damaged("the chain of TIFF directories does not end")
            seen.add(offset)
            directory, offset = self.directory(offset)
            found.append(directory)
        return found

    def directory(self, offset: int) -> tuple[Directory, int]:
        """Return the directory at an offset, and the offset of the next one (0 after the last)."""
        wide = self.is_big
        size, entry = (8, 20) if wide else (2, 12)
        count = self._integer(offset, "Q" if wide else "H")
        if count > _MOST_TAGS:
            raise self.damaged(f"a TIFF directory claims {count} tags")
        body = self._bytes(offset + size, count * entry)
        tags = {}
        for index in range(count):
            at = index * entry
            number, kind = struct.unpack_from(f"{self.order}HH", body, at)
            values = struct.unpack_from(f"{self.order}{'Q' if wide else 'I'}", body, at + 4)[0]
            inline, width = (at + 12, 8) if wide else (at + 8, 4)
            if _SIZES.get(kind, 1) * values <= width:
                position = offset + size + inline
            else:
                position = struct.unpack_from(f"{self.order}{'Q' if wide else 'I'}", body, inline)[0]
            tags[number] = Tag(kind, values, position)
        return Directory(offset, tags), self._integer(offset + size + count * entry, "Q" if wide else "I")

    def integers(self, directory: Directory, number: int, *, most: int = 1_000_000) -> tuple[int, ...]:
        """Return the integer values of a tag, at most `most` of them; empty when the tag is missing."""
        tag = directory.tags.get(number)
        if tag is None:
            return ()
        code = _INTEGERS.get(tag.kind)
        if code is None:
            raise self.damaged(f"TIFF tag {number} is not an integer")
        count = min(tag.count, most)
        return struct.unpack(
            f"{self.order}{count}{code}", self._bytes(tag.position, count * struct.calcsize(f"={code}"))
        )

    def integer(self, directory: Directory, number: int) -> int:
        """Return the first integer of a tag that must be there and positive."""
        values = self.integers(directory, number, most=1)
        if not values or values[0] < 1:
            raise self.damaged(f"TIFF tag {number} is missing")
        return values[0]

    def numbers(self, directory: Directory, number: int, *, most: int = 16) -> tuple[float, ...]:
        """Return the floating point values of a tag, at most `most` of them; empty when it is missing or no double."""
        tag = directory.tags.get(number)
        if tag is None or tag.kind != _DOUBLE:
            return ()
        count = min(tag.count, most)
        return struct.unpack(f"{self.order}{count}d", self._bytes(tag.position, count * 8))

    def header_bytes(self, count: int) -> bytes:
        """Return up to `count` bytes that follow the header."""
        self._file.seek(self.header_size)
        return self._file.read(count)

    def read(self, position: int, count: int) -> bytes:
        """Return exactly `count` bytes from a position."""
        return self._bytes(position, count)

    def damaged(self, reason: str) -> CorruptImageError:
        """Return an error that names the file and its fault."""
        return CorruptImageError(f"{self._name} is damaged: {reason}; restore it from a copy")

    def _integer(self, position: int, code: str) -> int:
        value: int = struct.unpack(f"{self.order}{code}", self._bytes(position, struct.calcsize(f"={code}")))[0]
        return value

    def _bytes(self, position: int, count: int) -> bytes:
        try:
            self._file.seek(position)
        except (OverflowError, ValueError) as error:
            raise self.damaged(f"the TIFF points to byte {position}, where no file can reach") from error
        data = self._file.read(count)
        if len(data) < count and not (position == 0 and len(data) >= 8):
            raise self.damaged(f"the TIFF ends before byte {position + count}; it was cut off")
        return data.ljust(count, b"\0") if position == 0 else data


def has_georeferencing(tiff: TiffFile) -> bool:
    """Return whether the first directory has a complete georeference: GeoTIFF 1.1, section 7.1."""
    directory = tiff.directory(tiff.first)[0]
    matrix = tiff.numbers(directory, TRANSFORMATION)
    scale, tie_point = tiff.numbers(directory, PIXEL_SCALE, most=3), tiff.numbers(directory, TIE_POINTS, most=6)
    is_scaled = len(scale) == 3 and len(tie_point) == 6 and all(scale[:2]) and all(map(isfinite, (*scale, *tie_point)))
    return is_scaled or (len(matrix) == 16 and any(matrix[:2]) and all(map(isfinite, matrix)))
