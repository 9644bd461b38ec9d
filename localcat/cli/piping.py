"""What comes through a pipe: ids and records, as other commands and programs write them."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from localcat.errors import BadRequestError

PIPE = "-"


def text_of_pipe() -> str:
    """Return all that comes through the pipe."""
    return sys.stdin.buffer.read().decode("utf-8-sig", "surrogateescape")


def ids_of(words: Iterable[str]) -> tuple[str, ...]:
    """Return the ids that were named, each once; ``-`` stands for those of the pipe."""
    return tuple(dict.fromkeys(uid for word in words for uid in (_piped_ids() if word == PIPE else (word,))))


def _piped_ids() -> Iterator[str]:
    text = text_of_pipe()
    for record in records_of(text):
        uid = record.get("id")
        if not isinstance(uid, str):
            raise BadRequestError(f"what comes through the pipe has no 'id': {str(record)[:100]}")
        yield uid


def records_of(text: str) -> list[dict[str, Any]]:
    """Return the records of a text: JSON, one JSON object a line, GeoJSON, CSV or TSV with a header, or ids alone.

    Raises
    ------
    BadRequestError
        If it is none of these.
    """
    start = text.lstrip()[:1]
    if start in ("[", "{"):
        return [_as_record(entry) for entry in _json_of(text)]
    first = text.partition("\n")[0]
    separator = next((mark for mark in "\t," if mark in first), None)
    if separator is None and first.strip() != "id":
        return [{"id": line.strip()} for line in text.splitlines() if line.strip()]
    return list(csv.DictReader(io.StringIO(text), delimiter=separator or ","))


def _json_of(text: str) -> list[Any]:
    from localcat.json_text import loads  # not needed for ids

    try:
        found = loads(text)
    except ValueError as error:
        try:
            return [loads(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            raise BadRequestError(f"what comes through the pipe is not JSON: {error}") from error
    if isinstance(found, dict) and isinstance(found.get("features"), list):
        return list(found["features"])
    return found if isinstance(found, list) else [found]


def _as_record(entry: Any) -> dict[str, Any]:
    if isinstance(entry, str):
        return {"id": entry}
    if not isinstance(entry, dict):
        raise BadRequestError(f"what comes through the pipe is not a record: {json.dumps(entry)[:100]}")
    return entry
