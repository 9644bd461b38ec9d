"""From a filter expression to SQL: text and parameters travel together, and no value is ever part of the text."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, assert_never

from localcat.errors import BadRequestError
from localcat.expressions import nodes
from localcat.expressions.fields import Field, Fields, Kind, Moment, Scalar, check_order, check_text_match
from localcat.expressions.nodes import ListRelation, Node, Op, Part, Ref, depth_of
from localcat.expressions.terms import fields_in, program, refs_in
from localcat.store.clauses import FALSE, MOST_FLAT, TRUE, Clause, Parameter, joined
from localcat.store.query.columns import PRODUCT_REFERENCES, column

_MOST_PARAMETERS = 500  # in one IN list; a longer one travels as a single JSON parameter
_LAST_CODE_POINT = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """The table that an expression is about, and the filterable attributes of its class; one for each class."""

    table: str
    fields: Fields

    def column(self, ref: Ref) -> str:
        """Return the SQL of the value that a plain attribute compares as."""
        return column(self.table, ref.attribute).compare


def compile_where(node: Node, scope: Scope, *, is_negated: bool = False) -> Clause:
    """Return the condition of a WHERE clause; its answer is that of `evaluate`: true, false or unknown.

    SQL cannot judge spatial conditions. A filter with one becomes a condition that is true wherever the filter may be;
    `localcat.store.query.exact` decides the rest. `is_negated` says that an odd number of NOTs stands around the node,
    so that the condition has to be false wherever the node may be false.

    Raises
    ------
    UnknownPropertyError
        If the class has no such attribute.
    BadRequestError
        If a value does not fit its attribute.
    """
    if isinstance(node, nodes.Comparison):
        known = compile_comparison(node, scope)
        if known is not None:
            return known
    if isinstance(node, nodes.Spatial):
        scope.fields.check_footprint(node.ref)
        return FALSE if is_negated else TRUE
    match node:
        case (
            nodes.Comparison()
            | nodes.AnyOf()
            | nodes.IsNull()
            | nodes.IsNotNull()
            | nodes.Like()
            | nodes.Prefix()
            | nodes.ListTest()
        ):
            field = scope.fields.resolve(node.ref)
            if isinstance(node, nodes.AnyOf) and not node.values:
                return FALSE
            check_text_match(node, field)
            if field.kind is Kind.LIST:
                return _list_condition(node, field, scope)
            if node.ref.keys:
                return _json_condition(node, field, scope)
            if (scope.table, node.ref.attribute) in PRODUCT_REFERENCES:
                return _product_condition(node, field, scope)
            value = Clause(scope.column(node.ref)) if node.ref.part is None else _calendar_part(node.ref, scope)
            if (
                column(scope.table, node.ref.attribute).may_be_nan
                and isinstance(node, nodes.Comparison)
                and node.op.is_range
            ):
                value = Clause(f"nullif({value.sql}, 'nan')")  # text, which SQLite would order after all numbers
            return _scalar_condition(node, field, value)
        case nodes.And(parts) | nodes.Or(parts):
            clauses = [compile_where(part, scope, is_negated=is_negated) for part in parts]
            return joined_nodes("AND" if isinstance(node, nodes.And) else "OR", parts, clauses)
        case nodes.Not(part):
            inner = compile_where(part, scope, is_negated=not is_negated)
            return Clause(f"NOT {inner.sql}" if inner.sql.startswith("(") else f"NOT ({inner.sql})", inner.params)
        case nodes.TermTest():
            return _term_test(node, scope)
        case nodes.Constant(value):
            return TRUE if value else FALSE
        case _:
            assert_never(node)


def compile_comparison(node: nodes.Comparison, scope: Scope) -> Clause | None:
    """Return the condition that a plain attribute compares so; None for all that `compile_where` has rules about."""
    ref = node.ref
    known = None if ref.keys or ref.part is not None else _compared(ref.attribute, node.op, scope)
    return None if known is None else Clause(known.sql, (known.bind(node.value),))


class _Compared(NamedTuple):
    """A comparison, but for the value."""

    sql: str
    bind: Callable[[object], Scalar]


@functools.lru_cache(maxsize=512)
def _compared(attribute: str, op: Op, scope: Scope) -> _Compared | None:
    """Return how an attribute is compared by itself, if there is nothing special about it.

    It depends on the declarations of the class alone, and is the same for every catalog and every value.
    """
    field = scope.fields.resolve(Ref(attribute))
    if field.kind not in (Kind.TEXT, Kind.NUMBER, Kind.TIMESTAMP):
        return None
    kept = column(scope.table, attribute)
    if (scope.table, attribute) in PRODUCT_REFERENCES:
        # No product has number 0: to equal an unknown product is false, not unknown, and its negation true.
        number = f"{scope.table}.product_id = ifnull((SELECT id FROM product WHERE uid = ?), 0)"
        return _Compared(number, field.bind) if op is Op.EQ else None
    if kept.may_be_nan:
        return None
    return _Compared(f"{kept.compare} {op.value} ?", field.bind)


def joined_nodes(word: str, conditions: Sequence[Node], clauses: Sequence[Clause]) -> Clause:
    """Join the clauses of conditions by AND or OR.

    Of many, the one that nests deepest goes to the front, outside the balanced tree of the others: SQLite's parser then
    has little to remember while it reads it, and a filter of any shape that `check_size` lets pass can be asked.
    """
    depths = [depth_of(node) for node in conditions] if len(conditions) > MOST_FLAT else []
    if not depths or max(depths) == 1:
        return joined(word, clauses)
    deepest = depths.index(max(depths))
    first, rest = clauses[deepest], joined(word, [*clauses[:deepest], *clauses[deepest + 1 :]])
    return Clause(f"({first.sql} {word} {rest.sql})", first.params + rest.params)


def _scalar_condition(node: nodes.Leaf, field: Field, value: Clause) -> Clause:
    match node:
        case nodes.Comparison(_, op, literal):
            return Clause(f"{value.sql} {op.value} ?", (*value.params, field.bind(literal)))
        case nodes.AnyOf(_, literals):
            wanted = in_list([field.bind(literal) for literal in literals])
            return Clause(f"{value.sql} IN {wanted.sql}", value.params + wanted.params)
        case nodes.IsNull():
            return Clause(f"{value.sql} IS NULL", value.params)
        case nodes.IsNotNull():
            return Clause(f"{value.sql} IS NOT NULL", value.params)
        case nodes.Like():
            return _like(value, node)
        case nodes.Prefix(_, prefix):
            return prefix_condition(value, prefix)
        case nodes.ListTest(ref):
            raise BadRequestError(
                f"{ref} is not a list, and the operators A_CONTAINS and its like do not apply; compare it with =="
            )
        case _:
            assert_never(node)


def _like(value: Clause, node: nodes.Like) -> Clause:
    ignored = int(node.fold) + 2 * (not node.accents)  # 1: case, 2: accents
    return Clause(f"localcat_like({value.sql}, ?, ?)", (*value.params, node.pattern, ignored))


def _term_test(node: nodes.TermTest, scope: Scope) -> Clause:
    """Compile a comparison of computed values: a function of the program and of the values with their JSON types."""
    fields = fields_in(node, scope.fields)
    arguments: list[Clause] = [Clause("?", (program(node, fields),))]
    for ref in refs_in(node):
        if ref.keys:
            arguments += [_item_of(ref, scope, "item.type"), _item_of(ref, scope, "item.value")]
        else:
            arguments += [Clause("NULL"), Clause(scope.column(ref)) if ref.part is None else _calendar_part(ref, scope)]
    sql = ", ".join([argument.sql for argument in arguments])
    return Clause(f"localcat_terms({sql})", tuple(value for argument in arguments for value in argument.params))


def prefix_condition(value: Clause, prefix: str) -> Clause:
    """Compile a prefix as a range of code points, which an index can answer."""
    after = _text_after(prefix)
    if after is None:
        return Clause(f"{value.sql} >= ?", (*value.params, prefix))
    return Clause(f"({value.sql} >= ? AND {value.sql} < ?)", (*value.params, prefix, *value.params, after))


def _text_after(prefix: str) -> str | None:
    """Return the first string, by code point, after all that begin with `prefix`; None if there is none."""
    for end in range(len(prefix), 0, -1):
        code = ord(prefix[end - 1]) + 1
        if code in _SURROGATES:
            code = _SURROGATES.stop
        if code <= _LAST_CODE_POINT:
            return prefix[: end - 1] + chr(code)
    return None


def in_list(values: Sequence[Scalar]) -> Clause:
    """Return what follows IN."""
    if len(values) <= _MOST_PARAMETERS:
        return Clause(f"({', '.join('?' * len(values))})", tuple(values))
    return Clause("(SELECT value FROM json_each(?))", (json.dumps(values, ensure_ascii=False),))


def _product_condition(node: nodes.Leaf, field: Field, scope: Scope) -> Clause:
    """Compare a row's product by number, so that an index can answer it; every row has one."""
    number = f"{scope.table}.product_id"
    wanted = _scalar_condition(node, field, Clause("uid"))
    return Clause(f"{number} IN (SELECT id FROM product WHERE {wanted.sql})", wanted.params)


