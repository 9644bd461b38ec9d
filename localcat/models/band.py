"""Bands: the measured layers that all images of a product share."""

from __future__ import annotations

import builtins
import functools
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

from localcat.errors import BadRequestError, CorruptCatalogError
from localcat.models.attributes.processing import DerivedParams, ProcessingLevels
from localcat.models.attributes.scalars import Attribute, Boolean, Choice, Integer, Number, Text
from localcat.models.attributes.structured import NumberTuple, Range
from localcat.models.attributes.values import ColorTable, Labels, ResolutionAttribute
from localcat.models.belongs import NamedCatalogObject
from localcat.models.enums import BandType, Colormap, DataType
from localcat.store import rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from localcat.models.attributes.scalars import Stored
    from localcat.models.backend import Backend
    from localcat.models.signatures import (
        ClassBandAttributes,
        ClassBandValues,
        GenericBandAttributes,
        GenericBandValues,
        MaskBandAttributes,
        MaskBandValues,
        MicrowaveBandAttributes,
        MicrowaveBandValues,
        SpectralBandAttributes,
        SpectralBandValues,
    )
    from localcat.store.file.transaction import Transaction
    from localcat.store.rows import Row


class Band(NamedCatalogObject, abstract=True):
    """A layer of all images of a product; abstract, with five concrete types."""

    table = "band"
    _type: ClassVar[BandType]
    _classes: ClassVar[dict[str, builtins.type[Band]]] = {}

    type: Attribute[str] = Choice(
        "What its values mean; follows from the class.", choices=BandType, readonly=True, filterable=True
    )
    description = Text("What it is, in up to 80,000 characters.", longest=80_000)
    sort_order = Integer("Its position among the product's bands; the next free one by default.", sortable=True)
    vendor_order = Integer("Its position in the vendor's own order.", sortable=True)
    data_type = Choice("The type of its pixels.", choices=DataType, required=True)
    nodata = Number("The pixel value that means no data.", allow_nan=True)
    data_range = Range("(min, max) of its pixel values.", required=True)
    display_range = NumberTuple("(min, max) of the pixel values to show.", length=2)
    resolution = ResolutionAttribute("The size of a pixel.", filterable=True, sortable=True)
    band_index = Integer("Its position in the file, from 0.", least=0, required=True)
    file_index = Integer("Which of an image's files holds it, from 0.", least=0)
    jpx_layer_index = Integer("Its layer in a JPEG 2000 file, from 0.", least=0)
    vendor_band_name = Text("What the vendor calls it.")
    processing_levels = ProcessingLevels("How its processing levels are made; stored, not computed.")
    derived_params = DerivedParams("How it is derived of other bands; stored, not computed.")

    holds_codes: ClassVar[bool] = False
    """Whether its values stand for something, as classes do, so that they are neither scaled nor averaged."""
    is_mask: ClassVar[bool] = False
    """Whether its values only say which pixels are masked."""

    def __init_subclass__(cls, *, band_type: BandType | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if band_type is not None:  # else a program's own subclass of one of the five
            cls._type = band_type
            cls._classes[band_type.value] = cls

    def _fill(self, attributes: dict[str, Any]) -> None:
        super()._fill(attributes)
        self._values["type"] = self._type.value

    @classmethod
    @functools.cache
    def _columns(cls) -> tuple[str, ...]:
        return tuple(_attributes_of_all_types())

    @classmethod
    def _filterable(cls) -> Mapping[str, Attribute[Any]]:
        return _attributes_of_all_types() if cls is Band else super()._filterable()

    @classmethod
    def _from_row(cls, catalog: Backend, row: Row) -> Self:
        return super(Band, cls._class_of(row, catalog.database.path))._from_row(catalog, row)

    @classmethod
    def _class_of(cls, row: Row, path: Path) -> builtins.type[Self]:
        stored = row[cls._positions()["type"]]
        made: Any = cls._classes.get(str(stored))
        if made is None:
            raise CorruptCatalogError(
                f"catalog '{path}' is damaged: a band has the unknown type {stored!r}; restore it from a backup"
            )
        return made  # type: ignore[no-any-return]  # a subclass of Band, though perhaps not of cls; see _accepted

    @classmethod
    def band_type(cls) -> BandType | None:
        """Return the type of the class's bands; None for `Band` itself, which stands for all."""
        return getattr(cls, "_type", None)

    @property
    def is_opacity(self) -> bool:
        """Whether pixels that are 0 here are transparent when the image is read."""
        return False

    @property
    def file_position(self) -> int:
        """Which of an image's files holds it, from 0; the first if `file_index` is unset."""
        return self.file_index or 0

    @property
    def position(self) -> int:
        """Which band of its file it is, from 0; the first if `band_index` is unset."""
        return self.band_index or 0

    @property
    def colors(self) -> list[tuple[int, int, int, int]] | None:
        """Its colours by pixel value, if it is of a type that has a `colormap`, and declares one."""
        return getattr(self, "colormap", None) if "colormap" in self._attributes else None

    @classmethod
    def _of_product(cls, catalog: Backend, product_id: str) -> list[Band]:
        """Return what `bands_of` finds, without the time of building a search: each read of pixels asks."""
        with catalog.database.read() as connection:
            found = rows.find_bands(connection, Band._columns(), product_id)
        return [Band._from_row(catalog, row) for row in found]

    def _prepare(self, transaction: Transaction) -> None:
        super()._prepare(transaction)
        if self.sort_order is None:
            self.sort_order = rows.next_sort_order(transaction.connection, self._product_row_id(transaction.connection))
        for name in ("file_index", "jpx_layer_index"):
            if getattr(self, name) is None:
                setattr(self, name, 0)

    @classmethod
    def _require_sense(cls, new: Mapping[str, Stored], current: Row | None = None) -> None:
        super()._require_sense(new, current)
        if "nodata" in new or "data_type" in new:
            nodata, data_type = cls._merged("nodata", new, current), cls._merged("data_type", new, current)
            if nodata is not None and data_type in list(DataType) and not DataType(data_type).holds(float(nodata)):
                raise BadRequestError(
                    f"nodata {float(nodata):g} is not a value of data type {data_type}; choose another, or None"
                )

    def _after_write(self, transaction: Transaction) -> None:
        super()._after_write(transaction)
        product = rows.product_row_id(transaction.connection, str(self.product_id))
        if product is not None:
            rows.refresh_resolutions(transaction.connection, product)

    def _delete_row(self, transaction: Transaction) -> Mapping[str, Any] | None:
        gone = super()._delete_row(transaction)
        if gone is not None:
            self._after_write(transaction)
        return gone


class SpectralBand(Band, band_type=BandType.SPECTRAL):
    """A band of the visible, near- or shortwave-infrared spectrum."""

    _ordered = (("wavelength_nm_min", "wavelength_nm_max"),)

    wavelength_nm_center = Number("Centre of its wavelengths; nanometres.", filterable=True, sortable=True)
    wavelength_nm_min = Number("Shortest of its wavelengths; nanometres.", filterable=True, sortable=True)
    wavelength_nm_max = Number("Longest of its wavelengths; nanometres.", filterable=True, sortable=True)
    wavelength_nm_fwhm = Number("Full width at half maximum; nanometres.", filterable=True, sortable=True)
    physical_range = NumberTuple("(min, max) of the physical values that `data_range` stands for.", length=2)
    physical_range_unit = Text("The unit of `physical_range`.")

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            catalog: Backend | None = None,
            client: Backend | None = None,
            **attributes: Unpack[SpectralBandValues],
        ) -> None: ...

        def update(self, ignore_errors: bool = False, **attributes: Unpack[SpectralBandValues]) -> None:  # type: ignore[override]
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
            **attributes: Unpack[SpectralBandAttributes],
        ) -> Self:
            """Return the object with an id, the attributes applied; or a new one with the id and the attributes."""


