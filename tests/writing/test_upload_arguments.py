"""What `Image.upload` and `Image.upload_ndarray` take, and which of it wins (section 3.9 of the behaviour)."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
import rasterio

from localcat import (
    BadRequestError,
    Catalog,
    ClassBand,
    Image,
    ImageUpload,
    ImageUploadOptions,
    LocalcatWarning,
    OverviewResampler,
    Product,
    SpectralBand,
)
from localcat.earth.crs import parse_crs
from tests.small_catalog import new_image
from tests.small_rasters import make_tif

UTM17, UTM18 = (rasterio.crs.CRS.from_epsg(code) for code in (32617, 32618))


@pytest.mark.parametrize(
    ("method", "names"),
    [
        (Image.upload, "files upload_options overwrite"),
        (Image.upload_ndarray, "ndarray upload_options raster_meta overviews overview_resampler overwrite"),
    ],
)
def test_positional_arguments_are_the_originals(method: Callable[..., ImageUpload], names: str) -> None:
    """3.9: what is ours comes by keyword."""
    _, *parameters = inspect.signature(method).parameters.values()
    assert " ".join(one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD) == names
    assert {one.name: one.default for one in parameters}["overwrite"] is False


def test_a_file_that_is_not_there_is_refused_at_once(product: Product, tmp_path: Path, monkeypatch) -> None:
    """Choice 31: whichever way it is given; no upload and no image is left."""
    there, gone, dangling = make_tif(tmp_path / "there.tif", count=2), tmp_path / "gone.tif", tmp_path / "link.tif"
    dangling.symlink_to(gone)
    monkeypatch.chdir(tmp_path)
    opened = make_tif(tmp_path / "opened.tif").open("rb")
    (tmp_path / "opened.tif").unlink()
    ways = [gone, str(gone), "gone.tif", [there, gone], (gone,), dangling, opened, "x" * 5000, str(tmp_path)]
    for way in ways:
        for options in ({}, {"wait": False}, {"copy": False}, {"cog": True}):
            image = new_image(product)
            with pytest.raises(BadRequestError, match=r"' is not there, or is not a file; pass a GeoTIFF"):
                image.upload(way, **options)
            assert image.state == "unsaved"
    opened.close()
    assert (Image.search().count(), ImageUpload.search().count()) == (0, 0)


def test_files_are_named_in_many_ways(catalog: Catalog, product: Product, pixels, meta, tmp_path: Path) -> None:
    """3.9: a path as text, any PathLike, an open file (text too), or an iterable of those."""
    source = new_image(product, "source")
    source.upload_ndarray(pixels, raster_meta=meta)
    path = tmp_path / "source.tif"
    path.write_bytes(catalog.path_of(source.files[0]).read_bytes())
    with path.open("rb") as binary, path.open(encoding="latin-1") as text:
        ways = [str(path), path, binary, text, [str(path)], (path,), iter([path]), [binary]]
        for number, way in enumerate(ways):
            image = new_image(product, f"copy{number}")
            upload = image.upload(way)
            upload.raise_for_status()
            assert image.files[0].hash == source.files[0].hash
            assert (upload.image_upload_options.upload_type, upload.image_upload_options.image_files) == (
                "file",
                ["source.tif"],
            )
    with pytest.raises(ValueError, match="a file to upload is a path, or an open file on the disk"):
        new_image(product, "memory").upload(io.BytesIO(path.read_bytes()))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"])
def test_dtypes_that_are_taken(catalog: Catalog, meta, dtype: str) -> None:
    """3.9: those of the seven data types, in either byte order, come back as they are."""
    product = Product(id="typed", name="Typed")
    product.save()
    name = {"uint8": "Byte", "uint16": "UInt16", "uint32": "UInt32"}.get(dtype, dtype.title())
    SpectralBand(name="b", product=product, data_type=name, data_range=(0, 9999), band_index=0).save()
    assert dtype in Image.SUPPORTED_DATATYPES
    array = numpy.arange(64 * 48).reshape(64, 48).clip(0, 250).astype(numpy.dtype(dtype).newbyteorder(">"))
    image = new_image(product)
    image.upload_ndarray(array, raster_meta=meta).raise_for_status()
    found = image.ndarray("b")
    assert (found.dtype, found.shape) == (numpy.dtype(dtype), (1, 64, 48))
    assert numpy.array_equal(found[0], array)


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint64", "bool", "complex64", "float16", "object"])
def test_dtypes_that_are_refused(catalog: Catalog, product: Product, meta, dtype: str) -> None:
    """3.9: a ValueError that names it."""
    with pytest.raises(ValueError, match=numpy.dtype(dtype).name.split("[")[0]):
        new_image(product).upload_ndarray(numpy.zeros((64, 48), dtype), raster_meta=meta)
    assert catalog.images.count() == 0


def test_arrays_come_from_any_iterable_and_a_list_stays_as_it_is(product: Product, pixels, meta) -> None:
    """3.9: a list, a tuple or a generator; one number is of no rank that fits."""
    arrays = [pixels]
    for number, given in enumerate((arrays, (pixels,), (array for array in arrays))):
        assert new_image(product, f"x{number}").upload_ndarray(given, raster_meta=meta).status == "success"
    assert arrays == [pixels]
    assert arrays[0] is pixels
    with pytest.raises(ValueError, match=r"an array of shape \(\) is neither"):
        new_image(product).upload_ndarray(numpy.uint16(5), raster_meta=meta)


@pytest.mark.parametrize(
    ("own", "system", "expected"),
    [
        ({}, {"proj4": "+proj=utm +zone=18 +datum=WGS84"}, UTM18),
        ({}, {"epsg": None, "wkt": UTM18.to_wkt(), "proj4": "+proj=utm +zone=17 +datum=WGS84"}, UTM18),
        ({}, {"epsg": 32618, "wkt": UTM17.to_wkt(), "proj4": "+proj=utm +zone=17 +datum=WGS84"}, UTM18),
        ({"cs_code": "EPSG:32617"}, {"epsg": 32618}, UTM17),
        ({"projection": "+proj=utm +zone=17 +datum=WGS84"}, {"epsg": 32618}, UTM17),
    ],
)
def test_the_crs_of_an_array_is_the_images_own_else_that_of_raster_meta(
    product: Product, pixels, meta, own: dict, system: dict, expected: rasterio.crs.CRS
) -> None:
    """3.9: explicit attributes win; of raster_meta the code, then WKT, then the lossy PROJ.4 text."""
    image = new_image(product, **own)
    image.upload_ndarray(pixels, raster_meta={**meta, "coordinateSystem": system}).raise_for_status()
    assert parse_crs(image.cs_code or image.projection) == expected
    assert image.ndarray("blue", raster_info=True)[1]["coordinateSystem"]["epsg"] == expected.to_epsg()


def test_of_two_crs_the_code_wins_with_a_warning(product: Product, pixels, meta) -> None:
    """3.9: FutureWarning."""
    image = new_image(product, cs_code="EPSG:32617", projection="+proj=utm +zone=16 +datum=WGS84")
    with pytest.warns(FutureWarning, match="both cs_code and projection are set; cs_code is used"):
        image.upload_ndarray(pixels, raster_meta=meta).raise_for_status()
    assert image.ndarray("blue", raster_info=True)[1]["coordinateSystem"]["epsg"] == 32617


def test_the_grid_of_an_array_is_the_images_own_else_that_of_raster_meta(product: Product, pixels, meta) -> None:
    """3.9: geotrans of the image wins."""
    own = (0, 10, 0, 100, 0, -10)
    first, second = new_image(product, "a", geotrans=own), new_image(product, "b")
    for image in (first, second):
        image.upload_ndarray(pixels, raster_meta=meta).raise_for_status()
    assert (first.geotrans, second.geotrans) == (own, (500_000, 60, 0, 4_000_000, 0, -60))


def overviews_of(image: Image) -> list[int]:
    with rasterio.open(image._catalog.path_of(image.files[0])) as file:
        return file.overviews(1)


def test_arguments_win_over_the_options(product: Product, pixels, meta) -> None:
    """3.9: overviews and overview_resampler; the caller's options stay as they were."""
    options = ImageUploadOptions(overviews=[2], overview_resampler="mode")
    first, second = new_image(product, "a"), new_image(product, "b")
    kept = first.upload_ndarray(pixels, options, meta).image_upload_options
    won = second.upload_ndarray(pixels, options, meta, [4], OverviewResampler.AVERAGE).image_upload_options
    assert (kept.overviews, kept.overview_resampler, overviews_of(first)) == ([2], "mode", [2])
    assert (won.overviews, won.overview_resampler, overviews_of(second)) == ([4], "average", [4])
    assert options == ImageUploadOptions(overviews=[2], overview_resampler="mode")