def _calendar_part(ref: Ref, scope: Scope) -> Clause:
    """Return the year, month or day of a timestamp; seconds are floored first, since strftime rounds."""
    moment = scope.column(Ref(ref.attribute))
    seconds = f"({moment} - (({moment} % 1000000) + 1000000) % 1000000) / 1000000"
    code = {Part.YEAR: "%Y", Part.MONTH: "%m", Part.DAY_OF_YEAR: "%j"}[ref.part or Part.YEAR]
    return Clause(f"CAST(strftime('{code}', {seconds}, 'unixepoch') AS INTEGER)")


def _list_condition(node: nodes.Leaf, field: Field, scope: Scope) -> Clause:
    """Compile a condition on the elements of a list; it is true or false, never unknown."""
    stored = scope.column(node.ref)
    is_set = f"({stored} IS NOT NULL AND {stored} <> '[]')"

    def some(condition: str, *params: Parameter) -> Clause:
        return Clause(f"EXISTS (SELECT 1 FROM json_each({stored}) AS item WHERE {condition})", params)

    match node:
        case nodes.Comparison(_, Op.EQ, literal):
            return some("item.value = ?", field.bind(literal))
        case nodes.Comparison(_, Op.NE, literal):
            equal = some("item.value = ?", field.bind(literal))
            return Clause(f"({is_set} AND NOT {equal.sql})", equal.params)
        case nodes.Comparison():
            raise BadRequestError(f"{node.ref} is a list and has no order; compare with ==, != or any_of")
        case nodes.AnyOf(_, literals):
            wanted = in_list([field.bind(literal) for literal in literals])
            return some(f"item.value IN {wanted.sql}", *wanted.params)
        case nodes.IsNull():
            return Clause(f"NOT {is_set}")
        case nodes.IsNotNull():
            return Clause(is_set)
        case nodes.Like():
            matches = _like(Clause("item.value"), node)
            return some(matches.sql, *matches.params)
        case nodes.Prefix(_, prefix):
            condition = prefix_condition(Clause("item.value"), prefix)
            return some(condition.sql, *condition.params)
        case nodes.ListTest(_, relation, literals):
            related = _list_test(relation, stored, [field.bind(literal) for literal in literals])
            return Clause(f"({is_set} AND {related.sql})", related.params)
        case _:
            assert_never(node)


