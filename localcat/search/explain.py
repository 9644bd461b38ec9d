"""Why a search finds what it finds: what each condition leaves, what was just missed, and how the catalog is asked."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from localcat.expressions.cql2.write_where import to_where
from localcat.expressions.fields import nearest
from localcat.expressions.nodes import And, AnyOf, Comparison, IsNull, Node, Not, Op, Or, Ref, Relation, Spatial
from localcat.expressions.python_text import shortened
from localcat.models.product import Product
from localcat.store import rows
from localcat.store.query import planner
from localcat.timestamps import from_microseconds

if TYPE_CHECKING:
    from localcat.search import Search
    from localcat.store.query.analysis import Condition

_MISSES = 3  # in space
_WIDTH = 120  # columns of a line
_SHORTEST = 20  # characters of a condition that is cut
_TABLES_OF_IDS = {"product_id": "product", "image_id": "image"}
_IDS_LOOKED_UP = 10  # of an any_of, for hints
_PRODUCTS_COMPARED = 1000  # with the id of a product that is not there
_PLAN_WORDS = (  # of SQLite's lines, in its words, and in ours; lines about the inside of others are left out
    (r"(?:SCAN|SEARCH) image_index VIRTUAL TABLE", "asks the space-time index for boxes"),
    (r"SCAN \w+_text VIRTUAL TABLE", "asks the full-text index"),
    (r"SEARCH (\w+) USING INTEGER PRIMARY KEY", r"fetches rows of {0} by number"),
    (r"SEARCH (\w+) USING (?:COVERING )?INDEX \w+ \((.+)\)", r"looks {0} up in an index, by {1}"),
    (r"SCAN (\w+) USING (?:COVERING )?INDEX", r"reads all of {0}, in the order of an index"),
    (r"SCAN (product|band|image|upload)$", r"reads all of {0}"),
    (r"USE TEMP B-TREE FOR ORDER BY", "sorts what is found"),
    (r"USE TEMP B-TREE FOR", "sorts ties"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """What one condition leaves of what those before it left.

    Parameters
    ----------
    condition : str
        As code; the first step is about all objects of the class.
    left : int
        How many objects are left.
    unset : int
        How many were lost here because the condition is unknown for them: an attribute is unset.
    where : str
        The condition as a filter in the shell, in CQL2 text; as code where that has no form.
    """

    condition: str
    left: int
    unset: int = 0
    where: str = ""


@dataclass(frozen=True, slots=True)
class TimeMiss:
    """An image that fits but for its time: the nearest one on its side.

    Parameters
    ----------
    id : str
        The image.
    acquired : datetime
        Its time; aware UTC.
    by : timedelta
        How far outside of the range that was asked for; negative before it.
    """

    id: str
    acquired: datetime
    by: timedelta

    def __str__(self) -> str:
        side = "before" if self.by < timedelta(0) else "after"
        return f"{self.id}, acquired {self.acquired:%Y-%m-%d %H:%M:%S}, {abs(self.by)} {side} the range"


@dataclass(frozen=True, slots=True)
class SpaceMiss:
    """An image that fits but for its place.

    Parameters
    ----------
    id : str
        The image.
    metres : float
        From its footprint to the geometry that was asked for; 0 where they meet.
    """

    id: str
    metres: float

    def __str__(self) -> str:
        return f"{self.id}, {self.metres / 1000:,.1f} km away" if self.metres else f"{self.id}, which meets the area"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer of `Search.explain`.

    Parameters
    ----------
    kind : str
        The class that is searched.
    found : int
        How many objects the search finds, its limit included.
    steps : tuple of Step
        All objects first, then what each condition leaves: attributes, with the product in front, places, the text.
    hints : tuple of str
        What was perhaps meant: a product's id with the namespace in front, say. Empty where something is found.
    nearest_in_time, nearest_in_space : tuple
        What was just missed. Empty where something is found, and where the search does not ask for the one.
    plan : tuple of str
        How the catalog is asked, in words.
    seconds : float
        How long the search itself took.
    """

    kind: str
    found: int
    steps: tuple[Step, ...]
    hints: tuple[str, ...]
    nearest_in_time: tuple[TimeMiss, ...]
    nearest_in_space: tuple[SpaceMiss, ...]
    plan: tuple[str, ...]
    seconds: float

    @property
    def lost_at(self) -> Step | None:
        """The step after which nothing is left, or None."""
        return next((step for step in self.steps if not step.left), None)

    def __str__(self) -> str:
        return self._text([step.condition for step in self.steps], None)

    def to_where_text(self, width: int = _WIDTH) -> str:
        """Return the explanation as it is printed, with the conditions as filters in the shell.

        Parameters
        ----------
        width : int
            How many columns a line with a condition has; longer conditions are cut.
        """
        number = len(f"{self.steps[0].left:,}")
        conditions = []
        for step in self.steps:
            room = max(width - number - len("    ") - len(self._lost(step)), _SHORTEST)
            text = step.where or step.condition
            conditions.append(text if len(text) <= room else f"{text[: room - 1]}…")
        return self._text(conditions, width)

    def _text(self, conditions: Sequence[str], longest: int | None) -> str:
        width = len(f"{self.steps[0].left:,}")
        lost_at = next((said for step, said in zip(self.steps, conditions, strict=True) if not step.left), None)
        title = self._title(lost_at)
        if longest is not None and len(title) > longest:
            title = f"{title[: longest - 1]}…"
        lines = [title]
        for step, condition in zip(self.steps, conditions, strict=True):
            lines.append(f"  {step.left:>{width},}  {condition}{self._lost(step)}")
        for title, entries in self._sections():
            lines += [f"{title}:", *(f"  {entry}" for entry in entries)]
        return "\n".join(lines)

    @staticmethod
    def _lost(step: Step) -> str:
        return f"  ({step.unset:,} lost because a value is unset)" if step.unset else ""

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td style='text-align:right'>{step.left:,}</td>"
            f"<td style='text-align:left'><code>{html.escape(step.condition)}</code></td>"
            f"<td style='text-align:right'>{format(step.unset, ',') if step.unset else ''}</td></tr>"
            for step in self.steps
        )
        parts = [
            f"<p><b>{html.escape(self._title(None if self.lost_at is None else self.lost_at.condition))}</b></p>",
            f"<table><tr><th>left</th><th>condition</th><th>lost because unset</th></tr>{rows}</table>",
        ]
        for title, entries in self._sections():
            items = "".join(f"<li>{html.escape(str(entry))}</li>" for entry in entries)
            parts.append(f"<p>{html.escape(title)}</p><ul>{items}</ul>")
        return f"<div>{''.join(parts)}</div>"

    def _title(self, lost_at: str | None) -> str:
        title = f"{self.kind} search: {self.found:,} found in {self.seconds * 1000:,.1f} ms"
        if lost_at is None:
            return title
        return f"{title}; {f'nothing is left after {lost_at}' if self.steps[0].left else 'the catalog has none'}"

    def _sections(self) -> Iterator[tuple[str, Sequence[object]]]:
        sections: tuple[tuple[str, Sequence[object]], ...] = (
            ("perhaps you mean", self.hints),
            ("nearest in time", self.nearest_in_time),
            ("nearest in space", self.nearest_in_space),
            ("how the catalog is asked", self.plan),
        )
        return ((title, entries) for title, entries in sections if entries)


