"""How a reference is written as one name in JSON and in CQL2.

An attribute is its name; a calendar part follows a dot (``acquired.month``), and so does a key inside a mapping
(``extra_properties.sensor``). A key that could be taken for something else stands as a JSON string in brackets:
``extra_properties["month"]``. After the first dot everything is the key, dots included. Keys of several levels stand in
brackets each: ``extra_properties["a"]["b"]``.
"""

from __future__ import annotations

import json
import re
from reprlib import Repr
from typing import TypeAlias

from localcat.errors import BadRequestError
from localcat.expressions.nodes import Part, Ref

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

MAX_NESTING = 100  # levels of a JSON filter as written; runs of one operator are flattened only when read

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_:.]*")
_NAME = re.compile(r"(?P<attribute>[^\W\d_]\w*)(?:\.(?P<dotted>.+)|(?P<quoted>\[\".*\"\]))?", re.DOTALL)

_DECODER = json.JSONDecoder()

_brief = Repr()
_brief.maxlevel = 3
_brief.maxstring = _brief.maxother = 80


def brief(value: object) -> str:
    """Return a value as an error message shows it: short, however large or deep it is."""
    return _brief.repr(value)


def write_name(ref: Ref) -> str:
    """Return the name of a reference."""
    if ref.part is not None:
        return f"{ref.attribute}.{ref.part}"
    if len(ref.keys) == 1 and _PLAIN_KEY.fullmatch(ref.keys[0]) and ref.keys[0] not in set(Part):
        return f"{ref.attribute}.{ref.keys[0]}"
    return ref.attribute + "".join([f"[{json.dumps(key, ensure_ascii=False)}]" for key in ref.keys])


def read_name(name: object) -> Ref:
    """Return the reference that a name stands for.

    Raises
    ------
    BadRequestError
        If it cannot be the name of an attribute, a part or a key.
    """
    match = _NAME.fullmatch(name) if isinstance(name, str) else None
    if match is None or not match["attribute"].isidentifier():
        raise BadRequestError(f"{brief(name)} is not the name of an attribute, as in 'name' or 'extra_properties.key'")
    dotted, quoted = match["dotted"], match["quoted"]
    if dotted is not None:
        if dotted in set(Part):
            return Ref(match["attribute"], part=Part(dotted))
        return Ref(match["attribute"], (_checked_key(dotted),))
    return Ref(match["attribute"], () if quoted is None else _quoted_keys(quoted, name))


def _quoted_keys(text: str, name: object) -> tuple[str, ...]:
    """Return the keys of ``["a"]["b"]``."""
    keys, position = [], 0
    while position < len(text):
        try:
            key, end = _DECODER.raw_decode(text, position + 1)
        except (ValueError, RecursionError):
            key, end = None, position
        if text[position] != "[" or not isinstance(key, str) or text[end : end + 1] != "]":
            raise BadRequestError(f'the key in {brief(name)} is not a JSON string in brackets, as in \'["a"]["b"]\'')
        keys.append(_checked_key(key))
        position = end + 1
    return tuple(keys)


def _checked_key(key: str) -> str:
    try:
        key.encode()
    except UnicodeEncodeError:
        raise BadRequestError(f"the key {key!r} holds half a surrogate pair") from None
    return key
