"""A tree as CQL2 in JSON, and back: OGC 21-065r2, Common Query Language.

What is written is read back as the same expression, but for these, which come back with the same meaning:

- ``p.x.prefix("a")`` is written as ``like`` with an escaped pattern, and read as ``p.x.like("a%")``;
- ``~p.x.isnull`` is written as ``p.x.isnotnull`` is, and read as that;
- a datetime comes back in UTC; one without a zone means UTC.

``ilike`` is ``like`` under ``casei`` on both sides, which the standard defines by Unicode's full case folding, as here.
An attribute that holds a list is written like any other, for an expression does not know which those are; the array
operators ``a_contains`` and ``a_overlaps`` are read, as ``==`` on each element and as ``any_of``. What has no form on
the other side is refused by name: the empty ``any_of``, mappings as values, ``covered_by`` and ``within_distance`` in
writing; the other spatial operators, temporal ones, arithmetic, functions and constant conditions in reading. Names are
those of `names`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import assert_never

from localcat.errors import BadRequestError
from localcat.expressions import conditions, nodes
from localcat.expressions.names import brief, read_name, write_name
from localcat.expressions.nodes import Node, Op, Ref, Relation, all_of, check_size, one_of
from localcat.expressions.serialize import MAX_NESTING, Json
from localcat.timestamps import from_microseconds, to_microseconds

_OPS = {op.value: op for op in Op}

_RELATIONS = {
    "s_intersects": Relation.INTERSECTS,
    "s_within": Relation.WITHIN,
    "s_contains": Relation.CONTAINS,
    "s_disjoint": Relation.DISJOINT,
}
_TURNED = {Relation.WITHIN: Relation.CONTAINS, Relation.CONTAINS: Relation.WITHIN}  # with the operands exchanged

# Operators of the standard that a filter here cannot say, by what they are.
_SPATIAL = "s_crosses s_equals s_overlaps s_touches"
_TEMPORAL = (
    "t_after t_before t_contains t_disjoint t_during t_equals t_finishedBy t_finishes t_intersects t_meets t_metBy "
    "t_overlappedBy t_overlaps t_startedBy t_starts"
)
_LACKING = {
    **{op.lower(): "spatial operator" for op in _SPATIAL.split()},
    **{op.lower(): "temporal operator" for op in _TEMPORAL.split()},
    **{op.lower(): "array operator" for op in ("a_equals", "a_containedBy")},
    **dict.fromkeys(("+", "-", "*", "/", "^", "%", "div"), "arithmetic operator"),
    **dict.fromkeys(("accenti", "casei"), "function"),
}

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def escape(text: str) -> str:
    """Return the pattern that matches exactly one string."""
    return re.sub(r"([%_\\])", r"\\\1", text)


def to_cql2_json(node: Node) -> dict[str, Json]:
    """Return a tree as CQL2 JSON.

    Raises
    ------
    BadRequestError
        If a part of it has no CQL2 form.
    """
    check_size(node)
    return _write(node)


def _write(node: Node) -> dict[str, Json]:
    match node:
        case nodes.Comparison(ref, op, value):
            return _call(op.value, _property(ref), _literal(ref, value))
        case nodes.AnyOf(ref, ()):
            raise no_empty_any_of(ref)
        case nodes.AnyOf(ref, values):
            return _call("in", _property(ref), [_literal(ref, value) for value in values])
        case nodes.IsNull(ref):
            return _call("isNull", _property(ref))
        case nodes.IsNotNull(ref):
            return _call("not", _call("isNull", _property(ref)))
        case nodes.Like(ref, pattern, True):
            return _call("like", _call("casei", _property(ref)), _call("casei", pattern))
        case nodes.Like(ref, pattern, _):
            return _call("like", _property(ref), pattern)
        case nodes.Prefix(ref, prefix):
            return _call("like", _property(ref), escape(prefix) + "%")
        case nodes.Spatial(ref, relation, area):
            from localcat.earth.wkt import as_geojson  # brings shapely, which other conditions do not need

            return _call(spatial_operator(ref, relation), _property(ref), as_geojson(area))
        case nodes.And(parts):
            return _call("and", *(_write(part) for part in parts))
        case nodes.Or(parts):
            return _call("or", *(_write(part) for part in parts))
        case nodes.Not(part):
            return _call("not", _write(part))
        case _:
            assert_never(node)


def _call(op: str, *args: Json) -> dict[str, Json]:
    return {"op": op, "args": list(args)}


def _property(ref: Ref) -> Json:
    return {"property": write_name(ref)}


def _literal(ref: Ref, value: object) -> Json:
    value = literal_value(ref, value)
    if isinstance(value, datetime):
        return {"timestamp": timestamp_text(value)}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    return value


def literal_value(ref: Ref, value: object) -> str | int | float | date:
    """Return a value that CQL2 can write: text, number, truth value, date, or datetime in UTC."""
    if isinstance(value, datetime) or type(value).__name__ == "datetime64":
        return from_microseconds(to_microseconds(value))
    if isinstance(value, str | int | date) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise BadRequestError(f"the value {brief(value)} that {ref} compares with has no CQL2 form")


def timestamp_text(moment: datetime) -> str:
    """Return an aware datetime as the standard writes it, in UTC with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def spatial_operator(ref: Ref, relation: Relation) -> str:
    """Return the standard's name of a spatial condition; raise `BadRequestError` if it has none."""
    name = next((name for name, known in _RELATIONS.items() if known is relation), None)
    if name is None:
        raise BadRequestError(f"{ref}.{relation} has no CQL2 form: the standard has no such operator")
    return name


