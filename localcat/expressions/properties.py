"""``properties as p``: attribute handles whose operators build filter expressions.

>>> from localcat.expressions.properties import properties as p
>>> (p.cloud_fraction < 0.2) & p.tags.any_of(["a", "b"])
(p.cloud_fraction < 0.2) & p.tags.any_of(['a', 'b'])
>>> 5 < p.x <= 10
(p.x > 5) & (p.x <= 10)

Everything here is a value: an operator makes a new expression and leaves its operands as they were.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import TYPE_CHECKING, NoReturn

from localcat.errors import BadRequestError, UnknownPropertyError
from localcat.expressions import conditions
from localcat.expressions.chains import Link, link_at
from localcat.expressions.evaluate import Filterable, evaluate, evaluate_plain
from localcat.expressions.fields import nearest
from localcat.expressions.names import Json, brief
from localcat.expressions.nodes import (
    MAX_DEPTH,
    MAX_VALUES,
    And,
    Comparison,
    Node,
    Not,
    Op,
    Or,
    Part,
    Ref,
    Relation,
    all_of,
    check_depth,
    depth_of,
    one_of,
)
from localcat.expressions.python_text import to_python
from localcat.expressions.serialize import load_json, parse, to_items, to_nested

__all__ = ["Expression", "Properties", "Property", "properties"]

_NO_TRUTH = (
    "a filter expression has no truth value: join conditions with & | ~ instead of and, or, not; "
    "where a chained range such as 5 < p.x <= 10 is not understood, write (p.x > 5) & (p.x <= 10)"
)
_BARE_PROPERTY = (
    "{} is a property, not a condition: & | ~ bind tighter than comparisons, "
    "so put each comparison in parentheses, as in (p.a <= 1) | (p.b == 2)"
)


class Expression:
    """A filter: which objects a search or a collection keeps.

    Built by the operators of a `Property` and joined with ``&``, ``|`` and ``~``. Equality compares structure, and an
    expression is hashable if the values in it are.

    Parameters
    ----------
    node : Node
        The tree of conditions.

    Raises
    ------
    BadRequestError
        If the tree is nested too deep.
    """

    __slots__ = ("_depth", "_handle", "node")

    node: Node
    _depth: int
    _handle: Property | None

    def __init__(self, node: Node) -> None:
        depth = depth_of(node)
        check_depth(depth)
        _set_node(self, node)
        _set_depth(self, depth)
        _set_handle(self, None)

    @classmethod
    def _of(cls, node: Node, depth: int, handle: Property | None = None) -> Expression:
        """Wrap a node whose depth is known, which spares a walk through the tree at each operator."""
        if depth > MAX_DEPTH:
            check_depth(depth)
        expression = object.__new__(cls)
        _set_node(expression, node)
        _set_depth(expression, depth)
        _set_handle(expression, handle)  # of a range comparison, for a chain to go on with; no part of the value
        return expression

    if not TYPE_CHECKING:  # type checkers would take these for all names

        def __setattr__(self, name, value):
            raise AttributeError(f"an expression does not change: cannot set {name!r}")

        def __delattr__(self, name):
            raise AttributeError(f"an expression does not change: cannot delete {name!r}")

    def __reduce__(self) -> tuple[type[Expression], tuple[Node]]:
        return type(self), (self.node,)

    def __copy__(self) -> Expression:
        return self

    def __deepcopy__(self, memo: object) -> Expression:
        return self

    def __eq__(self, other: object) -> bool:
        return self.node == other.node if isinstance(other, Expression) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.node)

    def __and__(self, other: Expression) -> Expression:
        if not _is_condition(other):
            return NotImplemented
        return self._of(all_of(self.node, other.node), self._depth_beside(other, And))

    def __or__(self, other: Expression) -> Expression:
        if not _is_condition(other):
            return NotImplemented
        return self._of(one_of(self.node, other.node), self._depth_beside(other, Or))

    def _depth_beside(self, other: Expression, kind: type[And | Or]) -> int:
        """Return how deep it is after joining another one by AND or OR, which does not nest in itself."""
        return 1 + max(self._depth - isinstance(self.node, kind), other._depth - isinstance(other.node, kind))

    def __invert__(self) -> Expression:
        return self._of(Not(self.node), self._depth + 1)

    def __bool__(self) -> bool:
        # Only a chained range may ask, and only for the comparison that its middle operand made: see `chains`.
        if self._handle is not None and isinstance(self.node, Comparison):
            frame = sys._getframe(1)
            link = link_at(frame)
            if link is not None and link.op.mirrored is self.node.op:
                self._handle._expect(frame, link, self)
                return True
        raise TypeError(_NO_TRUTH)

    def __repr__(self) -> str:
        return to_python(self.node)

    def is_same(self, other: Expression) -> bool:
        """Tell whether another expression has the same structure; the same as ``==``."""
        return self == other

    def serialize(self) -> dict[str, Json]:
        """Return this expression as nested dicts: ``{"and": [{"eq": {"x": 1}}, {"range": {"y": {"gt": 2}}}]}``.

        `localcat.expressions.serialize` lists the form of each condition. Dates become ISO 8601 text.
        """
        return to_nested(self.node)

    def jsonapi_serialize(self) -> dict[str, Json]:
        """Return this expression as ``{"op", "name", "val"}`` items, joined by ``and``, ``or`` and ``not``."""
        return to_items(self.node)

    @classmethod
    def parse(cls, source: str | bytes | Mapping[str, object] | Sequence[object]) -> Expression:
        """Return the expression that `serialize` or `jsonapi_serialize` wrote.

        Parameters
        ----------
        source : str, bytes, dict or list
            JSON text, or what it decodes to; a list is the AND of its items.

        Raises
        ------
        BadRequestError
            If it is not a filter; the message shows the part that is wrong.
        """
        return cls(parse(source))

    def to_cql2_json(self) -> dict[str, Json]:
        """Return this expression as CQL2 JSON (OGC 21-065r2); the details are in `localcat.expressions.cql2`.

        Raises
        ------
        BadRequestError
            If a part of it has no form there: an empty `any_of`, `covered_by`, or a mapping as a value.
        """
        from localcat.expressions.cql2.write_json import to_cql2_json  # filters are seldom exchanged

        return to_cql2_json(self.node)

    def to_cql2_text(self) -> str:
        """Return this expression as CQL2 text; see `to_cql2_json`."""
        from localcat.expressions.cql2.write_text import to_cql2_text  # likewise

        return to_cql2_text(self.node)

    @classmethod
    def from_cql2(cls, source: str | bytes | Mapping[str, object]) -> Expression:
        """Return the expression that a CQL2 filter stands for.

        Parameters
        ----------
        source : str, bytes or dict
            CQL2 text, CQL2 JSON as text, or what that decodes to.

        Raises
        ------
        BadRequestError
            If it is not CQL2, or uses a function that is not known; the message names it, and where it is in text.
        """
        from localcat.expressions.cql2.parse_text import from_cql2_text  # likewise
        from localcat.expressions.cql2.read_json import from_cql2_json

        if isinstance(source, bytes) or (isinstance(source, str) and source.lstrip().startswith("{")):
            return cls(from_cql2_json(load_json(source)))
        return cls(from_cql2_text(source) if isinstance(source, str) else from_cql2_json(source))

    def evaluate(self, obj: object) -> bool:
        """Tell whether an object fits this filter, by the rules that a search follows.

        A comparison with an unset attribute does not fit, whatever the operator, and negation does not change that.

        Parameters
        ----------
        obj : object
            A product, band or image; of any other object its Python attributes are compared.

        Raises
        ------
        BadRequestError
            If the class of a catalog object has no such attribute, or a value does not fit its attribute.
        """
        if isinstance(obj, Filterable):
            return evaluate(self.node, type(obj).fields(), obj.stored_value) is True
        return evaluate_plain(self.node, obj) is True


# At once, past the refusal of assignments: each operator makes an expression.
_set_node = Expression.__dict__["node"].__set__
_set_depth = Expression.__dict__["_depth"].__set__
_set_handle = Expression.__dict__["_handle"].__set__


@dataclass(frozen=True, slots=True)
class _Expected:
    """The first half of a chain, and where in which code the second will come."""

    code: CodeType
    link: Link
    first: Expression


class Property:
    """A handle for an attribute, for a key inside a mapping attribute, or for a calendar part of a timestamp.

    Its comparisons make expressions: ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, and ranges such as
    ``5 < p.x <= 10``. Comparing with None asks whether the attribute is unset. An attribute that holds a list compares
    by its elements.

    Parameters
    ----------
    ref : Ref
        What the handle stands for.
    """

    __slots__ = ("_expected", "ref")

    ref: Ref
    __hash__ = None  # type: ignore[assignment]  # == makes a condition, so a handle cannot be looked up
    __iter__ = None  # __getitem__ takes keys; without this, Python would try 0, 1, 2 …
    __array_ufunc__ = None  # numpy's scalars leave comparisons with a handle to the handle

    def __init__(self, ref: Ref) -> None:
        _set_ref(self, ref)
        # Chains that wait for their second comparison, by the identity of their frame and the position in its code, so
        # that threads, coroutines, recursive calls and nested chains that share a handle do not meet. One that was
        # abandoned (the last operand raised) stays without effect: no frame reaches that position in the code with this
        # handle on the left but through the first comparison again, which writes a new entry.
        _set_expected(self, {})

    _expected: dict[tuple[int, int], _Expected]

    if not TYPE_CHECKING:  # type checkers would take these for all names

        def __setattr__(self, name, value):
            raise AttributeError(f"{self} is a handle for filters: cannot set {name!r}")

        def __delattr__(self, name):
            raise AttributeError(f"{self} is a handle for filters: cannot delete {name!r}")

    def __reduce__(self) -> tuple[type[Property], tuple[Ref]]:
        return type(self), (self.ref,)

    def __repr__(self) -> str:
        return f"p.{self.ref}"

    def __getitem__(self, key: str) -> Property:
        if self.ref.part is not None or not isinstance(key, str):
            raise BadRequestError(
                f"{self} has no {brief(key)} to filter by; write p.attribute['key'] with a text key for each level"
            )
        return Property(Ref(self.ref.attribute, (*self.ref.keys, conditions.plain_text(self.ref, key))))

    # Comparisons

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]  # builds a condition
        return self._compare(Op.EQ, other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]  # builds a condition
        return self._compare(Op.NE, other)

    def __lt__(self, other: object) -> Expression:
        return self._compare(Op.LT, other)

    def __le__(self, other: object) -> Expression:
        return self._compare(Op.LE, other)

    def __gt__(self, other: object) -> Expression:
        return self._compare(Op.GT, other)

    def __ge__(self, other: object) -> Expression:
        return self._compare(Op.GE, other)

    def _compare(self, op: Op, other: object) -> Expression:
        expected = self._take_expected(sys._getframe(2), op) if self._expected else None
        node = conditions.compare(self.ref, op, other if type(other) is str else self._value(other))
        second = Expression._of(node, 1, self if op.is_range else None)
        return second if expected is None else expected.first & second

    def _expect(self, frame: FrameType, link: Link, first: Expression) -> None:
        """Remember the first half of a chain until its frame makes the second comparison."""
        self._expected[id(frame), link.next_offset] = _Expected(frame.f_code, link, first)

    def _take_expected(self, frame: FrameType, op: Op) -> _Expected | None:
        expected = self._expected.pop((id(frame), frame.f_lasti), None)
        if expected is None or expected.code is not frame.f_code or expected.link.next_op is not op:
            return None  # no chain, or one that another frame abandoned, or this handle on the right of the operator
        return expected

    def _value(self, value: object) -> object:
        if isinstance(value, Property | Expression):
            other = "another property" if isinstance(value, Property) else "a condition"
            raise TypeError(f"a property compares with a value, not with {other}: {self} and {value}")
        return value

    # Conditions by name

    def any_of(self, values: Iterable[object]) -> Expression:
        """Make the condition that the attribute equals one of the values; without values it matches nothing."""
        if (
            isinstance(values, Iterable)
            and not isinstance(values, str | bytes)
            and getattr(values, "shape", None) != ()
        ):
            values = list(itertools.islice(values, MAX_VALUES + 1))
            if len(values) > MAX_VALUES:
                raise BadRequestError(f"any_of takes at most {MAX_VALUES:,} values; ask in several searches")
            values = [self._value(value) for value in values]
        return Expression._of(conditions.any_of(self.ref, values), 1)

    in_ = any_of

    def between(self, low: object, high: object) -> Expression:
        """Make the condition that the attribute is in a range, both ends included."""
        return self._compare(Op.GE, low) & self._compare(Op.LE, high)

    def prefix(self, text: str) -> Expression:
        """Make the condition that the attribute begins with a string; case counts."""
        return Expression._of(conditions.prefix(self.ref, text), 1)

    startswith = prefix

    def like(self, pattern: str) -> Expression:
        r"""Make the condition that the attribute fits a pattern as a whole, and in the case of its letters.

        ``%`` stands for any run of characters, ``_`` for any one, and a backslash takes the next one literally.
        """
        return Expression._of(conditions.like(self.ref, pattern, fold=False), 1)

    def ilike(self, pattern: str) -> Expression:
        """Make the condition of `like`, ignoring case for all of Unicode."""
        return Expression._of(conditions.like(self.ref, pattern, fold=True), 1)

    @property
    def isnull(self) -> Expression:
        """The condition that the attribute is unset; of a list: unset or empty."""
        return Expression._of(conditions.is_null(self.ref), 1)

    @property
    def isnotnull(self) -> Expression:
        """The condition that the attribute is set; of a list: set and not empty."""
        return Expression._of(conditions.is_not_null(self.ref), 1)

    # Areas

    def intersects(self, geometry: object) -> Expression:
        """Make the condition that the footprint shares a point with a geometry.

        Parameters
        ----------
        geometry : GeoJSON, shapely geometry, object with ``__geo_interface__``, bounding box, or WKT
            In longitude and latitude; the same for all conditions on a footprint.
        """
        return self._spatial(Relation.INTERSECTS, geometry)

    def within(self, geometry: object) -> Expression:
        """Make the condition that the footprint lies in a geometry, and not on its boundary alone."""
        return self._spatial(Relation.WITHIN, geometry)

    def covered_by(self, geometry: object) -> Expression:
        """Make the condition that no point of the footprint is outside a geometry; the boundary counts as inside."""
        return self._spatial(Relation.COVERED_BY, geometry)

    def contains(self, geometry: object) -> Expression:
        """Make the condition that a geometry lies in the footprint, and not on its boundary alone."""
        return self._spatial(Relation.CONTAINS, geometry)

    def disjoint(self, geometry: object) -> Expression:
        """Make the condition that the footprint is set and shares no point with a geometry."""
        return self._spatial(Relation.DISJOINT, geometry)

    def touches(self, geometry: object) -> Expression:
        """Make the condition that the footprint and a geometry share points of their boundaries, and no inner ones."""
        return self._spatial(Relation.TOUCHES, geometry)

    def overlaps(self, geometry: object) -> Expression:
        """Make the condition that each of the footprint and a geometry has a part in common with the other and one not.

        Both have to be areas, or both lines.
        """
        return self._spatial(Relation.OVERLAPS, geometry)

    def crosses(self, geometry: object) -> Expression:
        """Make the condition that of the footprint and a geometry a line lies partly inside the other."""
        return self._spatial(Relation.CROSSES, geometry)

    def equals(self, geometry: object) -> Expression:
        """Make the condition that the footprint and a geometry cover the same points."""
        return self._spatial(Relation.EQUALS, geometry)

    def within_distance(self, geometry: object, metres: float) -> Expression:
        """Make the condition that the footprint is at most a number of metres from a geometry.

        Distances are on a sphere with the Earth's mean radius, right to a metre; see `localcat.earth.sphere`.
        """
        return self._spatial(Relation.WITHIN_DISTANCE, geometry, metres)

    def _spatial(self, relation: Relation, geometry: object, metres: object = None) -> Expression:
        return Expression._of(conditions.spatial(self.ref, relation, self._value(geometry), metres), 1)

    # Calendar parts

    @property
    def year(self) -> Property:
        """The year of a timestamp, in UTC."""
        return self._part(Part.YEAR)

    @property
    def month(self) -> Property:
        """The month of a timestamp, 1 to 12, in UTC."""
        return self._part(Part.MONTH)

    @property
    def day_of_year(self) -> Property:
        """The day in the year of a timestamp, 1 to 366, in UTC."""
        return self._part(Part.DAY_OF_YEAR)

    def _part(self, part: Part) -> Property:
        if self.ref.keys or self.ref.part is not None:
            raise BadRequestError(f"{self} is not a timestamp and has no {part}")
        return Property(Ref(self.ref.attribute, part=part))

    # What a bare handle cannot do

    def __bool__(self) -> NoReturn:
        raise TypeError(f"{self} has no truth value; compare it, or use {self}.isnull and {self}.isnotnull")

    def __contains__(self, value: object) -> NoReturn:
        raise TypeError(f"write {self} == {value!r} to ask whether a list contains a value, or {self}.any_of([...])")

    def __and__(self, other: object) -> NoReturn:
        raise TypeError(_BARE_PROPERTY.format(self))

    __rand__ = __or__ = __ror__ = __and__

    def __invert__(self) -> NoReturn:
        raise TypeError(_BARE_PROPERTY.format(self))


# At once, past the refusal of assignments.
_set_ref = Property.__dict__["ref"].__set__
_set_expected = Property.__dict__["_expected"].__set__


class Properties:
    """Makes a `Property` of each attribute that is asked for.

    Parameters
    ----------
    *names : str
        The names to allow; without any, all are, and a search checks them against its class.
    """

    __slots__ = ("__names",)

    def __init__(self, *names: str) -> None:
        self.__names = names

    def __getattr__(self, name: str) -> Property:
        ref = _ref_of(name)
        if self.__names and name not in self.__names:
            raise UnknownPropertyError(f"there is no property {name}{nearest(name, self.__names)}")
        return Property(ref)

    def __dir__(self) -> Iterator[str]:
        return iter(self.__names)

    def __repr__(self) -> str:
        return f"Properties({', '.join(map(repr, self.__names))})"


def _is_condition(given: object) -> bool:
    """Return whether a value can be joined with a condition; a property alone raises an error that says how."""
    if isinstance(given, Property):
        raise TypeError(_BARE_PROPERTY.format(given))
    return isinstance(given, Expression)


@functools.lru_cache(maxsize=256)
def _ref_of(name: str) -> Ref:
    """Return what a handle stands for: the same object each time, which is looked up by the fastest."""
    # Names with an underscore are probes of Python itself and of notebooks, never attributes of the catalog.
    if name.startswith("_") or not name.isidentifier():
        raise AttributeError(f"{name!r} is not the name of a property")
    return Ref(name)


properties = Properties()
"""A `Properties` for any attribute, usually imported as ``p``."""
