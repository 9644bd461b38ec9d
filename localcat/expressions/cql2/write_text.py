"""CQL2 JSON as CQL2 text (OGC 21-065r2, annex B).

Names that are no plain identifiers, or are keywords, stand in double quotes, and a double quote in one is doubled. A
quote in a text is doubled; a backslash before a quote also escapes it, and the standard has no way to write a backslash
that means itself there, so a text that ends in one, or has one before a quote, is refused.
"""

from __future__ import annotations

import re
from typing import Any

from localcat.errors import BadRequestError
from localcat.expressions.cql2.tokens import KEYWORDS
from localcat.expressions.cql2.write_json import to_cql2_json
from localcat.expressions.names import Json, brief
from localcat.expressions.nodes import Constant, Node
from localcat.expressions.terms import ARITHMETIC

_PLAIN_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:.]*")
_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")


def to_cql2_text(node: Node) -> str:
    """Return a tree as CQL2 text; it raises what `to_cql2_json` does."""
    return str(node.value).upper() if isinstance(node, Constant) else _condition(to_cql2_json(node))


def _condition(part: Any) -> str:
    if isinstance(part, bool):
        return str(part).upper()
    op, args = part["op"], part["args"]
    if op in ("and", "or"):
        return f" {op.upper()} ".join([_operand_of(op, arg) for arg in args])
    if op == "not":
        (inner,) = args
        if isinstance(inner, dict) and inner["op"] == "isNull":
            return f"{_value(inner['args'][0])} IS NOT NULL"
        return f"NOT ({_condition(inner)})"
    if op == "isNull":
        return f"{_value(args[0])} IS NULL"
    if op in _COMPARISONS or op == "like":
        return f"{_value(args[0])} {op.upper()} {_value(args[1])}"
    if op == "in":
        return f"{_value(args[0])} IN {_value(args[1])}"
    return f"{op.upper()}({', '.join(map(_value, args))})"


def _operand_of(op: str, part: Any) -> str:
    is_joined = isinstance(part, dict) and part["op"] in ("and", "or")
    return f"({_condition(part)})" if is_joined else _condition(part)


def _value(part: Any) -> str:
    if isinstance(part, bool):
        return str(part).upper()
    if isinstance(part, str):
        return string_text(part)
    if isinstance(part, int | float):
        return repr(part)
    if isinstance(part, list):
        return f"({', '.join(map(_value, part))})"
    if "property" in part:
        return name_text(part["property"])
    if "timestamp" in part or "date" in part:
        ((kind, text),) = part.items()
        return f"{kind.upper()}('{text}')"
    if "op" in part:
        op, args = part["op"], part["args"]
        if op in ARITHMETIC:
            return f"({_value(args[0])} {op.upper()} {_value(args[1])})"
        return f"{op.upper()}({', '.join(map(_value, args))})"
    return _geometry(part)


def _geometry(part: dict[str, Json]) -> str:
    import shapely.geometry  # other conditions do not need it

    from localcat.earth.wkt import as_text

    return as_text(shapely.geometry.shape(part))


def name_text(name: str) -> str:
    """Return a name, in double quotes unless it is a plain one."""
    if _PLAIN_NAME.fullmatch(name) and name.upper() not in KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def string_text(text: str) -> str:
    """Return a string in its quotes; it raises what `to_cql2_text` does."""
    if text.endswith("\\") or "\\'" in text:
        raise BadRequestError(
            f"the text {brief(text)} has no form in CQL2 text, which takes a backslash before a quote for an escape; "
            "its JSON form has no such limit"
        )
    return "'" + text.replace("'", "''") + "'"
