"""The guide's flow, step by step, with its observable results."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate

from localcat import (
    BandType,
    Catalog,
    ClassBand,
    DataType,
    GenericBand,
    Image,
    Interval,
    MaskBand,
    MicrowaveBand,
    OverviewResampler,
    Product,
    Resolution,
    ResolutionUnit,
    SpectralBand,
)
from localcat import properties as p
from localcat.scenes import Scene
from tests.real_data import REAL_DATA, needs_real_data

TRIANGLE = {
    "type": "Polygon",
    "coordinates": [
        [
            [2.915496826171875, 42.044193618165224],
            [2.838592529296875, 41.92475971933975],
            [3.043212890625, 41.929868314485795],
            [2.915496826171875, 42.044193618165224],
        ]
    ],
}
CATALONIA = (1.0, 41.0, 4.0, 43.0)
OCEAN = (-40.0, 30.0, -38.0, 32.0)


def add_image(product: Product, name: str, acquired: str | None, **attributes: object) -> Image:
    image = Image(product=product, name=name, acquired=acquired, **attributes)
    image.save()
    return image


def test_finding_products(catalog: Catalog) -> None:
    """3.12, step 1."""
    for name, start, end in (("old", "1984", "1999"), ("middle", "2013", "2020"), ("new", "2015-06-01", "2026"),
                             ("future", "2016", "2030"), ("timeless", None, None)):  # fmt: skip
        Product(id=name, name=name, start_datetime=start, end_datetime=end).save()

    search = Product.search().filter(p.start_datetime < "2016-01-01")
    assert search.count() == 3
    search = search.filter(p.end_datetime > "2000-01-01")
    assert search.count() == 2
    assert [product.id for product in search.sort("start_datetime").limit(3)] == ["acme:middle", "acme:new"]


def test_looking_up_a_product_and_its_bands(catalog: Catalog) -> None:
    """3.12, step 2."""
    product = Product(id="acme:LC08:01:RT:TOAR", name="Landsat 8 Collection 1 Real-Time")
    product.save()
    names = ("coastal-aerosol", "blue", "green", "red", "nir")
    for index, name in enumerate(names):
        SpectralBand(name=name, product=product, data_type="UInt16", data_range=(0, 10000), band_index=index).save()
    for index, name in enumerate(("qa_snow", "valid-cloudfree", "qa_cloud", "qa_cirrus"), start=len(names)):
        ClassBand(name=name, product=product, data_type="UInt16", data_range=(0, 1), band_index=index).save()

    landsat = Product.get("LC08:01:RT:TOAR")  # the namespace may be left out
    assert landsat is not None
    assert repr(landsat).splitlines()[:2] == [
        "Product: Landsat 8 Collection 1 Real-Time",
        "  id: acme:LC08:01:RT:TOAR",
    ]
    first = list(landsat.bands().limit(4))
    assert [band.name for band in first] == ["coastal-aerosol", "blue", "green", "red"]
    assert repr(first[1]).splitlines()[:3] == [
        "SpectralBand: blue",
        "  id: acme:LC08:01:RT:TOAR:blue",
        "  product: acme:LC08:01:RT:TOAR",
    ]
    classes = list(landsat.bands().filter(p.type == BandType.CLASS).sort("name"))
    assert [band.name for band in classes] == ["qa_cirrus", "qa_cloud", "qa_snow", "valid-cloudfree"]


def test_finding_images(catalog: Catalog) -> None:
    """3.12, step 3."""
    product = Product(id="scenes", name="Scenes")
    product.save()
    add_image(product, "clear", "2017-03-01", geometry=CATALONIA, cloud_fraction=0.1)
    add_image(product, "cloudy", "2017-04-01", geometry=CATALONIA, cloud_fraction=0.7)
    add_image(product, "unknown", "2017-05-01", geometry=CATALONIA)
    add_image(product, "early", "2016-12-31T23:59:59.999999Z", geometry=CATALONIA, cloud_fraction=0.1)
    add_image(product, "elsewhere", "2017-03-01", geometry=OCEAN, cloud_fraction=0.1)
    add_image(product, "nowhere", "2017-03-01", cloud_fraction=0.1)

    search = product.images().intersects(TRIANGLE)
    assert search.count() == 4
    search = search.filter((p.acquired > "2017-01-01") & (p.acquired < "2018-01-01"))
    assert search.count() == 3
    search = search.filter(p.cloud_fraction < 0.2)
    assert search.ids() == ["acme:scenes:clear"]
    assert search.filter(p.created < datetime.datetime(2019, 1, 1)).count() == 0
    assert search.filter(p.created < datetime.datetime(2100, 1, 1)).count() == 1


def test_summaries(catalog: Catalog) -> None:
    """3.12, step 4: five months."""
    product = Product(id="scenes", name="Scenes")
    product.save()
    for month, name in ((1, "a"), (1, "b"), (2, "c"), (3, "d"), (4, "e"), (5, "f"), (7, "g")):
        file = {"href": f"https://example.org/{name}.tif", "size_bytes": 1_000_000 * month}
        add_image(product, name, f"2017-{month:02d}-15", files=[file])
    search = Image.search().filter(p.product_id == "acme:scenes")

    assert repr(search.summary()) == ("\nSummary for 7 images:\n - Total bytes: 23,000,000\n - Products: acme:scenes")
    months = search.summary_interval(interval="month", start_datetime="2017-01-01", end_datetime="2017-06-01")
    assert [(month.count, month.bytes) for month in months] == [
        (2, 2_000_000),
        (1, 2_000_000),
        (1, 3_000_000),
        (1, 4_000_000),
        (1, 5_000_000),
    ]
    assert repr(months[0]) == (
        "\nSummary for 2 images:\n - Total bytes: 2,000,000\n - Interval start: 2017-01-01 00:00:00+00:00"
    )


def test_creating_a_product(catalog: Catalog) -> None:
    """3.12, step 5."""
    product = Product(id="guide-example-product_1234")
    product.name = "Example product"
    product.save()
    assert product.id == "acme:guide-example-product_1234"
    assert product.created is not None
    assert product.created.tzinfo is datetime.UTC

    before = product.modified
    product.start_datetime = "2012-01-01"
    product.end_datetime = "2015-01-01"
    assert product.start_datetime == "2012-01-01"
    product.save()
    assert product.start_datetime == datetime.datetime(2012, 1, 1, tzinfo=datetime.UTC)
    assert before is not None
    assert product.modified is not None
    assert product.modified > before


def test_creating_bands(catalog: Catalog) -> None:
    """3.12, steps 6 and 7."""
    product = Product(id="example", name="Example product")
    product.save()
    band = SpectralBand(name="blue", product=product)
    band.data_type = DataType.UINT16
    band.data_range = (0, 10000)
    band.display_range = (0, 4000)
    band.resolution = Resolution(unit=ResolutionUnit.METERS, value=60)
    band.band_index = 0
    band.save()
    assert band.id == "acme:example:blue"

    band.wavelength_nm_min = 452
    band.wavelength_nm_max = 512
    assert band.state == "modified"
    band.save()
    assert band.state == "saved"
    assert band.wavelength_nm_max == 512.0

    alpha = MaskBand(name="alpha", product=product)
    alpha.is_alpha = True
    alpha.data_type = DataType.UINT16
    alpha.resolution = band.resolution
    alpha.band_index = 1
    alpha.save()
    assert alpha.data_range == (0, 1)
    assert alpha.resolution == Resolution(60, "meters")

    for index, kind in enumerate((ClassBand, MicrowaveBand, GenericBand), start=2):
        kind(name=kind.__name__, product=product, data_type="Byte", data_range=(0, 255), band_index=index).save()
    assert [band.type for band in product.bands()] == ["spectral", "mask", "class", "microwave", "generic"]


def check_upload(product: Product, source: Image) -> None:
    """Read a band of one image, upload the array to another product, and read that back: the guide's last step."""
    scene, geoctx = Scene.from_id(str(source.id))
    array, meta = scene.ndarray("blue", geoctx.assign(resolution=60), raster_info=True)
    assert isinstance(array, numpy.ma.MaskedArray)
    assert array.shape[0] == 1
    assert 0 < numpy.ma.count_masked(array) < array.size

    image = Image(product=product, name="scene2")
    image.acquired = "2012-01-02"
    upload = image.upload_ndarray(
        array, raster_meta=meta, overviews=[2, 4], overview_resampler=OverviewResampler.AVERAGE
    )
    upload.wait_for_completion()
    assert upload.status == "success"
    assert image.state == "saved"

    catalog = product._catalog
    assert image.files is not None
    path = catalog.path_of(image.files[0])
    assert path.is_relative_to(catalog.data_folder.path)
    is_valid, problems, _ = cog_validate(path, quiet=True)
    assert (is_valid, problems) == (True, [])
    with rasterio.open(path) as file:
        assert file.overviews(1) == [2, 4]
        assert file.count == 2
        assert numpy.array_equal(file.read(2) == 0, array.mask[0])
        assert numpy.array_equal(file.read(1)[~array.mask[0]], array.data[0][~array.mask[0]])

    again, meta_again = Image.get(image.id).ndarray("blue", raster_info=True)
    assert numpy.array_equal(again.mask, array.mask)
    assert numpy.array_equal(again.filled(0), array.filled(0))
    assert meta_again["geoTransform"] == meta["geoTransform"]
    assert meta_again["coordinateSystem"]["epsg"] == meta["coordinateSystem"]["epsg"]