def test_overviews_are_made_as_the_bands_need(catalog: Catalog, meta) -> None:
    """3.9, ours: measured values are averaged, classes and masks never."""
    product = Product(id="both", name="Both")
    product.save()
    for index, kind in enumerate((SpectralBand, ClassBand)):
        kind(name=f"b{index}", product=product, data_type="Byte", data_range=(0, 255), band_index=index).save()
    array = numpy.zeros((2, 64, 48), "uint8")
    array[:, :, ::2] = 100
    image = new_image(product)
    image.upload_ndarray(array, raster_meta=meta, overviews=[2]).raise_for_status()
    with rasterio.open(catalog.path_of(image.files[0]), overview_level=0) as file:
        assert file.read(1).tolist() == numpy.full((32, 24), 50).tolist()
        assert set(file.read(2).ravel().tolist()) <= {0, 100}


@pytest.mark.parametrize("name", ["average_mp", "average_magphase"])
def test_resampling_of_complex_numbers_averages_with_a_warning(product: Product, pixels, meta, name: str) -> None:
    """3.9."""
    with pytest.warns(LocalcatWarning, match=f"'{name}' is for complex numbers; overviews are averaged"):
        upload = new_image(product).upload_ndarray(pixels, raster_meta=meta, overviews=[2], overview_resampler=name)
    assert (upload.status, upload.image_upload_options.overview_resampler) == ("success", name)


