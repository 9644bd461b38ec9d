"""JSON documents in files, one a file or one a line: bounded, strict, and refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from localcat.errors import BadRequestError, ClientError, ValidationError
from localcat.json_text import loads

LINES: Final = (".ndjson", ".jsonl", ".geojsonl", ".geojsons")
"""The suffixes of files with one document a line."""

_LARGEST: Final = 256 * 2**20  # bytes of a file; an ItemCollection of 10,000 Items has some 100 MB
_LONGEST_LINE: Final = 16 * 2**20  # bytes


def json_of(path: Path) -> Any:
    """Return the JSON value in a file.

    Raises
    ------
    BadRequestError
        If the file cannot be read, is too large, or is not JSON.
    """
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise BadRequestError(
                f"'{path}' has {size:,} bytes; at most {_LARGEST:,} are read at once. Write its objects line by line"
            )
        return loads(path.read_bytes())
    except OSError as error:
        raise BadRequestError(f"'{path}' cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        if isinstance(error, ClientError):
            raise
        raise BadRequestError(f"'{path}' is not JSON: {error}") from error


def lines_of(path: Path) -> Iterator[tuple[str, Any, ClientError | None]]:
    """Yield the JSON values of a file with one a line: what to call the line, its value, or why it has none.

    Raises
    ------
    BadRequestError
        If the file cannot be read, or a line is so long that it is another kind of file.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE + 1), b""), start=1):
                where = f"{path.name}, line {number}"
                if len(line) > _LONGEST_LINE:
                    raise BadRequestError(
                        f"{where} is longer than {_LONGEST_LINE:,} bytes; it is not a list of documents"
                    )
                text = line.strip(b" \t\r\n\x1e")  # some write the record separator of RFC 8142
                if not text:
                    continue
                try:
                    yield where, loads(text), None
                except ValueError as error:
                    yield where, None, ValidationError(f"{where} is not JSON: {error}")
    except OSError as error:
        raise BadRequestError(f"'{path}' cannot be read: {error.strerror or error}") from error
