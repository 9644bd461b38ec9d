"""Strict JSON, which every decoder reads in the same way; and damaged JSON, read as SQLite reads it."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

_MOST_LEVELS: Final = 500  # of lists and objects; how many a decoder can take depends on the Python and on its caller
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)


def loads(text: str | bytes) -> Any:
    """Decode JSON text.

    Raises
    ------
    ValueError
        If the text is not JSON. Also if a key occurs twice (SQLite takes the first, Python the last), for NaN and
        Infinity (which are not JSON), and if it is nested too deep to be decoded everywhere.
    """
    if not isinstance(text, str | bytes):  # as in a damaged file
        raise ValueError(f"it is no text, but {text!r:.40}")  # noqa: TRY004  # as for all else that is no JSON
    decoded = text if isinstance(text, str) else text.decode(json.detect_encoding(text), "surrogatepass")
    return _decoded(decoded, _DECODER)


def first_of_keys(text: str) -> Any:
    """Decode JSON text as SQLite does: if a key occurs twice, its first value counts.

    Raises
    ------
    ValueError
        If the text is not JSON, or is nested too deep.
    """
    return _decoded(text, _LENIENT_DECODER)


def _decoded(text: str, decoder: json.JSONDecoder) -> Any:
    try:
        if text.count("[") + text.count("{") <= _MOST_LEVELS or _levels(text) <= _MOST_LEVELS:
            return decoder.decode(text)
    except RecursionError:  # of a caller that is deep in calls itself
        pass
    raise ValueError(f"it is nested too deep, more than {_MOST_LEVELS} levels")


def _levels(text: str) -> int:
    deepest = level = 0
    for found in _BRACKETS.finditer(text):
        level += (found[0] in "[{") - (found[0] in "]}")
        deepest = max(deepest, level)
    return deepest


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r:.100} is there twice")
    return found


def _first_of_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        found.setdefault(key, value)
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_mapping, parse_constant=_refuse_constant)
_LENIENT_DECODER = json.JSONDecoder(object_pairs_hook=_first_of_keys, parse_constant=_refuse_constant)
