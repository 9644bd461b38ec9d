"""Comparisons of computed values: arithmetic, two attributes, letters without case or accents.

`json_values.relate` says what the comparison of two values is. The same program answers in memory and in SQL, where it
is a function: so the two cannot differ. Such a comparison reads every row; one of an attribute with a value, which an
index may answer, is a `Comparison` instead.
"""

from __future__ import annotations

import functools
import json
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, assert_never

from localcat.errors import BadRequestError
from localcat.expressions.fields import Field, Fields, Kind, Moment
from localcat.expressions.json_values import relate
from localcat.expressions.nodes import Arithmetic, Fold, Folded, Op, Ref, Term, TermTest, Value, refs_of_term
from localcat.expressions.numbers import is_int64
from localcat.expressions.patterns import unaccented

_Run: TypeAlias = Callable[[Sequence[Any]], Any]
_KINDS = {Kind.TEXT, Kind.NUMBER, Kind.TIMESTAMP, Kind.JSON}
_OTHER = object()  # a list or an object, which equals nothing here


def refs_in(node: TermTest) -> list[Ref]:
    """Return what a comparison is about, each once."""
    return list(dict.fromkeys([*refs_of_term(node.left), *refs_of_term(node.right)]))


def fields_in(node: TermTest, fields: Fields) -> list[Field]:
    """Return the fields of `refs_in`.

    Raises
    ------
    UnknownPropertyError
        If the class has no such attribute.
    BadRequestError
        If one cannot be computed with, or the two sides can never be compared.
    """
    found = {ref: fields.resolve(ref) for ref in refs_in(node)}
    for ref, field in found.items():
        if field.kind not in _KINDS:
            raise BadRequestError(f"{ref} is a {field.kind}, which cannot be computed or compared with another value")
    kinds = [_kind_of(side, found) for side in (node.left, node.right)]
    if kinds[0] is not kinds[1] and Kind.JSON not in kinds:
        raise BadRequestError(f"a {kinds[0]} and a {kinds[1]} cannot be compared; both sides need one type")
    return list(found.values())


def _kind_of(term: Term, fields: dict[Ref, Field]) -> Kind:
    match term:
        case Ref():
            return fields[term].kind
        case Value(bool()):
            return Kind.JSON  # compares with what is a truth value, or is unequal
        case Value(value):
            return Kind.TIMESTAMP if isinstance(value, Moment) else Kind.TEXT if isinstance(value, str) else Kind.NUMBER
        case Arithmetic(op, left, right):
            for side in (left, right):
                if _kind_of(side, fields) not in (Kind.NUMBER, Kind.JSON):
                    raise BadRequestError(
                        f"{op!r} takes numbers, and {_shown(side)} is not one; put a date in quotes: '2024-06-01'"
                    )
            return Kind.NUMBER
        case Folded(function, inner):
            if _kind_of(inner, fields) not in (Kind.TEXT, Kind.JSON):
                raise BadRequestError(f"{function} takes text, and {_shown(inner)} is not text")
            return Kind.TEXT
        case _:
            assert_never(term)


def _shown(term: Term) -> str:
    return str(term) if isinstance(term, Ref) else repr(term.value) if isinstance(term, Value) else "what it computes"


def constant(op: Op, left: Term, right: Term) -> bool:
    """Return whether two terms without attributes compare so; what is unknown is false."""
    values = [_program_of(side, {})(()) for side in (left, right)]
    return relate(op, *values) is True


def computed(term: Term) -> int | float | None:
    """Return the number that a term without attributes comes to; None if there is none."""
    found: int | float | None = _program_of(term, {})(())
    return found


# Programs


def program(node: TermTest, fields: Sequence[Field]) -> str:
    """Return a comparison as text for `run`; the values of `fields` come in their order."""
    places = dict(zip(refs_in(node), range(len(fields)), strict=True))
    kinds = [field.kind.name for field in fields]
    sides = [_encoded(side, places) for side in (node.left, node.right)]
    return json.dumps([node.op.value, *sides, kinds], ensure_ascii=False, separators=(",", ":"))


