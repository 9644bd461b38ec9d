"""Searches: frozen questions to a catalog, asked when their answer is needed.

Every method returns a new search or an answer; none changes the search it is called on. An answer is decided first, as
a compact list of row numbers seen in one state of the catalog, and its objects are read afterwards, in chunks.
"""

from __future__ import annotations

import itertools
import operator
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from localcat.collection import BandCollection, Collection, ImageCollection, ProductCollection
from localcat.errors import BadRequestError, CorruptCatalogError
from localcat.explain import Explanation, explain
from localcat.expressions.calendar import years_as_ranges
from localcat.expressions.conditions import spatial
from localcat.expressions.nodes import IsNull, Node, Ref, Relation, Spatial, all_of, check_size, mentions_place, one_of
from localcat.expressions.properties import Expression
from localcat.expressions.properties import properties as p
from localcat.models.band import Band
from localcat.models.base import CatalogObjectBase
from localcat.models.enums import AggregateDateField, Interval
from localcat.models.image import Image
from localcat.models.product import Product
from localcat.nearness import as_place, nearest_to
from localcat.store import planner, rows, timeline
from localcat.store.compiler import Clause, Scope, compile_where
from localcat.store.planner import Products, Question
from localcat.store.space import Reach
from localcat.timeseries import (
    MOST_RANGES,
    Bucket,
    bucket_of,
    bucket_start,
    buckets_between,
    grouping_sql,
    interval_after,
)
from localcat.timestamps import from_microseconds, to_microseconds

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from localcat.models.backend import Backend
    from localcat.store.exact import ExactTest

T = TypeVar("T", bound=CatalogObjectBase)

_COLLECTIONS: dict[type[CatalogObjectBase], type] = {
    Product: ProductCollection,
    Band: BandCollection,
    Image: ImageCollection,
}
_TEXT_TABLES = ("product", "band", "image")
_SMALLEST_CHUNK, _LARGEST_CHUNK = 128, 4096  # candidates whose footprints are tested at once


