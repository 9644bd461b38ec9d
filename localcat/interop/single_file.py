"""Images as one file that other programs read: GeoJSON, GeoJSON line by line, CSV, or Arrow's IPC format.

GeoJSON is that of RFC 7946, CSV that of RFC 4180, with footprints as WKT, which GDAL and QGIS read from a column of the
name ``geometry``. See also https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from localcat.collection.features import feature_of
from localcat.disk.paths import absolute
from localcat.disk.staging import written
from localcat.errors import BadRequestError, require
from localcat.expressions.fields import nearest
from localcat.models.html import Printed
from localcat.models.image import Image
from localcat.progress import shown
from localcat.tables.source import checked_columns

if TYPE_CHECKING:
    from localcat.search import ImageSearch

_CHUNK = 1000  # images whose text is written at once
_SEPARATORS = {"csv": ",", "tsv": "\t"}

FORMATS = {
    ".geojson": "geojson",
    ".geojsonl": "geojsonl",
    ".geojsons": "geojsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".arrows": "arrows",
}
"""The format that a file gets, by its suffix."""


@dataclass(frozen=True, slots=True)
class FileExport(Printed):
    """What `Catalog.to_file` wrote.

    Parameters
    ----------
    path : Path or None
        The file; None for an open one.
    format : str
        ``geojson``, ``geojsonl``, ``csv``, ``tsv``, ``arrow`` or ``arrows``.
    images : int
        How many images are in it.
    size_bytes : int
        How large it is.
    """

    path: Path | None
    format: str
    images: int
    size_bytes: int

    def __repr__(self) -> str:
        where = "" if self.path is None else f" in '{self.path}'"
        return f"FileExport: {self.images:,} images, {self.size_bytes:,} bytes{where}"


def to_file(
    dest: str | os.PathLike[str] | BinaryIO,
    images: ImageSearch,
    *,
    format: str | None,
    columns: Sequence[str] | None,
    progress: bool | None,
) -> FileExport:
    """Write images as one file; see `Catalog.to_file`."""
    chosen = _format_of(dest, format)
    write = _writer_of(chosen, images, columns, progress)
    if not isinstance(dest, str | os.PathLike):
        counted = _Counted(dest)
        return FileExport(None, chosen, write(counted), counted.size)
    target = absolute(dest)
    if target.is_dir():
        raise BadRequestError(f"'{target}' is a folder; name a file in it, such as '{target.name}/images.{chosen}'")
    with written(target) as stream:
        counted = _Counted(stream)
        number = write(counted)
    return FileExport(target, chosen, number, counted.size)


def _format_of(dest: str | os.PathLike[str] | BinaryIO, format: str | None) -> str:
    known = sorted(set(FORMATS.values()))
    if format is not None:
        if format not in known:
            raise BadRequestError(f"format is one of {', '.join(known)}, not {format!r}{nearest(str(format), known)}")
        return format
    if not isinstance(dest, str | os.PathLike):
        raise BadRequestError(f"an open file has no suffix that says its format; pass format=, one of {known}")
    suffix = Path(dest).suffix.lower()
    if suffix not in FORMATS:
        raise BadRequestError(
            f"'{os.fspath(dest)}' has no suffix that says its format; end it with one of {', '.join(FORMATS)}, or pass "
            "format="
        )
    return FORMATS[suffix]


class _Counted(io.RawIOBase):
    """An open file that counts what is written to it, and stays open."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        written = self._stream.write(data)
        self.size += written
        return written

    def flush(self) -> None:
        if not self.closed:
            self._stream.flush()


def _writer_of(
    format: str, images: ImageSearch, columns: Sequence[str] | None, progress: bool | None
) -> Callable[[_Counted], int]:
    """Return what writes the images to a file and returns how many; all that can be refused is refused before."""
    if format in ("arrow", "arrows"):
        require("pyarrow", "arrow", "for Arrow")
        reader = images.to_arrow(columns)
        return lambda stream: _write_arrow(reader, stream, images.number_found, progress, is_file=format == "arrow")
    names = checked_columns(Image._attributes, "Image", columns)
    bar: Iterable[Image] = shown(images, f"writing {format}", "images", progress, total=images.number_found)
    lines = _features(bar, columns, format)
    if format in _SEPARATORS:
        lines = _separated(bar, names, _SEPARATORS[format])
    return lambda stream: _write_lines(lines, stream)


def _write_arrow(
    reader: Any, stream: _Counted, total: Callable[[], int], progress: bool | None, *, is_file: bool
) -> int:
    import pyarrow

    number = 0
    make = pyarrow.ipc.new_file if is_file else pyarrow.ipc.new_stream
    with (
        make(stream, reader.schema) as writer,
        shown(list[Any](), "writing Arrow", "images", progress, total=total) as bar,
    ):
        for batch in reader:
            writer.write_batch(batch)
            number += batch.num_rows
            bar.update(batch.num_rows)
    return number


def _write_lines(entries: Iterator[tuple[str, int]], stream: _Counted) -> int:
    """Write texts; each comes with how many images it is of."""
    number = 0
    while chunk := list(itertools.islice(entries, _CHUNK)):
        stream.write("".join(text for text, _ in chunk).encode("utf-8"))
        number += sum(count for _, count in chunk)
    return number


def _features(images: Iterable[Image], columns: Sequence[str] | None, format: str) -> Iterator[tuple[str, int]]:
    """Yield the text of a FeatureCollection, or of Features line by line."""
    is_lines, is_first = format == "geojsonl", True
    if not is_lines:
        yield '{"type": "FeatureCollection", "features": [', 0
    for image in images:
        feature = feature_of(image)
        if columns is not None:
            feature["properties"] = {name: feature["properties"].get(name) for name in columns if name not in _APART}
        text = json.dumps(feature, ensure_ascii=False, allow_nan=False)
        yield f"{text}\n" if is_lines else f"{'' if is_first else ','}\n{text}", 1
        is_first = False
    if not is_lines:
        yield "\n]}\n", 0


_APART = ("id", "geometry")  # members of a Feature, not among its properties


def _separated(images: Iterable[Image], names: Sequence[str], separator: str) -> Iterator[tuple[str, int]]:
    made = io.StringIO()
    writer = csv.writer(made, delimiter=separator, lineterminator="\r\n")

    def line(values: Sequence[Any]) -> str:
        made.seek(0)
        made.truncate()
        writer.writerow(values)
        return made.getvalue()

    yield line(names), 0
    for image in images:
        yield line([_cell(image, name) for name in names]), 1


def _cell(image: Image, name: str) -> Any:
    """Return an attribute as a cell: a text, a number, WKT, or JSON for what is neither."""
    value = getattr(image, name)
    if value is None:
        return ""
    if name == "geometry":
        return value.wkt
    plain = Image._attributes[name].to_json(value)
    return (
        plain
        if isinstance(plain, str | int | float) and not isinstance(plain, bool)
        else json.dumps(plain, ensure_ascii=False)
    )
