"""Images: attributes, files, place and time (section 3.6 of the behaviour, attributes)."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import shapely
from affine import Affine

from localcat import (
    AOI,
    AttributeValidationError,
    BadRequestError,
    Catalog,
    ConflictError,
    File,
    Image,
    ImageSearch,
    InvalidGeometryError,
    Product,
    StorageState,
)
from localcat import properties as p
from localcat.errors import GeoContextWarning
from tests.models.rollback import rolled_back

UTC = dt.UTC
SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]}

FLOATS = {
    "area": 1.5,
    "azimuth_angle": 2.5,
    "bright_fraction": 0.1,
    "cloud_fraction": 0.2,
    "alt_cloud_fraction": 0.3,
    "confidence_dlsr": 0.4,
    "fill_fraction": 0.5,
    "incidence_angle": 10.5,
    "roll_angle": -0.5,
    "solar_azimuth_angle": 150.25,
    "solar_elevation_angle": 33.3,
    "view_angle": 7.0,
}
TEXTS = {"processing_pipeline_id": "pipe-1", "provider_id": "LC08_1", "satellite_id": "Landsat 8"}
TIMES = {"acquired": "2020-01-01", "acquired_end": "2020-01-01T00:00:10Z", "published": "2020-02-01T12:00:00+02:00"}
OTHERS = {
    "cs_code": "EPSG:32618",
    "projection": "+proj=utm +zone=18 +datum=WGS84 +units=m +no_defs",
    "geotrans": (500_000.0, 60.0, 0.0, 4_000_000.0, 0.0, -60.0),
    "x_pixels": 48,
    "y_pixels": 64,
    "bits_per_pixel": (1.25, 0.5),
    "brightness_temperature_k1_k2": ((774.8853, 1321.0789), (480.8883, 1201.1442)),
    "c6s_dlsr": ((1, 2, 3),),
    "radiance_gain_bias": ((0.01, -5.0),),
    "reflectance_gain_bias": ((2e-05, -0.1),),
    "temperature_gain_bias": ((0.1, None),),
    "reflectance_scale": (0.0001, 1, None),
    "provider_url": "http://example.org/1",
    "preview_url": "http://example.org/1.png",
    "preview_file": "1.png",
    "tags": ["a", "b"],
    "extra_properties": {"k": 1},
    "files": [File(provider_href="s3://bucket/1.tif", size_bytes=5)],
    "storage_state": "remote",
}


# Attributes


def test_all_attributes_come_back(product: Product) -> None:
    """3.6: every one, through save and a fresh get."""
    values = {**FLOATS, **TEXTS, **OTHERS}
    Image(name="x", product=product, geometry=SQUARE, **TIMES, **values).save()
    found = Image.get("guide:x")
    assert {name: getattr(found, name) for name in values} == values
    assert (found.acquired, found.acquired_end, found.published) == (
        dt.datetime(2020, 1, 1, tzinfo=UTC),
        dt.datetime(2020, 1, 1, 0, 0, 10, tzinfo=UTC),
        dt.datetime(2020, 2, 1, 10, tzinfo=UTC),
    )
    assert found.geometry.equals(shapely.box(0, 0, 2, 2))
    own = {"id", "created", "modified", "name", "product_id", "product", "geometry", *TIMES}
    assert set(Image.ATTRIBUTES) == {*own, *values}


def test_all_attributes_can_be_changed(product: Product) -> None:
    """3.2: a saved object updates them one by one, and unsets them."""
    values = {**FLOATS, **TEXTS, **TIMES, **OTHERS, "geometry": SQUARE}
    image = Image(name="x", product=product)
    image.save()
    for name, value in values.items():
        setattr(image, name, value)
        image.save()
    whole = Image(name="y", product=product, **values)
    whole.save()
    found = Image.get("guide:x")
    unlike = {"name", "created", "modified"}
    assert {k: v for k, v in found.serialize().items() if k not in unlike} == {
        k: v for k, v in whole.serialize().items() if k not in unlike
    }
    for name in values:
        delattr(found, name)
        found.save()
    assert set(found.serialize()) == {"name", "product_id", "created", "modified"}


@pytest.mark.parametrize(
    "name", [*FLOATS, *TEXTS, *TIMES, "storage_state", "created", "modified", "x_pixels", "cs_code"]
)
def test_scalars_filter_and_sort(product: Product, name: str) -> None:
    """3.6, choice 5: those that the original documents, and every other scalar."""
    values = {**FLOATS, **TEXTS, **TIMES, "storage_state": "remote", "x_pixels": 48, "cs_code": "EPSG:32618"}
    given = {name: values[name]} if name in values else {}
    Image(name="x", product=product, **given).save()
    found = Image.search().filter(getattr(p, name) == getattr(Image.get("guide:x"), name)).sort(name)
    assert found.ids() == ["acme:guide:x"]


TURNED = Affine(8.66, 5, 600_000, 5, -8.66, 5_300_000)


@pytest.mark.parametrize(
    "affine",
    [
        Affine(10, 0, 600_000, 0, -10, 5_300_000),
        Affine(0.1, 0, -180, 0, -0.1, 90),
        Affine(1, 0, 10, 0, -1, 50),
        Affine(500, 0, 1e6, 0, -10, 2e6),
        TURNED,
    ],
)
def test_geotrans_takes_an_affine_and_refuses_its_six_numbers(catalog: Catalog, affine: Affine) -> None:
    """3.6, choice 31."""
    assert Image(geotrans=affine).geotrans == affine.to_gdal()
    assert Image(geotrans=affine.to_gdal()).geotrans == affine.to_gdal()
    for six in (tuple(affine)[:6], list(affine)[:6]):
        with pytest.raises(AttributeValidationError, match=r"seem to be in rasterio's; pass the Affine itself"):
            Image(geotrans=six)


@pytest.mark.parametrize(
    "numbers", [(0, 1, 0, 0, 0, 1), (0, 1, 0, 0, 0, -1), (7, 0, 0, 8, 0, 0), (0, 1000, 0, 0, 0, -1)]
)
def test_other_grids_are_taken_as_they_are_written(catalog: Catalog, numbers: tuple[float, ...]) -> None:
    assert Image(geotrans=numbers).geotrans == numbers


def test_the_resolution_of_a_turned_grid_is_the_side_of_its_pixels(catalog: Catalog) -> None:
    """3.6, ours."""
    image = Image(id="p:i", cs_code="EPSG:32632", geotrans=TURNED)
    with pytest.warns(GeoContextWarning, match="rotated"):
        assert image.geocontext.resolution == pytest.approx(10, abs=1e-3)


def test_geotrans_has_six_numbers(catalog: Catalog) -> None:
    """3.2: in the original's words."""
    with pytest.raises(ValueError, match=r"^Tuple must contain exactly 6 items for geotrans, not 5$"):
        Image(geotrans=[1, 2, 3, 4, 5])