@dataclass(frozen=True, slots=True)
class Search(Generic[T]):
    """A search for objects of one class; made by ``Class.search()`` or by a catalog.

    Iterating over it gives the objects found, each time anew.

    Examples
    --------
    >>> import localcat
    >>> from localcat import properties as p
    >>> with localcat.Catalog.temporary() as catalog:
    ...     catalog.products.filter(p.name.prefix("Land")).sort("name").limit(3).count()
    0
    """

    _kind: type[T]
    _catalog: Backend
    _where: Node | None = None
    _order: tuple[tuple[str, bool], ...] = ()
    _limit: int | None = None
    _text: str | None = None
    _statements: dict[str, Clause] = field(default_factory=dict, init=False, repr=False, compare=False)  # made so far

    # Building

    def filter(self, expression: Expression) -> Self:
        """Return a search that also asks for a condition; several are joined by AND.

        Parameters
        ----------
        expression : Expression
            Made of ``properties as p``: ``p.cloud_fraction < 0.2``. An attribute that is unset matches no comparison.

        Raises
        ------
        UnknownPropertyError
            If the class has no such attribute; the message names the nearest ones.
        BadRequestError
            If a value does not fit its attribute.
        """
        if not isinstance(expression, Expression):
            raise BadRequestError(
                f"a filter is an expression such as p.name == 'x', not {expression!r}; "
                "join conditions with & and |, each in parentheses"
            )
        compile_where(expression.node, Scope(self._kind.table, self._kind.fields()))  # raises now rather than later
        where = expression if self._where is None else Expression(self._where) & expression
        check_size(where.node)
        return replace(self, _where=where.node)

    def sort(self, field: str, *more: str | bool, ascending: bool = True) -> Self:
        """Return a search sorted by one or more attributes; it replaces an earlier sort.

        Unset values come last in both directions; ties are broken by id.

        Parameters
        ----------
        field, *more : str
            Names of attributes; a leading minus turns the order around.
        ascending : bool
            Whether small values come first. The original's second positional argument; it stays accepted there.

        Raises
        ------
        UnknownPropertyError
            If the class has no such attribute.
        BadRequestError
            If the attribute has no order.
        """
        names: list[Any] = [field, *more]
        if len(names) == 2 and isinstance(names[1], bool):
            ascending = names.pop()
        order = []
        for given in names:
            if not isinstance(given, str):
                raise BadRequestError(f"a search is sorted by names of attributes, not by {given!r}")
            name = given.removeprefix("-")
            if not self._kind.fields()[name].sortable:
                raise BadRequestError(f"{self._kind.__name__} cannot be sorted by {name}: its values have no order")
            order.append((name, ascending != given.startswith("-")))
        return replace(self, _order=tuple(order))

    def limit(self, limit: int | None) -> Self:
        """Return a search for at most so many objects; it replaces an earlier limit, and None takes it away."""
        if limit is not None:
            try:
                number = operator.index(limit)
            except TypeError:
                number = -1
            if isinstance(limit, bool) or not 0 <= number < 2**63:
                raise BadRequestError(f"a limit is a whole number from 0, or None, not {limit!r}")
            limit = number
        return replace(self, _limit=limit)

    def find_text(self, text: str) -> Self:
        """Return a search for objects that have all the words of a text; it replaces an earlier text.

        Words are compared without case and accents; in tags they are separated by spaces and punctuation, not by
        control characters. Products and bands are searched in name, description and tags; images in name and tags.
        Without a sort the best matches come first.
        """
        if self._kind.table not in _TEXT_TABLES:
            raise BadRequestError(f"{self._kind.__name__} has no text to search; filter by an attribute")
        if not isinstance(text, str) or not text.split() or "\x00" in text:
            raise BadRequestError(f"find_text takes at least one word, not {text!r}")
        return replace(self, _text=text)

    # Asking

    def __iter__(self) -> Iterator[T]:
        yield from self._hydrated(self._row_ids())

    def _hydrated(self, found: Sequence[int]) -> Iterator[T]:
        """Yield the objects of rows, reading them in chunks."""
        columns = self._kind._columns()
        for start in range(0, len(found), rows.HYDRATION_CHUNK):
            with self._catalog.database.read() as connection:
                chunk = found[start : start + rows.HYDRATION_CHUNK]
                hydrated = list(rows.hydrate(connection, self._kind.table, columns, chunk))
            for row in hydrated:
                yield self._kind._from_row(self._catalog, row)

    def collect(self) -> Collection[T]:
        """Return the objects found, in memory: a ProductCollection, a BandCollection, an ImageCollection."""
        made: Any = next((made for kind, made in _COLLECTIONS.items() if issubclass(self._kind, kind)), Collection)
        collection: Collection[T] = made(self)
        return collection

    def count(self) -> int:
        """Return how many objects match, whatever the limit; exact, with and without a geometry."""
        statement = self._select("count(*)")
        with self._catalog.database.read() as connection:
            (number,) = connection.execute(statement.sql, statement.params).fetchone()
        return int(number)

    def ids(self) -> list[str]:
        """Return the ids of the objects found, in order."""
        return [row[0] for row in self._matches(f"{self._kind.table}.uid")]

    def first(self) -> T | None:
        """Return the first object found, or None."""
        return next(iter(self if self._limit == 0 else self.limit(1)), None)

    def to_sql(self) -> tuple[str, tuple[Any, ...]]:
        """Return the statement, with its parameters, that decides which rows are found.

        Behind a condition on a place it gives candidates, whose footprints are tested exactly afterwards.
        """
        statement = self._statement(f"{self._kind.table}.id")
        return statement.sql, statement.params

    def explain(self) -> Explanation:
        """Return why this search finds what it finds: what each condition leaves, what was missed, and how it is asked.

        The answer prints as text, and shows as a table in a notebook. It asks the catalog several times over, so it
        takes longer than the search itself.

        Examples
        --------
        >>> import localcat
        >>> with localcat.Catalog.temporary() as catalog:
        ...     catalog.products.filter(localcat.properties.name == "x").explain().found
        0
        """
        return explain(self)

    def _only(self, where: Node | None, text: str | None = None) -> Self:
        """Return a search of the same class for this alone, without an order or a limit."""
        return replace(self, _where=where, _text=text, _order=(), _limit=None)

    def _question(self) -> Question:
        where = None if self._where is None else years_as_ranges(self._where)
        return Question(self._kind.table, self._kind.fields(), where, self._order, self._text)

    def _select(self, columns: str, *, ordered: bool = False, tail: Clause | None = None) -> Clause:
        """Return the statement for columns of the rows found."""
        question = self._question()
        with self._catalog.database.read() as connection:
            if timeline.is_brief(question, connection):
                question = replace(question, products=Products.EVERY)
        return planner.select(question, columns, ordered=ordered, tail=tail)

    def _statement(self, columns: str) -> Clause:
        statement = self._statements.get(columns)
        if statement is None:
            question, limit = self._question(), self._limit
            if limit is not None and timeline.comes_by_product(question, limit):
                statement = timeline.select_by_product(question, columns, limit)
            else:
                tail = None if limit is None else Clause("LIMIT ?", (limit,))
                statement = self._select(columns, ordered=True, tail=tail)
            self._statements[columns] = statement
        return statement

    def _matches(self, columns: str) -> list[tuple[Any, ...]]:
        """Return columns of all rows found, in order, as one state of the catalog has them."""
        statement = self._statement(columns)
        with self._catalog.database.read() as connection:
            return connection.execute(statement.sql, statement.params).fetchall()

    def _row_ids(self) -> array[int]:
        return array("q", (row[0] for row in self._matches(f"{self._kind.table}.id")))


