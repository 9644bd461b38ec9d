"""Images in memory, and what can be made of them together: mosaics, stacks, files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from localcat.collection.base import Predicate
from localcat.collection.located import LocatedImages
from localcat.errors import require
from localcat.models.enums import DownloadFileFormat, ResampleAlgorithm
from localcat.models.requests import DownloadRequest, ReadRequest

if TYPE_CHECKING:
    import numpy
    import xarray
    from numpy.typing import NDArray

    from localcat.earth.forms import Area
    from localcat.models.pictures import Picture
    from localcat.models.points import PointSeries, PointStack
    from localcat.models.requests import MosaicOptions, Scaling, StackOptions

    MaskedArray = numpy.ma.MaskedArray[Any, Any]


class ImageCollection(LocatedImages):
    """Images, with the grid on which their pixels are wanted; what ``Image.search().collect()`` returns.

    Parameters
    ----------
    iterable : iterable of Image, optional
        Its images. Where they overlap in a mosaic, the last one is on top.
    geocontext : GeoContext or geometry, optional
        The grid on which pixels are read unless a call names another; see `geocontext`.
    """

    # Pixels

    @overload
    def mosaic(
        self,
        bands: str | Sequence[str],
        geocontext: Area = None,
        *,
        mask_nodata: Literal[True] = True,
        raster_info: Literal[False] = False,
        **options: Unpack[MosaicOptions],
    ) -> MaskedArray: ...
    @overload
    def mosaic(
        self,
        bands: str | Sequence[str],
        geocontext: Area = None,
        *,
        mask_nodata: Literal[True] = True,
        raster_info: Literal[True],
        **options: Unpack[MosaicOptions],
    ) -> tuple[MaskedArray, dict[str, Any]]: ...
    @overload
    def mosaic(
        self,
        bands: str | Sequence[str],
        geocontext: Area = None,
        *,
        mask_nodata: bool,
        raster_info: Literal[False] = False,
        **options: Unpack[MosaicOptions],
    ) -> NDArray[Any]: ...
    @overload
    def mosaic(
        self,
        bands: str | Sequence[str],
        geocontext: Area = None,
        *,
        mask_nodata: bool,
        raster_info: Literal[True],
        **options: Unpack[MosaicOptions],
    ) -> tuple[NDArray[Any], dict[str, Any]]: ...
    @overload
    def mosaic(
        self,
        bands: str | Sequence[str],
        geocontext: Area = None,
        crs: str | None = None,
        resolution: float | None = None,
        all_touched: bool | None = None,
        mask_nodata: bool = True,
        mask_alpha: bool | str | None = None,
        bands_axis: int = 0,
        resampler: str = ResampleAlgorithm.NEAR,
        processing_level: str | None = None,
        scaling: Scaling = None,
        data_type: str | None = None,
        progress: bool | None = None,
        raster_info: bool = False,
        *,
        on_error: str = "raise",
        max_bytes: int | None = None,
    ) -> Any: ...
    def mosaic(
        self,
        bands: str | Sequence[str],
        geocontext: Area = None,
        crs: str | None = None,
        resolution: float | None = None,
        all_touched: bool | None = None,
        mask_nodata: bool = True,
        mask_alpha: bool | str | None = None,
        bands_axis: int = 0,
        resampler: str = ResampleAlgorithm.NEAR,
        processing_level: str | None = None,
        scaling: Scaling = None,
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
            geocontext=self._context_for(geocontext, crs),
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

    @overload
    def stack(
        self,
        bands: str | Sequence[str],
        geocontext: Area = None,
        *,
        mask_nodata: Literal[True] = True,
        raster_info: Literal[False] = False,
        **options: Unpack[StackOptions],
    ) -> MaskedArray: ...
    @overload
    def stack(
        self,
        bands: str | Sequence[str],
        geocontext: Area = None,
        *,
        mask_nodata: Literal[True] = True,
        raster_info: Literal[True],
        **options: Unpack[StackOptions],
    ) -> tuple[MaskedArray, list[dict[str, Any]]]: ...
    @overload
    def stack(
        self,
        bands: str | Sequence[str],
        geocontext: Area = None,
        *,
        mask_nodata: bool,
        raster_info: Literal[False] = False,
        **options: Unpack[StackOptions],
    ) -> NDArray[Any]: ...
    @overload
    def stack(
        self,
        bands: str | Sequence[str],
        geocontext: Area = None,
        *,
        mask_nodata: bool,
        raster_info: Literal[True],
        **options: Unpack[StackOptions],
    ) -> tuple[NDArray[Any], list[dict[str, Any]]]: ...
    @overload
    def stack(
        self,
        bands: str | Sequence[str],
        geocontext: Area = None,
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
        scaling: Scaling = None,
        data_type: str | None = None,
        progress: bool | None = None,
        max_workers: int | None = None,
        *,
        on_error: str = "raise",
        max_bytes: int | None = None,
    ) -> Any: ...
    def stack(
        self,
        bands: str | Sequence[str],
        geocontext: Area = None,
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
        scaling: Scaling = None,
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
            geocontext=self._context_for(geocontext, crs),
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
        scaling: Scaling = None,
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

    def point_stack(
        self,
        places: Iterable[tuple[float, float]],
        bands: str | Sequence[str] | None = None,
        *,
        mask_alpha: bool | str | None = None,
        scaling: Scaling = None,
        data_type: str | None = None,
        progress: bool | None = None,
        max_workers: int | None = None,
        on_error: str = "raise",
    ) -> PointStack:
        """Read the values of the images at many places, in the order of their times; each file is opened once.

        Parameters
        ----------
        places : iterable of (float, float), or ndarray of shape (place, 2)
            Longitude and latitude of each; degrees, EPSG:4326.
        bands, mask_alpha, scaling, data_type, progress, max_workers, on_error
            As in `point_series`.

        Returns
        -------
        PointStack
            With ``values`` of shape (image, band, place), masked where an image has no valid pixel, and those of a band
            by its name. Images whose grids contain none of the places are left out.

        Raises
        ------
        BadRequestError
            If the collection is empty, a band is unknown, or a pair of numbers is not a place on Earth.
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
        return self._backend().pixels.point_stack(self._items, places, request)

    def scaling_parameters(
        self,
        bands: str | Sequence[str],
        processing_level: str | None = None,
        scaling: Scaling = None,
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
        geocontext: Area = None,
        crs: str | None = None,
        resolution: float | None = None,
        all_touched: bool | None = None,
        dest: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
        format: str = DownloadFileFormat.TIF,
        resampler: str = ResampleAlgorithm.NEAR,
        processing_level: str | None = None,
        scaling: Scaling = None,
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
            geocontext=self._context_for(geocontext, crs),
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
        geocontext: Area = None,
        crs: str | None = None,
        resolution: float | None = None,
        all_touched: bool | None = None,
        dest: str | os.PathLike[str] | None = None,
        format: str = DownloadFileFormat.TIF,
        resampler: str = ResampleAlgorithm.NEAR,
        processing_level: str | None = None,
        scaling: Scaling = None,
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
            geocontext=self._context_for(geocontext, crs),
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
        geocontext: Area = None,
        *,
        mask_nodata: bool = True,
        mask_alpha: bool | str | None = None,
        resampler: str = ResampleAlgorithm.NEAR,
        processing_level: str | None = None,
        scaling: Scaling = None,
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

    def plot(self, columns: int = 4, bands: str | Sequence[str] | None = None) -> Picture:
        """Draw the images side by side, each with its date.

        Parameters
        ----------
        columns : int
            How many in a row.
        bands : str or sequence of str, optional
            As in `Image.preview`.

        Returns
        -------
        Picture
            Of at most 100 images, the first ones. One that has no pixels here is an empty place with its name.

        Raises
        ------
        BadRequestError
            If the collection is empty, or `columns` is not a number from 1.
        MissingLibraryError
            If matplotlib is not installed.
        """
        self._require_images()
        return self._backend().pictures.of_images(self._items, bands, columns)

    def to_item_collection(self) -> dict[str, Any]:
        """Return the images as a STAC ItemCollection, a GeoJSON FeatureCollection; see `Image.to_stac_item`."""
        if not self._items:
            return {"type": "FeatureCollection", "features": []}
        return self._backend().formats.item_collection(self._items)