def _json_condition(node: nodes.Leaf, field: Field, scope: Scope) -> Clause:
    """Compile a condition on a value inside a mapping, by the rules of `localcat.expressions.json_values`."""

    def of_item(sql: str, *params: Parameter) -> Clause:
        return _item_of(node.ref, scope, sql, *params)

    match node:
        case nodes.Comparison(_, op, literal):
            wanted = field.bind(literal)
            check_order(node, wanted)
            if op.is_range:
                is_comparable, value = as_wanted(wanted)
                return of_item(f"CASE WHEN {is_comparable} THEN {value} {op.value} ? END", wanted)
            equal = _json_equal(wanted)
            sql = equal.sql if op is Op.EQ else f"NOT {equal.sql}"
            return of_item(f"CASE WHEN item.type <> 'null' THEN {sql} END", *equal.params)
        case nodes.AnyOf(_, literals):
            equal = joined("OR", [_json_equal_any(wanted) for wanted in by_type(map(field.bind, literals))])
            return of_item(f"CASE WHEN item.type <> 'null' THEN {equal.sql} END", *equal.params)
        case nodes.IsNull():
            unset = of_item("item.type = 'null'")
            return Clause(f"ifnull({unset.sql}, 1)", unset.params)
        case nodes.IsNotNull():
            unset = of_item("item.type = 'null'")
            return Clause(f"NOT ifnull({unset.sql}, 1)", unset.params)
        case nodes.Like() | nodes.Prefix():
            inner = _scalar_condition(node, field, Clause("item.value"))
            return of_item(f"CASE WHEN item.type = 'text' THEN {inner.sql} END", *inner.params)
        case nodes.ListTest(_, relation, literals):
            related = _list_test(relation, "item.value", [field.bind(literal) for literal in literals])
            return of_item(f"CASE WHEN item.type = 'array' THEN {related.sql} END", *related.params)
        case _:
            assert_never(node)