@dataclass(frozen=True, slots=True)
class GeoSearch(Search[T]):
    """A search that can also ask for a place.

    Of each of `intersects`, `within`, `covered_by`, `contains`, `disjoint` and `within_distance` one call counts, the
    last; those of different names are joined by AND. For anything else, filter by ``p.geometry.intersects(...)`` and
    its like, joined as any condition. All take a geometry in longitude and latitude: GeoJSON, a shapely geometry, an
    object with ``__geo_interface__``, well-known text (WKT), or a bounding box ``(min_lon, min_lat, max_lon,
    max_lat)``, with ``min_lon > max_lon`` across the antimeridian; and all raise `InvalidGeometryError` for what is
    none. With `match_null_geometry` they also find objects without a footprint.
    """

    _places: tuple[tuple[Spatial, bool], ...] = ()  # with match_null_geometry
    _exact_tests: dict[tuple[str, Reach, bool], tuple[Clause, ExactTest]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )  # made so far, by what is asked

    def intersects(self, geometry: Any, match_null_geometry: bool = False) -> Self:
        """Return a search for objects whose footprint shares a point with a geometry."""
        return self._at(Relation.INTERSECTS, geometry, match_null_geometry)

    def within(self, geometry: Any, match_null_geometry: bool = False) -> Self:
        """Return a search for objects whose footprint lies in a geometry, and not on its boundary alone."""
        return self._at(Relation.WITHIN, geometry, match_null_geometry)

    def covered_by(self, geometry: Any, match_null_geometry: bool = False) -> Self:
        """Return a search for objects whose footprint has no point outside a geometry."""
        return self._at(Relation.COVERED_BY, geometry, match_null_geometry)

    def contains(self, geometry: Any, match_null_geometry: bool = False) -> Self:
        """Return a search for objects in whose footprint a geometry lies, and not on its boundary alone."""
        return self._at(Relation.CONTAINS, geometry, match_null_geometry)

    def disjoint(self, geometry: Any, match_null_geometry: bool = False) -> Self:
        """Return a search for objects whose footprint shares no point with a geometry."""
        return self._at(Relation.DISJOINT, geometry, match_null_geometry)

    def within_distance(self, geometry: Any, metres: float, match_null_geometry: bool = False) -> Self:
        """Return a search for objects whose footprint lies at most so many metres from a geometry.

        Distances are those of a sphere with the Earth's mean radius, right to a metre; `localcat.sphere` tells how.
        """
        return self._at(Relation.WITHIN_DISTANCE, geometry, match_null_geometry, metres)

    def _at(self, relation: Relation, geometry: Any, with_unset: bool, metres: float | None = None) -> Self:
        place = spatial(Ref("geometry"), relation, geometry, metres)
        others = tuple(other for other in self._places if other[0].relation is not relation)
        return replace(self, _places=(*others, (place, bool(with_unset))))

    @property
    def _area(self) -> BaseGeometry | None:
        """The geometry whose pixels are probably wanted."""
        areas = {place.relation: place.area for place, _ in self._places}
        wanted = (Relation.INTERSECTS, Relation.WITHIN, Relation.COVERED_BY, Relation.CONTAINS)
        return next((areas[relation] for relation in wanted if relation in areas), None)

    def _only(self, where: Node | None, text: str | None = None) -> Self:
        return replace(self, _where=where, _text=text, _order=(), _limit=None, _places=())

    def _also(self, condition: Node) -> Self:
        """Return a search for those of its objects that fulfil a condition too, without an order or a limit."""
        where = all_of(*planner.required(self._where), condition)
        return replace(self, _where=where, _order=(), _limit=None)

    def _is_placed(self) -> bool:
        """Return whether footprints must be tested."""
        return bool(self._places) or (self._where is not None and mentions_place(self._where))

    def count(self) -> int:
        """Return how many objects match, whatever the limit; exact, with and without a geometry."""
        if not self._is_placed():
            # Named explicitly: a dataclass with slots is a new class, which super() without arguments does not know.
            return Search.count(self)
        everything = self._everything()
        question = everything._question()
        if not planner.is_told_by_boxes(question):
            return len(everything._tested("image.id", ordered=False))
        inside = planner.count_inside(question)
        with self._catalog.database.snapshot() as connection:
            (number,) = connection.execute(inside.sql, inside.params).fetchone()
            return int(number) + len(everything._tested("image.id", ordered=False, reach=Reach.CROSSING))

    def _everything(self) -> Self:
        """Return the same search without an order and a limit."""
        return replace(self, _order=(), _limit=None)

    def _question(self) -> Question:
        question = Search._question(self)
        if not self._places:
            return question
        places = [one_of(place, IsNull(place.ref)) if with_unset else place for place, with_unset in self._places]
        return replace(question, where=all_of(*places, *planner.required(question.where)))

    def _matches(self, columns: str) -> list[tuple[Any, ...]]:
        if not self._is_placed():
            return Search._matches(self, columns)
        if self._limit is None or not self._order or self._order[0][0] != "acquired":
            return self._tested(columns)
        _, test = self._exact_test(columns)
        if test.candidates is None:
            return self._tested(columns)
        with self._catalog.database.snapshot() as connection:
            if not timeline.is_crowded(test.candidates, connection):
                return self._tested(columns)
            matches: list[tuple[Any, ...]] = []
            for window in timeline.windows(self._question(), connection):
                if len(matches) >= self._limit:
                    break
                where = all_of(*planner.required(self._where), *window)
                matches += replace(self, _where=where, _limit=self._limit - len(matches))._tested(columns)
            return matches

    def _tested(self, columns: str, *, ordered: bool = True, reach: Reach = Reach.MEETING) -> list[tuple[Any, ...]]:
        """Return columns of the rows found among those of a reach, by testing the footprints of all candidates."""
        statement, test = self._exact_test(columns, ordered=ordered, reach=reach)
        matches: list[tuple[Any, ...]] = []
        size = _SMALLEST_CHUNK if self._limit is not None else _LARGEST_CHUNK
        with self._catalog.database.read() as connection:
            candidates = connection.execute(statement.sql, statement.params)
            while chunk := candidates.fetchmany(size):
                matches += test.matches(chunk)
                if self._limit is not None and len(matches) >= self._limit:
                    return matches[: self._limit]
                size = min(2 * size, _LARGEST_CHUNK)
        return matches

    def _exact_test(
        self, columns: str, *, ordered: bool = True, reach: Reach = Reach.MEETING
    ) -> tuple[Clause, ExactTest]:
        known = self._exact_tests.get((columns, reach, ordered))
        if known is None:
            from localcat.store.exact import ExactTest  # brings shapely, which searches without a place do not need

            test = ExactTest(replace(self._question(), reach=reach))
            known = self._exact_tests[columns, reach, ordered] = (test.statement(columns, ordered=ordered), test)
        return known