def test_images_are_remote_unless_they_have_pixels(product: Product) -> None:
    """3.6: storage_state, given as a member or as text."""
    image = Image(name="x", product=product)
    image.save()
    assert (image.storage_state, image.storage_state == StorageState.REMOTE) == ("remote", True)
    with pytest.raises(ValueError, match=r"^storage_state is one of 'available', 'remote', not 'here'$"):
        image.storage_state = "here"


@pytest.mark.parametrize(
    "files",
    [
        None,
        [],
        [{"href": "a.tif"}],
        [{"href": "a.tif", "size_bytes": 5}],
        [{"href": "a.tif", "hash": "ab"}],
        [{"provider_href": "a.tif", "size_bytes": 5, "hash": "ab"}],
        [{"href": "a.tif", "size_bytes": 5, "hash": "ab"}, {"href": "b.tif"}],
    ],
)
def test_available_images_need_whole_files(product: Product, files: list | None) -> None:
    """3.6: href, size and hash of each; nothing is left behind."""
    image = Image(name="x", product=product, storage_state="available", files=files)
    with pytest.raises(BadRequestError, match="files with href, size_bytes and hash"):
        image.save()
    assert (image.state, Image.search().count()) == ("unsaved", 0)
    image.storage_state = "remote"
    image.save()
    image.storage_state = "available"
    with pytest.raises(BadRequestError, match="has storage_state .available."):
        image.save()
    assert (image.state, Image.get("guide:x").storage_state) == ("modified", "remote")


def test_remote_images_need_no_georeferencing(product: Product, catalog: Catalog) -> None:
    """3.6: they can be found, not read."""
    image = Image(name="x", product=product, files=[{"href": "http://example.org/a.tif", "size_bytes": 7}])
    image.save()
    assert catalog.sql("SELECT size_bytes, href FROM footprints") == [
        {"size_bytes": 7, "href": "http://example.org/a.tif"}
    ]
    with pytest.raises(ValueError, match="image 'acme:guide:x' has no"):
        image.ndarray("blue")