def explain(search: Search[Any]) -> Explanation:
    """Return why a search finds what it finds, as one state of the catalog has it."""
    question = search._question()
    conditions = _in_order(question.conditions)
    with search._catalog.database.snapshot():
        start = time.perf_counter()
        found = len(search._matches(f"{question.table}.id"))
        seconds = time.perf_counter() - start
        steps = tuple(_steps(search, conditions, question.text))
        in_time: tuple[TimeMiss, ...] = ()
        in_space: tuple[SpaceMiss, ...] = ()
        hints: tuple[str, ...] = ()
        if not steps[-1].left:
            hints = tuple(_hints(search, conditions))
            in_time = tuple(_time_misses(search, conditions))
            in_space = tuple(_space_misses(search, conditions, question.text))
        plan = tuple(_plan(search))
    return Explanation(search._kind.__name__, found, steps, hints, in_time, in_space, plan, seconds)


def _in_order(conditions: Sequence[Condition]) -> list[Condition]:
    """Return the conditions on the product first, those on a place last, and else as they were given."""
    return sorted(conditions, key=lambda one: 2 if one.is_spatial else 0 if _is_about(one.node, "product_id") else 1)


def _is_about(node: Node, attribute: str) -> bool:
    return isinstance(node, Comparison) and node.ref == Ref(attribute)


def _steps(search: Search[Any], conditions: Sequence[Condition], text: str | None) -> Iterator[Step]:
    asked = search._only()
    left = asked.count()
    yield Step(f"every {search._kind.table}", left)
    for number, condition in enumerate(conditions, start=1):
        so_far = search._only(conditions[:number])
        before, left = left, so_far.count() if left else 0
        unset = _unset(asked, condition, before, left)
        yield Step(shortened(condition.node), left, unset, to_where(condition.node))
        asked = so_far
    if text is not None:
        yield Step(f"the words {text!r}", search._only(conditions, text).count())