@dataclass(frozen=True, slots=True)
class ImageSummaryResult:
    """How many images there are, and how large.

    Parameters
    ----------
    count : int
        Number of images.
    bytes : int
        Size of all their files.
    products : list of str
        Ids of their products, sorted; empty for an interval.
    interval_start : datetime, optional
        First moment of the interval; aware UTC. None for a summary of all.
    """

    count: int
    bytes: int
    products: list[str]
    interval_start: datetime | None = None

    def __repr__(self) -> str:
        lines = [f"\nSummary for {self.count} images:", f" - Total bytes: {self.bytes:,}"]
        if self.products:
            lines.append(f" - Products: {', '.join(self.products)}")
        if self.interval_start is not None:
            lines.append(f" - Interval start: {self.interval_start}")
        return "\n".join(lines)


SummaryResult = ImageSummaryResult


class SummarySearchMixin:
    """What marks a search that has summaries."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ImageSearch(GeoSearch[Image], SummarySearchMixin):
    """A search for images: by attributes, place and time, with summaries and time series."""

    def collect(self, geocontext: Any = None) -> ImageCollection:
        """Return the images found, in memory.

        Parameters
        ----------
        geocontext : GeoContext or geometry, optional
            Where their pixels are wanted; the geometry of `intersects` when left out, or that of
            `within`, `covered_by` or `contains`.
        """
        return ImageCollection(self, geocontext=self._area if geocontext is None else geocontext)

    def nearest(self, point: Any, k: int = 1) -> ImageCollection:
        """Return the images of this search that lie nearest to a point, nearest first; ties by id.

        Parameters
        ----------
        point : (longitude, latitude), or geometry
            Anything that `intersects` takes; distances are counted from its nearest place.
        k : int
            How many; fewer are returned where fewer have a footprint. Order and limit of the search do not count.

        Notes
        -----
        Distances are in metres on a sphere with the Earth's mean radius, 0 where the footprint covers the point.
        """
        near = self._nearest(as_place(point), k)
        return ImageCollection(self._hydrated([row_id for _, (_, row_id) in near]))

    def _nearest(self, place: BaseGeometry, k: int) -> list[tuple[float, tuple[str, int]]]:
        """Return metres, and id and row id, of the images nearest to a place."""
        from localcat.geometry import from_wkb  # brings shapely

        def around(metres: float) -> tuple[list[tuple[str, int]], NDArray[Any]]:
            reach = Spatial(Ref("geometry"), Relation.WITHIN_DISTANCE, place, metres)
            found = self._also(reach)._matches("image.uid, image.id, image.geometry")
            return [(uid, row_id) for uid, row_id, _ in found], from_wkb([blob for _, _, blob in found])

        return nearest_to(place, k, around)

    def summary(self) -> ImageSummaryResult:
        """Return count, size and products of the images that match, whatever the sort and the limit."""
        question = self._question()
        product = planner.product_of(question)
        if product is not None and not self._is_placed():  # one group: counting without grouping is a third faster
            statement = self._select("count(*), coalesce(sum(image.size_bytes), 0)")
            with self._catalog.database.read() as connection:
                count, size = connection.execute(statement.sql, statement.params).fetchone()
            return ImageSummaryResult(count, size, [product] if count else [])
        totals = self._totals("image.product_id")
        with self._catalog.database.read() as connection:
            uids = dict(connection.execute("SELECT id, uid FROM product"))
        return ImageSummaryResult(
            count=sum(count for count, _ in totals.values()),
            bytes=sum(size for _, size in totals.values()),
            products=sorted(uids[product] for product in totals),
        )

    def summary_interval(
        self,
        aggregate_date_field: str | None = None,
        interval: str = Interval.YEAR,
        start_datetime: Any = None,
        end_datetime: Any = None,
        *,
        include_empty: bool = False,
    ) -> list[ImageSummaryResult]:
        """Return a time series: count and size of the images that match, by interval.

        Parameters
        ----------
        aggregate_date_field : AggregateDateField or str, optional
            The timestamp to count by, ``"acquired"`` when left out. Images without it are not counted.
        interval : Interval or str
            ``"year"``, ``"quarter"``, ``"month"``, ``"week"``, ``"day"``, ``"hour"`` or ``"minute"``; all begin in UTC,
            weeks on Monday.
        start_datetime, end_datetime : str or datetime, optional
            Count only images from the one to the other, both included. None and 0 leave the side open.
        include_empty : bool
            Also return intervals without images: between the bounds, or between the first and the last image.

        Returns
        -------
        list of ImageSummaryResult
            Sorted by `interval_start`.
        """
        field = _chosen(AggregateDateField, "aggregate_date_field", aggregate_date_field or AggregateDateField.ACQUIRED)
        length = _chosen(Interval, "interval", interval)
        start = to_microseconds(start_datetime) if start_datetime else None
        end = to_microseconds(end_datetime) if end_datetime else None
        try:
            found = self._between(field, start, end)._by_interval(field, length)
        except OverflowError as error:
            raise CorruptCatalogError(
                f"catalog '{self._catalog.database.path}' is damaged: the {field} of an image lies in no year from 1 "
                "to 9999; restore it from a backup"
            ) from error
        starts = sorted(found)
        if include_empty:
            first = starts[0] if start is None and starts else start
            last = starts[-1] if end is None and starts else end
            is_reversed = start is not None and end is not None and start > end
            starts = [] if first is None or last is None or is_reversed else buckets_between(first, last, length)
        return [
            ImageSummaryResult(*found.get(bucket, (0, 0)), products=[], interval_start=from_microseconds(bucket))
            for bucket in starts
        ]

    def _between(self, field: str, start: int | None, end: int | None) -> Self:
        """Return a search for those of its images whose `field` is set and within bounds."""
        handle = getattr(p, field)
        search = self.filter(handle.isnotnull)
        if start is not None:
            search = search.filter(handle >= from_microseconds(start))
        if end is not None:
            search = search.filter(handle <= from_microseconds(end))
        return search

    def _by_interval(self, field: str, length: Interval) -> dict[Bucket, tuple[int, int]]:
        """Return (count, bytes) of the images that match, by the interval that `field` lies in; it is set in all."""
        buckets = self._buckets_to_ask(field, length)
        if buckets:
            return self._by_ranges(field, buckets)
        found: dict[Bucket, tuple[int, int]] = {}
        for group, (count, size) in self._totals(grouping_sql(f"image.{field}", length)).items():
            bucket = bucket_of(group, length)
            before = found.get(bucket, (0, 0))
            found[bucket] = (before[0] + count, before[1] + size)
        return found

    def _buckets_to_ask(self, field: str, length: Interval) -> list[Bucket]:
        """Return the intervals and the end of the last, where asking one by one is cheaper than grouping; else none."""
        question = self._question()
        if self._is_placed() or not timeline.has_ranges(question, field):
            return []
        ends = [self.sort(order).limit(1)._matches(f"image.{field}") for order in (field, f"-{field}")]
        if not all(ends):
            return []
        (first,), (last,) = ends[0][0], ends[1][0]
        buckets = [bucket_start(first, length)]
        while buckets[-1] <= last:
            if len(buckets) > MOST_RANGES:
                return []
            buckets.append(interval_after(buckets[-1], length))
        return buckets

    def _by_ranges(self, field: str, buckets: Sequence[Bucket]) -> dict[Bucket, tuple[int, int]]:
        """Return (count, bytes) by interval, one range of the time index each; empty intervals are left out."""
        question = planner.within(self._question(), field, buckets[0], buckets[-1] - 1)
        if planner.product_of(question) is None:
            question = replace(question, products=Products.EVERY)
        statement = planner.select(question, "count(*), sum(image.size_bytes)", ordered=False)
        fixed = statement.params[:-2]  # the last two are the bounds that `within` adds
        with self._catalog.database.snapshot() as connection:
            totals = {
                start: connection.execute(statement.sql, (*fixed, start, end - 1)).fetchone()
                for start, end in itertools.pairwise(buckets)
            }
        return {start: (count, size) for start, (count, size) in totals.items() if count}

    def _totals(self, group: str) -> dict[int, tuple[int, int]]:
        """Return (count, bytes) of the images that match, by the value of an SQL expression."""
        columns, tail = f"{group} AS grouped, count(*), sum(image.size_bytes)", Clause("GROUP BY grouped")
        if not self._is_placed():
            statement = self._select(columns, tail=tail)
            with self._catalog.database.read() as connection:
                return {key: (count, size) for key, count, size in connection.execute(statement.sql, statement.params)}
        everything = self._everything()
        question, reach = everything._question(), Reach.MEETING
        totals: dict[int, tuple[int, int]] = {}
        with self._catalog.database.snapshot() as connection:
            if planner.is_told_by_boxes(question):
                inside = planner.select(replace(question, reach=Reach.INSIDE), columns, ordered=False, tail=tail)
                totals = {key: (count, size) for key, count, size in connection.execute(inside.sql, inside.params)}
                reach = Reach.CROSSING
            for key, size in everything._tested(f"{group}, image.size_bytes", ordered=False, reach=reach):
                count, total = totals.get(key, (0, 0))
                totals[key] = (count + 1, total + size)
        return totals


def _chosen(choices: Any, name: str, value: Any) -> Any:
    try:
        return choices(value)
    except ValueError:
        allowed = ", ".join(repr(str(choice.value)) for choice in choices)
        raise BadRequestError(f"{name} is one of {allowed}, not {value!r}") from None