def test_what_the_rules_of_available_images_see_is_what_is_stored(product: Product) -> None:
    """Choice 20: two changes, each allowed, that together are not."""
    whole = [{"href": "a.tif", "size_bytes": 5, "hash": "ab"}]
    image = Image(name="x", product=product, files=whole)
    image.save()
    first, second = Image.get("guide:x"), Image.get("guide:x")
    first.storage_state = "available"
    second.files = []
    first.save()
    with pytest.raises(BadRequestError, match="has storage_state .available."):
        second.save()
    assert len(Image.get("guide:x").files) == 1


# Files of ours


@pytest.fixture
def uploaded(product: Product, pixels, meta) -> Image:
    """An image with one file in the data folder; its product has two bands."""
    image = Image(name="scene", product=product, acquired="2020-01-01")
    image.upload_ndarray(pixels, raster_meta=meta).raise_for_status()
    return image


def on_disk(catalog: Catalog) -> list[str]:
    folder = catalog.data_folder.path
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.tif"))


def trash(catalog: Catalog) -> list[tuple]:
    with closing(sqlite3.connect(catalog.path)) as connection:
        return connection.execute("SELECT href FROM trash").fetchall()


def test_files_of_an_upload_are_ours(uploaded: Image, catalog: Catalog) -> None:
    """3.9: href, size and hash are filled in, and the image is available."""
    (file,) = uploaded.files
    assert (file.owned, len(file.hash), uploaded.storage_state) == (True, 64, "available")
    assert on_disk(catalog) == [file.href]
    assert catalog.path_of(file).stat().st_size == file.size_bytes
    assert Image.get("guide:scene").files == [file]


def test_files_of_ours_cannot_be_invented(uploaded: Image, product: Product, catalog: Catalog) -> None:
    """3.9: nobody claims a file in the data folder that an upload did not put there for this very image."""
    (file,) = uploaded.files
    other = Image(name="other", product=product, files=[file])
    with pytest.raises(BadRequestError, match="is not a file of image 'acme:guide:other' in the data folder"):
        other.save()
    other.files = None
    other.save()
    other.files = [file]
    with pytest.raises(BadRequestError, match="only uploads put files there"):
        other.save()
    uploaded.files = [File(file.href, file.size_bytes, "0" * 64, owned=True)]
    with pytest.raises(BadRequestError, match="is not a file of image 'acme:guide:scene'"):
        uploaded.save()
    uploaded.files = [File("other.tif", 5, "ab", owned=True)]
    with pytest.raises(BadRequestError, match="is not a file of image"):
        uploaded.save()
    assert Image.get("guide:scene").files == [file]


def test_files_that_an_image_drops_are_unlinked(uploaded: Image, catalog: Catalog) -> None:
    """3.9: after the commit, through the trash."""
    (file,) = uploaded.files
    uploaded.files = [{"href": "http://example.org/a.tif", "size_bytes": 9, "hash": "ab"}]
    uploaded.save()
    assert (on_disk(catalog), trash(catalog)) == ([], [])
    assert (uploaded.state, uploaded.files[0].owned) == ("saved", False)
    uploaded.files = [file]
    with pytest.raises(BadRequestError, match="is not a file of image"):  # it is gone
        uploaded.save()


def test_files_that_an_image_keeps_stay(uploaded: Image, catalog: Catalog) -> None:
    """3.9: also when others are added."""
    (file,) = uploaded.files
    uploaded.files.append(File(provider_href="http://example.org/a.tif"))
    uploaded.storage_state = "remote"
    assert uploaded.state == "modified"
    uploaded.save()
    assert (on_disk(catalog), Image.get("guide:scene").files[0]) == ([file.href], file)


def test_dropped_files_stay_when_the_transaction_fails(uploaded: Image, catalog: Catalog) -> None:
    """Reliability: nothing is unlinked before its commit."""
    (file,) = uploaded.files
    with rolled_back(catalog):
        uploaded.files = []
        uploaded.storage_state = "remote"
        uploaded.save()
    assert (on_disk(catalog), trash(catalog)) == ([file.href], [])
    with catalog.transaction(), rolled_back(catalog):
        Image.delete("guide:scene")
    assert (on_disk(catalog), trash(catalog), Image.exists("guide:scene")) == ([file.href], [], True)
    with catalog.transaction(), rolled_back(catalog):
        Image.get("guide:scene").product.delete_related_objects()
    assert (on_disk(catalog), Image.get("guide:scene").files) == ([file.href], [file])