class MicrowaveBand(Band, band_type=BandType.MICROWAVE):
    """A band of the microwave spectrum, of a radar or a radiometer."""

    frequency = Number("Frequency; GHz.", filterable=True, sortable=True)
    bandwidth = Number("Bandwidth; MHz.", filterable=True, sortable=True)
    physical_range = NumberTuple("(min, max) of the physical values that `data_range` stands for.", length=2)
    physical_range_unit = Text("The unit of `physical_range`.")

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            catalog: Backend | None = None,
            client: Backend | None = None,
            **attributes: Unpack[MicrowaveBandValues],
        ) -> None: ...

        def update(self, ignore_errors: bool = False, **attributes: Unpack[MicrowaveBandValues]) -> None:  # type: ignore[override]
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
            **attributes: Unpack[MicrowaveBandAttributes],
        ) -> Self:
            """Return the object with an id, the attributes applied; or a new one with the id and the attributes."""


class MaskBand(Band, band_type=BandType.MASK):
    """A binary band: 0 is masked, 1 is not."""

    holds_codes = True
    is_mask = True

    is_alpha = Boolean("Whether pixels that are 0 here are transparent when the image is read.")
    data_range = Range("(0, 1).", immutable=True)
    display_range = NumberTuple("(0, 1).", length=2, immutable=True)

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            catalog: Backend | None = None,
            client: Backend | None = None,
            **attributes: Unpack[MaskBandValues],
        ) -> None: ...

        def update(self, ignore_errors: bool = False, **attributes: Unpack[MaskBandValues]) -> None:  # type: ignore[override]
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
            **attributes: Unpack[MaskBandAttributes],
        ) -> Self:
            """Return the object with an id, the attributes applied; or a new one with the id and the attributes."""

    @property
    def is_opacity(self) -> bool:
        """Whether pixels that are 0 here are transparent when the image is read."""
        return bool(self.is_alpha)

    def _fill(self, attributes: dict[str, Any]) -> None:
        super()._fill({"data_range": (0, 1), "display_range": (0, 1), **attributes})


