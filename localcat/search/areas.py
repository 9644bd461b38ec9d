"""Searches for objects that have a footprint: those that meet an area, lie in it, or are near it."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from localcat.expressions.conditions import spatial
from localcat.expressions.nodes import IsNull, Node, Ref, Relation, Spatial, one_of
from localcat.search.base import Search, T
from localcat.store import rows
from localcat.store.clauses import Clause
from localcat.store.query import by_time, planner
from localcat.store.query.analysis import Condition, conditions_of
from localcat.store.rtree.ask import Reach

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from localcat.earth.contexts import GeoContext
    from localcat.earth.forms import Place
    from localcat.store.query.exact import ExactTest, Matches
    from localcat.store.rows import Row


_FOOTPRINT = Ref("geometry")
_SMALLEST_CHUNK, _LARGEST_CHUNK = 128, 4096  # candidates whose footprints are tested at once


class _Asked(NamedTuple):
    """A relation to a geometry, as it was asked for."""

    spatial: Spatial
    condition: Condition  # what every object fulfils that is found; `match_null_geometry` adds to it
    context: GeoContext | None  # what was given, if that was a context


@dataclass(frozen=True, repr=False, init=False)
class GeoSearch(Search[T]):
    """A search that can also ask for a relation between footprints and a geometry.

    Calling the same method again (`intersects`, `within`, `covered_by`, `contains`, `disjoint` or `within_distance`)
    replaces its condition; conditions of different methods are joined by AND. For OR and NOT, filter by
    ``p.geometry.intersects(...)`` and the like, which can be joined like any condition.

    All of them take a geometry in longitude and latitude: GeoJSON, a shapely geometry, an object with
    ``__geo_interface__``, well-known text (WKT), or a bounding box ``(min_lon, min_lat, max_lon, max_lat)``, with
    ``min_lon > max_lon`` across the antimeridian. They raise `InvalidGeometryError` for anything else. With
    `match_null_geometry` they also find objects without a footprint.
    """

    _spatial: tuple[_Asked, ...] = ()

    def intersects(self, geometry: Place, match_null_geometry: bool = False) -> Self:
        """Return a search for objects whose footprint shares a point with a geometry.

        A geo context asks for the area it covers, and is the context of the collection that is collected from it.
        """
        return self._at(Relation.INTERSECTS, geometry, match_null_geometry)

    def within(self, geometry: Place, match_null_geometry: bool = False) -> Self:
        """Return a search for objects whose footprint lies in a geometry, and not on its boundary alone."""
        return self._at(Relation.WITHIN, geometry, match_null_geometry)

    def covered_by(self, geometry: Place, match_null_geometry: bool = False) -> Self:
        """Return a search for objects whose footprint has no point outside a geometry."""
        return self._at(Relation.COVERED_BY, geometry, match_null_geometry)

    def contains(self, geometry: Place, match_null_geometry: bool = False) -> Self:
        """Return a search for objects in whose footprint a geometry lies, and not on its boundary alone."""
        return self._at(Relation.CONTAINS, geometry, match_null_geometry)

    def disjoint(self, geometry: Place, match_null_geometry: bool = False) -> Self:
        """Return a search for objects whose footprint shares no point with a geometry."""
        return self._at(Relation.DISJOINT, geometry, match_null_geometry)

    def within_distance(self, geometry: Place, metres: float, match_null_geometry: bool = False) -> Self:
        """Return a search for objects whose footprint is at most a number of metres from a geometry.

        Parameters
        ----------
        geometry : geometry
            In longitude and latitude, in any of the forms that the class names.
        metres : float
            The distance, finite and not negative.
        match_null_geometry : bool
            Also find objects without a footprint.

        Raises
        ------
        InvalidGeometryError
            If the geometry is in none of these forms.
        BadRequestError
            If the distance is negative or not finite.

        Notes
        -----
        Distances are on a sphere with the Earth's mean radius, right to a metre; see `localcat.earth.sphere`.
        """
        return self._at(Relation.WITHIN_DISTANCE, geometry, match_null_geometry, metres)

    def _at(self, relation: Relation, geometry: Place, with_unset: bool, metres: float | None = None) -> Self:
        asked = spatial(_FOOTPRINT, relation, geometry, metres)
        others = [other for other in self._spatial if other.spatial.relation is not relation]
        (condition,) = conditions_of(one_of(asked, IsNull(asked.ref)) if with_unset else asked, self._scope)
        return self._with(_spatial=(*others, _Asked(asked, condition, _context_of(geometry))))

    @property
    def _area(self) -> GeoContext | BaseGeometry | None:
        """Where pixels are probably wanted: a context as it was given, else the geometry."""
        asked = {one.spatial.relation: one for one in self._spatial}
        wanted = (Relation.INTERSECTS, Relation.WITHIN, Relation.COVERED_BY, Relation.CONTAINS)
        first = next((asked[relation] for relation in wanted if relation in asked), None)
        return None if first is None else first.context or first.spatial.area

    def _only(self, conditions: Sequence[Condition] = (), text: str | None = None) -> Self:
        return self._with(_conditions=tuple(conditions), _text=text, _order=(), _limit=None, _spatial=())

    def _is_spatial(self) -> bool:
        """Return whether footprints must be tested."""
        return bool(self._spatial) or any(one.is_spatial for one in self._conditions)

    def count(self) -> int:
        """Return how many objects match, whatever the limit; exact, with and without a geometry."""
        if not self._is_spatial():
            return super().count()
        everything = self._everything()
        question = everything._question()
        if not planner.is_told_by_boxes(question):
            return sum(len(matches.rows) for matches in everything._tested("image.id", ordered=False))
        inside = planner.count_inside(question)
        with self._catalog.database.snapshot() as connection:
            (number,) = connection.execute(inside.sql, inside.params).fetchone()
            crossing = everything._tested("image.id", ordered=False, reach=Reach.CROSSING)
            return int(number) + sum(len(matches.rows) for matches in crossing)

    def _everything(self) -> Self:
        """Return the same search without an order and a limit."""
        return self._with(_order=(), _limit=None) if self._order or self._limit is not None else self

    def _given(self) -> tuple[Node, ...]:
        return (*(asked.condition.node for asked in self._spatial), *super()._given())

    def _all_conditions(self) -> tuple[Condition, ...]:
        return (*[asked.condition for asked in self._spatial], *self._conditions)

    def _found(self, columns: tuple[str, ...]) -> tuple[Sequence[Row], Sequence[dict[str, Any]], Sequence[int]]:
        if columns[-1] != "geometry" or not self._is_spatial():
            return super()._found(columns)
        first: list[Row] = []
        shapes: list[BaseGeometry] = []
        others = array("q")
        # Candidates are read for the sake of their footprints; those that match are not read again.
        for matches in self._all_tested(rows.selected(self._kind.table, columns[:-1])):
            if len(first) < rows.HYDRATION_CHUNK:
                first += matches.rows
                shapes += matches.shapes
            else:
                others.extend([row[0] for row in matches.rows])
        return first, [{"geometry": shape} for shape in shapes], others

    def _matches(self, columns: str) -> list[tuple[Any, ...]]:
        if not self._is_spatial():
            return super()._matches(columns)
        return [row[:-1] for matches in self._all_tested(columns) for row in matches.rows]

    def _all_tested(self, columns: str) -> Iterator[Matches]:
        """Yield columns and footprints of the rows found, in order, as one state of the catalog has them."""
        limit = self._limit
        return self._tested(columns) if limit is None or not self._may_be_crowded() else self._in_parts(columns, limit)

    def _in_parts(self, columns: str, limit: int) -> Iterator[Matches]:
        """Yield them window by window of time, where there are so many candidates that this is faster."""
        with self._catalog.database.snapshot() as connection:
            test = self._exact_test()
            for part in by_time.windows(self._question(), connection):
                for matches in self._tested_by(test, test.statement(columns, question=part), limit):
                    limit -= len(matches.rows)
                    yield matches
                if limit == 0:
                    break

    def _may_be_crowded(self) -> bool:
        """Return whether the first in time are asked for, of an area that is not small."""
        if self._limit is None or not self._order or self._order[0][0] != "acquired":
            return False
        return planner.is_wide(self._question())

    def _goes_by_windows(self) -> bool:
        if not (self._is_spatial() and self._may_be_crowded()):
            return False
        question = self._question()
        with self._catalog.database.read() as connection:
            return next(by_time.windows(question, connection)) is not question

    def _tested(self, columns: str, *, ordered: bool = True, reach: Reach = Reach.MEETING) -> Iterator[Matches]:
        """Yield columns and footprints of the rows found among those of a reach, testing those of all candidates."""
        test = self._exact_test(reach)
        return self._tested_by(test, test.statement(columns, ordered=ordered), self._limit)

    def _tested_by(self, test: ExactTest, statement: Clause, left: int | None) -> Iterator[Matches]:
        size = _LARGEST_CHUNK if left is None else _SMALLEST_CHUNK
        with self._catalog.database.read() as connection:
            candidates = connection.execute(statement.sql, statement.params)
            while chunk := candidates.fetchmany(size):
                matches = test.matches(chunk)
                if left is not None:
                    matches = matches.first(left)
                    left -= len(matches.rows)
                yield matches
                if len(chunk) < size or left == 0:
                    break
                size = min(2 * size, _LARGEST_CHUNK)

    def _exact_test(self, reach: Reach = Reach.MEETING) -> ExactTest:
        test: ExactTest | None = self._made.get(reach)
        if test is None:
            from localcat.store.query.exact import ExactTest  # brings shapely, which other searches do not need

            test = self._made[reach] = ExactTest(self._question(reach))
        return test


def _context_of(given: Any) -> GeoContext | None:
    """Return what was given if it is a context: it never changes, and says on which grid pixels are wanted."""
    if not hasattr(given, "grid"):  # as most geometries, which need no import
        return None
    from localcat.earth.contexts import GeoContext  # brings rasterio, as the context did

    return given if isinstance(given, GeoContext) else None
