"""Answers by time: what the index that holds each product's images in the order of `acquired` is good for.

It leads with the product. Where a filter leaves one product it answers by itself; where it leaves several, each product
is asked for its own part.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeGuard

from localcat.expressions.fields import Fields
from localcat.expressions.nodes import AnyOf, Comparison, IsNull, Like, Node, Prefix, Ref, refs_of
from localcat.store.clauses import Clause
from localcat.store.query import planner
from localcat.store.query.analysis import Condition, conditions_of
from localcat.store.query.compiler import Scope, compile_where
from localcat.store.query.planner import Products, Question
from localcat.store.rtree.ask import UNSET_TIME, TimeRange

MOST_BY_PRODUCT = 1000  # of each product, so that what is read and left out again stays little

_ACQUIRED, _PRODUCT = Ref("acquired"), Ref("product_id")
_COVERED = {"acquired", "cloud_fraction"}  # attributes that the index holds beside the product
_LONGEST_FIRST = 30 * 86_400_000_000  # microseconds, of the first window
_SHORTEST = 3_600_000_000  # microseconds
_GROWTH = 4
_LONG = 0.3  # share of all time above which reading every row costs less than finding them by the index
_SPANS_SQL = (
    "SELECT (SELECT min(acquired) FROM image WHERE product_id = product.id) AS first,"
    " (SELECT max(acquired) FROM image WHERE product_id = product.id) AS last FROM product"
)


def span(question: Question, connection: sqlite3.Connection) -> tuple[int, int] | None:
    """Return the first and the last `acquired` of all images of the products that are asked for; None without any.

    Both are in microseconds. Where several products are asked for, all are looked at.
    """
    product = planner.product_of(question)
    if product is None:
        first, last = connection.execute(f"SELECT min(first), max(last) FROM ({_SPANS_SQL})").fetchone()
    else:
        first, last = connection.execute(f"{_SPANS_SQL} WHERE uid = ?", (product,)).fetchone() or (None, None)
    return None if first is None else (first, last)


def is_brief(question: Question, connection: sqlite3.Connection) -> bool:
    """Return whether a question about the images of several products asks for a time so short that the index pays."""
    if question.table != "image" or question.text is not None:
        return False
    if any(one.is_spatial or _is_of_product(one.node) for one in question.conditions):
        return False
    asked = planner.acquired_range(question)
    if asked.start is None and asked.end is None:
        return False
    known = span(question, connection)
    if known is None:
        return False
    start, end = _within(known, asked)
    return end - start <= _LONG * (known[1] - known[0])


def is_few(question: Question, connection: sqlite3.Connection, most: int) -> bool:
    """Return whether there are at most so many images of the product and the time that a question asks for.

    It is not found out for other questions, where that would take long.
    """
    asked = planner.acquired_range(question)
    if question.table != "image" or question.text is not None or asked.start is None or asked.end is None:
        return False
    if planner.product_of(question) is None:
        return False
    conditions = tuple(one for one in question.conditions if _is_of_product(one.node) or _is_of_time(one.node))
    counted = planner.select(
        question._replace(conditions=conditions), "1", ordered=False, tail=Clause("LIMIT ?", (most + 1,))
    )
    (number,) = connection.execute(f"SELECT count(*) FROM ({counted.sql})", counted.params).fetchone()
    return bool(number <= most)


def _is_of_time(node: Node) -> bool:
    return isinstance(node, Comparison) and node.ref == _ACQUIRED


def has_ranges(question: Question, field: str) -> bool:
    """Return whether the index answers ranges of a timestamp of images, one after the other."""
    if field != "acquired" or question.table != "image" or question.text is not None:
        return False
    return planner.product_of(question) is not None or _is_covered(question)


def comes_by_product(question: Question, limit: int | None) -> bool:
    """Return whether the first or the last in time, of several products, are best asked of each product.

    The index must hold all that the filter is about: it is then never slower than reading every row.
    """
    if question.table != "image" or question.text is not None or limit is None or limit > MOST_BY_PRODUCT:
        return False
    if not question.order or question.order[0][0] != "acquired" or planner.product_of(question) is not None:
        return False
    return _is_covered(question)


def select_by_product(question: Question, columns: str, limit: int) -> Clause:
    """Return the statement that takes the first rows of each product, and of those the first, in its order."""
    of_products = [one.node for one in question.conditions if _is_of_product(one.node)]
    each = question._replace(conditions=_but_of_products(question), products=Products.EACH)
    inner = planner.select(each, "image.id", tail=Clause("LIMIT ?", (limit,)))
    scope = _scope_of_products(question.scope.fields)
    conditions = [
        *(compile_where(replace(node, ref=Ref("id")), scope) for node in of_products),
        Clause(f"image.id IN ({inner.sql})", inner.params),
    ]
    return Clause(
        f"SELECT {columns} FROM product CROSS JOIN image WHERE {' AND '.join(part.sql for part in conditions)} "
        f"ORDER BY {planner.order_of(question)} LIMIT ?",
        (*(value for part in conditions for value in part.params), limit),
    )


def windows(question: Question, connection: sqlite3.Connection) -> Iterator[Question]:
    """Yield questions that part the matches of one about an area, by `acquired` and in its order.

    Windows grow from one to the next. The first ones, which are not crowded, hold only what comes first, so that few
    of many matches are found fast. The last are the images whose `acquired` is unset. Of an area that has few
    candidates the question itself is the only part: sorting all of them is faster then.
    """
    is_ascending = question.order[0][1]
    asked, known = planner.acquired_range(question), span(question, connection)
    if asked == UNSET_TIME:
        yield question
        return
    if known is not None:
        first, last = _within(known, asked)
        length = _LONGEST_FIRST
        window = _window(first, last, length, is_ascending)
        number = _candidates(planner.within(question, "acquired", *window), connection)
        # If all of the time is like its first part; otherwise counted. A wrong guess costs some windows, and no match.
        if number * (last - first) < planner.CROWD * length and _candidates(question, connection) < planner.CROWD:
            yield question
            return
        while number == planner.CROWD and length > _SHORTEST:
            length //= _GROWTH**2
            window = _window(first, last, length, is_ascending)
            number = _candidates(planner.within(question, "acquired", *window), connection)
        while first <= last:
            start, end = _window(first, last, length, is_ascending)
            yield planner.within(question, "acquired", start, end)
            first, last = (end + 1, last) if is_ascending else (first, start - 1)
            length *= _GROWTH
    if asked.start is None and asked.end is None:
        unset = conditions_of(IsNull(_ACQUIRED), question.scope)
        yield question._replace(conditions=question.conditions + unset)


def _candidates(question: Question, connection: sqlite3.Connection) -> int:
    """Return how many candidates an area has, counted up to `planner.CROWD`."""
    statement = planner.count_candidates(question)
    (number,) = connection.execute(statement.sql, statement.params).fetchone()
    return int(number)


def _within(known: tuple[int, int], asked: TimeRange) -> tuple[int, int]:
    """Return the first and the last moment of a range of time that images may have."""
    first, last = known
    return (
        first if asked.start is None else max(asked.start, first),
        last if asked.end is None else min(asked.end, last),
    )


def _window(first: int, last: int, length: int, is_ascending: bool) -> tuple[int, int]:
    """Return the part of a range of time that comes first, in microseconds."""
    return (first, min(first + length - 1, last)) if is_ascending else (max(last - length + 1, first), last)


@functools.lru_cache(maxsize=8)  # of the classes that have images or are tried in their place
def _scope_of_products(fields: Fields) -> Scope:
    return Scope("product", fields)


def _is_covered(question: Question) -> bool:
    """Return whether the index holds all that a filter is about."""
    return all(ref.attribute in _COVERED for one in _but_of_products(question) for ref in refs_of(one.node))


def _but_of_products(question: Question) -> tuple[Condition, ...]:
    return tuple(one for one in question.conditions if not _is_of_product(one.node))


def _is_of_product(node: Node) -> TypeGuard[Comparison | AnyOf | Like | Prefix]:
    """Return whether a condition is about the product alone."""
    return isinstance(node, Comparison | AnyOf | Like | Prefix) and node.ref == _PRODUCT
