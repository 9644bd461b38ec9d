"""Images in memory: on which grid they are read, and where they are."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, Self

from localcat.collection.base import Collection
from localcat.collection.features import feature_collection
from localcat.errors import BadRequestError, LocalcatError
from localcat.expressions.properties import properties as p
from localcat.models.attributes.values import METRES_PER_DEGREE, Resolution
from localcat.models.band import Band
from localcat.models.enums import ResolutionUnit
from localcat.models.image import Image

if TYPE_CHECKING:
    from localcat.collection.footprints import FootprintIndex
    from localcat.earth.contexts import AOI, GeoContext
    from localcat.earth.forms import Area, Place
    from localcat.models.backend import Backend


class Explainable(Protocol):
    """A search, as the collection that it made sees it."""

    def explain(self) -> Any:
        """Return why it finds what it finds."""


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # in every locale


class LocatedImages(Collection[Image]):
    """Images, with the grid on which their pixels are wanted; `ImageCollection` adds the pixels.

    Parameters
    ----------
    iterable : iterable of Image, optional
        Its images.
    geocontext : GeoContext or geometry, optional
        The grid on which pixels are read unless a call names another; see `geocontext`.
    """

    _item_type = Image
    _columns_shown = ("id", "acquired", "cloud_fraction", "storage_state")

    def __init__(self, iterable: Iterable[Image] | None = None, geocontext: Area = None) -> None:
        super().__init__(iterable)
        self._given_context = geocontext
        self._context: GeoContext | None = None
        self._search: Explainable | None = None
        self._index: FootprintIndex | None = None

    @property
    def geocontext(self) -> GeoContext | None:
        """Where pixels are read by default; None if no context was given.

        A geometry becomes an AOI. An AOI without a CRS gets the one that most of the images have, and one without
        resolution and shape the finest resolution of the bands of all their products: in the unit that most of the
        bands have, turned into that of the CRS at 111,111 m to the degree where the two differ. Both are decided once,
        and kept by the collections made from this one.
        """
        if self._context is not None or self._given_context is None:
            return self._context
        context = self._completed(self._given_context)
        if self._items:
            self._context = context
        return context

    def filter_coverage(self, geom: Area, minimum_coverage: float = 1) -> Self:
        """Return the images whose footprint covers at least a fraction of a geometry.

        Parameters
        ----------
        geom : geometry or GeoContext
            Anything that `Image.coverage` takes.
        minimum_coverage : float
            0 to 1; 1 for images that cover all of it.
        """
        from localcat.earth.geometry import as_geometry  # brings shapely

        area = as_geometry(geom)
        least = minimum_coverage - 1e-9  # the noise of an intersection
        return self.filter(lambda image: image.coverage(area) >= least)

    def intersecting(self, geometry: Area) -> Self:
        """Return the images whose footprint shares a point with a geometry, in their order.

        The first call builds an index of all footprints; it is kept until an image is added or removed.

        Parameters
        ----------
        geometry : geometry, GeoContext or bounding box
            Anything that `ImageSearch.intersects` takes.
        """
        return self[self._footprints().intersecting(geometry)]

    def intersecting_each(self, geometries: Iterable[Area]) -> list[Self]:
        """Return for each of many geometries what `intersecting` returns, by one index of the footprints.

        Parameters
        ----------
        geometries : iterable
            Geometries, each of them anything that `intersecting` takes.
        """
        index = self._footprints()
        return [self[index.intersecting(geometry)] for geometry in geometries]

    def nearest(self, point: Place, k: int = 1) -> Self:
        """Return the images whose footprints are nearest to a point, nearest first; ties in their order.

        Parameters
        ----------
        point : (longitude, latitude), or geometry
            Anything that `ImageSearch.nearest` takes; distances are counted in the same way, in metres.
        k : int
            How many; fewer are returned where fewer have a footprint.
        """
        return self[self._footprints().nearest(point, k)]

    def covering_geocontext(self, crs: str | None = None, resolution: float | None = None) -> AOI:
        """Return the grid around all images, for a mosaic of all that they show.

        Images that share one grid are covered by a part of it, so that nothing is resampled. The grid has no geometry:
        it masks nothing.

        Parameters
        ----------
        crs : str, optional
            The CRS of the pixels; that of most images when left out.
        resolution : float, optional
            Edge of a pixel in units of the CRS; as in `geocontext` when left out.

        Returns
        -------
        AOI
            Not aligned: it begins at the western and northern edge of the images. Images of which neither a grid nor a
            footprint is known are left out.

        Raises
        ------
        BadRequestError
            If there are no images, or none of them is anywhere; if no CRS or resolution is known; or if the images
            cannot be brought into the CRS.
        """
        from localcat.earth.contexts import AOI  # brings rasterio
        from localcat.earth.contexts.covering import covering

        self._require_images()
        areas = [area for image in self if (area := image.geocontext).bounds is not None]
        if not areas:
            raise BadRequestError(f"none of the {len(self):,} images has a footprint; pass a geocontext")
        wanted = self._completed(AOI(crs=crs, resolution=resolution))
        return covering(areas, wanted.crs, wanted.resolution)

    def to_geojson(self) -> dict[str, Any]:
        """Return the images as a GeoJSON FeatureCollection, as a dictionary that `json.dumps` takes."""
        return feature_collection(self)

    def _lines(self) -> Iterator[str]:
        dates = [image.acquired for image in self if isinstance(image.acquired, datetime)]
        if dates:
            ends = (min(dates), max(dates))
            first, last = (f"{_MONTHS[date.month - 1]} {date.day:02d}, {date.year}" for date in ends)
            yield f"  * Dates: {first} to {last}"
        products = Counter(str(image.product_id) for image in self)
        if products:
            yield f"  * Products: {', '.join(f'{product}: {count}' for product, count in products.items())}"

    # Inside

    def _like(self, items: Iterable[Image]) -> Self:
        with contextlib.suppress(LocalcatError):  # a context that cannot be completed fails when it is used
            self.geocontext  # noqa: B018  # decided now, from all images, for those that are made from them, too
        return super()._like(items)

    def _changed(self) -> None:
        self._index = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_index": None}  # made again when it is needed

    def _footprints(self) -> FootprintIndex:
        if self._index is None:
            from localcat.collection.footprints import FootprintIndex  # brings shapely and rtree

            self._index = FootprintIndex([image.geometry for image in self])
        return self._index

    def explain_empty(self, search: Explainable) -> None:
        """Remember, if no image is here, the search that found none: it says why when pixels are asked for."""
        self._search = None if self._items else search

    def _require_images(self) -> None:
        if self._items:
            return
        reason = "it was made without images, or they were filtered out"
        if self._search is not None:
            try:
                lost = self._search.explain().lost_at
            except LocalcatError:  # the catalog was closed meanwhile, say
                lost = None
            reason = f"its search left nothing after {lost.condition}" if lost else "its search found nothing"
            reason += "; search.explain() says what was just missed"
        raise BadRequestError(f"This ImageCollection is empty: {reason}")

    def _backend(self) -> Backend:
        self._require_images()
        return self._items[0]._catalog

    def _context_for(self, geocontext: Any, crs: str | None = None) -> GeoContext:
        """Return the context of a read; the CRS that the read asks for decides the unit of the resolution."""
        self._require_images()
        given = self._given_context if geocontext is None else geocontext
        if given is None:
            told = "this ImageCollection has no geocontext; pass one, such as images.covering_geocontext()"
            raise BadRequestError(told)
        own = self.geocontext if geocontext is None and crs is None else None
        return self._completed(given, crs) if own is None else own

    def _completed(self, context: Any, crs: str | None = None) -> GeoContext:
        from localcat.earth.contexts import AOI, GeoContext  # brings rasterio

        made: GeoContext = context if isinstance(context, GeoContext) else AOI(geometry=context)
        if not isinstance(made, AOI) or not self._items:
            return made
        if made.crs is None and crs is not None:
            made = made.assign(crs=crs)
        if made.crs is None:
            codes = Counter(crs for image in self if (crs := image.cs_code or image.projection) is not None)
            if codes:
                made = made.assign(crs=codes.most_common(1)[0][0])
        if made.crs is not None and made.resolution is None and made.shape is None:
            finest = self._finest_resolution()
            if finest is not None:
                made = made.assign(resolution=_in_units_of(made.crs, finest))
        return made

    def _finest_resolution(self) -> Resolution | None:
        """Return the finest resolution of the bands of all products, in the unit of most of them; metres win a tie."""
        catalogs = {(image._catalog.database.path, image.product_id): image._catalog for image in self}
        found = [
            band.resolution
            for (_, product_id), catalog in catalogs.items()
            for band in catalog.search(Band).filter(p.product_id == product_id)
            if band.resolution is not None
        ]
        if not found:
            return None
        in_degrees = sum(resolution.unit == ResolutionUnit.DEGREES for resolution in found)
        unit = ResolutionUnit.DEGREES if 2 * in_degrees > len(found) else ResolutionUnit.METERS
        finest = min(found, key=lambda resolution: resolution.metres)
        if finest.unit == unit:
            return finest
        return Resolution(finest.metres / (METRES_PER_DEGREE if unit == ResolutionUnit.DEGREES else 1), unit)


def _in_units_of(crs: str, resolution: Resolution) -> float:
    """Return a resolution in the units of a CRS."""
    from localcat.earth.crs import parse_crs  # brings rasterio

    parsed = parse_crs(crs)
    if parsed.is_geographic:
        return resolution.value if resolution.unit == ResolutionUnit.DEGREES else resolution.metres / METRES_PER_DEGREE
    return resolution.metres / float(parsed.linear_units_factor[1])
