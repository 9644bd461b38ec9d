"""GeoParquet files of STAC Items: opened, looked at, and read a batch at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from localcat.disk.faults import listing_errors
from localcat.earth.projjson import other_crs
from localcat.errors import BadRequestError, ClientError, ValidationError
from localcat.interop.geoparquet import SUFFIXES
from localcat.interop.geoparquet.columns import GEO_KEY, OWN_KEY, STAC_KEY
from localcat.interop.geoparquet.item_rows import item_of
from localcat.interop.stac.checks import id_of, problem_of
from localcat.interop.stac.sources import Found
from localcat.json_text import loads

_BATCH = 2000  # rows read at once
_LARGEST_ROW_GROUP = 2**30  # bytes, uncompressed; ours have some 50 MB
_TIME = pyarrow.timestamp("us", tz="UTC")
_NEEDED = ("id", "geometry")
_ONLY_STAC = ("stac_version", "assets", "links", "collection", "datetime")


@dataclass(frozen=True, slots=True)
class Source:
    """A GeoParquet file that is read.

    Parameters
    ----------
    path : Path
        Where it is.
    schema : pyarrow.Schema
        Its columns.
    collections : dict
        The Collections in its metadata, by id.
    is_own : bool
        Whether localcat wrote it.
    count : int
        How many rows it has.
    within : Path
        Below which folder files may be that its Items name: the one that the file is in, or around a folder of files.
    """

    path: Path
    schema: pyarrow.Schema
    collections: dict[str, Any]
    is_own: bool
    count: int
    within: Path

    def batches(self, columns: list[str] | None = None) -> Iterator[tuple[int, pyarrow.RecordBatch]]:
        """Yield some rows at a time, with the number of the first, from 0; with these columns alone, if given."""
        first = 0
        with _reading(self.path), pyarrow.parquet.ParquetFile(self.path) as file:
            for batch in file.iter_batches(_BATCH, columns=columns):
                batch.validate(full=True)
                yield first, batch
                first += batch.num_rows

    def found(self, batch: pyarrow.RecordBatch, first: int, positions: Iterable[int] | None = None) -> Iterator[Found]:
        """Yield the Items of a batch whose first row has a number, or of some of its rows."""
        with _reading(self.path):
            columns = {name: _readable(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
        for position in range(batch.num_rows) if positions is None else positions:
            where = f"{self.path.name}, row {first + position}"
            try:
                item = item_of({name: column[position].as_py() for name, column in columns.items()})
            except (
                ClientError,
                ValueError,
                TypeError,
                LookupError,
                OverflowError,
                AttributeError,
                RecursionError,
            ) as error:
                yield Found(where, None, error=ValidationError(f"{where} is not an Item: {error}"))
                continue
            problem = problem_of(item)
            why = None if problem is None else ValidationError(f"{where} {problem}")
            yield Found(where, item if problem is None else None, self.path.parent, why, id_of(item), self.within)


def sources_of(source: Any) -> list[Source]:
    """Return the files of Items that a path or several are: files, and folders with all that is below.

    Raises
    ------
    BadRequestError
        If there is none, or one is not GeoParquet of STAC Items.
    """
    paths = (
        [source] if isinstance(source, str | os.PathLike) else list(source) if isinstance(source, Iterable) else None
    )
    if paths is None or not all(isinstance(path, str | os.PathLike) for path in paths):
        raise BadRequestError(f"a GeoParquet source is a path, or a list of paths, not {source!r:.100}")
    found = []
    for path in map(Path, paths):
        if path.is_dir():
            with listing_errors(path):
                inside = sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES and one.is_file())
            if not inside:
                raise BadRequestError(f"there is no {SUFFIXES[0]} file in the folder '{path}'")
            found += [(one, path.absolute().parent) for one in inside]  # a folder of files stands for one file
        elif path.exists():
            found.append((path, path.parent))
        else:
            raise BadRequestError(f"there is no file or folder '{path}' to read GeoParquet from")
    return [opened(path, within) for path, within in found]


def opened(path: Path, within: Path) -> Source:
    """Return a file of Items, whose metadata was read.

    Raises
    ------
    BadRequestError
        If it is not GeoParquet of STAC Items.
    InvalidCRSError
        If its geometries have another CRS than longitude and latitude, or one that is not known.
    """
    with _reading(path), pyarrow.parquet.ParquetFile(path) as file:
        metadata, schema = file.metadata, file.schema_arrow
        said = metadata.metadata or {}
        for number in range(metadata.num_row_groups):
            size = metadata.row_group(number).total_byte_size
            if size > _LARGEST_ROW_GROUP:
                raise BadRequestError(
                    f"row group {number} of '{path}' has {size:,} bytes uncompressed, more than "
                    f"{_LARGEST_ROW_GROUP:,}; write it with smaller row groups"
                )
        if metadata.num_rows < 0 or len(schema.names) != len(set(schema.names)):
            raise BadRequestError(f"'{path}' has two columns of one name; leave one out")
    if not all(name in schema.names for name in _NEEDED) or not any(name in schema.names for name in _ONLY_STAC):
        raise BadRequestError(
            f"'{path}' has no columns of STAC Items (id, geometry, assets, …), but {', '.join(schema.names)[:200]}; "
            "add its rows as a table with add_images, whose columns are attributes"
        )
    geo = _object(said.get(GEO_KEY, b"{}"), path, "geo")
    geometry = (geo.get("columns") or {}).get("geometry") if isinstance(geo.get("columns"), dict) else None
    crs = geometry.get("crs") if isinstance(geometry, dict) else None
    if crs is not None and other_crs(crs) is not None:
        raise BadRequestError(f"the geometries of '{path}' are not in longitude and latitude, as those of Items are")
    return Source(path, schema, _collections(said, path), OWN_KEY in said, metadata.num_rows, within)


def _collections(said: Mapping[bytes, bytes], path: Path) -> dict[str, Any]:
    """Return the Collections of a file's metadata; older files have one, by itself."""
    stac = _object(said.get(STAC_KEY, b"{}"), path, "stac-geoparquet")
    several, one = stac.get("collections"), stac.get("collection")
    candidates = [
        *(several.values() if isinstance(several, dict) else several if isinstance(several, list) else ()),
        one,
    ]
    return {
        document["id"]: document for document in candidates if document is not None and problem_of(document) is None
    }


def _object(text: bytes, path: Path, key: str) -> dict[str, Any]:
    try:
        found = loads(text)
    except ValueError as error:
        raise BadRequestError(f"the metadata '{key}' of '{path}' is not JSON: {error}") from error
    return found if isinstance(found, dict) else {}


def _readable(column: pyarrow.Array) -> pyarrow.Array:
    """Return a column whose values Python has, too: times in microseconds."""
    kind = column.type
    if isinstance(kind, pyarrow.BaseExtensionType):
        return _readable(column.storage)
    return column.cast(_TIME, safe=False) if pyarrow.types.is_timestamp(kind) else column


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what reading a file raises into ours."""
    try:
        yield
    except ClientError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError, MemoryError, UnicodeDecodeError) as error:
        raise BadRequestError(f"'{path}' cannot be read as Parquet: {error}") from error