def test_uploading_an_array_that_another_image_gave(catalog: Catalog, product: Product, pixels, meta) -> None:
    """3.12, step 8."""
    source = Product(id="source", name="Source")
    source.save()
    SpectralBand(
        name="blue", product=source, data_type="UInt16", data_range=(0, 10000), band_index=0, nodata=0, resolution="30m"
    ).save()
    fine = {**meta, "geoTransform": [500_000, 30, 0, 4_000_000, 0, -30]}
    scene = Image(product=source, name="scene1", acquired="2018-10-25")
    assert scene.upload_ndarray(pixels, raster_meta=fine).status == "success"

    check_upload(product, scene)


def test_uploading_a_file(catalog: Catalog, product: Product, pixels, meta, tmp_path: Path) -> None:
    """3.9."""
    first = Image(product=product, name="first", acquired="2018-10-25")
    first.upload_ndarray(pixels, raster_meta=meta)
    original = catalog.path_of(first.files[0])

    second = Image(product=product, name="second", acquired="2018-10-25")
    upload = second.upload(original)
    assert upload.status == "success"
    assert catalog.path_of(second.files[0]).read_bytes() == original.read_bytes()
    assert second.cs_code == "EPSG:32618"
    assert second.geometry.equals(first.geometry)
    assert numpy.array_equal(second.ndarray("blue").filled(0), pixels.filled(0))


