"""The part of a filter that SQL cannot decide: spatial conditions, tested on the footprints of candidates in chunks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy
import shapely

from localcat.earth.geometry import from_wkb
from localcat.expressions.nodes import And, IsNotNull, IsNull, Node, Not, Or, Ref, Spatial
from localcat.expressions.spatial import Test, test_of
from localcat.store.clauses import Clause
from localcat.store.query.compiler import Scope, compile_where
from localcat.store.query.planner import Question, select

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FOOTPRINT = Ref("geometry")
_Mask: TypeAlias = "NDArray[numpy.bool_]"


class _Chunk(NamedTuple):
    """Candidates as they come from the catalog: (what SQL knows already, the rest of the row, footprint as WKB)."""

    rows: Sequence[tuple[Any, ...]]
    footprints: NDArray[Any]


class Matches(NamedTuple):
    """Rows whose footprints passed a test.

    Parameters
    ----------
    rows : list of tuple
        The columns asked for, and behind them the footprint as WKB.
    shapes : list of shapely geometries
        The footprints; None where it is missing.
    """

    rows: list[tuple[Any, ...]]
    shapes: list[Any]

    def first(self, most: int) -> Matches:
        """Return so many of them, or all."""
        return Matches(self.rows[:most], self.shapes[:most]) if len(self.rows) > most else self


_Truth: TypeAlias = "Callable[[_Chunk], tuple[_Mask, _Mask]]"
"""Tells of each candidate whether a condition is true, and whether it is false; unknown is neither."""


class ExactTest:
    """The exact answer to a question with spatial conditions.

    Parameters
    ----------
    question : Question
        At least one of its conditions is spatial.
    """

    def __init__(self, question: Question) -> None:
        self._question = question
        self._statements: dict[tuple[str, bool], Clause] = {}  # made so far
        self._known: list[Clause] = []  # conditions beside spatial ones, which SQL decides and selects
        self._tests = [self._test(one.node, question.scope) for one in question.conditions if one.is_spatial]

    def statement(self, columns: str, *, ordered: bool = True, question: Question | None = None) -> Clause:
        """Return the statement for the candidates, whose rows `matches` takes.

        Parameters
        ----------
        columns : str
            SQL of what to select.
        ordered : bool
            Whether the order matters.
        question : Question, optional
            One that asks for less, by conditions that SQL decides.
        """
        key = (columns, ordered)
        if question is None and key in self._statements:
            return self._statements[key]
        chosen = Clause(f"{columns}, {self._question.scope.table}.geometry")
        for known in reversed(self._known):
            chosen = Clause(f"{known.sql}, {chosen.sql}", known.params + chosen.params)
        statement = select(question or self._question, chosen, ordered=ordered)
        if question is None:
            self._statements[key] = statement
        return statement

    def matches(self, rows: Sequence[tuple[Any, ...]]) -> Matches:
        """Return those candidates that match."""
        chunk = _Chunk(rows, from_wkb([row[-1] for row in rows]))
        hits = self._tests[0](chunk)
        for test in self._tests[1:]:
            hits = hits & test(chunk)
        found = list(itertools.compress(rows, hits.tolist()))
        if self._known:
            found = [row[len(self._known) :] for row in found]
        return Matches(found, chunk.footprints[hits].tolist())

    def _test(self, node: Node, scope: Scope) -> Callable[[_Chunk], _Mask]:
        """Return the test whether a condition is true; false and unknown are the same."""
        if isinstance(node, Spatial):
            return _when_there_are_candidates(node)
        truth = self._truth(node, scope)
        return lambda chunk: truth(chunk)[0]

    def _truth(self, node: Node, scope: Scope) -> _Truth:
        match node:
            case Spatial():
                return _truth_of_spatial(node)
            case IsNull(ref) if ref == _FOOTPRINT:
                return lambda chunk: _opposites(shapely.is_missing(chunk.footprints))
            case IsNotNull(ref) if ref == _FOOTPRINT:
                return lambda chunk: _opposites(~shapely.is_missing(chunk.footprints))
            case Not(part):
                inner = self._truth(part, scope)
                return lambda chunk: inner(chunk)[::-1]
            case And(parts):
                return _joined([self._truth(part, scope) for part in parts], decisive=1)
            case Or(parts):
                return _joined([self._truth(part, scope) for part in parts], decisive=0)
            case _:
                column = len(self._known)
                self._known.append(compile_where(node, scope))
                return lambda chunk: _as_masks([row[column] for row in chunk.rows])


def _when_there_are_candidates(condition: Spatial) -> Callable[[_Chunk], _Mask]:
    """Return the test of a condition, which prepares its area when it is used: small places have few candidates."""
    made: list[Test] = []

    def test(chunk: _Chunk) -> _Mask:
        if not made:
            made.append(test_of(condition))
        return made[0](chunk.footprints)

    return test


def _truth_of_spatial(condition: Spatial) -> _Truth:
    test = test_of(condition)

    def truth(chunk: _Chunk) -> tuple[_Mask, _Mask]:
        hits = test(chunk.footprints)
        return hits, ~(hits | shapely.is_missing(chunk.footprints))

    return truth


def _opposites(mask: _Mask) -> tuple[_Mask, _Mask]:
    return mask, ~mask


def _as_masks(values: list[int | None]) -> tuple[_Mask, _Mask]:
    known = numpy.array([-1 if value is None else bool(value) for value in values])
    return known == 1, known == 0


def _joined(truths: Sequence[_Truth], *, decisive: int) -> _Truth:
    """Join by OR (one that is true decides: 0) or by AND (one that is false decides: 1)."""

    def truth(chunk: _Chunk) -> tuple[_Mask, _Mask]:
        answers = [truth(chunk) for truth in truths]
        some = numpy.logical_or.reduce([masks[decisive] for masks in answers])
        all_others = numpy.logical_and.reduce([masks[1 - decisive] for masks in answers])
        return (some, all_others) if decisive == 0 else (all_others, some)

    return truth
