"""Images in memory, and what can be made of them together: mosaics, stacks, files."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from localcat.collection.base import Collection, Predicate
from localcat.collection.features import feature_collection
from localcat.errors import BadRequestError, LocalcatError, require
from localcat.expressions.properties import properties as p
from localcat.models.attributes.values import METRES_PER_DEGREE, Resolution
from localcat.models.band import Band
from localcat.models.enums import DownloadFileFormat, ResampleAlgorithm, ResolutionUnit
from localcat.models.image import Image
from localcat.models.requests import DownloadRequest, ReadRequest

if TYPE_CHECKING:
    import xarray

    from localcat.collection.footprints import FootprintIndex
    from localcat.earth.contexts import GeoContext
    from localcat.models.backend import Backend
    from localcat.models.points import PointSeries


class Explainable(Protocol):
    """A search, as the collection that it made sees it."""

    def explain(self) -> Any:
        """Return why it finds what it finds."""


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # in every locale


class ImageCollection(Collection[Image]):
    """Images, with the grid on which their pixels are wanted; what ``Image.search().collect()`` returns.

    Parameters
    ----------
    iterable : iterable of Image, optional
        Its images. Where they overlap in a mosaic, the last one is on top.
    geocontext : GeoContext or geometry, optional
        The grid on which pixels are read unless a call names another; see `geocontext`.
    """

    _item_type = Image
    _columns_shown = ("id", "acquired", "cloud_fraction", "storage_state")

    def __init__(self, iterable: Iterable[Image] | None = None, geocontext: Any = None) -> None:
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

    def filter_coverage(self, geom: Any, minimum_coverage: float = 1) -> ImageCollection:
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

    def intersecting(self, geometry: Any) -> ImageCollection:
        """Return the images whose footprint shares a point with a geometry, in their order.

        The first call builds an index of all footprints; it is kept until an image is added or removed.

        Parameters
        ----------
        geometry : geometry, GeoContext or bounding box
            Anything that `ImageSearch.intersects` takes.
        """
        return self[self._footprints().intersecting(geometry)]

    def intersecting_each(self, geometries: Iterable[Any]) -> list[ImageCollection]:
        """Return for each of many geometries what `intersecting` returns, by one index of the footprints.

        Parameters
        ----------
        geometries : iterable
            Geometries, each of them anything that `intersecting` takes.
        """
        index = self._footprints()
        return [self[index.intersecting(geometry)] for geometry in geometries]

    def nearest(self, point: Any, k: int = 1) -> ImageCollection:
        """Return the images whose footprints are nearest to a point, nearest first; ties in their order.

        Parameters
        ----------
        point : (longitude, latitude), or geometry
            Anything that `ImageSearch.nearest` takes; distances are counted in the same way, in metres.
        k : int
            How many; fewer are returned where fewer have a footprint.
        """
        return self[self._footprints().nearest(point, k)]

    def to_geojson(self) -> dict[str, Any]:
        """Return the images as a GeoJSON FeatureCollection, as a dictionary that `json.dumps` takes."""
        return feature_collection(self)

    # Pixels

    def mosaic(
        self,
        bands: str | Sequence[str],
        geocontext: Any = None,
        crs: str | None = None,
        resolution: float | None = None,
        all_touched: bool | None = None,
        mask_nodata: bool = True,
        mask_alpha: bool | str | None = None,
        bands_axis: int = 0,
        resampler: str = ResampleAlgorithm.NEAR,
        processing_level: str | None = None,
        scaling: Any = None,
        data_type: str | None = None,
        progress: bool | None = None,
        raster_info: bool = False,
        *,
        on_error: str = "raise",
        max_bytes: int | None = None,
    ) -> Any:
        """Read the images as one array: each pixel is that of the last image in which it is valid.

        Images are read from the last one on, until no pixel is missing. Memory is needed for the result and one image.
        The arguments that are not listed are those of `Image.ndarray`.

        Parameters
        ----------
        geocontext : GeoContext, optional
            The collection's own when left out.
        mask_nodata : bool
            Whether pixels that are nodata in all images are masked in the result. They never cover valid ones.
        mask_alpha : bool or str, optional
            None masks by the band ``alpha`` if all products have one.
        bands_axis : int
            The position of the axis of bands in the result, -2 to 2.
        on_error : str
            ``"raise"``, or ``"skip"`` (``"mask"`` is the same here) to leave out images that cannot be read, with a
            `FailedImagesWarning` that lists them.
        max_bytes : int, optional
            Refuse a result that is larger, before memory is taken for it; 8 GiB by default.

        Returns
        -------
        ndarray, shape (band, row, column), or (ndarray, dict) with ``raster_info=True``

        Raises
        ------
        BadRequestError
            If the collection is empty, or has no geocontext and none is given.
        TooLargeError
            If the result would be larger than `max_bytes`.
        """
        request = ReadRequest(
            bands=bands,
            geocontext=self._context_for(geocontext),
            crs=crs,
            resolution=resolution,
            all_touched=all_touched,
            mask_nodata=mask_nodata,
            mask_alpha=mask_alpha,
            bands_axis=bands_axis,
            raster_info=raster_info,
            resampler=resampler,
            processing_level=processing_level,
            scaling=scaling,
            data_type=data_type,
            progress=progress,
            on_error=on_error,
            max_bytes=max_bytes,
        )
        return self._backend().pixels.read_mosaic(self._items, request)

    def stack(
        self,
        bands: str | Sequence[str],
        geocontext: Any = None,
        crs: str | None = None,
        resolution: float | None = None,
        all_touched: bool | None = None,
        flatten: Predicate | Sequence[Predicate] | None = None,
        mask_nodata: bool = True,
        mask_alpha: bool | str | None = None,
        bands_axis: int = 1,
        raster_info: bool = False,
        resampler: str = ResampleAlgorithm.NEAR,
        processing_level: str | None = None,
        scaling: Any = None,
        data_type: str | None = None,
        progress: bool | None = None,
        max_workers: int | None = None,
        *,
        on_error: str = "raise",
        max_bytes: int | None = None,
    ) -> Any:
        """Read the images as layers of one array, in their order.

        The arguments that are not listed are those of `mosaic`.

        Parameters
        ----------
        flatten : str, callable, or sequence of them, optional
            Group the images by these predicates, as `groupby` does, and make each group one layer: its mosaic.
        bands_axis : int
            The position of the axis of bands in the result: 1, 2 or 3, or from the end -1 to -3.
        max_workers : int, optional
            Threads that read; as many as there are processors, and at most 8, by default. Each holds a few rows of one
            image beside the result.
        on_error : str
            What to do with layers that cannot be read: ``"raise"``, ``"mask"`` all their pixels, or ``"skip"`` them,
            which shortens the result. The last two list them in a `FailedImagesWarning`.

        Returns
        -------
        ndarray, shape (image, band, row, column), or (ndarray, list of dict) with ``raster_info=True``
            With ``on_error="mask"`` always a masked array.

        Raises
        ------
        NotImplementedError
            If the axis of bands is to be the first one.
        """
        request = ReadRequest(
            bands=bands,
            geocontext=self._context_for(geocontext),
            crs=crs,
            resolution=resolution,
            all_touched=all_touched,
            mask_nodata=mask_nodata,
            mask_alpha=mask_alpha,
            bands_axis=bands_axis,
            raster_info=raster_info,
            resampler=resampler,
            processing_level=processing_level,
            scaling=scaling,
            data_type=data_type,
            progress=progress,
            on_error=on_error,
            max_bytes=max_bytes,
            max_workers=max_workers,
        )
        groups = [[image] for image in self]
        if flatten is not None:
            if not (isinstance(flatten, str) or callable(flatten) or isinstance(flatten, Iterable)):
                raise TypeError(f"flatten is a predicate or a sequence of them, as groupby takes, not {flatten!r}")
            predicates = [flatten] if isinstance(flatten, str) or callable(flatten) else list(flatten)
            groups = [list(group) for _, group in self.groupby(*predicates)]
        return self._backend().pixels.read_stack(groups, request)

    def point_series(
        self,
        lon: float,
        lat: float,
        bands: str | Sequence[str] | None = None,
        *,
        mask_alpha: bool | str | None = None,
        scaling: Any = None,
        data_type: str | None = None,
        progress: bool | None = None,
        max_workers: int | None = None,
        on_error: str = "raise",
    ) -> PointSeries:
        """Read the values of the images at one place, in the order of their times.

        Images whose grids do not contain the place are left out; the values of those that contain it and have no valid
        pixel there are masked. One block of each file is read.

        Parameters
        ----------
        lon, lat : float
            Degrees, EPSG:4326.
        bands : str or sequence of str, optional
            Names of bands that all products have; all but ``alpha`` of the first product when left out.
        mask_alpha, scaling, data_type
            As in `Image.ndarray`.
        progress, max_workers, on_error
            As in `stack`.

        Returns
        -------
        PointSeries
            With ``times``, ``values`` of shape (image, band), and the values of a band by its name:
            ``series["red"]``.

        Raises
        ------
        BadRequestError
            If the collection is empty, a band is unknown, or the coordinates are not a place on Earth.
        """
        request = ReadRequest(
            bands=bands,
            mask_alpha=mask_alpha,
            scaling=scaling,
            data_type=data_type,
            progress=progress,
            max_workers=max_workers,
            on_error=on_error,
        )
        return self._backend().pixels.point_series(self._items, lon, lat, request)

    def scaling_parameters(
        self,
        bands: str | Sequence[str],
        processing_level: str | None = None,
        scaling: Any = None,
        data_type: str | None = None,
    ) -> tuple[list[Any] | None, str]:
        """Return the scale of each band, and the data type, that `mosaic` and `stack` would use.

        Parameters
        ----------
        bands, processing_level, scaling, data_type
            As in `Image.scaling_parameters`.

        Raises
        ------
        BadRequestError
            If the products of the images give the same band different scales.
        """
        request = ReadRequest(bands=bands, processing_level=processing_level, scaling=scaling, data_type=data_type)
        return self._backend().pixels.scaling_of(self._items, request)

    # Files

    def download(
        self,
        bands: str | Sequence[str],
        geocontext: Any = None,
        crs: str | None = None,
        resolution: float | None = None,
        all_touched: bool | None = None,
        dest: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
        format: str = DownloadFileFormat.TIF,
        resampler: str = ResampleAlgorithm.NEAR,
        processing_level: str | None = None,
        scaling: Any = None,
        data_type: str | None = None,
        nodata: float | None = None,
        progress: bool | None = None,
        max_workers: int | None = None,
    ) -> list[str]:
        """Write every image to a file of its own; the arguments that are not listed are those of `Image.download`.

        Parameters
        ----------
        geocontext : GeoContext, optional
            The collection's own when left out.
        dest : path, or sequence of paths, optional
            A folder, made where it is missing, for files named after the images; or one file for each image. The
            current folder when left out.
        max_workers : int, optional
            Threads that read and write.

        Returns
        -------
        list of str
            Where each image was written.

        Raises
        ------
        TypeError
            If `dest` is neither a path nor a sequence of paths.
        BadRequestError
            If `dest` does not have as many paths as there are images.
        RuntimeError
            If two images would go to the same file; or, as a `DownloadError`, after all others were written, if some
            could not be: it lists all of these.
        """
        read = ReadRequest(
            bands=bands,
            geocontext=self._context_for(geocontext),
            crs=crs,
            resolution=resolution,
            all_touched=all_touched,
            resampler=resampler,
            processing_level=processing_level,
            scaling=scaling,
            data_type=data_type,
            progress=progress,
            max_workers=max_workers,
        )
        return self._backend().pixels.download_images(self._items, DownloadRequest(read, dest, format, nodata))

    def download_mosaic(
        self,
        bands: str | Sequence[str],
        geocontext: Any = None,
        crs: str | None = None,
        resolution: float | None = None,
        all_touched: bool | None = None,
        dest: str | os.PathLike[str] | None = None,
        format: str = DownloadFileFormat.TIF,
        resampler: str = ResampleAlgorithm.NEAR,
        processing_level: str | None = None,
        scaling: Any = None,
        data_type: str | None = None,
        mask_alpha: bool | str | None = None,
        nodata: float | None = None,
        progress: bool | None = None,
    ) -> str:
        """Write the mosaic of the images to one file; for the arguments see `mosaic` and `Image.download`.

        Parameters
        ----------
        dest : path, optional
            ``mosaic-<bands>.tif`` in the current folder when left out.

        Returns
        -------
        str
            Where it was written.
        """
        read = ReadRequest(
            bands=bands,
            geocontext=self._context_for(geocontext),
            crs=crs,
            resolution=resolution,
            all_touched=all_touched,
            mask_alpha=mask_alpha,
            resampler=resampler,
            processing_level=processing_level,
            scaling=scaling,
            data_type=data_type,
            progress=progress,
        )
        return self._backend().pixels.download_mosaic(self._items, DownloadRequest(read, dest, format, nodata))

    def to_xarray(
        self,
        bands: str | Sequence[str],
        geocontext: Any = None,
        *,
        mask_nodata: bool = True,
        mask_alpha: bool | str | None = None,
        resampler: str = ResampleAlgorithm.NEAR,
        processing_level: str | None = None,
        scaling: Any = None,
        data_type: str | None = None,
        fill_value: float | str | None = None,
        chunks: Any = None,
    ) -> xarray.DataArray:
        """Return the images as a labelled array of xarray; needs the extra ``[xarray]``.

        The arguments that are not listed are those of `stack`, and so are the values.

        Parameters
        ----------
        fill_value : float or str, optional
            What invalid pixels are. None makes them NaN, and whole numbers real ones. A number, or ``"nodata"`` for the
            value that all the bands declare, leaves the data type as it is and becomes the attribute ``_FillValue``.
        chunks : int, dict, "auto", optional
            Read nothing yet: the array is dask's, in chunks of this size by axis, such as ``{"y": 512, "x": 512}``,
            each of which is read when it is computed, in other processes too. None reads all now.

        Returns
        -------
        xarray.DataArray, dimensions (time, band, y, x)
            With the coordinates `time` (UTC; NaT for an image without one), `id` of each image, `band`, the centres `y`
            and `x`, and `spatial_ref`, where rioxarray finds the CRS.

        Raises
        ------
        BadRequestError
            If the collection is empty, has no geocontext, or its grid is turned; or `fill_value` does not fit.
        MissingLibraryError
            If xarray is not installed, or dask, which `chunks` needs.
        """
        require("xarray", "xarray", "for labelled arrays")
        if chunks is not None:
            require("dask", "xarray", "for chunks")
        request = ReadRequest(
            bands=bands,
            geocontext=self._context_for(geocontext),
            mask_nodata=mask_nodata,
            mask_alpha=mask_alpha,
            resampler=resampler,
            processing_level=processing_level,
            scaling=scaling,
            data_type=data_type,
            progress=False,
        )
        return self._backend().formats.to_dataarray(self._items, request, fill_value=fill_value, chunks=chunks)

    def to_item_collection(self) -> dict[str, Any]:
        """Return the images as a STAC ItemCollection, a GeoJSON FeatureCollection; see `Image.to_stac_item`."""
        if not self._items:
            return {"type": "FeatureCollection", "features": []}
        return self._backend().formats.item_collection(self._items)

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

    def _like(self, items: Iterable[Image]) -> ImageCollection:
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

    def _context_for(self, geocontext: Any) -> GeoContext:
        self._require_images()
        context = self.geocontext if geocontext is None else self._completed(geocontext)
        if context is None:
            raise BadRequestError("this ImageCollection has no geocontext; pass one, such as images[0].geocontext")
        return context

    def _completed(self, context: Any) -> GeoContext:
        from localcat.earth.contexts import AOI, GeoContext  # brings rasterio

        made: GeoContext = context if isinstance(context, GeoContext) else AOI(geometry=context)
        if not isinstance(made, AOI) or not self._items:
            return made
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
