"""What a catalog keeps of an image: its attributes, its place and time, and the rules between them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from localcat.errors import BadRequestError
from localcat.models.attributes.scalars import Choice, Geometry, Integer, Number, Stored, Text, Timestamp
from localcat.models.attributes.structured import GeoTransform, NestedNumbers
from localcat.models.attributes.values import File, FileList
from localcat.models.belongs import NamedCatalogObject
from localcat.models.enums import StorageState
from localcat.store import states

if TYPE_CHECKING:
    from datetime import datetime

    from localcat.earth.contexts import AOI
    from localcat.earth.forms import Area
    from localcat.earth.geometry import Box
    from localcat.store.file.transaction import Transaction
    from localcat.store.rows import Row


class ImageRecord(NamedCatalogObject, abstract=True):
    """The record of an image; `Image` adds the way of its pixels in and out."""

    table = "image"
    _uploaded: Sequence[File]

    _ordered = (("acquired", "acquired_end"),)
    _in_brief = ("id", "modified", "acquired", "cloud_fraction", "geometry")

    geometry = Geometry(
        "Footprint; longitude and latitude, EPSG:4326. Of an upload the outline of its grid, unless set.",
        filterable=True,
    )
    cs_code = Text("Code of its CRS, such as 'EPSG:32618'; wins over `projection`.")
    projection = Text("Its CRS as WKT or PROJ.4 text.")
    geotrans = GeoTransform("Six numbers in GDAL's order, from (column, row) to CRS coordinates.")
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

    def coverage(self, geom: Area) -> float:
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
            dropped = states.release_files(transaction.connection, dropped)
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
        for file in self._attributes["files"].coerce(self.files) if self.files else ():
            if file.owned and file not in known:
                raise BadRequestError(
                    f"'{file.href}' is not a file of image '{self.id}' in the data folder; only uploads "
                    "put files there, set owned=False for others"
                )

    def _after_write(self, transaction: Transaction) -> None:
        super()._after_write(transaction)
        if self.storage_state == StorageState.AVAILABLE:
            self.require_files(str(self.id), self.storage_state, self.files or [])

    @staticmethod
    def require_files(image_id: str, storage_state: object, files: Collection[File]) -> None:
        """Refuse an image that is said to be available, and whose files are not told of well enough to be read."""
        if storage_state == StorageState.AVAILABLE and not (files and all(file.is_complete for file in files)):
            raise BadRequestError(
                f"image '{image_id}' has storage_state 'available' and needs files with href, size_bytes and hash; "
                "set its files, or storage_state to 'remote'"
            )

    def _delete_row(self, transaction: Transaction) -> Mapping[str, Any] | None:
        gone = super()._delete_row(transaction)
        if gone is not None and gone["files"] is not None:
            files = json.loads(gone["files"])  # and no more of them, since a row may be damaged
            hrefs = states.release_files(transaction.connection, [file["href"] for file in files if file["owned"]])
            transaction.on_commit.append(lambda: self._catalog.file.delete_files(hrefs))
        return gone
