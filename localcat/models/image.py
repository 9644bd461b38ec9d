"""Images: one acquisition on one grid, with its footprint, its time and its files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, ClassVar, Literal, Self, Unpack, overload

from localcat.errors import BadRequestError, DuplicateError, UploadOptionWarning, require, warn_caller
from localcat.expressions.properties import properties as p
from localcat.models.enums import DocumentState, DownloadFileFormat, ResampleAlgorithm
from localcat.models.html import thumbnail
from localcat.models.image_record import ImageRecord
from localcat.models.object import refuse_request_params
from localcat.models.requests import (
    DownloadRequest,
    ImageUploadOptions,
    ReadRequest,
    UploadRequest,
    arrays_of,
    paths_of,
    raster_meta_of,
    upload_options_of,
)

if TYPE_CHECKING:
    import numpy
    import xarray
    from numpy.typing import NDArray

    from localcat.earth.contexts import GeoContext
    from localcat.models.backend import Backend
    from localcat.models.pictures import Picture
    from localcat.models.points import PointValues
    from localcat.models.requests import PixelOptions, ReadOptions, Scaling
    from localcat.models.signatures import ImageAttributes, ImageValues
    from localcat.models.upload import ImageUpload
    from localcat.search import ImageSearch, Search

    MaskedArray = numpy.ma.MaskedArray[Any, Any]


class Image(ImageRecord):
    """One acquisition: a footprint, a time, and files that hold the bands of its product."""

    SUPPORTED_DATATYPES: ClassVar[tuple[str, ...]] = (
        "uint8",
        "int16",
        "uint16",
        "int32",
        "uint32",
        "float32",
        "float64",
    )

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            catalog: Backend | None = None,
            client: Backend | None = None,
            **attributes: Unpack[ImageValues],
        ) -> None: ...

        def update(self, ignore_errors: bool = False, **attributes: Unpack[ImageValues]) -> None:  # type: ignore[override]
            """Set several attributes, all or none."""

        @classmethod
        def get_or_create(  # type: ignore[override]
            cls,
            id: str | None = None,
            client: Backend | None = None,
            request_params: Any = None,
            headers: Any = None,
            *,
            catalog: Backend | None = None,
            **attributes: Unpack[ImageAttributes],
        ) -> Self:
            """Return the object with an id, the attributes applied; or a new one with the id and the attributes."""

    @classmethod
    def search(
        cls,
        client: Backend | None = None,
        request_params: Any = None,
        headers: Any = None,
        *,
        catalog: Backend | None = None,
    ) -> ImageSearch:
        """Return a search for all images."""
        refuse_request_params(request_params)
        return cls._of(catalog, client).images

    def to_stac_item(self) -> dict[str, Any]:
        """Return the image as a STAC Item, a GeoJSON feature that `json.dumps` takes.

        The hrefs of its assets are absolute paths, or URLs. An image that came from STAC comes out as it came, but for
        what was changed since. See docs/interop.md for which attribute is which property.
        """
        return self._catalog.formats.stac_item(self)

    def to_xarray(
        self,
        bands: str | Sequence[str],
        geocontext: GeoContext | None = None,
        *,
        mask_nodata: bool = True,
        fill_value: float | str | None = None,
        chunks: Any = None,
        **options: Unpack[PixelOptions],
    ) -> xarray.DataArray:
        """Return the image as a labelled array of xarray with one time, on its own grid unless a geocontext is given.

        The arguments are those of `ndarray`, and so are the values; `fill_value`, `chunks` and the result are those of
        `ImageCollection.to_xarray`.

        Raises
        ------
        BadRequestError
            If the grid is turned; or `fill_value` does not fit.
        MissingLibraryError
            If xarray is not installed, or dask, which `chunks` needs.
        """
        require("xarray", "xarray", "for labelled arrays")
        if chunks is not None:
            require("dask", "xarray", "for chunks")
        if geocontext is None:
            if self.geotrans is not None and (self.geotrans[2] or self.geotrans[4]):
                raise BadRequestError(f"the grid of image '{self.id}' is turned, and has no x and y; pass a geocontext")
            geocontext = self.geocontext.assign(geometry=None)
        request = ReadRequest(bands=bands, geocontext=geocontext, mask_nodata=mask_nodata, **options)
        return self._catalog.formats.to_dataarray([self], request, fill_value=fill_value, chunks=chunks)

    # Pixels in

    def upload(
        self,
        files: str | os.PathLike[str] | IO[Any] | Iterable[str | os.PathLike[str] | IO[Any]],
        upload_options: ImageUploadOptions | None = None,
        overwrite: bool = False,
        *,
        copy: bool = True,
        cog: bool = False,
        wait: bool = True,
    ) -> ImageUpload:
        """Bring files into the catalog as the pixels of this new image, and save it.

        Parameters
        ----------
        files : path, open file, or several of them
            GeoTIFF or JPEG 2000, in the order of the bands' `file_index`. The first gives the georeferencing; the
            upload fails if the image's `cs_code` or `projection` differs from it.
        upload_options : ImageUploadOptions, optional
            Overviews, compression and tiles; used only with ``cog=True``.
        overwrite : bool
            Replace an image with the same id, if there is one.
        copy : bool
            Copy the files into the data folder; of a symbolic link the file that it leads to. With False they are
            checked and indexed in place, and localcat never changes or deletes them. The image keeps their path,
            relative to the catalog's folder for files below it.
        cog : bool
            Rewrite files as Cloud-Optimized GeoTIFFs, of which a part is read quickly; those that are already are
            copied as they are, whatever the options. Pixels, masks, nodata, colours and general tags stay the same,
            except the time, which becomes `acquired`. Size, hash, and tags of bands and other domains change.
        wait : bool
            Return when the upload has ended. With False it goes to the catalog's background workers, and the files
            must stay until it has ended.

        Returns
        -------
        ImageUpload
            Its status is ``"success"``, or ``"failure"`` with the reasons in its events; with ``wait=False`` it begins
            as ``"pending"``, see `ImageUpload.wait_for_completion`.

        Raises
        ------
        BadRequestError
            If id or `acquired` are unset, the image is saved already, its id is taken, `files` are not paths or open
            files or fewer than the bands' `file_index` asks for, or ``cog=True`` is combined with ``copy=False``.
        DeletedObjectError
            If the image was deleted.
        """
        self._require_uploadable(overwrite=overwrite)
        paths = paths_of(files)
        if cog and not copy:
            raise BadRequestError("cog=True rewrites files as they are copied; leave out copy=False")
        if self.cs_code is not None or self.projection is not None:
            text = "cs_code and projection are not permitted in an upload of files: the files' own projection is used"
            warn_caller(UploadOptionWarning(f"{text}, and one that differs fails the upload"))
        options = upload_options_of(upload_options)
        request = UploadRequest(options=options, overwrite=overwrite, wait=wait, copy=copy, cog=cog, files=paths)
        return self._catalog.uploader.upload(self, request)

    def upload_ndarray(
        self,
        ndarray: NDArray[Any] | numpy.generic | Iterable[NDArray[Any] | numpy.generic],
        upload_options: ImageUploadOptions | None = None,
        raster_meta: Mapping[str, Any] | None = None,
        overviews: Sequence[int] | None = None,
        overview_resampler: str | None = None,
        overwrite: bool = False,
        *,
        wait: bool = True,
    ) -> ImageUpload:
        """Write arrays as Cloud-Optimized GeoTIFFs that hold the pixels of this new image, and save it.

        Parameters
        ----------
        ndarray : ndarray, masked array, or list of them
            Shape (band, row, column) or (row, column); each becomes a file, in the order of the bands' `file_index`.
            Of type uint8, int16, uint16, int32, uint32, float32 or float64. Masked pixels are stored as the bands'
            nodata if they declare one; else as the alpha band, if the product declares one and the array lacks it;
            else in the file's internal mask. If the masks of the bands differ, which one internal mask cannot hold,
            they are stored as a nodata value that no valid pixel has.
        upload_options : ImageUploadOptions, optional
            Overviews (the arguments below win), compression and tiles.
        raster_meta : mapping, optional
            Georeferencing as `ndarray` returns it with ``raster_info=True``; the image's own `geotrans`, `cs_code` and
            `projection` win. The id of the image it was read from becomes ``derived_from`` in the `extra_properties`,
            unless they have that entry or are full.
        overviews : sequence of int, optional
            Decimation factors of the overviews, such as ``[2, 4]``. None makes powers of two down to one tile; an empty
            list makes none.
        overview_resampler : OverviewResampler or str, optional
            How overviews are made; by the type of the bands when left out.
        overwrite : bool
            Replace an image with the same id, if there is one.
        wait : bool
            Return when the upload has ended. With False a copy of the arrays goes to the catalog's background workers.

        Returns
        -------
        ImageUpload
            Its status is ``"success"``, or ``"failure"`` with the reasons in its events; with ``wait=False`` it begins
            as ``"pending"``, see `ImageUpload.wait_for_completion`.

        Raises
        ------
        BadRequestError
            If id or `acquired` are unset, the image is saved already, its id is taken, the georeferencing is
            incomplete, or there are fewer arrays than the bands' `file_index` asks for.
        InvalidArrayError
            If an array's rank, type or number of bands does not fit.
        InvalidCRSError, GridMismatchError
            If the CRS is not known, or a GeoTIFF cannot keep it or the `geotrans`.
        DeletedObjectError
            If the image was deleted.
        """
        self._require_uploadable(overwrite=overwrite)
        given = upload_options_of(upload_options)
        options = replace(
            given,
            upload_type="ndarray",
            overviews=given.overviews if overviews is None else overviews,
            overview_resampler=given.overview_resampler if overview_resampler is None else overview_resampler,
        )
        arrays, meta = arrays_of(ndarray), raster_meta_of(raster_meta)
        request = UploadRequest(options=options, overwrite=overwrite, wait=wait, arrays=arrays, raster_meta=meta)
        return self._catalog.uploader.upload(self, request)

    def _require_uploadable(self, *, overwrite: bool) -> None:
        self._require_not_deleted()
        if not self.id:
            raise BadRequestError("id field required: give the image an id, or a name and a product")
        if self.acquired is None:
            raise BadRequestError(f"acquired field required: set when image '{self.id}' was captured")
        if self.state is not DocumentState.UNSAVED:
            raise BadRequestError(f"image '{self.id}' has been saved. Please use an unsaved image for uploading")
        if not overwrite and Image.exists(self.id, catalog=self._catalog):
            raise DuplicateError(
                f"image '{self.id}' already exists in the catalog. Please either use a new image id or overwrite=True"
            )
        product = self.product
        if product is None:
            raise BadRequestError(
                f"product '{self.product_id}' of image '{self.id}' is not in the catalog; save it first"
            )
        if product.state is not DocumentState.SAVED:
            raise BadRequestError(f"product '{product.id}' has unsaved changes; save it first")

    def image_uploads(self) -> Search[ImageUpload]:
        """Return a search for the uploads of this image."""
        return self._catalog.image_uploads.filter(p.image_id == self.id)

    # Pixels out

    @overload
    def ndarray(
        self,
        bands: str | Sequence[str],
        geocontext: GeoContext | None = None,
        *,
        mask_nodata: Literal[True] = True,
        raster_info: Literal[False] = False,
        **options: Unpack[ReadOptions],
    ) -> MaskedArray: ...
    @overload
    def ndarray(
        self,
        bands: str | Sequence[str],
        geocontext: GeoContext | None = None,
        *,
        mask_nodata: Literal[True] = True,
        raster_info: Literal[True],
        **options: Unpack[ReadOptions],
    ) -> tuple[MaskedArray, dict[str, Any]]: ...
    @overload
    def ndarray(
        self,
        bands: str | Sequence[str],
        geocontext: GeoContext | None = None,
        *,
        mask_nodata: bool,
        raster_info: Literal[False] = False,
        **options: Unpack[ReadOptions],
    ) -> NDArray[Any]: ...
    @overload
    def ndarray(
        self,
        bands: str | Sequence[str],
        geocontext: GeoContext | None = None,
        *,
        mask_nodata: bool,
        raster_info: Literal[True],
        **options: Unpack[ReadOptions],
    ) -> tuple[NDArray[Any], dict[str, Any]]: ...
    @overload
    def ndarray(
        self,
        bands: str | Sequence[str],
        geocontext: GeoContext | None = None,
        crs: str | None = None,
        resolution: float | None = None,
        all_touched: bool | None = None,
        mask_nodata: bool = True,
        mask_alpha: bool | str | None = None,
        bands_axis: int = 0,
        raster_info: bool = False,
        resampler: str = ResampleAlgorithm.NEAR,
        processing_level: str | None = None,
        scaling: Scaling = None,
        data_type: str | None = None,
        progress: bool | None = None,
    ) -> Any: ...
    def ndarray(
        self,
        bands: str | Sequence[str],
        geocontext: GeoContext | None = None,
        crs: str | None = None,
        resolution: float | None = None,
        all_touched: bool | None = None,
        mask_nodata: bool = True,
        mask_alpha: bool | str | None = None,
        bands_axis: int = 0,
        raster_info: bool = False,
        resampler: str = ResampleAlgorithm.NEAR,
        processing_level: str | None = None,
        scaling: Scaling = None,
        data_type: str | None = None,
        progress: bool | None = None,
    ) -> Any:
        """Read bands as an array.

        Parameters
        ----------
        bands : str or sequence of str
            Names of bands; in one text, separated by spaces.
        geocontext : GeoContext, optional
            Onto which grid; the image's own when left out, without a cutline.
        crs, resolution, all_touched
            Changes to the geocontext.
        mask_nodata : bool
            Mask pixels that are their band's nodata.
        mask_alpha : bool or str, optional
            Mask pixels where an alpha band is 0. By default the band ``alpha``, if the product has one; with True it
            must have one; a string names another band.
        bands_axis : int
            Where in the result the axis of bands stands, -2 to 2.
        raster_info : bool
            Also return the georeferencing of the result, which `upload_ndarray` takes as `raster_meta`.
        resampler : ResampleAlgorithm or str
            How pixels are resampled to another grid; masks always by nearest. Pixels that the alpha band makes
            transparent do not mix into their neighbours, unless the alpha band is in another file.
        processing_level : str, optional
            Levels are stored and not computed; one with steps gives a `ProcessingLevelWarning`.
        scaling, data_type
            As in `scaling_parameters`.
        progress : bool, optional
            Show progress; by default where the output is a terminal.

        Returns
        -------
        ndarray, shape (band, row, column), or (ndarray, dict) with ``raster_info=True``
            Always three axes. A plain array if neither nodata nor an alpha band can mask, else a masked one.

        Raises
        ------
        BadRequestError
            If a band is unknown, or an argument out of range.
        ImageDeletedError
            If the image was deleted or replaced meanwhile.
        CorruptImageError
            If a file cannot be read.
        """
        request = ReadRequest(
            bands=bands,
            geocontext=geocontext,
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
        )
        return self._catalog.pixels.read_image(self, request)

    def scaling_parameters(
        self,
        bands: str | Sequence[str],
        processing_level: str | None = None,
        scaling: Scaling = None,
        data_type: str | None = None,
    ) -> tuple[list[Any] | None, str]:
        """Return the scale of each band, and the data type, that `ndarray` would use.

        Parameters
        ----------
        bands : str or sequence of str
            Names of bands; in one text, separated by spaces.
        processing_level : str, optional
            Levels are stored and not computed; one with steps gives a `ProcessingLevelWarning`.
        scaling : str, sequence, mapping or None
            A mode for all bands (``"raw"``, ``"auto"``, ``"display"``, ``"physical"``), a list with one value a band,
            or a mapping by name of band, with ``"default_"`` for the others. A value is None, a mode, or a tuple of 0,
            2 (input range) or 4 (input and output range) numbers or percentages such as ``"2%"``.
        data_type : DataType or str, optional
            Data type of the result; by default it follows from the modes and the ranges.

        Returns
        -------
        (list or None, str)
            For each band None (values stay), ``()`` (from its smallest and largest value to 0 … 255) or
            ``(input_low, input_high, output_low, output_high)``; None alone if no band is scaled.
        """
        request = ReadRequest(bands=bands, processing_level=processing_level, scaling=scaling, data_type=data_type)
        return self._catalog.pixels.scaling_of([self], request)

    def download(
        self,
        bands: str | Sequence[str],
        geocontext: GeoContext | None = None,
        crs: str | None = None,
        resolution: float | None = None,
        all_touched: bool | None = None,
        dest: str | os.PathLike[str] | None = None,
        format: str = DownloadFileFormat.TIF,
        resampler: str = ResampleAlgorithm.NEAR,
        processing_level: str | None = None,
        scaling: Scaling = None,
        data_type: str | None = None,
        nodata: float | None = None,
        progress: bool | None = None,
    ) -> str:
        """Write bands to a file; the arguments that are not listed are those of `ndarray`.

        A GeoTIFF is a Cloud-Optimized one. Masked pixels become `nodata` or the nodata of the bands in it, or else are
        kept as a mask; in a PNG they are transparent, in a JPEG 0. A PNG or JPEG is 8 bit and looks as `preview` does,
        unless `data_type` or another `scaling` than ``"display"`` is given: ``scaling="raw"`` keeps the values.

        Parameters
        ----------
        dest : path, optional
            A file, whose suffix decides the format, or an existing folder. An existing file is replaced; missing
            folders are made. When left out, ``<id>-<bands>.<format>`` in the current folder, with characters that
            some systems refuse in names, such as the colons of the id, replaced by underscores.
        format : DownloadFileFormat or str
            ``"tif"``, ``"png"`` or ``"jpg"``, for a `dest` that names no file.
        nodata : float, optional
            The value that marks masked pixels in a GeoTIFF.

        Returns
        -------
        str
            Where it was written.

        Raises
        ------
        BadRequestError
            If the format is unknown, or cannot hold the bands or their data type.
        """
        read = ReadRequest(
            bands=bands,
            geocontext=geocontext,
            crs=crs,
            resolution=resolution,
            all_touched=all_touched,
            resampler=resampler,
            processing_level=processing_level,
            scaling=scaling,
            data_type=data_type,
            progress=progress,
        )
        return self._catalog.pixels.download_image(self, DownloadRequest(read, dest, format, nodata))

    def preview(self, size: int = 512, *, bands: str | Sequence[str] | None = None) -> bytes:
        """Return a small picture of the image, as the bytes of a PNG file with opacity.

        The image's own grid, made coarser. A band's display range becomes 0 to 255; without one, the 2nd to the 98th
        percentile of its valid pixels in a small version of the image. A band with a `colormap` is shown in its
        colours, and values without a colour are transparent. A band with a `colormap_name` is shown in that map if
        matplotlib is installed (extra ``plot``) and knows it, else in grey. Masked pixels are transparent.

        Parameters
        ----------
        size : int
            Longer side in pixels, at most; a smaller image is shown as it is.
        bands : str or sequence of str, optional
            One or three bands, and perhaps an alpha band after them. When left out, the product's
            `default_display_bands`; without these red, green and blue, or else its first band.

        Raises
        ------
        BadRequestError
            If a band is unknown, or their number or the size is not one that can be shown.
        RasterError
            If the image has no pixels here, or they cannot be read.
        """
        return self._catalog.pixels.preview_png(self, size, bands)

    def preview_array(self, size: int = 512, *, bands: str | Sequence[str] | None = None) -> NDArray[numpy.uint8]:
        """Return the picture that `preview` encodes: uint8, shape (row, column, 4), in red, green, blue, opacity."""
        return self._catalog.pixels.preview_array(self, size, bands)

    def _thumbnail(self) -> str:
        if self.state is DocumentState.UNSAVED or self.state is DocumentState.DELETED or not self.files:
            return ""
        png = self._catalog.pixels.thumbnail_png(self)
        return "" if png is None else thumbnail(png)

    def plot(self, bands: str | Sequence[str] | None = None) -> Picture:
        """Draw the image in its own CRS, with its name, its date and, for a class map, a legend.

        Parameters
        ----------
        bands : str or sequence of str, optional
            As in `preview`.

        Returns
        -------
        Picture
            Which a notebook shows, and ``save(path)`` writes.

        Raises
        ------
        BadRequestError, RasterError
            As in `preview`.
        MissingLibraryError
            If matplotlib is not installed.
        """
        return self._catalog.pictures.of_image(self, bands)

    def point(
        self,
        lon: float,
        lat: float,
        bands: str | Sequence[str] | None = None,
        *,
        mask_alpha: bool | str | None = None,
        scaling: Scaling = None,
        data_type: str | None = None,
    ) -> PointValues:
        """Return the values of the pixel at a place; one block of each file is read.

        Parameters
        ----------
        lon, lat : float
            Degrees, EPSG:4326.
        bands : str or sequence of str, optional
            Names of bands; all but ``alpha`` when left out.
        mask_alpha, scaling, data_type
            As in `ndarray`.

        Returns
        -------
        PointValues
            With one value a band, None where the image has no valid pixel, and the time of the image.

        Raises
        ------
        BadRequestError
            If a band is unknown, or the place is not on Earth.
        RasterError
            If the image has no pixels here, or they cannot be read.
        """
        request = ReadRequest(bands=bands, mask_alpha=mask_alpha, scaling=scaling, data_type=data_type)
        return self._catalog.pixels.point_values(self, lon, lat, request)
