"""A tree and an object make True, False or None: the rules of a filter in memory, and the oracle of the SQL.

The rules are SQL's. None is *unknown*: a comparison with an attribute that is unset is unknown, so is its negation, and
a filter keeps only what is True. Lists are never unknown: a comparison asks whether one of the elements fits, and an
empty or unset list has none. The values under the keys of a mapping may be of any JSON type: `json_values` has their
rules.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Container, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, assert_never, runtime_checkable

from localcat.errors import BadRequestError
from localcat.expressions import nodes
from localcat.expressions.fields import Field, Fields, Kind, Scalar, check_text_match
from localcat.expressions.json_values import json_test, list_relates, value_at
from localcat.expressions.nodes import Node, Op, Part, Ref, check_size
from localcat.expressions.patterns import like_matches
from localcat.expressions.terms import answer_of, fields_in, refs_in
from localcat.timestamps import from_microseconds, to_microseconds

__all__ = ["Filterable", "Matcher", "Read", "Stored", "evaluate", "evaluate_plain", "like_matches", "matcher"]

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

Stored: TypeAlias = "Scalar | Sequence[str] | Mapping[str, Scalar] | BaseGeometry"
"""What an object holds of one attribute, as filters compare it: a scalar, a list of texts, a mapping, a geometry."""

Read: TypeAlias = Callable[[Ref], Stored]
"""Returns what an object holds of an attribute. It is asked for whole attributes only: no key, no calendar part."""

Matcher: TypeAlias = Callable[[Read], bool | None]


@runtime_checkable
class Filterable(Protocol):
    """An object whose class declares the attributes that filters may name."""

    @classmethod
    def fields(cls) -> Fields:
        """Return the filterable attributes of the class."""
        ...

    def stored_value(self, ref: Ref) -> Stored:
        """Return an attribute as the store keeps it; `ref` has neither key nor part."""
        ...


def evaluate(node: Node, fields: Fields, read: Read) -> bool | None:
    """Tell whether an object fits a filter.

    Parameters
    ----------
    node : Node
        The filter.
    fields : Fields
        The attributes it may name.
    read : callable
        Returns what the object holds of an attribute.

    Returns
    -------
    bool or None
        None where the answer hangs on an unset attribute.

    Raises
    ------
    BadRequestError
        If the filter is nested too deep, names an unknown attribute, or compares with a value that does not fit.
    """
    return matcher(node, fields)(read)


def matcher(node: Node, fields: Fields) -> Matcher:
    """Return a function that does what `evaluate` does for one filter and many objects.

    The filter is checked and its values are bound once, here; no object is needed for a wrong filter to be refused.
    """
    check_size(node)
    return _matcher(node, fields)


def _matcher(node: Node, fields: Fields) -> Matcher:
    match node:
        case nodes.Not(part):
            return _negated(_matcher(part, fields))
        case nodes.And(parts):
            return _joined([_matcher(part, fields) for part in parts], decisive=False)
        case nodes.Or(parts):
            return _joined([_matcher(part, fields) for part in parts], decisive=True)
        case nodes.Spatial():
            return _spatial(node, fields)
        case nodes.TermTest():
            return _term_test(node, fields)
        case nodes.Constant(value):
            return lambda read: value
        case _:
            field = fields.resolve(node.ref)
            test, whole = _condition(node, field), Ref(node.ref.attribute)
            pick = _picker(node.ref)
            return lambda read: test(pick(read(whole)))


def _term_test(node: nodes.TermTest, fields: Fields) -> Matcher:
    answer, refs = answer_of(node, fields_in(node, fields)), refs_in(node)
    picks = [(_picker(ref), Ref(ref.attribute)) for ref in refs]
    return lambda read: answer([pick(read(whole)) for pick, whole in picks])


def _spatial(node: nodes.Spatial, fields: Fields) -> Matcher:
    import numpy  # with shapely, which conditions without a place do not need

    from localcat.earth.geometry import as_geometry
    from localcat.expressions.spatial import test_of

    fields.check_footprint(node.ref)
    test = test_of(node)

    def matches(read: Read) -> bool | None:
        stored = read(node.ref)
        if stored is None:
            return None
        shape = stored if hasattr(stored, "geom_type") else as_geometry(stored)  # GeoJSON, of a plain object
        return bool(test(numpy.array([shape], dtype=object))[0])

    return matches


def _negated(inner: Matcher) -> Matcher:
    def matches(read: Read) -> bool | None:
        answer = inner(read)
        return None if answer is None else not answer

    return matches


def _joined(inner: Sequence[Matcher], *, decisive: bool) -> Matcher:
    """Join by AND (False decides) or by OR (True decides); an unknown part leaves an undecided whole unknown."""

    def matches(read: Read) -> bool | None:
        undecided: bool | None = not decisive
        for part in inner:
            answer = part(read)
            if answer is decisive:
                return decisive
            if answer is None:
                undecided = None
        return undecided

    return matches


def _picker(ref: Ref) -> Callable[[Stored], Stored]:
    """Return what takes the referenced value out of a whole attribute."""
    if ref.keys:
        return lambda stored: value_at(stored, ref.keys)
    if ref.part is not None:
        part = _PARTS[ref.part]
        return lambda stored: part(from_microseconds(stored)) if isinstance(stored, int) else None
    return lambda stored: stored


_PARTS: dict[Part, Callable[[datetime], int]] = {
    Part.YEAR: lambda moment: moment.year,
    Part.MONTH: lambda moment: moment.month,
    Part.DAY_OF_YEAR: lambda moment: moment.timetuple().tm_yday,
}

_ORDER: dict[Op, Callable[[Any, Any], bool]] = {  # Any: two texts or two numbers, as _compared has made sure
    Op.LT: operator.lt,
    Op.LE: operator.le,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
}


def _condition(node: nodes.Leaf, field: Field) -> Callable[[Stored], bool | None]:
    """Return the test that a condition makes of one value."""
    if field.kind is Kind.JSON:
        return json_test(node, field)
    is_list = field.kind is Kind.LIST
    match node:
        case nodes.Comparison(ref, op, value):
            if is_list and op.is_range:
                raise BadRequestError(f"{ref} is a list and has no order; ask with ==, !=, any_of, prefix or like")
            wanted = field.bind(value)
            if wanted is None:
                raise BadRequestError(f"{ref} compares with a value; to ask whether it is set use isnull or isnotnull")
            if is_list:
                return _contains(wanted) if op is Op.EQ else _lacks(wanted)
            return _compared(op, wanted)
        case nodes.AnyOf(_, values):
            return _any_of([field.bind(value) for value in values], is_list)
        case nodes.IsNull():
            return (lambda stored: not stored) if is_list else (lambda stored: stored is None)
        case nodes.IsNotNull():
            return (lambda stored: bool(stored)) if is_list else (lambda stored: stored is not None)
        case nodes.Like(ref, pattern, fold, accents):
            check_text_match(node, field)
            return _texts(lambda text: like_matches(text, pattern, fold, accents), is_list)
        case nodes.Prefix(ref, prefix):
            check_text_match(node, field)
            return _texts(lambda text: text.startswith(prefix), is_list)
        case nodes.ListTest(ref, relation, values):
            if not is_list:
                raise BadRequestError(
                    f"{ref} is not a list, and the operators A_CONTAINS and its like do not apply; compare it with =="
                )
            items = [field.bind(value) for value in values]
            return lambda stored: bool(stored) and list_relates(relation, _elements(stored), items)
        case _:
            assert_never(node)


def _compared(op: Op, wanted: Scalar) -> Callable[[Stored], bool | None]:
    wanted_text = isinstance(wanted, str)

    def test(stored: Stored) -> bool | None:
        if stored is None:
            return None
        same_type = isinstance(stored, str) == wanted_text
        if op is Op.EQ:
            return same_type and stored == wanted
        if op is Op.NE:
            return not same_type or stored != wanted
        try:
            return _ORDER[op](stored, wanted) if same_type else None
        except TypeError as error:  # of a plain object only: a declared field binds to text or to a number
            raise BadRequestError(f"{stored!r} and {wanted!r} have no order") from error

    return test


def _contains(wanted: Scalar) -> Callable[[Stored], bool | None]:
    return lambda stored: wanted in _elements(stored)


def _lacks(wanted: Scalar) -> Callable[[Stored], bool | None]:
    return lambda stored: bool(stored) and wanted not in _elements(stored)


def _any_of(wanted: list[Scalar], is_list: bool) -> Callable[[Stored], bool | None]:
    if not wanted:
        return lambda stored: False
    known: Container[object]
    try:
        known = frozenset(wanted)
    except TypeError:  # mappings, of a plain object
        known = wanted

    def test(stored: Stored) -> bool | None:
        if is_list:
            return any(element in known for element in _elements(stored))
        return None if stored is None else stored in known

    return test


def _texts(fits: Callable[[str], bool], is_list: bool) -> Callable[[Stored], bool | None]:
    def test(stored: Stored) -> bool | None:
        if is_list:
            return any(isinstance(element, str) and fits(element) for element in _elements(stored))
        return fits(stored) if isinstance(stored, str) else None

    return test


def _elements(stored: Stored) -> Sequence[object]:
    return stored if isinstance(stored, Sequence) and not isinstance(stored, str) else ()


def evaluate_plain(node: Node, thing: object) -> bool | None:
    """Do what `evaluate` does for an object that declares nothing: its Python attributes are the values.

    The type of each value decides how it compares: lists, tuples and sets by element, dates and datetimes as moments
    in UTC, mappings by key, all else as it stands. An attribute that the object lacks is unset.
    """
    check_size(node)
    return _matcher(node, _PlainFields(thing))(lambda ref: _plain(getattr(thing, ref.attribute, None)))


class _PlainFields(Fields):
    """Stands in for the declared fields: looks at the value that a plain object holds now."""

    def __init__(self, thing: object) -> None:
        super().__init__(type(thing).__name__, ())
        self._thing = thing

    def __getitem__(self, name: str) -> Field:
        value = getattr(self._thing, name, None)
        if isinstance(value, date):
            return Field(name, Kind.TIMESTAMP, to_microseconds)
        if isinstance(value, list | tuple | set | frozenset):
            return Field(name, Kind.LIST, _plain_scalar)
        if isinstance(value, Mapping):
            return Field(name, Kind.MAPPING, _plain_scalar)
        return Field(name, Kind.TEXT, _plain_scalar)

    def check_footprint(self, ref: Ref) -> None:
        """Let any value be a footprint: what is not a geometry is refused when it is read as one."""

    def resolve(self, ref: Ref) -> Field:
        """Return how the value compares; an unset one has every key and every calendar part."""
        if getattr(self._thing, ref.attribute, None) is None:
            return Field(str(ref), Kind.TEXT, _plain_scalar)
        return super().resolve(ref)


def _plain(value: object) -> Stored:
    if isinstance(value, date):
        return to_microseconds(value)
    if isinstance(value, set | frozenset):
        return tuple(value)
    return value  # type: ignore[return-value]  # whatever else it is compares as it stands


def _plain_scalar(value: object) -> Scalar:
    return value  # type: ignore[return-value]  # what it is a comparison finds out
