"""JSON text, read strictly: every reader of it must find the same in it; of damaged text, what SQLite finds."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def loads(text: str | bytes) -> Any:
    """Decode JSON text.

    Raises
    ------
    ValueError
        If it is none; also where a key is there twice, of which SQLite takes the first and Python the last, and for
        NaN and Infinity, which are no JSON.
    """
    return _DECODER.decode(text if isinstance(text, str) else text.decode(json.detect_encoding(text), "surrogatepass"))


def first_of_keys(text: str) -> Any:
    """Decode JSON text as SQLite reads it: where a key is there twice, its first value counts.

    Raises
    ------
    ValueError
        If it is none.
    """
    return _LENIENT_DECODER.decode(text)


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r:.100} is there twice")
    return found


def _first_of_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        found.setdefault(key, value)
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_mapping, parse_constant=_refuse_constant)
_LENIENT_DECODER = json.JSONDecoder(object_pairs_hook=_first_of_keys, parse_constant=_refuse_constant)