def _encoded(term: Term, places: dict[Ref, int]) -> Any:
    match term:
        case Ref():
            return ["ref", places[term]]
        case Value(Moment() as value):
            return ["moment", int(value)]
        case Value(value):
            return ["value", value]
        case Arithmetic(op, left, right):
            return [op, _encoded(left, places), _encoded(right, places)]
        case Folded(function, inner):
            return [function.value, _encoded(inner, places)]
        case _:
            assert_never(term)


def run(text: str, *arguments: object) -> int | None:
    """Answer a program in SQL; each value comes as its JSON type and itself."""
    answer, kinds = _loaded(text)
    pairs = zip(kinds, arguments[::2], arguments[1::2], strict=True)
    found = answer([_of_row(kind, json_type, value) for kind, json_type, value in pairs])
    return None if found is None else int(found)


def _of_row(kind: str, json_type: object, value: Any) -> Any:
    if kind == "JSON":
        if json_type in ("true", "false"):
            return json_type == "true"
        return _OTHER if json_type in ("array", "object") else value
    return _typed(kind, value)


def answer_of(node: TermTest, fields: Sequence[Field]) -> Callable[[Sequence[Any]], bool | None]:
    """Return the answer to a comparison, for the values of `fields` as an object has them."""
    answer, kinds = _loaded(program(node, fields))
    return lambda values: answer([_typed(kind, value) for kind, value in zip(kinds, values, strict=True)])


def _typed(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "TIMESTAMP":
        return Moment(value)
    if kind == "NUMBER":
        return value if isinstance(value, int | float) else None  # nodata may be the text "nan"
    return _OTHER if isinstance(value, list | tuple | dict) else value


@functools.lru_cache(maxsize=256)
def _loaded(text: str) -> tuple[Callable[[Sequence[Any]], bool | None], list[str]]:
    op, left, right, kinds = json.loads(text)
    compare, first, second = Op(op), _decoded(left), _decoded(right)
    return lambda values: relate(compare, first(values), second(values)), kinds


def _program_of(term: Term, places: dict[Ref, int]) -> _Run:
    return _decoded(_encoded(term, places))


def _decoded(part: Any) -> _Run:
    match part:
        case ["ref", int(place)]:
            return lambda values: values[place]
        case ["moment", value]:
            moment = Moment(value)
            return lambda values: moment
        case ["value", value]:
            return lambda values: value
        case [op, left, right]:
            calculate, first, second = _CALCULATIONS[op], _decoded(left), _decoded(right)
            return lambda values: _calculated(calculate, first(values), second(values))
        case [function, inner]:
            fold, take = Fold(function), _decoded(inner)
            return lambda values: folded(fold, take(values))
    raise ValueError(f"{part!r} is not a part of a program")


def _calculated(calculate: Callable[[Any, Any], Any], left: Any, right: Any) -> int | float | None:
    for side in (left, right):
        if isinstance(side, bool | Moment) or not isinstance(side, int | float):
            return None
    try:
        found = calculate(left, right)
    except (ArithmeticError, ValueError):
        return None
    if isinstance(found, int):
        return found if is_int64(found) else float(found)
    return found if isinstance(found, float) and math.isfinite(found) else None


def _divided(left: float, right: float) -> int | float:
    """Divide towards zero, as SQL and C do."""
    if isinstance(left, int) and isinstance(right, int):
        whole = abs(left) // abs(right)
        return whole if (left < 0) == (right < 0) else -whole
    return math.trunc(left / right)


def _remainder(left: float, right: float) -> int | float:
    """Return the rest of a division towards zero, which has the sign of what is divided."""
    if isinstance(left, int) and isinstance(right, int):
        return left - right * int(_divided(left, right))
    return math.fmod(left, right)


_CALCULATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "div": _divided,
    "%": _remainder,
    "^": lambda left, right: math.pow(left, right),
}
ARITHMETIC = tuple(_CALCULATIONS)
"""The operators, as CQL2 writes them in JSON."""


def folded(function: Fold, value: Any) -> str | None:
    """Return text without case, or without accents; None for what is not text."""
    if not isinstance(value, str):
        return None
    return value.casefold() if function is Fold.CASE else unaccented(value)