def no_empty_any_of(ref: Ref) -> BadRequestError:
    """Return the error for an `any_of` without values."""
    return BadRequestError(f"{ref}.any_of([]) has no CQL2 form: its lists are not empty")


# Reading


def from_cql2_json(source: object) -> Node:
    """Return the tree that a CQL2 filter stands for.

    Parameters
    ----------
    source : dict
        CQL2 as decoded JSON.

    Raises
    ------
    BadRequestError
        If it is not CQL2, or uses an operator that filters here lack; the message names it.
    """
    node = _read(source, MAX_NESTING)
    check_size(node)
    return node


def _read(part: object, levels: int) -> Node:
    if not levels:
        raise BadRequestError(f"the CQL2 filter is nested more than {MAX_NESTING} levels deep")
    if isinstance(part, bool):
        raise BadRequestError(f"the constant condition {str(part).lower()} has no form here; leave it out")
    op, args = _operation(part)
    match op:
        case "and" | "or":
            if not args:
                raise BadRequestError(f"the CQL2 operator {op!r} joins one condition or more")
            parts = []
            for arg in args:  # a loop, as a comprehension would double the frames of each level
                parts.append(_read(arg, levels - 1))  # noqa: PERF401  # for the frames
            return all_of(*parts) if op == "and" else one_of(*parts)
        case "not":
            (arg,) = _take(1, op, args)
            inner = _read(arg, levels - 1)
            return nodes.IsNotNull(inner.ref) if isinstance(inner, nodes.IsNull) else nodes.Not(inner)
        case "isNull":
            (operand,) = _take(1, op, args)
            return conditions.is_null(_read_property(operand, op))
        case "=" | "<>" | "<" | "<=" | ">" | ">=":
            return _read_comparison(_OPS[op], *_take(2, op, args))
        case "between":
            operand, low, high = _take(3, op, args)
            ref = _read_property(operand, op)
            bounds = ((Op.GE, low), (Op.LE, high))
            return all_of(*(conditions.compare(ref, bound, _read_literal(value)) for bound, value in bounds))
        case "in":
            operand, values = _take(2, op, args)
            return _read_in(operand, _read_list(op, values))
        case "like":
            return _read_like(*_take(2, op, args))
        case _ if op in _RELATIONS:
            return _read_spatial(_RELATIONS[op], *_take(2, op, args))
        case "a_contains" | "a_overlaps":
            operand, values = _take(2, op, args)
            ref, elements = _read_property(operand, op), [_read_literal(value) for value in _read_list(op, values)]
            if op == "a_overlaps":
                return conditions.any_of(ref, elements)
            return all_of(*(conditions.compare(ref, Op.EQ, element) for element in elements))
        case _:
            raise lacking(op)


def _read_spatial(relation: Relation, left: object, right: object) -> Node:
    if _is_property(right):
        left, right, relation = right, left, _TURNED.get(relation, relation)
    ref = _read_property(left, f"s_{relation}")
    if isinstance(right, Mapping) and set(right) == {"bbox"}:
        return conditions.spatial(ref, relation, right["bbox"])
    if isinstance(right, Mapping) and ("coordinates" in right or "geometries" in right):
        return conditions.spatial(ref, relation, right)
    raise BadRequestError(f"{brief(right)} is not a geometry; it should be GeoJSON, or an object with 'bbox'")


def lacking(op: str) -> BadRequestError:
    """Return the error for an operator or function that cannot be read where it stands."""
    what = _LACKING.get(op.lower())
    if what is None:
        return BadRequestError(f"the CQL2 operator or function {brief(op)} is not known")
    return BadRequestError(f"the CQL2 {what} {op!r} has no form in a filter here")