def test_what_the_user_set_stays(product: Product, pixels, meta) -> None:
    """3.9: values set on the image override what the pixels say; only grid, files and state do not."""
    footprint = {"type": "Point", "coordinates": [1, 2]}
    image = new_image(product, geometry=footprint, area=5, fill_fraction=0.25, bits_per_pixel=(1,), cloud_fraction=0.5)
    image.storage_state = "remote"
    image.x_pixels = 7
    image.upload_ndarray(pixels, raster_meta=meta).raise_for_status()
    found = Image.get(image.id)
    assert (found.geometry.x, found.area, found.fill_fraction, found.bits_per_pixel, found.cloud_fraction) == (
        1,
        5,
        0.25,
        (1,),
        0.5,
    )
    assert (found.storage_state, found.x_pixels) == ("available", 48)


@pytest.mark.parametrize(("height", "is_told"), [(10, False), (9, True)])
def test_bands_that_may_stand_last_are_told_from_a_fifth_of_a_side_on(
    product: Product, meta, recwarn: pytest.WarningsRecorder, height: int, is_told: bool
) -> None:
    """3.9: 5 times the bands exceed a side."""
    image = new_image(product)
    image.upload_ndarray(numpy.ones((2, height, 48), "uint16"), raster_meta=meta).raise_for_status()
    assert ["might not have the band axis" in str(warning.message) for warning in recwarn] == [True] * is_told