def _unset(asked: Search[Any], condition: Condition, before: int, left: int) -> int:
    """Return for how many of the objects asked for so far a condition is unknown."""
    if before == left:
        return 0
    node = condition.node
    if isinstance(node, Spatial):  # those that are false would have to be tested one by one
        return asked._also(IsNull(node.ref)).count()
    if isinstance(node, Or) and condition.is_spatial and IsNull(Ref("geometry")) in node.parts:
        return 0
    return before - left - asked._also(Not(node)).count()


def _hints(search: Search[Any], conditions: Sequence[Condition]) -> Iterator[str]:
    """Yield ids that differ from those asked for by the namespace alone, or are near those of no product."""
    catalog = search._catalog
    for attribute, asked in dict.fromkeys(asked for one in conditions for asked in _ids_asked_for(one.node)):
        table = _TABLES_OF_IDS.get(attribute, search._kind.table)
        full = f"{catalog.namespace}:{asked}"
        with catalog.database.read() as connection:
            known = rows.row_ids(connection, table, [asked, full])
        if asked in known:
            continue
        if catalog.namespace and full in known:
            yield f"p.{attribute} == {full!r}: ids begin with the catalog's namespace, and searches take them as given"
        elif table == "product":
            near = nearest(asked, catalog.search(Product).limit(_PRODUCTS_COMPARED).ids())
            yield f"there is no product {asked!r}{near or '; catalog.products lists those there are'}"


def _ids_asked_for(node: Node) -> Iterator[tuple[str, str]]:
    """Yield the attribute and the id of each comparison with an id, but those behind a not."""
    match node:
        case Comparison(Ref("id" | "product_id" | "image_id", (), None) as ref, Op.EQ, str() as asked):
            yield ref.attribute, asked
        case AnyOf(Ref("id" | "product_id" | "image_id", (), None) as ref, values):
            yield from ((ref.attribute, asked) for asked in values[:_IDS_LOOKED_UP] if isinstance(asked, str))
        case And(parts) | Or(parts):
            for part in parts:
                yield from _ids_asked_for(part)


def _time_misses(search: Search[Any], conditions: Sequence[Condition]) -> Iterator[TimeMiss]:
    """Yield the last image before the range of `acquired`, and the first one after it, that fit else."""
    others = [one for one in conditions if not _is_about(one.node, "acquired")]
    if len(others) == len(conditions):
        return
    question = search._question()
    asked = planner.acquired_range(question)
    for edge, op, order in ((asked.start, Op.LE, "-acquired"), (asked.end, Op.GE, "acquired")):
        if edge is not None:
            beyond = Comparison(Ref("acquired"), op, from_microseconds(edge))
            nearest = search._only(others, question.text)._also(beyond).sort(order).limit(1)
            for uid, acquired in nearest._matches("image.uid, image.acquired"):
                by = from_microseconds(acquired) - from_microseconds(edge)
                yield TimeMiss(uid, from_microseconds(acquired), by)


def _space_misses(search: Search[Any], conditions: Sequence[Condition], text: str | None) -> Iterator[SpaceMiss]:
    """Yield the images nearest to the place that was asked for, of those that fit else."""
    asked = next((spatial for one in conditions if (spatial := _spatial_of(one.node)) is not None), None)
    if asked is None or asked.relation is Relation.DISJOINT:
        return
    others = search._only([one for one in conditions if not one.is_spatial], text)
    for metres, (uid, _) in others._nearest(asked.area, _MISSES):  # type: ignore[attr-defined]  # asked of images alone
        yield SpaceMiss(uid, metres)


def _spatial_of(node: Node) -> Spatial | None:
    inner = node.parts if isinstance(node, Or) else (node,)
    return next((one for one in inner if isinstance(one, Spatial)), None)


def _plan(search: Search[Any]) -> Iterator[str]:
    sql, params = search.to_sql()
    with search._catalog.database.read() as connection:
        lines = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", params)]
    said = dict.fromkeys(words for line in lines if (words := _in_words(line)) is not None)
    yield from said
    if search._goes_by_windows():
        yield "looks in ever longer windows of time, until enough is found"
    if any(one.is_spatial for one in search._question().conditions):
        yield "tests the footprints of what the index gives, exactly"


def _in_words(line: str) -> str | None:
    for pattern, words in _PLAN_WORDS:
        match = re.match(pattern, line)
        if match is not None:
            return words.format(*(re.sub(r"=\?|\?", "", group).replace(" AND ", ", ") for group in match.groups()))
    return None