def test_a_stale_image_brings_no_file_back(uploaded: Image, catalog: Catalog) -> None:
    """3.9: not even by force, since the file is gone."""
    stale = Image.get("guide:scene")
    stale.files.append(File("extra.tif", 1, "ab"))
    uploaded.files = [File("else.tif", 1, "cd")]
    uploaded.save()
    with pytest.raises(ConflictError, match="files of Image"):
        stale.save()
    with pytest.raises(BadRequestError, match="is not a file of image"):
        stale.save(force=True)
    assert [file.href for file in Image.get("guide:scene").files] == ["else.tif"]


def test_an_empty_list_of_files_is_none(product: Product) -> None:
    """Ours: an image without files has none; it is no change to say so."""
    image = Image(name="x", product=product, files=[])
    image.save()
    assert (image.files, Image.get("guide:x").files) == (None, None)
    image.files = []
    assert image.state == "saved"
    image.files = [{"href": "a.tif"}]
    image.save()
    image.files.clear()
    assert image.state == "modified"
    image.save()
    assert (image.state, Image.get("guide:x").files) == ("saved", None)


def test_deleting_an_image_unlinks_its_own_files_only(uploaded: Image, catalog: Catalog, tmp_path: Path) -> None:
    """3.9: files indexed in place are never touched."""
    theirs = tmp_path / "theirs.tif"
    theirs.write_bytes(b"theirs")
    uploaded.files.append(File(str(theirs), 6, "ab"))
    uploaded.save()
    uploaded.delete()
    assert (on_disk(catalog), trash(catalog), theirs.exists()) == ([], [], True)


# Place


def test_the_geocontext_is_the_grid_of_the_image(product: Product) -> None:
    """3.6: bounds from the corners of the pixels, native CRS, shape as (rows, columns), no resolution."""
    area = shapely.box(11, 17, 12, 18)
    image = Image(geotrans=(10, 2, 0, 20, 0, -2), x_pixels=1, y_pixels=2, cs_code="EPSG:4326", geometry=area)
    context = image.geocontext
    assert isinstance(context, AOI)
    assert (context.bounds, context.bounds_crs, context.crs) == ((10.0, 16.0, 12.0, 20.0), "EPSG:4326", "EPSG:4326")
    assert (context.shape, context.resolution, context.align_pixels) == ((2, 1), None, False)
    assert context.geometry.equals(area)
    coarser = context.assign(resolution=1)
    assert (coarser.resolution, coarser.shape) == (1, None)


def test_the_geocontext_without_a_size_has_a_resolution(catalog: Catalog) -> None:
    """3.6: of square pixels only; the CRS may be given as text."""
    image = Image(geotrans=(10, 2, 0, 20, 0, -2), projection="+proj=utm +zone=18 +datum=WGS84")
    assert (image.geocontext.resolution, image.geocontext.shape) == (2.0, None)
    with pytest.raises(ValueError, match="pixels that are not square"):
        Image(geotrans=(10, 2, 0, 20, 0, -3), cs_code="EPSG:3857").geocontext  # noqa: B018  # reading is the test


def test_the_code_of_the_crs_wins(catalog: Catalog) -> None:
    """3.6."""
    image = Image(geotrans=(10, 2, 0, 20, 0, -2), cs_code="EPSG:3857", projection="+proj=longlat")
    assert image.geocontext.crs == "EPSG:3857"


def test_a_rotated_grid_gives_a_warning(catalog: Catalog) -> None:
    """3.6: the context is the upright box around it."""
    image = Image(geotrans=(500_000, 1, 1, 4_000_000, -1, 1), x_pixels=2, y_pixels=2, cs_code="EPSG:32618")
    with pytest.warns(GeoContextWarning, match="rotated") as caught:
        context = image.geocontext
    assert [one.filename for one in caught] == [__file__]
    assert context.bounds == (500_000.0, 3_999_998.0, 500_004.0, 4_000_002.0)


def test_the_geocontext_of_nothing_is_empty(catalog: Catalog) -> None:
    """3.6: bounds_crs is None."""
    context = Image().geocontext
    assert (context.geometry, context.crs, context.bounds, context.bounds_crs) == (None, None, None, None)


def test_an_image_is_a_geometry_to_others(catalog: Catalog) -> None:
    """3.6: __geo_interface__ is the geocontext's: the geometry, else the bounds in longitude and latitude."""
    assert shapely.geometry.shape(Image(geometry=SQUARE)).equals(shapely.box(0, 0, 2, 2))
    bare = Image(geotrans=(10, 1, 0, 20, 0, -1), x_pixels=2, y_pixels=3, cs_code="EPSG:4326")
    assert shapely.geometry.shape(bare).bounds == (10.0, 17.0, 12.0, 20.0)
    assert not hasattr(Image(), "__geo_interface__")