def _operation(part: object) -> tuple[str, Sequence[object]]:
    if not isinstance(part, Mapping) or set(part) != {"op", "args"}:
        raise BadRequestError(f"{brief(part)} is not a CQL2 condition; it should be an object with 'op' and 'args'")
    op, args = part["op"], part["args"]
    if not isinstance(op, str) or not isinstance(args, list | tuple):
        raise BadRequestError(f"'op' should be a string and 'args' a list in the CQL2 condition {brief(part)}")
    return op, args


def _take(count: int, op: str, args: Sequence[object]) -> Sequence[object]:
    if len(args) != count:
        raise BadRequestError(f"the CQL2 operator {op!r} takes {count} arguments, not {len(args)}")
    return args


def _read_comparison(op: Op, left: object, right: object) -> Node:
    if _is_casei(left) or _is_casei(right):
        return _read_folded(op, left, right)
    if _is_property(right):
        left, right, op = right, left, op.mirrored
    if _is_property(right):
        raise BadRequestError(f"{brief(left)} and {brief(right)} are two properties; one compares with a value here")
    return conditions.compare(_read_property(left, op.value), op, _read_literal(right))


def _read_folded(op: Op, left: object, right: object) -> Node:
    """Read an equality under ``casei`` as a pattern without wildcards."""
    if op.is_range:
        raise BadRequestError(f"the CQL2 function 'casei' goes with =, <>, in and like here, not with {op.value!r}")
    ref, text = _read_folded_pair(left, right)
    equal = conditions.like(ref, escape(text), fold=True)
    return equal if op is Op.EQ else nodes.Not(equal)


def _read_in(operand: object, values: Sequence[object]) -> Node:
    if _is_casei(operand):
        return one_of(*(_read_folded(Op.EQ, operand, value) for value in values))
    return conditions.any_of(_read_property(operand, "in"), [_read_literal(value) for value in values])


def _read_like(operand: object, pattern: object) -> Node:
    if _is_casei(operand) or _is_casei(pattern):
        ref, text = _read_folded_pair(operand, pattern)
        return conditions.like(ref, text, fold=True)
    return conditions.like(_read_property(operand, "like"), _read_literal(pattern), fold=False)


def _read_folded_pair(operand: object, value: object) -> tuple[Ref, str]:
    """Return what ``casei`` stands around on both sides; a text that folds to itself may stand without it."""
    bare = _under_casei(value)
    if not _is_casei(operand) or not isinstance(bare, str) or not (_is_casei(value) or bare.casefold() == bare):
        raise BadRequestError(
            f"'casei' should stand around the property and around the text, not around one of "
            f"{brief(operand)} and {brief(value)}"
        )
    return _read_property(_under_casei(operand), "casei"), bare


def _is_casei(operand: object) -> bool:
    return isinstance(operand, Mapping) and operand.get("op") == "casei"


def _under_casei(operand: object) -> object:
    return _take(1, "casei", _operation(operand)[1])[0] if _is_casei(operand) else operand


def _is_property(operand: object) -> bool:
    return isinstance(operand, Mapping) and "property" in operand


def _read_property(operand: object, op: str) -> Ref:
    if isinstance(operand, Mapping) and set(operand) == {"property"}:
        return read_name(operand["property"])
    if isinstance(operand, Mapping) and "op" in operand:
        raise lacking(_operation(operand)[0])
    raise BadRequestError(f"the CQL2 operator {op!r} is about a property, not about {brief(operand)}")


def _read_list(op: str, values: object) -> Sequence[object]:
    if not isinstance(values, list | tuple) or not values:
        raise BadRequestError(f"the CQL2 operator {op!r} takes a list of one value or more, not {brief(values)}")
    return values


def _read_literal(value: object) -> object:
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        if "op" in value:
            raise lacking(_operation(value)[0])
        if "interval" in value or "bbox" in value or "coordinates" in value or "geometries" in value:
            kind = "interval" if "interval" in value else "geometry"
            raise BadRequestError(f"the CQL2 {kind} {brief(value)} has no form in a filter here")
        if set(value) == {"date"}:
            return _read_date(value["date"])
        if set(value) == {"timestamp"}:
            return _read_timestamp(value["timestamp"])
    raise BadRequestError(f"{brief(value)} is not a CQL2 value; it should be text, a number, a truth value or a date")


def _read_date(text: object) -> date:
    try:
        if isinstance(text, str) and _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError as error:
        raise BadRequestError(f"{brief(text)} is not a date: {error}") from error
    raise BadRequestError(f"{brief(text)} is not a date, as in '2020-01-31'")


def _read_timestamp(text: object) -> datetime:
    if isinstance(text, str) and _TIMESTAMP.fullmatch(text):
        return from_microseconds(to_microseconds(text))
    raise BadRequestError(f"{brief(text)} is not a timestamp in UTC, as in '2020-01-31T10:00:00Z'")
