"""A tree as JSON, in the two forms that the original client has, and back.

======================  =========================================  ====================================================
condition               nested form, `to_nested`                   item form, `to_items`
======================  =========================================  ====================================================
``p.x == 1``            ``{"eq": {"x": 1}}``                       ``{"op": "eq", "name": "x", "val": 1}``
``p.x != 1``            ``{"ne": {"x": 1}}``                       ``{"op": "ne", "name": "x", "val": 1}``
``p.x > 1``             ``{"range": {"x": {"gt": 1}}}``            ``{"op": "gt", "name": "x", "val": 1}``
``1 < p.x <= 5``        ``{"range": {"x": {"gt": 1, "lte": 5}}}``  two items in ``{"and": [...]}``
``p.x.prefix("a")``     ``{"prefix": {"x": "a"}}``                 ``{"op": "prefix", ...}``
``p.x.like("a%")``      ``{"like": {"x": "a%"}}``                  ``{"op": "like", ...}``
``p.x.ilike("a%")``     ``{"ilike": {"x": "a%"}}``                 ``{"op": "ilike", ...}``
``p.x.any_of([1, 2])``  ``{"any_of": {"x": [1, 2]}}``              ``{"op": "any_of", "name": "x", "val": [1, 2]}``
``p.x.isnull``          ``{"isnull": "x"}``                        ``{"op": "isnull", "name": "x"}``
``p.x.isnotnull``       ``{"isnotnull": "x"}``                     ``{"op": "isnotnull", "name": "x"}``
``a & b``               ``{"and": [a, b]}``                        ``{"and": [a, b]}``
``a | b``               ``{"or": [a, b]}``                         ``{"or": [a, b]}``
``~a``                  ``{"not": a}``                             ``{"not": a}``
======================  =========================================  ====================================================

A spatial condition has its geometry as GeoJSON: ``{"within": {"geometry": {...}}}``, and ``{"op": "within", "name":
"geometry", "val": {...}}``; that of ``within_distance`` is ``{"geometry": {...}, "metres": 500.0}``. What the original
has no form for (array operators, computed values, constants, patterns without accents, times inside a mapping) is
``{"cql2": ...}``, with CQL2 JSON inside.

`parse` reads both, mixed too, and a list as the AND of its items; an ``or`` of equalities, which is how the original
writes ``any_of``, is read as what it says. Names are those of `names`. Dates and datetimes are written as ISO 8601
text and read as text, which compares the same; all else comes back as it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import assert_never

from localcat import json_text
from localcat.errors import BadRequestError
from localcat.expressions import conditions, nodes
from localcat.expressions.names import MAX_NESTING, Json, brief, read_name, write_name
from localcat.expressions.nodes import Node, Op, Ref, Relation, all_of, check_size, one_of

_OP_NAMES = {Op.EQ: "eq", Op.NE: "ne", Op.LT: "lt", Op.LE: "lte", Op.GT: "gt", Op.GE: "gte"}
_OPS = {name: op for op, name in _OP_NAMES.items()}
_LOWER = (Op.GT, Op.GE)


def to_nested(node: Node) -> dict[str, Json]:
    """Return a tree in the nested form."""
    check_size(node)
    return _nested(node)


def _nested(node: Node) -> dict[str, Json]:
    if _needs_cql2(node):
        return {"cql2": to_cql2(node)}
    match node:
        case nodes.Comparison(ref, op, value) if op.is_range:
            return {"range": {write_name(ref): {_OP_NAMES[op]: _json_value(ref, value)}}}
        case nodes.Comparison(ref, op, value):
            return {_OP_NAMES[op]: {write_name(ref): _json_value(ref, value)}}
        case nodes.AnyOf(ref, values):
            return {"any_of": {write_name(ref): [_json_value(ref, value) for value in values]}}
        case nodes.IsNull(ref):
            return {"isnull": write_name(ref)}
        case nodes.IsNotNull(ref):
            return {"isnotnull": write_name(ref)}
        case nodes.Like(ref, pattern, fold, True):
            return {"ilike" if fold else "like": {write_name(ref): pattern}}
        case nodes.Prefix(ref, prefix):
            return {"prefix": {write_name(ref): prefix}}
        case nodes.Spatial(ref, relation):
            return {relation.value: {write_name(ref): _area_of(node)}}
        case nodes.And(parts):
            merged = _merged(parts)
            return merged[0] if len(merged) == 1 else {"and": [*merged]}
        case nodes.Or(parts):
            return {"or": [_nested(part) for part in parts]}
        case nodes.Not(part):
            return {"not": _nested(part)}
        case nodes.Like() | nodes.ListTest() | nodes.TermTest() | nodes.Constant():
            return {"cql2": to_cql2(node)}
        case _:
            assert_never(node)


def _merged(parts: Sequence[Node]) -> list[dict[str, Json]]:
    """Return the parts of an AND, with two neighbours that bound one attribute from both sides as one range."""
    found: list[dict[str, Json]] = []
    waiting = list(reversed(parts))
    while waiting:
        part = waiting.pop()
        if (
            isinstance(part, nodes.Comparison)
            and waiting
            and isinstance(other := waiting[-1], nodes.Comparison)
            and not (_needs_cql2(part) or _needs_cql2(other))
            and part.ref == other.ref
            and part.op.is_range
            and other.op.is_range
            and (part.op in _LOWER) != (other.op in _LOWER)
        ):
            waiting.pop()
            bounds: dict[str, Json] = {_OP_NAMES[one.op]: _json_value(one.ref, one.value) for one in (part, other)}
            found.append({"range": {write_name(part.ref): bounds}})
        else:
            found.append(_nested(part))
    return found


def to_items(node: Node) -> dict[str, Json]:
    """Return a tree in the item form."""
    check_size(node)
    return _items(node)


def _items(node: Node) -> dict[str, Json]:
    if _needs_cql2(node):
        return {"cql2": to_cql2(node)}
    match node:
        case nodes.Comparison(ref, op, value):
            return _item(_OP_NAMES[op], ref, _json_value(ref, value))
        case nodes.AnyOf(ref, values):
            return _item("any_of", ref, [_json_value(ref, value) for value in values])
        case nodes.IsNull(ref):
            return {"op": "isnull", "name": write_name(ref)}
        case nodes.IsNotNull(ref):
            return {"op": "isnotnull", "name": write_name(ref)}
        case nodes.Like(ref, pattern, fold, True):
            return _item("ilike" if fold else "like", ref, pattern)
        case nodes.Prefix(ref, prefix):
            return _item("prefix", ref, prefix)
        case nodes.Spatial(ref, relation):
            return _item(relation.value, ref, _area_of(node))
        case nodes.And(parts):
            return {"and": [_items(part) for part in parts]}
        case nodes.Or(parts):
            return {"or": [_items(part) for part in parts]}
        case nodes.Not(part):
            return {"not": _items(part)}
        case nodes.Like() | nodes.ListTest() | nodes.TermTest() | nodes.Constant():
            return {"cql2": to_cql2(node)}
        case _:
            assert_never(node)


def _needs_cql2(node: Node) -> bool:
    """Return whether a condition compares a value inside a mapping with a time; as text it would compare as text."""
    if not isinstance(node, nodes.Comparison | nodes.AnyOf) or not node.ref.keys:
        return False
    values = node.values if isinstance(node, nodes.AnyOf) else (node.value,)
    return any(isinstance(value, date) or type(value).__name__ == "datetime64" for value in values)


def to_cql2(node: Node) -> Json:
    """Return a condition as CQL2 JSON."""
    from localcat.expressions.cql2.write_json import to_cql2_json  # few filters need it

    return to_cql2_json(node)


def _item(op: str, ref: Ref, value: Json) -> dict[str, Json]:
    return {"op": op, "name": write_name(ref), "val": value}


def _area_of(node: nodes.Spatial) -> Json:
    # Brings shapely, which conditions without a place do not need.
    from localcat.earth.wkt import as_geojson

    area: Json = as_geojson(node.area)
    return area if node.metres is None else {"geometry": area, "metres": node.metres}


def _json_value(ref: Ref, value: object, levels: int = 3) -> Json:
    if isinstance(value, date) or type(value).__name__ == "datetime64":
        return value.isoformat() if isinstance(value, date) else str(value)
    if isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, Mapping) and levels and all(isinstance(key, str) for key in value):
        return {key: _json_value(ref, inner, levels - 1) for key, inner in value.items()}
    raise BadRequestError(f"the value {brief(value)} that {ref} compares with has no JSON form")


# Reading


def parse(source: object) -> Node:
    """Return the tree of a filter in either form; its argument and its errors are those of `Expression.parse`."""
    node = _parse(load_json(source) if isinstance(source, str | bytes) else source, MAX_NESTING)
    check_size(node)
    return node


def load_json(text: str | bytes) -> object:
    """Decode JSON text strictly: no NaN, no infinity, no key twice."""
    try:
        found: object = json_text.loads(text)
    except ValueError as error:
        raise BadRequestError(f"the filter {brief(text)} is not JSON: {error}") from error
    return found


def _parse(part: object, levels: int) -> Node:
    if not levels:
        raise BadRequestError(f"the filter is nested more than {MAX_NESTING} levels deep")
    if isinstance(part, list | tuple):
        return all_of(*_parts("a list of conditions", part, levels))
    if not isinstance(part, Mapping):
        raise BadRequestError(f"{brief(part)} is not a filter; it should be an object such as {{'eq': {{'name': 1}}}}")
    if "op" in part:
        return _parse_item(part)
    if len(part) != 1:
        raise BadRequestError(f"the condition {brief(part)} should have one key, its operator, and has {len(part)}")
    ((op, operand),) = part.items()
    match op:
        case "and":
            return all_of(*_parts("'and'", operand, levels))
        case "or":
            return one_of(*_parts("'or'", operand, levels))
        case "not":
            return nodes.Not(_parse(operand, levels - 1))
        case "cql2":
            from localcat.expressions.cql2.read_json import from_cql2_json  # few filters need it

            return from_cql2_json(operand)
        case "isnull" | "isnotnull":
            return _condition(op, operand, None, part)
        case "range":
            name, bounds = _only_entry(operand, part)
            if not isinstance(bounds, Mapping) or not bounds:
                raise BadRequestError(f"the range {brief(part)} should give bounds such as {{'gt': 1, 'lte': 5}}")
            if wrong := [key for key in bounds if key not in ("gt", "gte", "lt", "lte")]:
                raise BadRequestError(f"the range {brief(part)} has bounds gt, gte, lt or lte, not {brief(wrong[0])}")
            return all_of(*(_condition(bound, name, value, part) for bound, value in bounds.items()))
        case str() if op in _CONDITIONS:
            name, value = _only_entry(operand, part)
            return _condition(op, name, value, part)
        case _:
            raise BadRequestError(f"the operator {brief(op)} in {brief(part)} is not known")


def _parts(what: str, operand: object, levels: int) -> list[Node]:
    if not isinstance(operand, list | tuple) or not operand:
        raise BadRequestError(f"{what} joins a list of one condition or more, not {brief(operand)}")
    parts = []
    for part in operand:  # a loop, as a comprehension would double the frames of each level
        parts.append(_parse(part, levels - 1))  # noqa: PERF401  # see above
    return parts


def _only_entry(operand: object, part: object) -> tuple[object, object]:
    if not isinstance(operand, Mapping) or len(operand) != 1:
        raise BadRequestError(f"the condition {brief(part)} should name one attribute, as in {{'eq': {{'name': 1}}}}")
    ((name, value),) = operand.items()
    return name, value


def _parse_item(item: Mapping[object, object]) -> Node:
    op, needed = item["op"], {"op", "name", "val"}
    if op in ("isnull", "isnotnull") and item.get("val") is None:
        needed.discard("val")
    if not needed <= set(item) <= {"op", "name", "val"}:
        raise BadRequestError(f"the condition {brief(item)} should have the keys 'op', 'name' and 'val'")
    return _condition(op, item["name"], item.get("val"), item)


def _condition(op: object, name: object, value: object, part: object) -> Node:
    ref = read_name(name)
    make = _CONDITIONS.get(op) if isinstance(op, str) else None
    if make is None:
        raise BadRequestError(f"the operator {brief(op)} in {brief(part)} is not known")
    return make(ref, value)


def _comparison(op: Op) -> Callable[[Ref, object], Node]:
    return lambda ref, value: conditions.compare(ref, op, value)


def _any_of(ref: Ref, values: object) -> Node:
    if not isinstance(values, list | tuple):
        raise BadRequestError(f"any_of on {ref} takes a list of values, not {brief(values)}")
    return conditions.any_of(ref, values)


def _spatial(relation: Relation) -> Callable[[Ref, object], Node]:
    return lambda ref, geometry: conditions.spatial(ref, relation, geometry)


def _within_distance(ref: Ref, value: object) -> Node:
    if not isinstance(value, Mapping) or set(value) != {"geometry", "metres"}:
        raise BadRequestError(f"within_distance on {ref} takes a geometry and metres, not {brief(value)}")
    return conditions.spatial(ref, Relation.WITHIN_DISTANCE, value["geometry"], value["metres"])


_CONDITIONS: dict[str, Callable[[Ref, object], Node]] = {
    **{name: _comparison(op) for name, op in _OPS.items()},
    "any_of": _any_of,
    "isnull": lambda ref, value: conditions.is_null(ref),
    "isnotnull": lambda ref, value: conditions.is_not_null(ref),
    "like": lambda ref, value: conditions.like(ref, value, fold=False),
    "ilike": lambda ref, value: conditions.like(ref, value, fold=True),
    "prefix": conditions.prefix,
    **{relation.value: _spatial(relation) for relation in Relation},
    Relation.WITHIN_DISTANCE.value: _within_distance,
}