class ClassBand(Band, band_type=BandType.CLASS):
    """A band whose values stand for classes, such as kinds of land use."""

    holds_codes = True

    colormap_name = Choice("A named colour map to show it with.", choices=Colormap)
    colormap = ColorTable("Colours by pixel value: (red, green, blue, alpha), each 0 to 255.")
    class_labels = Labels("What the pixel values mean, by value; None for no meaning.")

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            catalog: Backend | None = None,
            client: Backend | None = None,
            **attributes: Unpack[ClassBandValues],
        ) -> None: ...

        def update(self, ignore_errors: bool = False, **attributes: Unpack[ClassBandValues]) -> None:  # type: ignore[override]
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
            **attributes: Unpack[ClassBandAttributes],
        ) -> Self:
            """Return the object with an id, the attributes applied; or a new one with the id and the attributes."""


class GenericBand(Band, band_type=BandType.GENERIC):
    """A band of any other kind, such as temperatures or angles."""

    colormap_name = Choice("A named colour map to show it with.", choices=Colormap)
    colormap = ColorTable("Colours by pixel value: (red, green, blue, alpha), each 0 to 255.")
    physical_range = NumberTuple("(min, max) of the physical values that `data_range` stands for.", length=2)
    physical_range_unit = Text("The unit of `physical_range`.")

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            catalog: Backend | None = None,
            client: Backend | None = None,
            **attributes: Unpack[GenericBandValues],
        ) -> None: ...

        def update(self, ignore_errors: bool = False, **attributes: Unpack[GenericBandValues]) -> None:  # type: ignore[override]
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
            **attributes: Unpack[GenericBandAttributes],
        ) -> Self:
            """Return the object with an id, the attributes applied; or a new one with the id and the attributes."""


@functools.cache
def _attributes_of_all_types() -> dict[str, Attribute[Any]]:
    """Return the attributes of all types of band together: they share one table."""
    return {name: attribute for kind in Band._classes.values() for name, attribute in kind._attributes.items()}
