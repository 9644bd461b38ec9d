"""Searches for images: with summaries, time series and the nearest ones."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from localcat.collection import ImageCollection
from localcat.collection.features import feature_collection
from localcat.earth.nearest import as_place, nearest_to
from localcat.errors import BadRequestError, CorruptCatalogError
from localcat.expressions.nodes import Ref, Relation, Spatial
from localcat.expressions.properties import properties as p
from localcat.models.enums import AggregateDateField, Interval
from localcat.models.image import Image
from localcat.search.areas import GeoSearch
from localcat.search.periods import Period
from localcat.search.timeseries import (
    MOST_RANGES,
    Bucket,
    bucket_of,
    bucket_start,
    buckets_between,
    grouping_sql,
    interval_after,
)
from localcat.store.clauses import Clause
from localcat.store.query import by_time, planner
from localcat.store.query.planner import Products
from localcat.store.rtree.ask import Reach
from localcat.timestamps import from_microseconds, to_microseconds

if TYPE_CHECKING:
    import xarray
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry


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

    SummaryResult: ClassVar[type[ImageSummaryResult]] = ImageSummaryResult
    """The class of its summaries."""


@dataclass(frozen=True, slots=True, repr=False, init=False)
class ImageSearch(GeoSearch[Image], SummarySearchMixin):
    """A search for images: by attributes, place and time, with summaries and time series."""

    def collect(self, geocontext: Any = None) -> ImageCollection:
        """Return the images found, in memory.

        Parameters
        ----------
        geocontext : GeoContext or geometry, optional
            Where their pixels are wanted. When left out, what `intersects` was given: a tile or an AOI as it is, with
            its CRS and resolution, or a geometry; else that of `within`, `covered_by` or `contains`.
        """
        found = ImageCollection(self, geocontext=self._area if geocontext is None else geocontext)
        found.explain_empty(self)
        return found

    def during(self, period: str, field: str = AggregateDateField.ACQUIRED) -> Self:
        """Return a search for images of a period; several are joined by AND.

        Parameters
        ----------
        period : str
            ``"2024"``, ``"2024-06"``, ``"2024-W23"``, ``"2024-06-01"`` or a moment; or two of them from begin to end,
            ``"2024-06/2024-08"``, which is STAC's `datetime`: both ends belong to it, and ``..`` leaves one open.
        field : AggregateDateField or str
            Which of an image's times is meant.

        Raises
        ------
        BadRequestError
            If it is not a period, ends before it begins, or the field is not a time of an image.

        Examples
        --------
        >>> import localcat
        >>> with localcat.Catalog.temporary() as catalog:
        ...     catalog.images.during("2024-06/2024-08").count()
        0
        """
        found = Period.of(period)
        handle, search = getattr(p, _chosen(AggregateDateField, "field", field)), self
        if found.first is not None:
            search = search.filter(handle >= from_microseconds(found.first))
        if found.last is not None:
            search = search.filter(handle <= from_microseconds(found.last))
        return search

    def to_xarray(self, bands: str | Sequence[str], geocontext: Any = None, **options: Any) -> xarray.DataArray:
        """Return the images found as a labelled array of xarray; see `ImageCollection.to_xarray`."""
        return self.collect(geocontext).to_xarray(bands, **options)

    def to_item_collection(self) -> dict[str, Any]:
        """Return the images found as a STAC ItemCollection, a GeoJSON FeatureCollection; see `Image.to_stac_item`."""
        return self._catalog.formats.item_collection(self)

    def nearest(self, point: Any, k: int = 1) -> ImageCollection:
        """Return the images of this search that are nearest to a point, nearest first; ties by id.

        Parameters
        ----------
        point : (longitude, latitude), or geometry
            Anything that `intersects` takes; distances are counted from its nearest point.
        k : int
            How many; fewer are returned if fewer have a footprint. Order and limit of the search do not count.

        Notes
        -----
        Distances are in metres on a sphere with the Earth's mean radius, 0 where the footprint covers the point.
        """
        near = self._nearest(as_place(point), k)
        return ImageCollection(self._hydrated([row_id for _, (_, row_id) in near]))

    def _nearest(self, place: BaseGeometry, k: int) -> list[tuple[float, tuple[str, int]]]:
        """Return metres, and id and row id, of the images nearest to a place."""
        from localcat.earth.geometry import from_wkb  # brings shapely

        def around(metres: float) -> tuple[list[tuple[str, int]], NDArray[Any]]:
            reach = Spatial(Ref("geometry"), Relation.WITHIN_DISTANCE, place, metres)
            found = self._everything()._also(reach)._matches("image.uid, image.id, image.geometry")
            return [(uid, row_id) for uid, row_id, _ in found], from_wkb([blob for _, _, blob in found])

        return nearest_to(place, k, around)

    def to_geojson(self) -> dict[str, Any]:
        """Return the images found as a GeoJSON FeatureCollection, as a dictionary that `json.dumps` takes."""
        return feature_collection(self)

    def summary(self) -> ImageSummaryResult:
        """Return count, size and products of the images that match, whatever the sort and the limit."""
        question = self._question()
        product = planner.product_of(question)
        if product is not None and not self._is_spatial():  # one group: counting without grouping is a third faster
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
        except (OverflowError, TypeError) as error:
            raise CorruptCatalogError(
                f"catalog '{self._catalog.database.path}' is damaged: the {field} of an image is not a time in a year "
                "from 1 to 9999; restore it from a backup"
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
        if self._is_spatial() or not by_time.has_ranges(question, field):
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
        if not self._is_spatial():
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
            for matches in everything._tested(f"{group}, image.size_bytes", ordered=False, reach=reach):
                for key, size, _ in matches.rows:
                    count, total = totals.get(key, (0, 0))
                    totals[key] = (count + 1, total + size)
        return totals


def _chosen(choices: Any, name: str, value: Any) -> Any:
    try:
        return choices(value)
    except ValueError:
        allowed = ", ".join(repr(str(choice.value)) for choice in choices)
        raise BadRequestError(f"{name} is one of {allowed}, not {value!r}") from None
