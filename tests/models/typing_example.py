"""A user's program, which the strict type checker accepts; `tests/models/test_typing.py` runs it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_type

import numpy
from shapely.geometry.base import BaseGeometry

from localcat import (
    Band,
    BandCollection,
    BandType,
    Catalog,
    DataType,
    DeletionTaskStatus,
    DocumentState,
    Expression,
    File,
    Image,
    ImageCollection,
    ImageSearch,
    ImageSummaryResult,
    ImageUpload,
    ImageUploadOptions,
    ImageUploadStatus,
    Interval,
    MaskBand,
    OverviewResampler,
    Product,
    Resolution,
    Search,
    SpectralBand,
    exceptions,
)
from localcat import properties as p
from localcat.geo import AOI, GeoContext


def of_a_product(product: Product) -> None:
    assert_type(product.id, str | None)
    assert_type(product.name, str | None)
    assert_type(product.created, datetime | None)
    assert_type(product.is_core, bool | None)
    assert_type(product.tags, list[str] | None)
    assert_type(product.extra_properties, dict[str, Any] | None)
    assert_type(product.resolution_min, Resolution | None)
    assert_type(product.revisit_period_minutes_min, float | None)
    assert_type(product.get_band("blue"), Band | None)
    assert_type(product.get_image("scene"), Image | None)
    assert_type(product.bands(), Search[Band])
    assert_type(product.images(), ImageSearch)
    product.start_datetime = "2012-01-01"
    product.tags = ["a"]
    product.delete()
    del product.description


def of_classes() -> None:
    assert_type(Product.search(), Search[Product])
    assert_type(SpectralBand.search(), Search[SpectralBand])
    assert_type(Image.search(), ImageSearch)
    assert_type(Product.get("x"), Product | None)
    assert_type(Band.get("x:y"), Band | None)
    assert_type(MaskBand.get_many(["x:y"], ignore_missing=True), list[MaskBand])
    assert_type(Image.get_or_create("x:y"), Image)
    assert_type(Product.exists("x"), bool)
    assert_type(Product.delete("x"), bool)


def of_an_image(image: Image) -> None:
    assert_type(image.acquired, datetime | None)
    assert_type(image.cloud_fraction, float | None)
    assert_type(image.x_pixels, int | None)
    assert_type(image.geotrans, tuple[float, ...] | None)
    assert_type(image.files, list[File] | None)
    assert_type(image.geometry, BaseGeometry | None)
    assert_type(image.product, Product | None)
    assert_type(image.upload("scene.tif"), ImageUpload)
    assert_type(image.coverage({"type": "Point", "coordinates": [0, 0]}), float)
    for found in Image.search().filter(p.cloud_fraction < 0.2).sort("acquired").limit(3):
        assert_type(found, Image)


def of_a_band(product: Product) -> None:
    band = SpectralBand(name="blue", product=product)
    assert_type(band.data_range, tuple[float, ...] | None)
    assert_type(band.resolution, Resolution | None)
    band.resolution = Resolution(60, "meters")
    band.wavelength_nm_min = 452
    assert_type(MaskBand(id="x:y").is_alpha, bool | None)


def of_searches(product: Product) -> None:
    recent = "2019-01-01" <= p.acquired < "2020-01-01"
    assert_type(recent, Expression)
    assert_type((p.cloud_fraction < 0.2) | p.cloud_fraction.isnull, Expression)
    assert_type(~p.tags.any_of(["a", "b"]), Expression)
    assert_type(p.extra_properties["key"] == 5, Expression)
    assert_type(Product.search().filter(p.name == "x").sort("name").limit(3), Search[Product])
    found = product.images().filter(recent).intersects((0, 0, 1, 1)).sort("product_id", "-acquired")
    assert_type(found, ImageSearch)
    assert_type(found.count(), int)
    assert_type(found.ids(), list[str])
    assert_type(found.first(), Image | None)
    assert_type(found.to_sql(), tuple[str, tuple[Any, ...]])
    assert_type(found.summary(), ImageSummaryResult)
    assert_type(found.summary().bytes, int)
    assert_type(
        [month.interval_start for month in found.summary_interval(interval=Interval.MONTH)], list[datetime | None]
    )
    for band in product.bands().filter(p.type == BandType.CLASS):
        assert_type(band, Band)


def of_collections(product: Product) -> None:
    images = product.images().collect(geocontext=AOI((0, 0, 1, 1), crs="EPSG:3857", resolution=1000.0))
    assert_type(images, ImageCollection)
    assert_type(images[:2], ImageCollection)
    assert_type(images[[]], ImageCollection)
    assert_type(images.filter(p.cloud_fraction < 0.2).sorted("acquired", reverse=True), ImageCollection)
    assert_type(images.filter(lambda image: image.acquired is not None), ImageCollection)
    assert_type(images.filter_coverage((0, 0, 1, 1), 0.5), ImageCollection)
    assert_type([names_of(group) for _, group in images.groupby("acquired.year")], list[list[str | None]])
    assert_type(product.bands().collect(), BandCollection)
    assert_type(images.geocontext, GeoContext | None)


def names_of(images: ImageCollection) -> list[str | None]:
    return [image.name for image in images]


def of_uploads(product: Product) -> None:
    image = Image(product=product, name=Image.make_valid_name("scene 1"), acquired="2020-01-01")
    upload = image.upload_ndarray(
        numpy.zeros((64, 48), "uint16"),
        ImageUploadOptions(overviews=[2]),
        {"geoTransform": (500_000, 60, 0, 4_000_000, 0, -60), "coordinateSystem": {"epsg": 32618}},
        overview_resampler=OverviewResampler.AVERAGE,
    )
    upload.wait_for_completion(timeout=60)
    assert_type(upload.status, str | None)
    assert upload.status == ImageUploadStatus.SUCCESS
    assert_type(upload.image, Image)
    assert_type([event.message for event in upload.events], list[str])
    assert_type(product.image_uploads(), Search[ImageUpload])
    assert_type(image.geocontext, AOI)
    assert_type(image.date, datetime | None)
    array, info = image.ndarray("blue", resolution=120, raster_info=True)
    assert (array.shape, info["size"]) == ((1, 32, 24), [24, 32])
    assert_type(image.scaling_parameters("blue", scaling="display")[1], str)
    mosaic = ImageCollection([image], geocontext=image.geocontext).mosaic("blue")
    assert mosaic.shape == (1, 64, 48)
    image.delete()


def of_deletion(product: Product) -> None:
    assert_type(product.delete_related_objects(), DeletionTaskStatus | None)
    assert_type(product.get_delete_status().objects_deleted, int | None)
    assert_type(product.state, DocumentState)
    try:
        product.named_id("x")
    except exceptions.DeletedObjectError as error:
        assert_type(error.status, int | None)


def main() -> None:
    with Catalog.temporary(org="acme") as catalog, catalog.as_default():
        product = Product(id="x", name="X")
        product.save()
        assert_type(catalog.images, ImageSearch)
        of_a_product(product)
        of_classes()
        product = Product(id="y", name="Y")
        product.save()
        blue = SpectralBand(name="blue", product=product)
        blue.update(data_type=DataType.UINT16, data_range=(0, 10000), band_index=0, resolution="60m")
        blue.save()
        of_searches(product)
        of_collections(product)
        of_uploads(product)
        of_deletion(product)


if __name__ == "__main__":
    main()
