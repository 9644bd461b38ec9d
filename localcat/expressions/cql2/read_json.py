"""CQL2 in JSON (OGC 21-065r2) as a tree; CQL2 text is read through it, so both mean and refuse the same.

All operators of the standard are read, and ``s_dwithin`` (a property, a geometry, metres). Functions other than
``casei`` and ``accenti`` are refused by name. Names are those of `item_names`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias

from localcat.errors import BadRequestError
from localcat.expressions import conditions, nodes
from localcat.expressions.cql2.item_names import Meaning, Subject, joined_ids, subject_of
from localcat.expressions.cql2.temporal import OPERATORS, Open, Span, as_term, moment, span_of, temporal
from localcat.expressions.json_values import list_relates
from localcat.expressions.names import MAX_NESTING, brief
from localcat.expressions.nodes import (
    Arithmetic,
    Constant,
    Fold,
    Folded,
    ListRelation,
    Node,
    Op,
    Relation,
    Term,
    Value,
    all_of,
    check_size,
    one_of,
    refs_of_term,
)
from localcat.expressions.patterns import like_matches
from localcat.expressions.terms import ARITHMETIC, computed, constant, folded
from localcat.timestamps import from_microseconds, to_microseconds

RELATIONS = {
    "s_intersects": Relation.INTERSECTS,
    "s_within": Relation.WITHIN,
    "s_contains": Relation.CONTAINS,
    "s_disjoint": Relation.DISJOINT,
    "s_equals": Relation.EQUALS,
    "s_touches": Relation.TOUCHES,
    "s_overlaps": Relation.OVERLAPS,
    "s_crosses": Relation.CROSSES,
    "s_dwithin": Relation.WITHIN_DISTANCE,
}
LIST_RELATIONS = {
    "a_contains": ListRelation.CONTAINS,
    "a_containedby": ListRelation.CONTAINED_BY,
    "a_equals": ListRelation.EQUALS,
    "a_overlaps": ListRelation.OVERLAPS,
}
FUNCTIONS = {*RELATIONS, *LIST_RELATIONS, *OPERATORS, "casei", "accenti"}
"""What CQL2 text writes like a function, in lower case."""

_OPS = {op.value: op for op in Op}
_WORDS = ("and", "or", "not", "isnull", "between", "in", "like")
# With the operands exchanged. Two tables, since members of two enumerations of text are equal if their texts are.
_TURNED = {Relation.WITHIN: Relation.CONTAINS, Relation.CONTAINS: Relation.WITHIN}
_TURNED_LISTS = {
    ListRelation.CONTAINS: ListRelation.CONTAINED_BY,
    ListRelation.CONTAINED_BY: ListRelation.CONTAINS,
}
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)
_METRES = {
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1.0),
    **dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), 1000.0),
}


@dataclass(frozen=True, slots=True)
class _Place:
    """A geometry, as GeoJSON or as a bounding box."""

    geometry: object


@dataclass(frozen=True, slots=True)
class _Text:
    """A property or text under ``casei`` and ``accenti``."""

    inner: object
    folds: frozenset[Fold]


_Operand: TypeAlias = object
"""A `Subject`, a literal of Python, a tuple of operands, or one of `_Text`, `_Place`, `Span`, `Arithmetic`."""


def from_cql2_json(source: object) -> Node:
    """Return the tree that a CQL2 filter stands for.

    Parameters
    ----------
    source : dict, or bool
        CQL2 as decoded JSON.

    Raises
    ------
    BadRequestError
        If it is not CQL2, or uses a function that is not known; the message names it.
    """
    node = _read(source, MAX_NESTING)
    check_size(node)
    return node


def _read(part: object, levels: int) -> Node:
    if not levels:
        raise too_deep()
    if isinstance(part, bool):
        return Constant(part)
    if isinstance(part, Mapping) and set(part) == {"property"}:
        return subject_of(part["property"]).compare(Op.EQ, True)
    op, args = _operation(part)
    match op.lower():
        case "and" | "or" as word:
            if not args:
                raise BadRequestError(f"the CQL2 operator {op!r} joins one condition or more")
            parts = []
            for arg in args:  # a loop, as a comprehension would double the frames of each level
                parts.append(_read(arg, levels - 1))  # noqa: PERF401  # for the frames
            return all_of(*joined_ids(parts)) if word == "and" else one_of(*parts)
        case "not":
            (arg,) = _take(1, op, args)
            inner = _read(arg, levels - 1)
            return nodes.IsNotNull(inner.ref) if isinstance(inner, nodes.IsNull) else nodes.Not(inner)
        case _:
            return _predicate(op, args, levels - 1)


def _predicate(op: str, args: Sequence[object], levels: int) -> Node:
    name = op.lower()
    if name == "<>" or name in _OPS:
        left, right = (_operand(arg, levels) for arg in _take(2, op, args))
        return _comparison(_OPS[name], left, right)
    if name == "isnull":
        (arg,) = _take(1, op, args)
        return _is_null(_operand(arg, levels))
    if name == "between":
        if len(args) == 2 and isinstance(args[1], list):  # as in the drafts, which clients still write
            args = [args[0], *args[1]]
        value, low, high = (_operand(arg, levels) for arg in _take(3, op, args))
        return all_of(_comparison(Op.GE, value, low), _comparison(Op.LE, value, high))
    if name == "in":
        operand, values = _take(2, op, args)
        return _is_in(_operand(operand, levels), _list(op, values, levels))
    if name == "like":
        operand, pattern = _take(2, op, args)
        return _like(_operand(operand, levels), _operand(pattern, levels))
    if name in RELATIONS:
        return _spatial(name, args, levels)
    if name in LIST_RELATIONS:
        left, right = _take(2, op, args)
        return _list_test(op, LIST_RELATIONS[name], _operand(left, levels), _operand(right, levels))
    if name in OPERATORS:
        a, b = (_span(_operand(arg, levels)) for arg in _take(2, op, args))
        return temporal(name, a, b)
    raise unknown_function(op)


def too_deep() -> BadRequestError:
    """Return the error for a filter that is nested too deep."""
    return BadRequestError(f"the CQL2 filter is nested more than {MAX_NESTING} levels deep")


def unknown_function(op: str) -> BadRequestError:
    """Return the error for an operator or function that is not known, with those it may have been meant for."""
    close = difflib.get_close_matches(op.lower(), [*FUNCTIONS, *_WORDS], n=2, cutoff=0.7)
    hint = f"; did you mean {' or '.join(name.upper() for name in close)}?" if close else ""
    if op.lower() in ARITHMETIC:
        return BadRequestError(f"the CQL2 operator {op!r} makes a number; compare it, as in x {op} 1 > 0")
    if op.lower() in ("casei", "accenti"):
        return BadRequestError(f"the CQL2 function {op!r} makes text; compare it, as in {op}(x) = {op}('a')")
    return BadRequestError(f"the CQL2 operator or function {brief(op)} is not known{hint}")


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


# Operands


def _operand(part: object, levels: int) -> _Operand:
    if not levels:
        raise too_deep()
    if isinstance(part, str | int | float):
        return part
    if isinstance(part, list | tuple):
        return tuple([_operand(item, levels - 1) for item in part])
    if isinstance(part, Mapping):
        match part:
            case {"property": name, **more} if not more:
                return subject_of(name)
            case {"date": text, **more} if not more:
                return _read_date(text)
            case {"timestamp": text, **more} if not more:
                return _read_timestamp(text)
            case {"interval": ends, **more} if not more:
                return _read_interval(ends, levels - 1)
            case {"bbox": box, **more} if not more:
                return _Place(box)
            case {"coordinates": _} | {"geometries": _}:
                return _Place(part)
            case {"op": _}:
                return _call(*_operation(part), levels - 1)
            case _:
                pass
    raise BadRequestError(
        f"{brief(part)} is not a CQL2 value; it should be a property, text, a number, a truth value, a time or a place"
    )


def _call(op: str, args: Sequence[object], levels: int) -> _Operand:
    name = op.lower()
    if name in ("casei", "accenti"):
        (arg,) = _take(1, op, args)
        inner = _operand(arg, levels)
        folds = frozenset([Fold(name)])
        if isinstance(inner, _Text):
            return _Text(inner.inner, inner.folds | folds)
        if isinstance(inner, Subject | str):
            return _Text(inner, folds)
        raise BadRequestError(f"the CQL2 function {op!r} takes a property or text, not {_shown(inner)}")
    if name in ARITHMETIC:
        left, right = (_term(_operand(arg, levels), op) for arg in _take(2, op, args))
        made = Arithmetic(name, left, right)
        if refs_of_term(made):
            return made
        found = computed(made)
        if found is None:
            raise BadRequestError(f"{_shown(left)} {op} {_shown(right)} has no result")
        return found
    if name in _OPS or name in _WORDS or name in FUNCTIONS:
        raise BadRequestError(f"the CQL2 operator {op!r} is a condition, and stands where a value should be")
    raise unknown_function(op)


def _term(operand: _Operand, op: str) -> Term:
    """Return an operand of arithmetic."""
    if isinstance(operand, Arithmetic):
        return operand
    if isinstance(operand, Subject):
        return operand.term()
    if isinstance(operand, int | float) and not isinstance(operand, bool):
        return Value(operand)
    raise BadRequestError(f"the CQL2 operator {op!r} takes numbers, not {_shown(operand)}")


def _shown(operand: object) -> str:
    if isinstance(operand, Subject):
        return operand.name or str(operand.ref)
    if isinstance(operand, Value):
        return brief(operand.value)
    if isinstance(operand, _Place):
        return f"the geometry {brief(operand.geometry)}"
    return {Span: "an interval", _Text: "text without case", Arithmetic: "a computed number", tuple: "a list"}.get(
        type(operand), brief(operand)
    )


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


def _read_interval(ends: object, levels: int) -> Span:
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        raise BadRequestError(f"the CQL2 interval {brief(ends)} should have a start and an end, '..' for an open one")
    start, end = (_read_end(value, levels, is_late=late) for value, late in zip(ends, (False, True), strict=True))
    return Span(start, end)


def _read_end(value: object, levels: int, *, is_late: bool) -> Subject | datetime | Open:
    if value == "..":
        return Open(is_late)
    found = _operand(value, levels)
    if isinstance(found, Subject):
        return found
    if isinstance(found, str):
        found = _read_date(found) if _DATE.fullmatch(found) else _read_timestamp(found)
    if isinstance(found, date):
        return from_microseconds(to_microseconds(found))
    raise BadRequestError(f"{_shown(found)} is not an end of an interval; it should be a property, a time or '..'")


# Conditions


def _comparison(op: Op, left: _Operand, right: _Operand) -> Node:
    for side in (left, right):
        if isinstance(side, Span | _Place | tuple):
            raise BadRequestError(
                f"{_shown(side)} does not compare by {op.value!r}; the operators for it begin with T_, S_ or A_"
            )
    if isinstance(left, Subject) and _is_literal(right):
        return left.compare(op, right)
    if isinstance(right, Subject) and _is_literal(left):
        return right.compare(op.mirrored, left)
    if not op.is_range and (isinstance(left, _Text) or isinstance(right, _Text)):
        pair = _folded_pair(left, right)
        if pair is not None:
            subject, text, folds = pair
            equal = subject.like(escape(text), fold=Fold.CASE in folds, accents=Fold.ACCENTS not in folds)
            return equal if op is Op.EQ else nodes.Not(equal)
    if isinstance(left, Subject) and left.meaning is Meaning.TIME:
        return left.each(lambda ours: _comparison(op, ours, right))
    if isinstance(right, Subject) and right.meaning is Meaning.TIME:
        return right.each(lambda ours: _comparison(op, left, ours))
    sides = [_side(operand) for operand in (left, right)]
    if any(map(refs_of_term, sides)):
        return nodes.TermTest(sides[0], op, sides[1])
    return Constant(constant(op, *sides))


def _side(operand: _Operand) -> Term:
    """Return one side of a comparison of computed values."""
    if isinstance(operand, Arithmetic):
        return operand
    if isinstance(operand, _Text):
        term = as_term(operand.inner)
        for fold in sorted(operand.folds):
            term = Folded(fold, term)
        return term
    return as_term(operand)


def _is_literal(operand: _Operand) -> bool:
    return isinstance(operand, str | int | float | date)


def escape(text: str) -> str:
    """Return the pattern that matches exactly one string."""
    return re.sub(r"([%_\\])", r"\\\1", text)


def _folded_pair(left: _Operand, right: _Operand) -> tuple[Subject, str, frozenset[Fold]] | None:
    """Return the property and the text that are compared without case or accents; None for another pair.

    A text that stays as it is without case may stand without the function.
    """
    if isinstance(right, _Text) and isinstance(right.inner, Subject):
        left, right = right, left
    if not isinstance(left, _Text) or not isinstance(left.inner, Subject):
        return None
    text = right.inner if isinstance(right, _Text) else right
    if not isinstance(text, str):
        return None
    done: object = text
    for fold in left.folds:
        done = folded(fold, done)
    if left.folds != (right.folds if isinstance(right, _Text) else frozenset()) and done != text:
        raise BadRequestError(
            f"{brief(text)} is compared with {_shown(left.inner)} without case or accents, and has some itself; write "
            "casei or accenti around both sides"
        )
    return left.inner, text, left.folds


def _without_folds(operand: _Operand) -> _Operand:
    """Return the text that casei and accenti make of a text; anything else as it is."""
    if not isinstance(operand, _Text) or not isinstance(operand.inner, str):
        return operand
    done: object = operand.inner
    for fold in operand.folds:
        done = folded(fold, done)
    return done


def _is_null(operand: _Operand) -> Node:
    if isinstance(operand, Subject):
        return operand.is_null()
    if _is_literal(operand):
        return Constant(False)
    raise BadRequestError(f"the CQL2 operator 'isNull' is about a property, not about {_shown(operand)}")


def _is_in(operand: _Operand, values: Sequence[_Operand]) -> Node:
    if isinstance(operand, Subject) and all(map(_is_literal, values)):
        return operand.any_of(values)
    return one_of(*(_comparison(Op.EQ, operand, value) for value in values))


def _like(operand: _Operand, pattern: _Operand) -> Node:
    if not (isinstance(operand, _Text) and isinstance(operand.inner, Subject)):
        operand, pattern = _without_folds(operand), _without_folds(pattern)
    if isinstance(operand, _Text) or isinstance(pattern, _Text):
        pair = _folded_pair(operand, pattern) if isinstance(operand, _Text) else None
        if pair is None:
            raise BadRequestError(
                f"LIKE takes 'casei' and 'accenti' around the property and around the pattern, not around one of "
                f"{_shown(operand)} and {_shown(pattern)}"
            )
        subject, text, folds = pair
        return subject.like(text, fold=Fold.CASE in folds, accents=Fold.ACCENTS not in folds)
    if isinstance(operand, Subject) and _is_literal(pattern):
        return operand.like(pattern, fold=False, accents=True)
    if isinstance(operand, str) and isinstance(pattern, str):
        return Constant(like_matches(operand, pattern))
    raise BadRequestError(f"LIKE is about a property and a pattern, not about {_shown(operand)} and {_shown(pattern)}")


def _list(op: str, values: object, levels: int) -> tuple[_Operand, ...]:
    if not isinstance(values, list | tuple) or not values:
        raise BadRequestError(f"the CQL2 operator {op!r} takes a list of one value or more, not {brief(values)}")
    return tuple([_operand(value, levels) for value in values])


def _list_test(op: str, relation: ListRelation, left: _Operand, right: _Operand) -> Node:
    if isinstance(right, Subject) and isinstance(left, tuple):
        left, right = right, left
        relation = _TURNED_LISTS.get(relation, relation)
    if not isinstance(right, tuple) or not right or not all(map(_is_literal, right)):
        raise BadRequestError(f"the CQL2 operator {op!r} takes a list of one value or more, not {_shown(right)}")
    if isinstance(left, tuple) and all(map(_is_literal, left)):
        return Constant(list_relates(relation, [moment(value) for value in left], [moment(value) for value in right]))
    if not isinstance(left, Subject):
        raise BadRequestError(f"the CQL2 operator {op!r} is about a property, not about {_shown(left)}")
    return left.relates(relation, right)


def _span(operand: _Operand) -> Span:
    if isinstance(operand, Span):
        return operand
    if isinstance(operand, str):
        return span_of(_read_date(operand) if _DATE.fullmatch(operand) else _read_timestamp(operand))
    if isinstance(operand, Subject | date):
        return span_of(operand)
    raise BadRequestError(
        f"{_shown(operand)} is not a time; it should be a property, TIMESTAMP('...'), DATE('...') or INTERVAL(...)"
    )


def _spatial(op: str, args: Sequence[object], levels: int) -> Node:
    relation = RELATIONS[op]
    metres: float | None = None
    if relation is Relation.WITHIN_DISTANCE and len(args) in (3, 4):
        metres = _metres(op, args[2:])
        args = args[:2]
    left, right = (_operand(arg, levels) for arg in _take(3 if op == "s_dwithin" and metres is None else 2, op, args))
    if isinstance(right, Subject):
        left, right = right, left
        relation = _TURNED.get(relation, relation)
    if not isinstance(right, _Place):
        raise BadRequestError(
            f"{_shown(right)} is not a geometry; {op.upper()} takes the property geometry and GeoJSON, BBOX or WKT"
        )
    if isinstance(left, _Place):
        return Constant(_places_relate(relation, left.geometry, right.geometry, metres))
    if not isinstance(left, Subject):
        raise BadRequestError(f"{op.upper()} is about a property with a geometry, not about {_shown(left)}")
    return conditions.spatial(left.ref, relation, right.geometry, metres)


def _places_relate(relation: Relation, one: object, other: object, metres: float | None) -> bool:
    import numpy  # as below

    from localcat.earth.wkt import as_area  # brings shapely, which filters without a place do not need
    from localcat.expressions.spatial import test_of

    asked = conditions.spatial(nodes.Ref("geometry"), relation, other, metres)
    return bool(test_of(asked)(numpy.array([as_area(one)], dtype=object))[0])


def _metres(op: str, args: Sequence[object]) -> float:
    distance, unit = args[0], args[1] if len(args) == 2 else "meters"
    scale = _METRES.get(unit.lower()) if isinstance(unit, str) else None
    if isinstance(distance, bool) or not isinstance(distance, int | float) or scale is None:
        raise BadRequestError(f"{op.upper()} takes a number of metres, or of 'kilometers', not {brief(list(args))}")
    return distance * scale
