"""The original's older client, as its guide uses it: scenes and collections of scenes.

Kept so that programs run; a scene is a thin face of an `Image`, which new programs use directly.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias, TypeVar, Unpack, overload

from localcat.client import default_catalog
from localcat.collection import BandCollection, Collection, ImageCollection, ProductCollection
from localcat.collection.base import Predicate, key_of
from localcat.earth.contexts import AOI, DLTile, GeoContext, XYZTile
from localcat.errors import BadRequestError, NotFoundError
from localcat.expressions.properties import Expression
from localcat.expressions.properties import properties as p
from localcat.models.attributes.readonly import ReadOnlyProperties
from localcat.models.backend import bands_of
from localcat.models.band import Band
from localcat.models.image import Image
from localcat.models.product import Product
from localcat.plot import display, save_image

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from localcat.earth.forms import Area
    from localcat.models.attributes.given import Moment
    from localcat.models.backend import Backend
    from localcat.models.requests import MosaicOptions as Mosaics
    from localcat.models.requests import PixelOptions, Scaling
    from localcat.models.requests import SceneOptions as More
    from localcat.models.requests import StackOptions as Stacks

    MaskedArray = numpy.ma.MaskedArray[Any, Any]
    Info: TypeAlias = dict[str, Any]
    Names: TypeAlias = str | Sequence[str]
    Predicates: TypeAlias = Predicate | Sequence[Predicate] | None
    On: TypeAlias = Literal[True]
    Off: TypeAlias = Literal[False]
    Products: TypeAlias = str | Product | Sequence[str | Product] | None
    When: TypeAlias = Moment | None

_C = TypeVar("_C", bound=GeoContext)

__all__ = [
    "AOI",
    "DLTile",
    "GeoContext",
    "Scene",
    "SceneCollection",
    "XYZTile",
    "display",
    "get_band",
    "get_product",
    "save_image",
    "search",
    "search_bands",
    "search_products",
]

_NOT_SHOWN = ("id", "product", "product_id", "cs_code", "projection")  # under other names in a scene's properties
_ORDERS = {"asc": True, "desc": False}
_UNITS = {"meters": "m", "degrees": "deg"}


class Scene:
    """An image, as the older client shows it.

    Parameters
    ----------
    image : Image
        A saved one.
    bands : iterable of Band, optional
        Those of its product; read from the catalog when left out.
    """

    def __init__(self, image: Image, bands: Iterable[Band] | None = None) -> None:
        self._image = image
        if bands is None:
            bands = bands_of(image._catalog, str(image.product_id))
        self._properties = _properties_of(image, bands)

    @classmethod
    def from_id(
        cls, scene_id: str, *, catalog: Backend | None = None, client: Backend | None = None
    ) -> tuple[Scene, AOI]:
        """Return the scene with an id, and the context of its own grid.

        Raises
        ------
        NotFoundError
            If there is no image with that id.
        """
        image = Image.get(scene_id, catalog=catalog, client=client)
        if image is None:
            raise NotFoundError(f"there is no image '{scene_id}' in the catalog")
        scene = cls(image)
        return scene, scene.default_ctx()

    @property
    def image(self) -> Image:
        """The image behind the scene."""
        return self._image

    @property
    def properties(self) -> ReadOnlyProperties:
        """What is known of the scene: id (also as key), product, crs, date, bands, and the attributes of the image."""
        return self._properties

    @properties.setter
    def properties(self, value: object) -> NoReturn:
        raise TypeError("the properties of a scene are read-only; change its image")

    @property
    def geometry(self) -> BaseGeometry | None:
        """The footprint; longitude and latitude."""
        return self._image.geometry

    @property
    def __geo_interface__(self) -> dict[str, Any]:
        return self._image.__geo_interface__

    def default_ctx(self) -> AOI:
        """Return the context of the scene's own pixels, without a cutline.

        It has a resolution where pixels are square, else a shape.
        """
        image = self._image
        context = image.geocontext.assign(geometry=None)
        if image.geotrans is None or context.shape is None:
            return context
        _, dx, x_skew, _, y_skew, dy = image.geotrans
        if x_skew or y_skew or abs(dx) != abs(dy):
            return context
        return context.assign(resolution=abs(dx), align_pixels=False)

    def coverage(self, geom: Area) -> float:
        """Return the fraction of a geometry that the footprint covers, 0 to 1."""
        return self._image.coverage(geom)

    @overload
    def ndarray(
        self,
        bands: str | Sequence[str],
        ctx: GeoContext,
        *,
        mask_nodata: Literal[True] = True,
        raster_info: Literal[False] = False,
        **options: Unpack[PixelOptions],
    ) -> MaskedArray: ...
    @overload
    def ndarray(
        self,
        bands: str | Sequence[str],
        ctx: GeoContext,
        *,
        mask_nodata: Literal[True] = True,
        raster_info: Literal[True],
        **options: Unpack[PixelOptions],
    ) -> tuple[MaskedArray, dict[str, Any]]: ...
    @overload
    def ndarray(
        self,
        bands: str | Sequence[str],
        ctx: GeoContext,
        *,
        mask_nodata: bool,
        raster_info: Literal[False] = False,
        **options: Unpack[PixelOptions],
    ) -> NDArray[Any]: ...
    @overload
    def ndarray(
        self,
        bands: str | Sequence[str],
        ctx: GeoContext,
        *,
        mask_nodata: bool,
        raster_info: Literal[True],
        **options: Unpack[PixelOptions],
    ) -> tuple[NDArray[Any], dict[str, Any]]: ...
    @overload
    def ndarray(
        self,
        bands: str | Sequence[str],
        ctx: GeoContext,
        mask_nodata: bool = True,
        mask_alpha: bool | str | None = None,
        bands_axis: int = 0,
        raster_info: bool = False,
        resampler: str = "near",
        processing_level: str | None = None,
        scaling: Scaling = None,
        data_type: str | None = None,
        progress: bool | None = None,
    ) -> Any: ...
    def ndarray(
        self,
        bands: str | Sequence[str],
        ctx: GeoContext,
        mask_nodata: bool = True,
        mask_alpha: bool | str | None = None,
        bands_axis: int = 0,
        raster_info: bool = False,
        resampler: str = "near",
        processing_level: str | None = None,
        scaling: Scaling = None,
        data_type: str | None = None,
        progress: bool | None = None,
    ) -> Any:
        """Read bands as an array on the grid of a context; the arguments are those of `Image.ndarray`."""
        return self._image.ndarray(
            bands,
            _required(ctx),
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

    def download(
        self,
        bands: str | Sequence[str],
        ctx: GeoContext,
        dest: str | os.PathLike[str] | None = None,
        format: str = "tif",
        **options: Any,
    ) -> str:
        """Write bands to a file, and return its path; the other arguments are those of `Image.download`."""
        return self._image.download(bands, _required(ctx), dest=dest, format=format, **options)

    def scaling_parameters(
        self,
        bands: str | Sequence[str],
        processing_level: str | None = None,
        scaling: Scaling = None,
        data_type: str | None = None,
    ) -> tuple[list[Any] | None, str]:
        """Return how `ndarray` would scale bands; see `Image.scaling_parameters`."""
        return self._image.scaling_parameters(bands, processing_level, scaling, data_type)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scene) and self._image == other._image

    __hash__ = None  # type: ignore[assignment]  # as images

    def __repr__(self) -> str:
        shown = self._properties
        lines = [f'Scene "{shown["id"]}"', f'  * Product: "{shown["product"]}"', f'  * CRS: "{shown["crs"]}"']
        if shown["date"] is not None:
            lines.append(f"  * Date: {shown['date'].isoformat(sep=' ', timespec='seconds')}")
        if shown["cloud_fraction"] is not None:
            lines.append(f"  * Cloud fraction: {shown['cloud_fraction']:.2f}")
        lines += ["  * Bands:", *(f"    * {name}: {_in_words(band)}" for name, band in shown.bands.items())]
        return "\n".join(lines)


class SceneCollection(Collection[Scene]):
    """Scenes; what `search` returns. Attributes to group by are named from the scene: ``"properties.date.year"``."""

    _item_type = Scene

    @property
    def images(self) -> ImageCollection:
        """The images behind the scenes."""
        return ImageCollection(scene.image for scene in self)

    def filter_coverage(self, geom: Area, minimum_coverage: float = 1) -> SceneCollection:
        """Return the scenes whose footprint covers at least a fraction of a geometry, 0 to 1."""
        kept = {image.id for image in self.images.filter_coverage(geom, minimum_coverage)}
        return self.filter(lambda scene: scene.image.id in kept)

    @overload
    def mosaic(
        self,
        bands: Names,
        ctx: GeoContext,
        *,
        mask_nodata: On = True,
        raster_info: Off = False,
        **rest: Unpack[Mosaics],
    ) -> MaskedArray: ...
    @overload
    def mosaic(
        self, bands: Names, ctx: GeoContext, *, mask_nodata: On = True, raster_info: On, **rest: Unpack[Mosaics]
    ) -> tuple[MaskedArray, Info]: ...
    @overload
    def mosaic(
        self, bands: Names, ctx: GeoContext, *, mask_nodata: bool, raster_info: Off = False, **rest: Unpack[Mosaics]
    ) -> NDArray[Any]: ...
    @overload
    def mosaic(
        self, bands: Names, ctx: GeoContext, *, mask_nodata: bool, raster_info: On, **rest: Unpack[Mosaics]
    ) -> tuple[NDArray[Any], Info]: ...
    @overload
    def mosaic(
        self, bands: Names, ctx: GeoContext, *, mask_nodata: bool = True, raster_info: bool, **rest: Unpack[Mosaics]
    ) -> Any: ...
    @overload  # by position
    def mosaic(self, bands: Names, ctx: GeoContext, mask_nodata: bool, /, *values: Any, **options: Any) -> Any: ...
    def mosaic(
        self,
        bands: str | Sequence[str],
        ctx: GeoContext,
        mask_nodata: bool = True,
        mask_alpha: bool | str | None = None,
        bands_axis: int = 0,
        **options: Any,
    ) -> Any:
        """Read the scenes as one array, the last one on top; the arguments are those of `ImageCollection.mosaic`."""
        options = {"mask_nodata": mask_nodata, "mask_alpha": mask_alpha, "bands_axis": bands_axis, **options}
        return self.images.mosaic(bands, _required(ctx), **options)

    @overload
    def stack(
        self, bands: Names, ctx: GeoContext, *, mask_nodata: On = True, raster_info: Off = False, **rest: Unpack[Stacks]
    ) -> MaskedArray: ...
    @overload
    def stack(
        self, bands: Names, ctx: GeoContext, *, mask_nodata: On = True, raster_info: On, **rest: Unpack[Stacks]
    ) -> tuple[MaskedArray, list[Info]]: ...
    @overload
    def stack(
        self, bands: Names, ctx: GeoContext, *, mask_nodata: bool, raster_info: Off = False, **rest: Unpack[Stacks]
    ) -> NDArray[Any]: ...
    @overload
    def stack(
        self, bands: Names, ctx: GeoContext, *, mask_nodata: bool, raster_info: On, **rest: Unpack[Stacks]
    ) -> tuple[NDArray[Any], list[Info]]: ...
    @overload
    def stack(
        self, bands: Names, ctx: GeoContext, *, mask_nodata: bool = True, raster_info: bool, **rest: Unpack[Stacks]
    ) -> Any: ...
    @overload  # by position
    def stack(self, bands: Names, ctx: GeoContext, flatten: Predicates, /, *values: Any, **options: Any) -> Any: ...
    def stack(
        self,
        bands: str | Sequence[str],
        ctx: GeoContext,
        flatten: Predicate | Sequence[Predicate] | None = None,
        mask_nodata: bool = True,
        mask_alpha: bool | str | None = None,
        bands_axis: int = 1,
        raster_info: bool = False,
        **options: Any,
    ) -> Any:
        """Read the scenes as layers of one array; the arguments are those of `ImageCollection.stack`.

        Parameters
        ----------
        flatten : str, callable, or sequence of them, optional
            What of a scene decides with which others it is laid over each other.
        """
        by_image = None
        if flatten is not None:
            predicates = [flatten] if isinstance(flatten, str) or callable(flatten) else list(flatten)
            scenes = {scene.image.id: scene for scene in self}
            by_image = [_of_scene(predicate, scenes) for predicate in predicates]
        options = {"mask_alpha": mask_alpha, "bands_axis": bands_axis, "raster_info": raster_info, **options}
        return self.images.stack(bands, _required(ctx), flatten=by_image, mask_nodata=mask_nodata, **options)

    def download(
        self, bands: Names, ctx: GeoContext, dest: Any = None, format: str = "tif", **options: Any
    ) -> list[str]:
        """Write every scene to a file; the arguments are those of `ImageCollection.download`."""
        return self.images.download(bands, _required(ctx), dest=dest, format=format, **options)

    def download_mosaic(
        self,
        bands: str | Sequence[str],
        ctx: GeoContext,
        dest: str | os.PathLike[str] | None = None,
        format: str = "tif",
        **options: Any,
    ) -> str:
        """Write the mosaic of the scenes to a file; the arguments are those of `ImageCollection.download_mosaic`."""
        return self.images.download_mosaic(bands, _required(ctx), dest=dest, format=format, **options)

    def scaling_parameters(self, bands: str | Sequence[str], **options: Any) -> tuple[list[Any] | None, str]:
        """Return how bands would be scaled; the arguments are those of `ImageCollection.scaling_parameters`."""
        return self.images.scaling_parameters(bands, **options)

    def _lines(self) -> Iterator[str]:
        return self.images._lines()


@overload
def search(
    aoi: _C, products: Products = None, start_datetime: When = None, end_datetime: When = None, **more: Unpack[More]
) -> tuple[SceneCollection, _C]: ...
@overload
def search(
    aoi: Area, products: Products = None, start_datetime: When = None, end_datetime: When = None, **more: Unpack[More]
) -> tuple[SceneCollection, AOI]: ...
def search(
    aoi: Area,
    products: Products = None,
    start_datetime: When = None,
    end_datetime: When = None,
    cloud_fraction: float | None = None,
    storage_state: str | None = None,
    limit: int | None = 100,
    sort_field: str | None = "acquired",
    sort_order: str = "asc",
    date_field: str = "acquired",
    query: Expression | Sequence[Expression] | None = None,
    *,
    catalog: Backend | None = None,
    client: Backend | None = None,
) -> tuple[SceneCollection, GeoContext]:
    """Search for scenes.

    Parameters
    ----------
    aoi : geometry or GeoContext
        Where.
    products : str, Product, or sequence of them, optional
        Products or their ids; all products when left out.
    start_datetime, end_datetime : str or datetime, optional
        Scenes from the first moment on, and before the second, which is excluded.
    cloud_fraction : float, optional
        Only scenes with less cloud than this.
    storage_state : str, optional
        ``"available"`` or ``"remote"``.
    limit : int, optional
        The largest number of scenes; None for all.
    sort_field, sort_order : str
        An attribute of images, and ``"asc"`` or ``"desc"``.
    date_field : str
        The timestamp that the two moments are about.
    query : Expression or sequence of Expression, optional
        Further conditions, all of which hold.

    Returns
    -------
    (SceneCollection, GeoContext)
        The scenes, and a context to read them on: `aoi`, with the CRS and the resolution of the scenes if it has none.

    Raises
    ------
    BadRequestError
        If an argument is out of range.
    """
    given = [products] if isinstance(products, str | Product) else list(products or [])
    names = [str(one.id) if isinstance(one, Product) else one for one in given]
    if sort_order not in _ORDERS:
        raise BadRequestError(f"sort_order is 'asc' or 'desc', not {sort_order!r}")
    source = catalog or client or default_catalog()
    found = source.images.intersects(aoi)
    if products is not None:
        known = [(name, Product.get(name, catalog=source)) for name in names]  # which also adds the namespace
        found = found.filter(p.product_id.any_of([name if product is None else product.id for name, product in known]))
    when = getattr(p, date_field)
    if start_datetime is not None:
        found = found.filter(when >= start_datetime)
    if end_datetime is not None:
        found = found.filter(when < end_datetime)
    if cloud_fraction is not None:
        found = found.filter(p.cloud_fraction < cloud_fraction)
    if storage_state is not None:
        found = found.filter(p.storage_state == storage_state)
    for condition in [query] if isinstance(query, Expression) else query or []:
        found = found.filter(condition)
    if sort_field is not None:
        found = found.sort(sort_field, ascending=_ORDERS[sort_order])
    images = found.limit(limit).collect(geocontext=aoi)
    bands = {
        product_id: list(source.bands.filter(p.product_id == product_id).sort("sort_order", "name"))
        for product_id in {str(image.product_id) for image in images}
    }
    context = images.geocontext
    if context is None:
        raise AssertionError("a collection that was given a place has a context")
    return SceneCollection(Scene(image, bands[str(image.product_id)]) for image in images), context


def get_product(product_id: str, *, catalog: Backend | None = None, client: Backend | None = None) -> Product:
    """Return a product; NotFoundError if there is none."""
    product = Product.get(product_id, catalog=catalog, client=client)
    if product is None:
        raise NotFoundError(f"there is no product '{product_id}' in the catalog")
    return product


def get_band(band_id: str, *, catalog: Backend | None = None, client: Backend | None = None) -> Band:
    """Return a band; NotFoundError if there is none."""
    band = Band.get(band_id, catalog=catalog, client=client)
    if band is None:
        raise NotFoundError(f"there is no band '{band_id}' in the catalog")
    return band


def search_products(
    bands: str | Sequence[str] | None = None,
    limit: int | None = None,
    owner: str | None = None,
    text: str | None = None,
    *,
    catalog: Backend | None = None,
    client: Backend | None = None,
) -> ProductCollection:
    """Return the products that have all of some bands, have an owner, and have all the words of a string."""
    source = catalog or client or default_catalog()
    found = source.search(Product)
    if owner is not None:
        found = found.filter(p.owners == owner)
    if text is not None:
        found = found.find_text(text)
    names = bands.split() if isinstance(bands, str) else bands or []
    for name in names:
        having = {str(band.product_id) for band in source.bands.filter(p.name == name)}
        found = found.filter(p.id.any_of(sorted(having)))
    return ProductCollection(found.limit(limit))


def search_bands(
    products: str | Sequence[str] | None = None,
    limit: int | None = None,
    wavelength: float | None = None,
    resolution: Any = None,
    tags: str | Sequence[str] | None = None,
    bands: str | Sequence[str] | None = None,
    *,
    catalog: Backend | None = None,
    client: Backend | None = None,
) -> BandCollection:
    """Return the bands of some products, around a wavelength (nm), of a resolution, with one of some tags or names."""
    found = (catalog or client or default_catalog()).bands
    if products is not None:
        found = found.filter(p.product_id.any_of([products] if isinstance(products, str) else products))
    if wavelength is not None:
        found = found.filter((p.wavelength_nm_min <= wavelength) & (p.wavelength_nm_max >= wavelength))
    if resolution is not None:
        found = found.filter(p.resolution == resolution)
    if tags is not None:
        found = found.filter(p.tags.any_of([tags] if isinstance(tags, str) else tags))
    if bands is not None:
        found = found.filter(p.name.any_of(bands.split() if isinstance(bands, str) else bands))
    return BandCollection(found.sort("product_id", "sort_order", "name").limit(limit))


def _required(ctx: GeoContext) -> GeoContext:
    if not isinstance(ctx, GeoContext):
        raise BadRequestError(f"ctx is an AOI, a DLTile or an XYZTile, not {ctx!r}; scene.default_ctx() makes one")
    return ctx


def _of_scene(predicate: Predicate, scenes: Mapping[str | None, Scene]) -> Predicate:
    key = key_of(predicate)
    return lambda image: key(scenes[image.id])


def _properties_of(image: Image, bands: Iterable[Band]) -> ReadOnlyProperties:
    properties = {
        "id": image.id,
        "key": image.id,
        "product": image.product_id,
        "crs": image.cs_code or image.projection,
        "date": image.acquired,
        "bands": ReadOnlyProperties({str(band.name): _properties_of_band(band) for band in bands}),
    }
    more = {name: getattr(image, name) for name in image.ATTRIBUTES if name not in _NOT_SHOWN}
    return ReadOnlyProperties({**properties, **more})


def _in_words(band: ReadOnlyProperties) -> str:
    """Return a band in one line: ``60 m, UInt16, [0, 10000] -> [0, 1]``."""
    resolution = None if band.resolution is None else f"{band.resolution:g} {_UNITS[band.resolution_unit]}"
    ranges = [
        "[{:g}, {:g}]".format(*numbers) for numbers in (band.data_range, band.physical_range) if numbers is not None
    ]
    return ", ".join(part for part in (resolution, band.dtype, " -> ".join(ranges)) if part)


def _properties_of_band(band: Band) -> ReadOnlyProperties:
    resolution = band.resolution
    names = {name for name in band.ATTRIBUTES if name.startswith("wavelength_")} | {"physical_range"}
    return ReadOnlyProperties(
        {
            "id": band.id,
            "name": band.name,
            "type": band.type,
            "dtype": band.data_type,
            "data_range": band.data_range,
            "display_range": band.display_range,
            "nodata": band.nodata,
            "resolution": None if resolution is None else resolution.value,
            "resolution_unit": None if resolution is None else str(resolution.unit),
            **{name: getattr(band, name) if name in band.ATTRIBUTES else None for name in sorted(names)},
        }
    )