def _item_of(ref: Ref, scope: Scope, sql: str, *params: Parameter) -> Clause:
    """Return what SQL says about the `item` that keys lead to; NULL if there is none."""
    names = [f"level{number}" for number in range(1, len(ref.keys))] + ["item"]
    inside = [scope.column(Ref(ref.attribute))]
    inside += [f"CASE {name}.type WHEN 'object' THEN {name}.value END" for name in names[:-1]]
    tables = ", ".join([f"json_each({source}) AS {name}" for source, name in zip(inside, names, strict=True)])
    at_keys = " AND ".join([f"{name}.key = ?" for name in names])
    return Clause(f"(SELECT {sql} FROM {tables} WHERE {at_keys})", (*params, *ref.keys))


def _list_test(relation: ListRelation, stored: str, wanted: Sequence[Scalar]) -> Clause:
    """Return whether a list, stored as JSON, has a relation to values; it is true or false."""
    some = f"EXISTS (SELECT 1 FROM json_each({stored}) AS element WHERE "

    def each_is_there() -> Clause:
        return joined("AND", [Clause(f"{some}{one.sql})", one.params) for one in map(_element_equals, wanted)])

    equal = joined("OR", [_element_equals(value) for value in wanted])
    match relation:
        case ListRelation.CONTAINS:
            return each_is_there()
        case ListRelation.OVERLAPS:
            return Clause(f"{some}{equal.sql})", equal.params)
        case ListRelation.CONTAINED_BY:
            return Clause(f"NOT {some}NOT {equal.sql})", equal.params)
        case ListRelation.EQUALS:
            there = each_is_there()
            return Clause(f"({there.sql} AND NOT {some}NOT {equal.sql}))", there.params + equal.params)


def _element_equals(wanted: Scalar) -> Clause:
    equal = _json_equal(wanted)
    return Clause(equal.sql.replace("item.", "element."), equal.params)


def as_wanted(wanted: Scalar) -> tuple[str, str]:
    """Return whether an item is of the type of a value, and what of it compares with that."""
    if isinstance(wanted, Moment):
        return "item.type = 'text'", "localcat_moment(item.value)"
    return ("item.type = 'text'" if isinstance(wanted, str) else "item.type IN ('integer', 'real')"), "item.value"


def _json_equal(wanted: Scalar) -> Clause:
    """Return whether an item equals a value; it is true or false."""
    if isinstance(wanted, bool):
        return Clause("(item.type = ?)", ("true" if wanted else "false",))
    is_comparable, value = as_wanted(wanted)
    equal = f"ifnull({value} = ?, 0)" if isinstance(wanted, Moment) else f"{value} = ?"
    return Clause(f"({is_comparable} AND {equal})", (wanted,))


def _json_equal_any(wanted: Sequence[Scalar]) -> Clause:
    """Return whether an item equals one of several values of a type."""
    if len(wanted) == 1 or isinstance(wanted[0], bool):
        return joined("OR", [_json_equal(value) for value in wanted])
    is_comparable, value = as_wanted(wanted[0])
    among = in_list(wanted)
    return Clause(f"({is_comparable} AND ifnull({value} IN {among.sql}, 0))", among.params)


def by_type(values: Iterable[Scalar]) -> list[list[Scalar]]:
    """Return values in lists of one type each: text, times, truth values, numbers."""
    found: dict[str, list[Scalar]] = {}
    for value in values:
        kind = next((one.__name__ for one in (str, Moment, bool) if isinstance(value, one)), "number")
        found.setdefault(kind, []).append(value)
    return list(found.values())
