"""Pieces of SQL: text and parameters travel together, and no value is ever part of the text."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from localcat.expressions.fields import Scalar

Parameter: TypeAlias = Scalar | bytes
"""The value of a question mark."""

MOST_FLAT = 8  # terms of an AND or OR in one pair of parentheses


class Clause(NamedTuple):
    """A piece of SQL and the values of its question marks, in order."""

    sql: str
    params: tuple[Parameter, ...] = ()


TRUE = Clause("1")
FALSE = Clause("0")


def joined(word: str, clauses: Sequence[Clause]) -> Clause:
    """Join clauses by AND or OR, as a balanced tree: SQLite refuses a chain of a thousand terms as too deep."""
    if len(clauses) == 1:
        return clauses[0]
    if len(clauses) <= MOST_FLAT:  # flat where it is short, since people read it
        return Clause(
            f"({f' {word} '.join([clause.sql for clause in clauses])})",
            tuple(itertools.chain.from_iterable([clause.params for clause in clauses])),
        )
    middle = len(clauses) // 2
    left, right = joined(word, clauses[:middle]), joined(word, clauses[middle:])
    return Clause(f"({left.sql} {word} {right.sql})", left.params + right.params)