@pytest.mark.parametrize(
    ("area", "fraction"),
    [
        (shapely.box(0, 0, 1, 1), 1.0),
        (shapely.box(1, 0, 3, 2), 0.5),
        (shapely.box(5, 5, 6, 6), 0.0),
        ({"type": "Feature", "geometry": SQUARE}, 1.0),
        (shapely.Point(1, 1), 1.0),
        (shapely.Point(3, 3), 0.0),
        (shapely.LineString([(0, 0), (2, 2)]), 1.0),
        (AOI(geometry=SQUARE), 1.0),
        (AOI(bounds=(1, 0, 3, 2), bounds_crs="EPSG:4326"), 0.5),
    ],
)
def test_coverage_is_the_share_of_the_given_geometry(catalog: Catalog, area: object, fraction: float) -> None:
    """3.6: area(intersection) / area(geom); points and lines by containment."""
    assert Image(geometry=SQUARE).coverage(area) == fraction


def test_coverage_of_nothing(catalog: Catalog) -> None:
    """3.6: an image without a footprint covers nothing; nonsense is refused either way."""
    assert Image().coverage(SQUARE) == 0.0
    for image in (Image(), Image(geometry=SQUARE)):
        with pytest.raises(InvalidGeometryError, match="'here'"):
            image.coverage("here")


# Relatives


def test_the_product_is_read_when_asked_for(product: Product) -> None:
    """3.4."""
    Image(name="x", product=product).save()
    found = Image.get("guide:x")
    assert "_product" not in vars(found)
    assert found.product == product
    assert found.product is found.product


def test_images_are_searched_by_product(product: Product) -> None:
    """3.5: p.product == product; Image.search() gives an ImageSearch."""
    Image(name="x", product=product, acquired="2020-01-01").save()
    assert isinstance(Image.search(), ImageSearch)
    for condition in (p.product == product, p.product == "acme:guide", p.product_id == product.id):
        assert Image.search().filter(condition).ids() == ["acme:guide:x"]
    assert product.images().summary().count == 1


def test_the_date_is_that_of_the_capture(catalog: Catalog) -> None:
    """3.6."""
    assert (Image(acquired="2020-01-01").date, Image().date) == ("2020-01-01", None)


def test_text_is_found_in_name_and_tags(product: Product) -> None:
    """Choice 6."""
    Image(name="north-sea", product=product, tags=["storm"]).save()
    for words in ("north", "sea storm", "STORM"):
        assert Image.search().find_text(words).ids() == ["acme:guide:north-sea"]
    assert Image.search().find_text("guide").ids() == []


def test_sizes_of_files_add_up_to_what_can_be_stored(product: Product) -> None:
    """3.6: 64 bits."""
    files = [{"href": f"https://example.org/{n}", "size_bytes": 2**62} for n in (0, 1)]
    Image(name="x", product=product, files=[files[0], {**files[1], "size_bytes": 2**62 - 1}]).save()
    assert Image.search().summary().bytes == 2**63 - 1
    with pytest.raises(AttributeValidationError, match=r"^files have sizes that add up to less than 2\^63 bytes$"):
        Image(name="y", product=product, files=files)


@pytest.mark.parametrize(
    "nowhere",
    [
        {"type": "Feature", "geometry": None, "properties": {}},
        {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": None, "properties": {}}]},
    ],
)
def test_a_feature_that_lies_nowhere_is_no_geometry(catalog: Catalog, nowhere: dict) -> None:
    """3.2."""
    message = "'Feature' .*its geometry is null"
    with pytest.raises(AttributeValidationError, match=f"^geometry: .*{message}"):
        Image(geometry=nowhere)
    with pytest.raises(InvalidGeometryError, match=message):
        Image.search().intersects(nowhere)


def test_repr_says_when_an_image_was_acquired(product: Product) -> None:
    """3.2, ours: as it was assigned until it is saved."""
    image = Image(product=product, name="x", acquired="2020-08-13")
    assert repr(image).splitlines()[:4] == [
        "Image: x",
        "  id: acme:guide:x",
        "  product: acme:guide",
        "  acquired: 2020-08-13",
    ]
    image.save()
    assert "\n  acquired: 2020-08-13 00:00:00+00:00\n  created: " in repr(image)
    image.acquired = dt.datetime(2020, 8, 13, 9, 30)
    assert "\n  acquired: 2020-08-13 09:30:00\n" in repr(image)
    image.acquired = None
    assert "acquired" not in repr(image)
