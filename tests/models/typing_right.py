"""A user's program in which both type checkers find nothing wrong; `tests/models/test_typing.py` runs it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import assert_type

import numpy
from affine import Affine
from shapely.geometry import box

from localcat import (
    AOI,
    BandCollection,
    BandType,
    Catalog,
    ClassBand,
    Colormap,
    DataType,
    DerivedParamsAttribute,
    DLTile,
    File,
    GenericBand,
    Image,
    ImageCollection,
    ImageSearch,
    ImageUpload,
    ImageUploadOptions,
    MaskBand,
    MicrowaveBand,
    ProcessingLevelsAttribute,
    ProcessingStepAttribute,
    Product,
    ProductCollection,
    Resolution,
    ResolutionUnit,
    Search,
    SpectralBand,
    StorageState,
    XYZTile,
)
from localcat import properties as p
from localcat.scenes import Scene, SceneCollection, search
from localcat.utils import DotDict, DotList


def of_one_id(product: Product, catalog: Catalog) -> None:
    assert_type(Product.get_or_create("y", name="Y", tags=["a"], is_core=True, catalog=catalog), Product)
    assert_type(Product.get_or_create(id="y", start_datetime="2020-01-01", client=catalog), Product)
    assert_type(SpectralBand.get_or_create(name="red", product=product, wavelength_nm_min=630), SpectralBand)
    assert_type(MicrowaveBand.get_or_create("x:vv", frequency=5.4, catalog=catalog), MicrowaveBand)
    assert_type(MaskBand.get_or_create("x:valid", is_alpha=True, catalog=catalog), MaskBand)
    assert_type(ClassBand.get_or_create("x:cover", class_labels=["water"], catalog=catalog), ClassBand)
    assert_type(GenericBand.get_or_create("x:heat", physical_range=(0, 1), catalog=catalog), GenericBand)
    assert_type(Image.get_or_create("x:first", acquired=date(2020, 1, 1), catalog=catalog), Image)
    assert_type(Image.get_or_create(name="first", product=product, cloud_fraction=0.5), Image)


def products(catalog: Catalog) -> Product:
    product = Product(id="x", name="X", tags=["a"], description=None, catalog=catalog)
    product.start_datetime = "2012-01-01"
    product.start_datetime = datetime(2012, 1, 1, tzinfo=UTC)
    product.end_datetime = date(2030, 1, 1)
    product.tags = ("a", "b")
    product.tags = {"a", "b"}
    product.tags = iter(["a", "b"])
    product.tags = None
    product.extra_properties = {"a": 1, "b": "text", "c": 0.5}
    product.is_core = True
    product.revisit_period_minutes_min = 5
    product.revisit_period_minutes_min = numpy.float32(5)
    product.revisit_period_minutes_max = Fraction(11, 2)
    product.default_display_bands = ["red"]
    product.update(description="X", owners=["user:ann"])
    product.save()
    product.reload()
    assert_type(product.resolution_min, Resolution | None)
    assert_type(product.get_band("red", client=catalog) is None, bool)
    return product


def bands(product: Product) -> None:
    red = SpectralBand(name="red", product=product, data_type=DataType.UINT16, data_range=(0, 10_000), band_index=0)
    red.display_range = [0, 4000]
    red.physical_range = numpy.array([0.0, 1.0])
    red.resolution = Resolution(60, ResolutionUnit.METERS)
    red.resolution = Resolution("60m")
    red.resolution = "60 m"
    red.resolution = {"value": 60, "unit": "meters"}
    red.nodata = 0
    red.nodata = float("nan")
    red.nodata = None
    red.wavelength_nm_center = Decimal("664.6")
    red.sort_order = numpy.int64(1)
    red.processing_levels = {"toa": [{"function": "f"}], "default": "toa"}
    red.processing_levels = ProcessingLevelsAttribute(toa=[ProcessingStepAttribute("f")])
    red.derived_params = DerivedParamsAttribute("f", ["a"])
    red.derived_params = {"function": "f", "bands": ["a"]}
    red.save()
    mask = MaskBand(id="x:mask", is_alpha=True, data_type="UInt16", band_index=1, catalog=product._catalog)
    mask.update(vendor_order=1, tags=["a"], data_type=DataType.BYTE)
    radar = MicrowaveBand(frequency=5.4, bandwidth=100, catalog=product._catalog)
    land = ClassBand(colormap=[(0, 0, 0, 0), [1, 2, 3, 4]], class_labels=["none", None], catalog=product._catalog)
    land.colormap_name = Colormap.GIST_EARTH
    land.class_labels = ("none", "water")
    other = GenericBand(physical_range=(0, 1), physical_range_unit="K", catalog=product._catalog)
    of_bands(red, radar, land, other)


def of_bands(red: SpectralBand, radar: MicrowaveBand, land: ClassBand, other: GenericBand) -> None:
    assert_type(red.tags, list[str] | None)
    assert_type(red.wavelength_nm_center, float | None)
    assert_type(radar.frequency, float | None)
    assert_type(land.colormap, list[tuple[int, int, int, int]] | None)
    assert_type(other.physical_range, tuple[float, ...] | None)
    if red.resolution is not None:
        assert_type(red.resolution.value, float)
        assert_type("value" in red.resolution, bool)
        red.resolution.unit = "meters"
        red.resolution["value"] = 60


def images(product: Product) -> Image:
    image = Image(product=product, name=Image.make_valid_name("scene 1"), acquired="2020-01-01")
    image.acquired = datetime(2020, 1, 1) + timedelta(days=1)
    image.acquired_end = date(2020, 1, 3)
    image.geometry = box(0, 0, 1, 1)
    image.geometry = {"type": "Point", "coordinates": [0, 0]}
    image.geometry = AOI((0, 0, 1, 1))
    image.geometry = None
    image.geotrans = [500_000, 60, 0, 4_000_000, 0, -60]
    image.geotrans = Affine(60, 0, 500_000, 0, -60, 4_000_000).to_gdal()
    image.cs_code = "EPSG:32618"
    image.cloud_fraction = 0
    image.cloud_fraction = numpy.float64(0.25)
    image.x_pixels = 48
    image.y_pixels = numpy.int32(64)
    image.files = [File("a.tif"), {"href": "b.tif"}]
    image.files = None
    image.storage_state = StorageState.REMOTE
    image.reflectance_scale = [0.1, None, (0.2, 0.3)]
    image.extra_properties = {"nested": {"a": [1, None, True]}}
    return image


def of_an_image(image: Image) -> datetime:
    assert_type(image.acquired, datetime | None)
    assert_type(image.date, datetime | None)
    if image.acquired is None:
        raise ValueError("it was not acquired")
    assert_type(image.acquired, datetime)
    return image.acquired


def uploads(image: Image) -> ImageUpload:
    options = ImageUploadOptions(overviews=[2, 4], overview_resampler="average", compress="ZSTD", level=9)
    upload = image.upload_ndarray(numpy.ones((1, 64, 48), "uint16"), options, overwrite=False)
    upload.raise_for_status()
    assert_type(upload.status, str | None)
    assert_type(upload.image.id, str | None)
    return upload


def pixels(image: Image) -> None:
    tile = DLTile.from_latlon(36.0, -74.9, 60.0, 32, 0)
    array = image.ndarray("red", tile)
    array = image.ndarray(["red"], resolution=120, resampler="average")
    array = image.ndarray("red", None, None, 120)
    print_nothing(array.shape, array.mask, array.filled(0))
    plain = image.ndarray("red", mask_nodata=False, mask_alpha=False)
    print_nothing(plain.dtype, plain.sum())
    array, info = image.ndarray("red", raster_info=True)
    print_nothing(array.mask, info["geoTransform"])
    plain, info = image.ndarray("red", mask_nodata=False, mask_alpha=False, raster_info=True)
    found = ImageCollection([image], geocontext=image.geocontext)
    print_nothing(found.mosaic("red").mask, found.stack("red").shape)
    mosaic, info = found.mosaic("red", raster_info=True)
    stack, infos = found.stack("red", tile, flatten="acquired.year", raster_info=True, max_workers=1)
    print_nothing(mosaic.shape, stack.shape, infos[0]["size"], info["size"])
    scene = Scene(image)
    print_nothing(scene.ndarray("red", scene.default_ctx()).mask, scene.properties.date.year, scene.properties.key)
    assert_type(image.scaling_parameters("red")[1], str)
    scaling = [(0, numpy.percentile(array.compressed(), 98)), ("2%", "98%", 0, 255), None, "display", [0, 4000]]
    for scale in scaling:
        print_nothing(image.ndarray("red", scaling=[scale]), image.ndarray("red", scaling={"default_": scale}))
    print_nothing(image.ndarray("red", scaling="auto"), found.mosaic("red", scaling=image.scaling_parameters("red")[0]))
    assert_type(image.point(-74.95, 36.1, "red").values, tuple[float | None, ...])


def searches(catalog: Catalog, product: Product) -> None:
    assert_type(Search(Product, client=catalog), Search[Product])
    assert_type(ImageSearch(Image, client=catalog), ImageSearch)
    assert_type(catalog.bands.filter(p.type == BandType.SPECTRAL).first() is None, bool)
    found = product.images().filter(p.extra_properties["nested"]["a"].isnotnull | (p.acquired > date(2020, 1, 1)))
    assert_type(found.intersects(XYZTile(1, 1, 2)).collect(), ImageCollection)
    assert_type(ProductCollection(catalog.products, item_type=Product)[0], Product)
    assert_type(Product.search(client=catalog).collect(), ProductCollection)
    assert_type(product.bands().filter(p.name == "red").collect(), BandCollection)
    assert_type(SpectralBand.search(client=catalog).collect()[0], SpectralBand)
    print_nothing(BandCollection(product.bands()).each.name.combine(set))
    assert_type(Product.delete("unknown", catalog=catalog), bool)
    print_nothing(AOI().assign(crs="unchanged", resolution=60).raster_params, DLTile.from_latlon(0, 0, 10, 8, 0).key)
    print_nothing(DotDict(a={"b": 1}).a.b, DotList([{"c": 1}])[0].c, found.explain().hints)


def places_and_moments(catalog: Catalog, image: Image) -> None:
    """Forms of a geometry, of a time and of records."""
    found, grid = catalog.images.limit(1), image.geocontext.assign(geometry=None)
    for area in ((0, 0, 1, 1), [0.0, 0.0, 1.0, 1.0], "POINT (1 2)", {"type": "Point", "coordinates": [1, 2]}):
        assert_type(found.intersects(area), ImageSearch)
    found.intersects(numpy.array([0, 0, 1, 1])).within(box(0, 0, 1, 1)).disjoint(image.geometry)
    found.collect(grid).filter_coverage(image, 0.5).intersecting(DLTile.from_latlon(0, 0, 10, 8, 0)).nearest((1, 2))
    found.gaps(timedelta(days=3), (0, 0, 1, 1), start_datetime="2017", end_datetime=datetime(2018, 1, 1))
    catalog.add_images([{"id": image.id, "acquired": "2020"}], on_conflict="skip")
    catalog.add_images(record for record in ({"name": "n", "product_id": image.product_id},))
    scenes, context = search(image.geometry, start_datetime=date(1990, 1, 1), catalog=catalog)
    assert_type(scenes, SceneCollection)
    assert_type(context.assign(resolution=120), AOI)
    assert_type(search(DLTile.from_latlon(0, 0, 10, 8, 0), [], catalog=catalog)[1], DLTile)
    print_nothing(scenes.mosaic("red", grid).mask.shape, scenes.mosaic("red", grid, raster_info=True)[1]["size"])
    print_nothing(scenes.stack("red", context)[0].fill_value, scenes.stack("red", grid, raster_info=True)[1][0]["size"])
    print_nothing(
        scenes.mosaic("red", grid, False).shape, scenes.stack("red", grid, None, True, None, -1, True)[0].shape
    )
    print_nothing(scenes.mosaic("red", mask_nodata=bool(scenes), bands_axis=-1, ctx=grid, raster_info=bool(scenes)))


def print_nothing(*values: object) -> None:
    assert values


def main(folder: Path | None = None) -> None:
    with Catalog.temporary(org="") as catalog:
        product = products(catalog)
        of_one_id(product, catalog)
        bands(product)
        image = images(product)
        image.update(cs_code="EPSG:32618", geotrans=(500_000, 60, 0, 4_000_000, 0, -60), x_pixels=None, y_pixels=None)
        image.update(storage_state=None)
        uploads(image)
        of_an_image(image)
        pixels(image)
        searches(catalog, product)
        places_and_moments(catalog, image)


if __name__ == "__main__":
    main()
