"""Answers by values inside `extra_properties` of images: what the index of them is good for, where a key has one."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from localcat.expressions import nodes
from localcat.expressions.fields import Moment, Scalar
from localcat.expressions.nodes import Node, Op, Ref, refs_of
from localcat.store.clauses import Clause
from localcat.store.properties import Path, as_stored, chosen
from localcat.store.query.compiler import Scope, as_wanted, by_type, in_list, prefix_condition
from localcat.store.query.planner import Question

FEW = 10_000  # entries; counting them costs little, and their images are fetched faster than others are looked through


def by_property(question: Question, connection: sqlite3.Connection) -> Question:
    """Return a question that lets the index of properties find its images, if few of them fulfil a condition."""
    if question.table != "image" or question.text is not None or any(one.window for one in question.conditions):
        return question
    asked = [(one, paths) for one in question.conditions if (paths := _paths(one.node))]
    keys = chosen(connection).keys() if asked else set[Path]()
    fewest = FEW
    for one, paths in asked:
        found = entries(one.node, question.scope) if paths <= keys else None
        if found is None:
            continue
        counted = f"SELECT count(*) FROM ({found.sql} LIMIT ?)"
        (number,) = connection.execute(counted, (*found.params, fewest)).fetchone()
        if number < fewest:
            fewest, question = number, question._replace(indexed=_images(found, paths))
    return question


def _paths(node: Node) -> set[Path]:
    """Return the keys inside `extra_properties` that a condition is about; none if it is about anything else, too."""
    refs = refs_of(node)
    return {ref.keys for ref in refs} if all(ref.attribute == "extra_properties" for ref in refs) else set()


def _images(found: Clause, paths: set[Path]) -> Clause:
    """Return the condition that picks the images that the index has found; all of them if a key has lost its index."""
    stored = [as_stored(path) for path in sorted(paths)]
    lacks = f"(SELECT count(*) FROM property_key WHERE path IN ({', '.join('?' * len(stored))})) < ?"
    # CROSS JOIN keeps SQLite from going through the images first.
    rest = f"SELECT image.id FROM (SELECT 1 WHERE {lacks}) CROSS JOIN image"
    return Clause(f"image.id IN ({found.sql} UNION ALL {rest})", (*found.params, *stored, len(stored)))


def entries(node: Node, scope: Scope) -> Clause | None:
    """Return the statement that gives the row ids of the images for which a condition holds, some perhaps twice.

    None if the index does not answer such a condition. All keys that it is about must have an index.
    """
    selects = _selects(node, scope)
    if not selects:
        return None
    sql = " UNION ALL ".join([one.sql for one in selects])
    return Clause(sql, tuple(value for one in selects for value in one.params))


def _selects(node: Node, scope: Scope) -> Sequence[Clause]:
    """Return the statements whose row ids together are those of `entries`; none where the index does not answer."""
    match node:
        case nodes.Or(parts):
            each = [_selects(part, scope) for part in parts]
            return [one for some in each for one in some] if all(each) else []
        case nodes.Comparison(ref, op, literal) if op is not Op.NE:
            wanted = scope.fields.resolve(ref).bind(literal)
            return [] if isinstance(wanted, Moment) else [_compared(ref, op, wanted)]
        case nodes.AnyOf(ref, literals):
            groups = by_type(map(scope.fields.resolve(ref).bind, literals))
            return [] if any(isinstance(group[0], Moment) for group in groups) else [_among(ref, one) for one in groups]
        case nodes.Prefix(ref, prefix):
            begins = prefix_condition(Clause("item.value"), prefix)
            return [_select(ref, f"item.type = 'text' AND {begins.sql}", *begins.params)]
        case nodes.IsNotNull(ref):
            return [_select(ref, "1")]
        case _:  # times have no order in the index, and what is not there no entry
            return []


def _compared(ref: Ref, op: Op, wanted: Scalar) -> Clause:
    if isinstance(wanted, bool):
        return _select(ref, "item.type = ?", _type(wanted))
    is_comparable, value = as_wanted(wanted)
    return _select(ref, f"{is_comparable} AND {value} {op.value} ?", wanted)


def _among(ref: Ref, values: Sequence[Scalar]) -> Clause:
    """Return the statement for values of one type."""
    if isinstance(values[0], bool):
        among = in_list([_type(value) for value in values])
        return _select(ref, f"item.type IN {among.sql}", *among.params)
    is_comparable, value = as_wanted(values[0])
    among = in_list(values)
    return _select(ref, f"{is_comparable} AND {value} IN {among.sql}", *among.params)


def _type(value: Scalar) -> str:
    return "true" if value else "false"


def _select(ref: Ref, condition: str, *params: Scalar | bytes) -> Clause:
    return Clause(
        "SELECT item.image_id FROM image_property AS item "
        f"WHERE item.key_id = (SELECT id FROM property_key WHERE path = ?) AND {condition}",
        (as_stored(ref.keys), *params),
    )
