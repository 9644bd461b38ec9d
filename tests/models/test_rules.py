"""Values that contradict each other are refused when they are saved, and leave nothing behind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcat import (
    AttributeValidationError,
    BadRequestError,
    Band,
    Catalog,
    ClassBand,
    DataType,
    Image,
    Product,
    Resolution,
    SpectralBand,
    set_default_catalog,
)
from localcat import properties as p
from localcat.errors import CorruptCatalogError
from localcat.rasters.files.dtypes import is_representable, numpy_dtype

NEEDED = {"data_type": "Byte", "data_range": (0, 255), "band_index": 0}


@pytest.fixture
def product(catalog: Catalog) -> Product:
    product = Product(id="a", name="A")
    product.save()
    return product


def test_an_end_is_not_before_its_start(product: Product) -> None:
    """3.2, ours."""
    image = Image(product=product, name="x", acquired="2020-01-02", acquired_end="2020-01-01T23:59:59Z")
    with pytest.raises(BadRequestError) as caught:
        image.save()
    assert str(caught.value) == (
        "acquired_end of Image is not below acquired: '2020-01-01T23:59:59+00:00' is below "
        "'2020-01-02T00:00:00+00:00'; exchange or mend them"
    )
    assert (image.state, Image.exists("a:x")) == ("unsaved", False)
    image.acquired_end = "2020-01-02"
    image.save()
    image.acquired = "2020-01-03"
    with pytest.raises(BadRequestError, match="acquired_end of Image is not below acquired"):
        image.save()
    image.update(acquired="2019-12-31", acquired_end=None)
    image.save()
    assert image.state == "saved"


def test_ends_are_judged_by_what_the_catalog_has_meanwhile(product: Product) -> None:
    Image(product=product, name="x", acquired="2020-01-02", acquired_end="2020-01-05").save()
    one, other = Image.get(product.named_id("x")), Image.get(product.named_id("x"))
    one.acquired_end = "2020-01-03"
    one.save()
    other.acquired = "2020-01-04"
    with pytest.raises(BadRequestError, match="acquired_end of Image is not below acquired"):
        other.save()


def test_ranges_of_products_and_wavelengths_are_in_order(product: Product) -> None:
    product.update(start_datetime="2020-01-01", end_datetime="2019-01-01")
    with pytest.raises(BadRequestError, match="end_datetime of Product is not below start_datetime"):
        product.save()
    product.update(end_datetime=None, revisit_period_minutes_min=2, revisit_period_minutes_max=1)
    with pytest.raises(BadRequestError, match=r"revisit_period_minutes_max .* 1\.0 is below 2\.0"):
        product.save()
    product.revisit_period_minutes_max = 2
    product.save()
    band = SpectralBand(name="x", product=product, wavelength_nm_min=500, wavelength_nm_max=400, **NEEDED)
    with pytest.raises(BadRequestError, match="wavelength_nm_max .*wavelength_nm_min"):
        band.save()
    assert not Band.exists(product.named_id("x"))


def test_a_data_range_has_the_smaller_number_first(product: Product) -> None:
    """3.4, ours."""
    with pytest.raises(AttributeValidationError, match=r"data_range is \(min, max\), the smaller number first"):
        SpectralBand(name="x", product=product, data_range=(255, 0))
    band = SpectralBand(name="x", product=product, data_range=(5, 5), display_range=(255, 0), physical_range=(1, 0))
    assert (band.data_range, band.display_range, band.physical_range) == ((5, 5), (255, 0), (1, 0))  # shown inverted


@pytest.mark.parametrize(
    ("data_type", "nodata"), [("Byte", -1), ("Byte", 0.5), ("Byte", float("nan")), ("Int16", 40_000), ("Float32", 1e39)]
)
def test_nodata_is_a_value_of_the_data_type(product: Product, data_type: str, nodata: float) -> None:
    """3.4, ours."""
    wrong = ClassBand(name="x", product=product, **{**NEEDED, "data_type": data_type, "nodata": nodata})
    with pytest.raises(BadRequestError, match=f"nodata .*{data_type}; choose another"):
        wrong.save()
    assert not Band.exists(product.named_id("x"))
    wrong.nodata = 0
    wrong.save()
    wrong.nodata = nodata
    with pytest.raises(BadRequestError, match="is not a value of data type"):
        wrong.save()
    assert Band.get(wrong.id).nodata == 0


@given(st.sampled_from(list(DataType)), st.floats() | st.integers(-(2**33), 2**33) | st.sampled_from([2.0**128, 255]))
def test_data_types_hold_what_numpy_holds(data_type: DataType, value: float) -> None:
    assert data_type.holds(float(value)) is bool(is_representable(float(value), numpy_dtype(data_type)))


@pytest.mark.parametrize("size", [0, -60])
def test_a_saved_resolution_is_above_zero(product: Product, size: float) -> None:
    """3.4, ours."""
    band = SpectralBand(name="x", product=product, resolution=f"{size} m", **NEEDED)  # the text parses
    assert band.resolution == Resolution(size, "meters")
    with pytest.raises(AttributeValidationError, match="resolution is the size of a pixel, above 0, not Resolution"):
        band.save()
    band.resolution.value = 60
    band.save()
    assert Band.search().filter(p.resolution > size).count() == 1


@pytest.mark.parametrize("id", ["two\nlines", "bell\x07", " x", "x ", "line\u2028separator"])
def test_an_id_is_one_line_of_text(catalog: Catalog, id: str) -> None:
    """3.2, ours."""
    with pytest.raises(AttributeValidationError, match="id is one line of text"):
        Product(id=id, name="x")
    assert Product.get(id) is None
    assert Product.search().count() == 0


def test_bulk_records_obey_the_same_rules(catalog: Catalog, product: Product) -> None:
    report = catalog.add_images(
        [
            {"product_id": product.id, "name": "wrong", "acquired": "2020-01-02", "acquired_end": "2020-01-01"},
            {"product_id": product.id, "name": "right", "acquired": "2020-01-02", "acquired_end": "2020-01-02"},
        ]
    )
    assert (report.added, [(failure.index, type(failure.error)) for failure in report.failed]) == (
        1,
        [(0, BadRequestError)],
    )


@pytest.mark.parametrize("wrong", ["survey.gpkg", 5, object()])
def test_a_catalog_is_a_catalog(catalog: Catalog, wrong: object) -> None:
    """3.11, ours."""
    for call in (
        lambda: Product.search(catalog=wrong),
        lambda: Product.get("x", client=wrong),
        lambda: Product(id="x", name="X", catalog=wrong),
        lambda: Product.namespace_id("x", catalog=wrong),
        lambda: set_default_catalog(wrong),
    ):
        with pytest.raises(BadRequestError, match=r"catalog is a Catalog, such as Catalog\.open\(path\) returns"):
            call()
    assert Product.search().count() == 0  # of the default catalog, as before


@pytest.mark.parametrize(
    ("column", "stored"),
    [
        ("acquired", 2**62),
        ("modified", -(2**62)),
        ("geotrans", "[1,2]"),
        ("geotrans", "[oops"),
        ("cloud_fraction", "much"),
        ("geometry", b"xx"),
        ("tags", "[" * 100_000),
    ],
)
def test_damaged_values_are_told_by_name(catalog: Catalog, product: Product, column: str, stored: object) -> None:
    image = Image(product=product, name="x", acquired="2020-01-01")
    image.save()
    with catalog.database.write() as transaction:
        transaction.connection.execute(f"UPDATE image SET {column} = ?", (stored,))  # names of this test
    damaged = Image.get(image.id)
    with pytest.raises(CorruptCatalogError, match=f"{column} of Image 'acme:a:x' .*; assign it"):
        getattr(damaged, column)


def test_a_time_beyond_all_years_is_told_by_searches(catalog: Catalog, product: Product) -> None:
    Image(product=product, name="x", acquired="2020-01-01").save()
    with catalog.database.write() as transaction:
        transaction.connection.execute("UPDATE image SET acquired = ?", (2**62,))
    for ask in (
        lambda: product.images().summary_interval(),
        lambda: Image.search().summary_interval(interval="month"),
        lambda: Image.search().filter(p.acquired > "2020-01-01").sort("acquired").limit(1).collect()[0].acquired,
    ):
        with pytest.raises(CorruptCatalogError, match="is beyond the years 1 to 9999"):
            ask()


@pytest.mark.parametrize("stored", ["[1\x01", "oops", "[[[["])
def test_a_damaged_value_is_mended_by_a_new_one(catalog: Catalog, product: Product, stored: str) -> None:
    image = Image(product=product, name="x", geotrans=(0, 1, 0, 0, 0, -1))
    image.save()
    with catalog.database.write() as transaction:
        transaction.connection.execute("UPDATE image SET geotrans = '[' || ?", (stored,))
    damaged = Image.get(image.id)
    damaged.geotrans = (5, 1, 0, 5, 0, -1)
    assert damaged.state == "modified"
    damaged.save()
    assert Image.get(image.id).geotrans == (5, 1, 0, 5, 0, -1)