@needs_real_data
def test_the_flow_on_real_pixels(catalog: Catalog, product: Product) -> None:
    """3.12, step 8."""
    path = REAL_DATA / "rasters" / "RGB.byte.tif"
    source = Product(id="bahamas", name="Bahamas")
    source.save()
    for index, name in enumerate(("red", "green", "blue")):
        SpectralBand(
            name=name, product=source, data_type="Byte", data_range=(0, 255), band_index=index, nodata=0,
            resolution="300m",
        ).save()  # fmt: skip
    scene = Image(product=source, name="scene1", acquired="2018-10-25")
    upload = scene.upload(path)
    upload.raise_for_status()

    with rasterio.open(path) as file:
        for index, name in enumerate(("red", "green", "blue"), start=1):
            expected = file.read(index, masked=True)
            found = scene.ndarray(name)[0]
            assert numpy.array_equal(found.data, expected.data)
            assert numpy.array_equal(found.mask, expected.mask)
        assert scene.geotrans == file.transform.to_gdal()
    for band in product.bands():
        band.delete()
    for kind, name, index in ((SpectralBand, "blue", 0), (MaskBand, "alpha", 1)):
        band = kind(name=name, product=product, data_type="Byte", band_index=index)
        band.update(**({"data_range": (0, 255)} if kind is SpectralBand else {"is_alpha": True}))
        band.save()
    check_upload(product, scene)


def test_an_unset_attribute_is_found_by_no_comparison(catalog: Catalog, product: Product) -> None:
    """Choice 1."""
    add_image(product, "unset", "2020-01-01")
    for condition in (
        p.cloud_fraction < 0.2, p.cloud_fraction <= 0.2, p.cloud_fraction > 0.2, p.cloud_fraction >= 0.2,
        p.cloud_fraction == 0.2, p.cloud_fraction != 0.2, 0 < p.cloud_fraction < 1, p.cloud_fraction.any_of([0, 1]),
    ):  # fmt: skip
        assert Image.search().filter(condition).count() == 0
        assert Image.search().filter(~condition).count() == 0
    assert Image.search().filter(p.cloud_fraction.isnull | (p.cloud_fraction <= 0.2)).count() == 1


@pytest.mark.parametrize("moment", ["2017-06-01T02:00:00+02:00", "2017-06-01", datetime.datetime(2017, 6, 1)])
def test_naive_times_mean_utc(catalog: Catalog, product: Product, moment) -> None:
    """3.2."""
    image = add_image(product, "x", "2017-06-01T00:00:00Z")
    assert image.acquired == datetime.datetime(2017, 6, 1, tzinfo=datetime.UTC)
    assert Image.search().filter(p.acquired == moment).count() == 1


@pytest.mark.parametrize("interval", list(Interval))
def test_time_series_reach_both_ends_of_time(catalog: Catalog, product: Product, interval: str) -> None:
    """3.5."""
    add_image(product, "first", "0001-01-01")
    add_image(product, "last", "9999-12-31T23:59:59.999999Z")
    assert [found.count for found in product.images().summary_interval(interval=interval)] == [1, 1]
    last = product.images().filter(p.name == "last").summary_interval(interval=interval, include_empty=True)
    assert [found.count for found in last] == [1]
