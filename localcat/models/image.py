"""Images: one acquisition on one grid, with its footprint, its time and its files."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, ClassVar

from localcat.errors import BadRequestError, DuplicateError, UploadOptionWarning, warn_caller
from localcat.expressions.properties import properties as p
from localcat.models.attributes.scalars import Choice, Geometry, Integer, Number, Stored, Text, Timestamp
from localcat.models.attributes.structured import NestedNumbers, NumberTuple
from localcat.models.attributes.values import File, FileList
from localcat.models.belongs import NamedCatalogObject
from localcat.models.enums import DocumentState, DownloadFileFormat, ResampleAlgorithm, StorageState
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
from localcat.store import rows

if TYPE_CHECKING:
    from datetime import datetime

    import numpy
    from numpy.typing import NDArray

    from localcat.earth.contexts import AOI
    from localcat.earth.geometry import Box
    from localcat.models.backend import Backend
    from localcat.models.points import PointValues
    from localcat.models.upload import ImageUpload
    from localcat.search import ImageSearch, Search
    from localcat.store.file.transaction import Transaction
    from localcat.store.rows import Row


class Image(NamedCatalogObject):
    """One acquisition: a footprint, a time, and files that hold the bands of its product."""

    table = "image"
    SUPPORTED_DATATYPES: ClassVar[tuple[str, ...]] = (
        "uint8",
        "int16",
        "uint16",
        "int32",
        "uint32",
        "float32",
        "float64",
    )

    _ordered = (("acquired", "acquired_end"),)

    geometry = Geometry(
        "Footprint; longitude and latitude, EPSG:4326. Of an upload the outline of its grid, unless set.",
        filterable=True,
    )
    cs_code = Text("Code of its CRS, such as 'EPSG:32618'; wins over `projection`.")
    projection = Text("Its CRS as WKT or PROJ.4 text.")
    geotrans = NumberTuple("Six numbers in GDAL's order, from (column, row) to CRS coordinates.", length=6)
    x_pixels = Integer("Columns.", least=1)
    y_pixels = Integer("Rows.", least=1)
    acquired = Timestamp("When the sensor captured it; aware UTC.", filterable=True, sortable=True)
    acquired_end = Timestamp("When the capture ended; aware UTC.", filterable=True, sortable=True)
    published = Timestamp("When the provider published it; aware UTC.", filterable=True, sortable=True)
    storage_state = Choice("Whether its pixels can be read here.", choices=StorageState, filterable=True, sortable=True)
    files = FileList("Its files, in the order that the bands' `file_index` counts.")
    area = Number("Area of the footprint; square kilometres.", filterable=True, sortable=True)
    azimuth_angle = Number("Azimuth of the sensor; degrees.", filterable=True, sortable=True)
    bits_per_pixel = NestedNumbers("Mean stored bits per pixel, by file.")
    bright_fraction = Number("Fraction of bright pixels, 0 to 1.", is_fraction=True, filterable=True, sortable=True)
    brightness_temperature_k1_k2 = NestedNumbers("Constants K1 and K2 by band.")
    c6s_dlsr = NestedNumbers("Coefficients of the 6S model by band.")
    cloud_fraction = Number(
        "Fraction of pixels obscured by clouds, 0 to 1.", is_fraction=True, filterable=True, sortable=True
    )
    alt_cloud_fraction = Number("The same by another method, 0 to 1.", is_fraction=True, filterable=True, sortable=True)
    confidence_dlsr = Number("Confidence in the surface reflectance.", filterable=True, sortable=True)
    fill_fraction = Number(
        "Fraction of its pixels that are valid, 0 to 1.", is_fraction=True, filterable=True, sortable=True
    )
    incidence_angle = Number("Incidence angle of the sensor; degrees.", filterable=True, sortable=True)
    roll_angle = Number("Roll of the sensor; degrees.", filterable=True, sortable=True)
    solar_azimuth_angle = Number("Azimuth of the sun; degrees.", filterable=True, sortable=True)
    solar_elevation_angle = Number("Elevation of the sun; degrees.", filterable=True, sortable=True)
    view_angle = Number("View angle of the sensor; degrees.", filterable=True, sortable=True)
    radiance_gain_bias = NestedNumbers("Gain and bias to radiance by band.")
    reflectance_gain_bias = NestedNumbers("Gain and bias to reflectance by band.")
    reflectance_scale = NestedNumbers("Scale to reflectance by band.")
    temperature_gain_bias = NestedNumbers("Gain and bias to temperature by band.")
    processing_pipeline_id = Text("What processed it.", filterable=True, sortable=True)
    provider_id = Text("What the provider calls it.", filterable=True, sortable=True)
    satellite_id = Text("The satellite.", filterable=True, sortable=True)
    provider_url = Text("Where the provider describes it.")
    preview_url = Text("Where a preview is.")
    preview_file = Text("A file with a preview.")

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
        ndarray: Any,
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

    def ndarray(
        self,
        bands: str | Sequence[str],
        geocontext: Any = None,
        crs: str | None = None,
        resolution: float | None = None,
        all_touched: bool | None = None,
        mask_nodata: bool = True,
        mask_alpha: bool | str | None = None,
        bands_axis: int = 0,
        raster_info: bool = False,
        resampler: str = ResampleAlgorithm.NEAR,
        processing_level: str | None = None,
        scaling: Any = None,
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
        scaling: Any = None,
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
        nodata: float | None = None,
        progress: bool | None = None,
    ) -> str:
        """Write bands to a file; the arguments that are not listed are those of `ndarray`.

        A GeoTIFF is a Cloud-Optimized one. Masked pixels become `nodata` or the nodata of the bands in it, or else are
        kept as a mask; in a PNG they are transparent, in a JPEG 0.

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

        The image's own grid, made coarser. A band's display range (else its data range) becomes 0 to 255. A band with
        a `colormap` is shown in its colours, and values without a colour are transparent. A band with a
        `colormap_name` is shown in that map if matplotlib is installed (extra ``plot``) and knows it, else in grey.
        Masked pixels are transparent.

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

    def point(
        self,
        lon: float,
        lat: float,
        bands: str | Sequence[str] | None = None,
        *,
        mask_alpha: bool | str | None = None,
        scaling: Any = None,
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

    # Place and time

    @property
    def date(self) -> datetime | None:
        """When the image was captured; the same as `acquired`."""
        return self.acquired

    @property
    def geocontext(self) -> AOI:
        """The image's own grid, with its footprint: an AOI with native CRS, bounds and shape.

        Longitudes beyond ±180° are those of the same place within: a grid from 170° to 190° has the bounds of a context
        across the antimeridian, 170 and -170.
        """
        from localcat.earth.contexts.native import native_context  # brings rasterio

        columns, lines = self.x_pixels, self.y_pixels
        shape = None if columns is None or lines is None else (lines, columns)
        return native_context(
            f"image '{self.id}'", self.geometry, self.cs_code or self.projection, self.geotrans, shape
        )

    @property
    def __geo_interface__(self) -> dict[str, Any]:
        geometry = self.geometry
        interface: dict[str, Any]
        if geometry is not None:
            interface = geometry.__geo_interface__
        else:
            try:
                interface = self.geocontext.__geo_interface__
            except RuntimeError as error:  # an AttributeError says that it has none, to those who ask with hasattr
                raise AttributeError(f"image '{self.id}' has neither a geometry nor a georeferencing") from error
        return interface

    def coverage(self, geom: Any) -> float:
        """Return the fraction of a geometry that the footprint covers, 0 to 1, measured in planar degrees.

        Parameters
        ----------
        geom : geometry or GeoContext
            Anything that `intersects` takes.
        """
        from localcat.earth import geometry  # brings shapely

        area = geometry.as_geometry(geom)
        footprint = self.geometry
        return 0.0 if footprint is None else geometry.coverage(footprint, area)

    def _references(self) -> list[str]:
        acquired = self.acquired  # before it is saved, whatever was assigned
        shown = acquired if isinstance(acquired, str | None) else acquired.isoformat(sep=" ", timespec="seconds")
        return super()._references() if shown is None else [*super()._references(), f"  acquired: {shown}"]

    # Rules

    def _prepare(self, transaction: Transaction) -> None:
        super()._prepare(transaction)
        if self.storage_state is None:
            self.storage_state = StorageState.REMOTE
        self._refuse_invented(self.__dict__.pop("_uploaded", ()))  # what an upload has just published

    def _write_changes(self, transaction: Transaction, current: Row, new: Mapping[str, Stored]) -> None:
        if "files" in new:
            owned = [file for file in self._files_of(current[self._positions()["files"]]) if file.owned]
            self._refuse_invented(owned)
            kept = {file.href for file in self._files_of(new["files"])}
            dropped = sorted({str(file.href) for file in owned if file.href not in kept})
            rows.put_in_trash(transaction.connection, dropped)
            transaction.on_commit.append(lambda: self._catalog.file.delete_files(dropped))
        super()._write_changes(transaction, current, new)

    def _box(self, written: Mapping[str, Stored]) -> Box | None:
        if written.get("geometry") is None or self.geometry is None:
            return None
        from localcat.earth.geometry import footprint_box  # brings shapely, as its footprint did

        return footprint_box(self.geometry)

    def _files_of(self, stored: Stored) -> list[File]:
        return [] if stored is None else self._attributes["files"].load(stored)

    def _refuse_invented(self, known: Collection[File]) -> None:
        """Refuse files that claim to be in the data folder and are not known to be this image's."""
        for file in self._attributes["files"].coerce(self.files or []) or []:
            if file.owned and file not in known:
                raise BadRequestError(
                    f"'{file.href}' is not a file of image '{self.id}' in the data folder; only uploads "
                    "put files there, set owned=False for others"
                )

    def _after_write(self, transaction: Transaction) -> None:
        super()._after_write(transaction)
        files = self.files or []
        if self.storage_state == StorageState.AVAILABLE and not (files and all(file.is_complete for file in files)):
            raise BadRequestError(
                f"image '{self.id}' has storage_state 'available' and needs files with href, size_bytes and hash; "
                "set its files, or storage_state to 'remote'"
            )

    def _delete_row(self, transaction: Transaction, row_id: int) -> None:
        hrefs = rows.discard_files(transaction.connection, [row_id])
        super()._delete_row(transaction, row_id)
        transaction.on_commit.append(lambda: self._catalog.file.delete_files(hrefs))
