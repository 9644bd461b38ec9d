"""Searches for images: with summaries, time series and the nearest ones."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

from localcat.collection import ImageCollection
from localcat.collection.features import feature_collection
from localcat.earth.nearest import as_place, nearest_to
from localcat.errors import BadRequestError, CorruptCatalogError
from localcat.expressions.nodes import Ref, Relation, Spatial
from localcat.expressions.numbers import number
from localcat.expressions.properties import properties as p
from localcat.models.enums import AggregateDateField, Interval
from localcat.models.html import attribute_table, bars
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
    from pathlib import Path

    import xarray
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from localcat.earth.forms import Area, Place
    from localcat.models.attributes.given import Moment
    from localcat.models.backend import Backend
    from localcat.models.pictures import Picture
    from localcat.search.coverage import Coverage, GapReport
    from localcat.search.frozen import FrozenQuestion

_MOST_PLOTTED = 5000  # footprints on a map


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

    def _repr_html_(self) -> str:
        shown = {"images": f"{self.count:,}", "bytes": f"{self.bytes:,}", "products": ", ".join(self.products) or None}
        shown["interval"] = None if self.interval_start is None else str(self.interval_start)
        return attribute_table("Summary", {name: value for name, value in shown.items() if value is not None})

    def __repr__(self) -> str:
        lines = [f"\nSummary for {self.count} images:", f" - Total bytes: {self.bytes:,}"]
        if self.products:
            lines.append(f" - Products: {', '.join(self.products)}")
        if self.interval_start is not None:
            lines.append(f" - Interval start: {self.interval_start}")
        return "\n".join(lines)


SummaryResult = ImageSummaryResult


class ImageSummaries(list[ImageSummaryResult]):
    """A time series: a list of summaries, one for each interval, in order.

    Attributes
    ----------
    interval : str
        The length of an interval, such as ``"month"``.
    """

    def __init__(self, results: Iterable[ImageSummaryResult], *, interval: str, catalog: Backend) -> None:
        super().__init__(results)
        self.interval = interval
        self._catalog = catalog

    def _repr_html_(self) -> str:
        rows = ((f"{one.interval_start:%Y-%m-%d %H:%M}".removesuffix(" 00:00"), one.count) for one in self)
        return bars(f"{sum(one.count for one in self):,} images by {self.interval}", rows)

    def plot(self) -> Picture:
        """Return the counts as bars.

        Raises
        ------
        MissingLibraryError
            If matplotlib is not installed.
        """
        dated = [(one.interval_start, one.count) for one in self if one.interval_start is not None]
        starts, counts = [start for start, _ in dated], [count for _, count in dated]
        return self._catalog.pictures.of_periods(starts, counts, self.interval)


class SummarySearchMixin:
    """What marks a search that has summaries."""

    __slots__ = ()

    SummaryResult: ClassVar[type[ImageSummaryResult]] = ImageSummaryResult
    """The class of its summaries."""


@dataclass(frozen=True, repr=False, init=False)
class ImageSearch(GeoSearch[Image], SummarySearchMixin):
    """A search for images: by attributes, place and time, with summaries and time series."""

    def collect(self, geocontext: Area = None) -> ImageCollection:
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

    def freeze(self, name: str, *, replace: bool = False) -> FrozenQuestion:
        """Keep this question and its answer in the catalog under a name: a result that others can check.

        Kept are the conditions, the ids in order, and hashes of the attributes and files of each image.
        ``catalog.frozen[name]`` gives the same images again, and says what became of them since.

        Parameters
        ----------
        name : str
            Such as ``"paper-2026"``.
        replace : bool
            Whether one of that name is forgotten.

        Raises
        ------
        ConflictError
            If the name is taken.
        BadRequestError
            If it cannot be a name: empty, with a line break, or longer than 200 characters.
        ReadOnlyCatalogError
            If the catalog can only be read.
        """
        from localcat.search.frozen import freeze  # searches do not need it

        return freeze(self, name, replace=replace)

    def to_xarray(self, bands: str | Sequence[str], geocontext: Area = None, **options: Any) -> xarray.DataArray:
        """Return the images found as a labelled array of xarray; see `ImageCollection.to_xarray`."""
        return self.collect(geocontext).to_xarray(bands, **options)

    def to_item_collection(self) -> dict[str, Any]:
        """Return the images found as a STAC ItemCollection, a GeoJSON FeatureCollection; see `Image.to_stac_item`."""
        return self._catalog.formats.item_collection(self)

    def nearest(self, point: Place, k: int = 1) -> ImageCollection:
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

    # Pictures and coverage

    def plot(self, color: str = "acquired") -> Picture:
        """Return a map of the footprints found, over the outline of the land.

        Parameters
        ----------
        color : str
            The attribute that colours them: a number, a time or a text, such as ``"acquired"``, ``"cloud_fraction"`` or
            ``"product_id"``. With ``"count"`` the map shows instead how many images cover each place.

        Returns
        -------
        Picture
            Of at most 5,000 footprints, those first found; the title says so.

        Raises
        ------
        UnknownPropertyError, BadRequestError
            If it is no attribute of an image, or one that is neither a number, a time nor a text.
        MissingLibraryError
            If matplotlib is not installed.
        """
        if not isinstance(color, str):
            raise BadRequestError(f"color is the name of an attribute such as 'acquired', or 'count', not {color!r}")
        if color == "count":
            from localcat.search.coverage import fine_resolution  # brings shapely

            return self.coverage(fine_resolution(self._footprints())).plot()
        name = self._kind.fields()[color].name  # an unknown one is refused with the nearest names
        found = [image for image in self._shown() if image.geometry is not None]
        values = [getattr(image, name) for image in found]
        if any(not isinstance(value, str | float | int | datetime | None) for value in values):
            raise BadRequestError(f"'{color}' is neither a number, a time nor a text; choose another attribute")
        total, shown = self.number_found(), len(found)
        title = f"{total:,} images" if total == shown else f"{shown:,} of {total:,} images"
        return self._catalog.pictures.of_footprints([image.geometry for image in found], values, color, title)

    def explore(self, path: str | os.PathLike[str] = "explore.html", *, thumbnails: int = 100) -> Path:
        """Write one HTML file to look around in what is found: a map, a list, filters by product and time.

        A browser opens it from the disk, without a network. Footprints are simplified by a few metres.

        Parameters
        ----------
        path : path
            An existing file is replaced.
        thumbnails : int
            How many images get a small picture; those first found that have pixels here.

        Returns
        -------
        Path
            The absolute path of the file. It holds at most 5,000 images, those first found, and says so.

        Raises
        ------
        BadRequestError
            If `thumbnails` is not a number from 0.
        StorageError
            If it cannot be written there.
        """
        most = number(thumbnails)
        if not isinstance(most, int) or most < 0:
            raise BadRequestError(f"thumbnails is a whole number from 0, not {thumbnails!r}")
        found, total = list(self._shown()), self.number_found()
        title = f"{total:,} images"
        return self._catalog.pictures.write_page(found, path, title=title, total=total, thumbnails=most)

    def coverage(self, resolution: float = 1.0, bounds: Any = None) -> Coverage:
        """Count how many of the images found cover each cell of a grid, by their footprints.

        Parameters
        ----------
        resolution : float
            Side of a cell; degrees.
        bounds : tuple of float, optional
            West, south, east and north edge of the grid; degrees, west < east. When left out the box around all
            footprints. The grid begins at whole multiples of the resolution, and grows to whole cells.

        Raises
        ------
        BadRequestError
            If the resolution or the bounds are wrong.
        TooLargeError
            If there would be more than 50 million cells.

        Examples
        --------
        >>> from localcat.testing import earth
        >>> with earth() as catalog:
        ...     print(catalog.images.filter(p.name.like("etna%")).coverage(0.1).counts.tolist())
        [[2, 2], [2, 2]]
        """
        from localcat.search.coverage import Coverage, count_cells, grid_bounds  # brings shapely

        footprints = self._footprints()
        box = grid_bounds(bounds, resolution, footprints)
        return Coverage(count_cells(footprints, box, float(resolution)), box, float(resolution), self._catalog)

    def gaps(
        self,
        every: str | timedelta = "16 days",
        aoi: Area = None,
        min_coverage: float = 0.9,
        start_datetime: Moment | None = None,
        end_datetime: Moment | None = None,
    ) -> GapReport:
        """Tell in which periods the images found cover too little of an area, by their footprints and times.

        Clouds and invalid pixels do not count; filter by `cloud_fraction` first.

        Parameters
        ----------
        every : str or timedelta
            The length of a period: a number of hours, days or weeks, or a whole number of months, quarters or years of
            the calendar, such as ``"1 month"``.
        aoi : geometry or GeoContext, optional
            The area; that of the search when left out.
        min_coverage : float
            The fraction of the area that is enough, 0 to 1.
        start_datetime, end_datetime : str or datetime, optional
            When the first period begins, and until when there are periods. By default from the first image to the last
            one; the first period begins with the day, or month, quarter or year, of the first image.

        Returns
        -------
        GapReport
            The periods with less, as a sequence; `periods` has all of them. It prints as a table, and plots as a strip.

        Raises
        ------
        BadRequestError
            If there is no area, or it has no extent; if `every`, `min_coverage` or a time is wrong, or the start after
            the end; or if there would be more than 100,000 periods.
        """
        from localcat.earth.geometry import as_geometry, from_wkb  # brings shapely
        from localcat.search.coverage import GapReport, periods_of
        from localcat.search.steps import Step

        step = Step.of(every)
        given = self._area if aoi is None else aoi
        if given is None:
            raise BadRequestError("there is no area; pass aoi, or search with intersects")
        least = number(min_coverage)
        if least is None or not 0 <= least <= 1:
            raise BadRequestError(f"min_coverage is a fraction from 0 to 1, not {min_coverage!r}")
        area = as_geometry(given)
        search = self if aoi is None else self.filter(p.geometry.intersects(area))
        start = to_microseconds(start_datetime) if start_datetime else None
        end = to_microseconds(end_datetime) if end_datetime else None
        if start is not None and end is not None and start > end:
            raise BadRequestError(f"the start {start_datetime} is after the end {end_datetime}; exchange them")
        rows = search._everything()._between("acquired", start, end)._matches("image.acquired, image.geometry")
        times = [row[0] for row in rows]
        first = bucket_start(min(times), step.first) if start is None and times else start
        last = max(times) + 1 if end is None and times else end
        if first is None or last is None:
            return GapReport([], float(least), self._catalog)
        shapes = from_wkb([row[1] for row in rows])
        found = [
            (from_microseconds(time), shape) for time, shape in zip(times, shapes, strict=True) if shape is not None
        ]
        periods = periods_of(found, area, step.borders(from_microseconds(first), from_microseconds(last)))
        return GapReport(periods, float(least), self._catalog)

    def _footprints(self) -> NDArray[Any]:
        """Return the footprints of the images found, those that have one."""
        from localcat.earth.geometry import from_wkb  # brings shapely

        blobs = [blob for (blob,) in self._matches("image.geometry") if blob is not None]
        return from_wkb(blobs)

    def _shown(self) -> Self:
        limit = _MOST_PLOTTED if self._limit is None else min(self._limit, _MOST_PLOTTED)
        return self.limit(limit)

    # Summaries

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
        start_datetime: Moment | None = None,
        end_datetime: Moment | None = None,
        *,
        include_empty: bool = False,
    ) -> ImageSummaries:
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
        ImageSummaries
            A list of `ImageSummaryResult`, sorted by `interval_start`, which can be plotted.
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
        results = (
            ImageSummaryResult(*found.get(bucket, (0, 0)), products=[], interval_start=from_microseconds(bucket))
            for bucket in starts
        )
        return ImageSummaries(results, interval=str(length), catalog=self._catalog)

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
            question = question._replace(products=Products.EVERY)
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
                inside = planner.select(question._replace(reach=Reach.INSIDE), columns, ordered=False, tail=tail)
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
