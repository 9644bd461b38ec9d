"""A tree as CQL2 in JSON (OGC 21-065r2), under the names of `item_names`.

What is written is read back as the same filter. Some come back in another form with the same meaning: a prefix as a
pattern, ``~p.x.isnull`` as ``p.x.isnotnull``, a datetime in UTC. Without a form are the empty `any_of`, mappings as
values, and ``covered_by``; they are refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import assert_never

from localcat.errors import BadRequestError
from localcat.expressions import nodes
from localcat.expressions.cql2.item_names import CLOUDS, ID, name_of, percentages, split_id
from localcat.expressions.cql2.read_json import LIST_RELATIONS, RELATIONS, escape
from localcat.expressions.fields import Moment
from localcat.expressions.names import Json, brief
from localcat.expressions.nodes import Fold, Node, Op, Ref, Term, check_size
from localcat.timestamps import from_microseconds, to_microseconds

_LIST_OPERATORS = {
    relation: {"a_containedby": "a_containedBy"}.get(name, name) for name, relation in LIST_RELATIONS.items()
}


def to_cql2_json(node: Node) -> dict[str, Json]:
    """Return a tree as CQL2 JSON.

    Raises
    ------
    BadRequestError
        If a part of it has no CQL2 form.
    """
    check_size(node)
    written = _write(node)
    return written if isinstance(written, dict) else _call("=", 1, int(node == nodes.Constant(True)))


def _write(node: Node) -> Json:
    match node:
        case nodes.Comparison(ref, op, value) if ref == ID and not op.is_range and split_id(value) is not None:
            found = _one_id(str(value))
            return found if op is Op.EQ else _call("not", found)
        case nodes.Comparison(ref, op, value):
            name, (written,) = _named(ref, [value])
            return _call(op.value, name, written)
        case nodes.AnyOf(ref, ()):
            raise BadRequestError(f"{ref}.any_of([]) has no CQL2 form: its lists are not empty")
        case nodes.AnyOf(ref, values) if ref == ID and all(split_id(value) for value in values):
            return _ids(values)
        case nodes.AnyOf(ref, values):
            name, several = _named(ref, values)
            return _call("in", name, several)
        case nodes.IsNull(ref):
            return _call("isNull", _property(ref))
        case nodes.IsNotNull(ref):
            return _call("not", _call("isNull", _property(ref)))
        case nodes.Like(ref, pattern, fold, accents):
            ignored = [Fold.CASE] * fold + [Fold.ACCENTS] * (not accents)
            return _call("like", _folded(ignored, _property(ref, [pattern])), _folded(ignored, pattern))
        case nodes.Prefix(ref, prefix):
            return _call("like", _property(ref, [prefix]), escape(prefix) + "%")
        case nodes.ListTest(ref, relation, values):
            return _call(_LIST_OPERATORS[relation], _property(ref), [_literal(ref, value) for value in values])
        case nodes.Spatial(ref, relation, area, metres):
            from localcat.earth.wkt import as_geojson  # brings shapely, which other conditions do not need

            name = next((name for name, known in RELATIONS.items() if known is relation), None)
            if name is None:
                raise BadRequestError(f"{ref}.{relation} has no CQL2 form: the standard has no such operator")
            return _call(name, _property(ref), as_geojson(area), *([] if metres is None else [metres]))
        case nodes.TermTest(left, op, right):
            return _call(op.value, _term(left), _term(right))
        case nodes.Constant(value):
            return value
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


def _property(ref: Ref, values: Sequence[object] = ()) -> Json:
    return {"property": "eo:cloud_cover" if ref == CLOUDS and not values else name_of(ref, values)}


def _named(ref: Ref, values: Sequence[object]) -> tuple[Json, list[Json]]:
    """Return the name of what compares with values, and the values as that name has them."""
    percent = percentages(values) if ref == CLOUDS else None
    if percent is not None:
        return {"property": "eo:cloud_cover"}, [*percent]
    return _property(ref, values), [_literal(ref, value) for value in values]


def _one_id(full: str) -> Json:
    product, name = split_id(full) or ("", full)
    equals: Callable[[str, str], Json] = lambda key, value: _call("=", {"property": key}, value)  # noqa: E731
    return _call("and", equals("collection", product), equals("id", name))


def _ids(values: Sequence[object]) -> Json:
    parts = [_one_id(str(value)) for value in values]
    return parts[0] if len(parts) == 1 else _call("or", *parts)


def _folded(folds: Sequence[Fold], inner: Json) -> Json:
    for fold in folds:
        inner = _call(fold.value, inner)
    return inner


def _term(term: Term) -> Json:
    match term:
        case Ref():
            return {"property": name_of(term)}
        case nodes.Value(Moment() as value):
            return {"timestamp": timestamp_text(from_microseconds(value))}
        case nodes.Value(bool() | str() | int() | float() as value):
            return value
        case nodes.Value(value):
            raise BadRequestError(f"the value {brief(value)} has no CQL2 form")
        case nodes.Arithmetic("*", left, nodes.Value(100)) if left == CLOUDS:
            return {"property": "eo:cloud_cover"}
        case nodes.Arithmetic(op, left, right):
            return _call(op, _term(left), _term(right))
        case nodes.Folded(function, inner):
            return _call(function.value, _term(inner))
        case _:
            assert_never(term)


def _literal(ref: Ref, value: object) -> Json:
    if isinstance(value, datetime) or type(value).__name__ == "datetime64":
        return {"timestamp": timestamp_text(from_microseconds(to_microseconds(value)))}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise BadRequestError(f"the value {brief(value)} that {ref} compares with has no CQL2 form")


def timestamp_text(moment: datetime) -> str:
    """Return an aware datetime as the standard writes it, in UTC with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
