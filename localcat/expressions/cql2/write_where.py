"""A tree as people write a filter in the shell: CQL2 text with the names and units of localcat's own attributes.

`to_cql2_text` writes for other programs, under STAC's names: a fraction as a percentage, an id as collection and id.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import assert_never

from localcat.errors import BadRequestError
from localcat.expressions import nodes
from localcat.expressions.cql2.item_names import ID, OWN, TAKEN, split_id
from localcat.expressions.cql2.read_json import RELATIONS, escape
from localcat.expressions.cql2.write_text import name_text, string_text, to_cql2_text
from localcat.expressions.names import write_name
from localcat.expressions.nodes import Node, Ref
from localcat.expressions.python_text import to_python
from localcat.timestamps import from_microseconds, to_microseconds


def to_where(node: Node) -> str:
    """Return a condition as a filter in the shell; as Python code where CQL2 has no form for it."""
    try:
        return _written(node)
    except BadRequestError:
        return to_python(node)


def _written(node: Node) -> str:
    match node:
        case nodes.Comparison(ref, op, value):
            return f"{_name(ref, value)} {op.value} {_literal(ref, value)}"
        case nodes.AnyOf(ref, values) if values:
            return f"{_name(ref, *values)} IN ({', '.join(_literal(ref, value) for value in values)})"
        case nodes.IsNull(ref):
            return f"{_name(ref)} IS NULL"
        case nodes.IsNotNull(ref):
            return f"{_name(ref)} IS NOT NULL"
        case nodes.Like(ref, pattern, False, True):
            return f"{_name(ref)} LIKE {string_text(pattern)}"
        case nodes.Prefix(ref, prefix):
            return f"{_name(ref)} LIKE {string_text(escape(prefix) + '%')}"
        case nodes.Spatial(ref, relation, area, metres):
            from localcat.earth.wkt import as_text  # brings shapely

            function = next((name for name, known in RELATIONS.items() if known is relation), None)
            if function is None:
                raise BadRequestError(f"{relation} has no CQL2 form")
            distance = "" if metres is None else f", {metres:g}, 'm'"
            return f"{function.upper()}({_name(ref)}, {as_text(area)}{distance})"
        case nodes.And(parts):
            return " AND ".join(map(_operand, parts))
        case nodes.Or(parts):
            return " OR ".join(map(_operand, parts))
        case nodes.Not(part):
            return f"NOT ({_written(part)})"
        case nodes.AnyOf() | nodes.Like() | nodes.ListTest() | nodes.TermTest() | nodes.Constant():
            return to_cql2_text(node)
        case _:
            assert_never(node)


def _operand(node: Node) -> str:
    return f"({_written(node)})" if isinstance(node, nodes.And | nodes.Or) else _written(node)


def _name(ref: Ref, *values: object) -> str:
    """Return the name of what compares with values; marked as ours where STAC has another meaning for it."""
    name = write_name(ref)
    is_full_id = ref == ID and values and all(split_id(value) is not None for value in values)
    return name_text(f"{OWN}{name}" if name in TAKEN and not is_full_id else name)


def _literal(ref: Ref, value: object) -> str:
    if isinstance(value, datetime) or type(value).__name__ == "datetime64":
        moment = from_microseconds(to_microseconds(value)).astimezone(UTC)
        text = moment.isoformat().replace("+00:00", "Z") if moment.time() != time() else moment.date().isoformat()
        if not ref.keys:
            return f"'{text}'"
        return f"{'DATE' if moment.time() == time() else 'TIMESTAMP'}('{text}')"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, date):
        return f"DATE('{value.isoformat()}')"
    if isinstance(value, str):
        return string_text(value)
    if isinstance(value, int | float):
        return repr(value)
    raise BadRequestError(f"{value!r} has no CQL2 form")
