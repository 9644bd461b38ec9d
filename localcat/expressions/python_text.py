"""A tree as the Python code that makes it: what an expression shows as its repr."""

from __future__ import annotations

from typing import assert_never

from localcat.errors import BadRequestError
from localcat.expressions import nodes
from localcat.expressions.nodes import Node, Op

_PYTHON = {Op.EQ: "==", Op.NE: "!="}
_LONGEST = 90  # characters of a condition that is shown on a line with others


def to_python(node: Node) -> str:
    """Return the code that makes an expression, given ``properties as p``, `Expression` and ``import datetime``."""
    match node:
        case nodes.Comparison(ref, op, value):
            return f"p.{ref} {_PYTHON.get(op, op.value)} {value!r}"
        case nodes.AnyOf(ref, values):
            return f"p.{ref}.any_of({list(values)!r})"
        case nodes.IsNull(ref):
            return f"p.{ref}.isnull"
        case nodes.IsNotNull(ref):
            return f"p.{ref}.isnotnull"
        case nodes.Like(ref, pattern, fold, True):
            return f"p.{ref}.{'ilike' if fold else 'like'}({pattern!r})"
        case nodes.Prefix(ref, prefix):
            return f"p.{ref}.prefix({prefix!r})"
        case nodes.Spatial(ref, relation, area, metres):
            # Brings shapely, which conditions without a place do not need.
            from localcat.earth.wkt import as_text

            return f"p.{ref}.{relation}({as_text(area)!r}{'' if metres is None else f', {metres!r}'})"
        case nodes.And(parts):
            return " & ".join(map(_operand_text, parts))
        case nodes.Or(parts):
            return " | ".join(map(_operand_text, parts))
        case nodes.Not(part):
            return f"~{_operand_text(part)}"
        case nodes.Like() | nodes.ListTest() | nodes.TermTest() | nodes.Constant():
            return f"Expression.from_cql2({_cql2(node)!r})"
        case _:
            assert_never(node)


def _cql2(node: Node) -> object:
    """Return CQL2 text, or JSON where text has no form."""
    from localcat.expressions.cql2.write_json import to_cql2_json  # few filters need it
    from localcat.expressions.cql2.write_text import to_cql2_text

    try:
        return to_cql2_text(node)
    except BadRequestError:  # a backslash before a quote
        return to_cql2_json(node)


def shortened(node: Node) -> str:
    """Return the code, or its beginning where it is long."""
    text = to_python(node)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _operand_text(node: Node) -> str:
    return f"({to_python(node)})" if isinstance(node, nodes.Comparison | nodes.And | nodes.Or) else to_python(node)
