"""Uploads: what is kept of them, in the row, in the files and in the events, and what becomes of it later."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy
import pytest
import rasterio

from localcat import (
    BadRequestError,
    Catalog,
    ClassBand,
    CommitUnknownError,
    GridMismatchError,
    Image,
    ImageUpload,
    InvalidArrayError,
    InvalidCRSError,
    MaskBand,
    Product,
    RasterError,
    SpectralBand,
    UploadOptionWarning,
)
from localcat.disk.data_folder import DataFolder
from localcat.earth.crs import parse_crs
from localcat.errors import RasterWarning
from localcat.store.file.transaction import Session
from tests.leftovers import check_nothing_left, files_in
from tests.small_catalog import new_image

WKT = rasterio.crs.CRS.from_epsg(32618).to_wkt()


def test_events_tell_the_story(catalog: Catalog, product: Product, pixels, meta) -> None:
    """3.9: queue, run, usage, complete."""
    image = new_image(product)
    upload = image.upload_ndarray(pixels, raster_meta=meta)
    assert [str(event.event_type) for event in upload.events] == ["queue", "run", "log", "usage", "complete"]
    assert upload.image is image
    assert upload.image_id == "acme:guide:x"
    assert ImageUpload.get(upload.id).status == "success"
    assert image.image_uploads().ids() == [upload.id] == product.image_uploads().ids()


def test_facts_are_filled_in_unless_set(catalog: Catalog, product: Product, pixels, meta) -> None:
    """3.9: footprint, size, geotrans, CRS, files, storage_state."""
    image = new_image(product, fill_fraction=0.5)
    image.upload_ndarray(pixels, raster_meta=meta)
    assert (image.x_pixels, image.y_pixels) == (48, 64)
    assert image.geotrans == (500_000, 60, 0, 4_000_000, 0, -60)
    assert image.cs_code == "EPSG:32618"
    assert image.storage_state == "available"
    assert image.fill_fraction == 0.5
    assert image.area == pytest.approx(48 * 64 * 0.0036, rel=2e-3)
    west, south, east, north = image.geometry.bounds
    assert (west, south, east, north) == pytest.approx((-75.0, 36.1101, -74.968, 36.1447), abs=1e-4)
    (file,) = image.files
    assert catalog.path_of(file).stat().st_size == file.size_bytes
    assert len(file.hash) == 64
    other = new_image(product, "y")
    other.upload_ndarray(pixels, raster_meta=meta)
    assert other.fill_fraction == 1 - 3 / 64


def test_several_arrays_become_several_files(catalog: Catalog, meta) -> None:
    """3.9: file order is file_index."""
    product = Product(id="two", name="X")
    product.save()
    for index in (0, 1):
        SpectralBand(
            name=f"b{index}", product=product, data_type="Byte", data_range=(0, 255), band_index=0, file_index=index
        ).save()
    arrays = [numpy.full((64, 48), 1, "uint8"), numpy.full((64, 48), 2, "uint8")]
    image = new_image(product)
    image.upload_ndarray(arrays, raster_meta=meta)
    assert len(arrays) == len(image.files) == 2
    assert image.ndarray("b1 b0")[:, 0, 0].tolist() == [2, 1]
    with pytest.raises(InvalidArrayError, match="has no bands in file 2"):
        new_image(product, "y").upload_ndarray([*arrays, arrays[0]], raster_meta=meta)
    message = "'b1' .*file 1 .*only 1 came; pass all"
    with pytest.raises(BadRequestError, match=message):
        new_image(product, "y").upload_ndarray(arrays[:1], raster_meta=meta)
    with pytest.raises(BadRequestError, match=message):
        new_image(product, "y").upload(catalog.path_of(image.files[0]))
    assert catalog.images.count() == 1


def test_a_file_may_hold_pixels_that_no_band_is_declared_for(catalog: Catalog, meta) -> None:
    """3.9: `band_index` says where a band lies; two bands may lie in one place."""
    product = Product(id="gap", name="X")
    product.save()
    for name, index in (("red", 0), ("nir", 2), ("infrared", 2)):
        SpectralBand(
            name=name, product=product, data_type="Byte", data_range=(0, 255), band_index=index, nodata=9
        ).save()
    array = numpy.ma.masked_greater(numpy.stack([numpy.full((64, 48), value, "uint8") for value in (1, 2, 3)]), 2)
    image = new_image(product)
    image.upload_ndarray(array, raster_meta=meta).raise_for_status()
    assert image.ndarray("red nir infrared")[:, 0, 0].tolist() == [1, None, None]
    with rasterio.open(catalog.path_of(image.files[0])) as dataset:
        assert dataset.read()[:, 0, 0].tolist() == [1, 2, 9]
        assert (dataset.descriptions, dataset.nodata) == (("red", None, "nir"), 9)
    with pytest.raises(InvalidArrayError, match="3 bands .red, one without a name, infrared."):
        new_image(product, "y").upload_ndarray(array[:2], raster_meta=meta)


def test_overwriting_replaces_rows_and_files(catalog: Catalog, product: Product, pixels, meta) -> None:
    """3.9: the image with the same id."""
    first = new_image(product)
    first.upload_ndarray(pixels, raster_meta=meta)
    old = files_in(catalog)
    upload = new_image(product).upload_ndarray((pixels + 1).astype("uint16"), raster_meta=meta, overwrite=True)
    assert upload.status == "success"
    assert catalog.images.count() == 1
    assert len(files_in(catalog)) == 1
    assert files_in(catalog) != old
    assert catalog.sql("SELECT count(*) AS n FROM trash")[0]["n"] == 0
    assert first.ndarray("blue")[0, 5, 5] == pixels[0, 5, 5] + 1  # an older object reads the new pixels


def test_a_failed_overwrite_keeps_the_old_image(
    catalog: Catalog, product: Product, pixels, meta, tmp_path: Path
) -> None:
    """3.9, ours: until the commit."""
    first = new_image(product)
    first.upload_ndarray(pixels, raster_meta=meta)
    old = files_in(catalog)
    bad = tmp_path / "bad.tif"
    bad.write_bytes(b"II*\x00 and nothing more")
    assert new_image(product).upload(bad, overwrite=True).status == "failure"
    assert files_in(catalog) == old
    assert numpy.array_equal(first.ndarray("blue").filled(0), pixels.filled(0))


def test_deleting_an_image_removes_its_file(catalog: Catalog, product: Product, pixels, meta) -> None:
    """3.9, ours: those that are ours."""
    image = new_image(product)
    image.upload_ndarray(pixels, raster_meta=meta)
    image.delete()
    check_nothing_left(catalog)


def test_a_rolled_back_upload_leaves_nothing(catalog: Catalog, product: Product, pixels, meta) -> None:
    """3.9, ours."""
    image = new_image(product)
    with pytest.raises(RuntimeError), catalog.transaction():
        image.upload_ndarray(pixels, raster_meta=meta)
        raise RuntimeError
    assert image.state == "unsaved"
    check_nothing_left(catalog)


def test_values_outside_the_data_range_are_told(catalog: Catalog, product: Product, pixels, meta) -> None:
    """3.9, ours: a WARNING event."""
    upload = new_image(product).upload_ndarray((pixels + 20_000).astype("uint16"), raster_meta=meta)
    warnings = [event for event in upload.events if event.severity == "WARNING"]
    assert len(warnings) == 1
    assert "outside its data_range (0.0, 10000.0)" in warnings[0].message


def test_nodata_is_no_value_outside_the_data_range(catalog: Catalog, meta) -> None:
    """3.9, ours: only valid values are told of."""
    product = Product(id="cold", name="X")
    product.save()
    SpectralBand(name="b", product=product, data_type="Int16", data_range=(0, 100), nodata=-9999, band_index=0).save()
    array = numpy.full((64, 48), 50, "int16")
    array[:5] = -9999
    silent = new_image(product).upload_ndarray(array, raster_meta=meta)
    assert [event.message for event in silent.events if event.severity == "WARNING"] == []
    array[9] = -1
    told = new_image(product, "y").upload_ndarray(array, raster_meta=meta)
    assert [event.message for event in told.events if event.severity == "WARNING"] == [
        "band 'b' has values from -1 to 50, outside its data_range (0.0, 100.0)"
    ]


def test_an_array_with_bands_last_is_pointed_out(catalog: Catalog, meta) -> None:
    """3.9: a warning where 5 times the bands exceed a side."""
    product = Product(id="many", name="X")
    product.save()
    for index in range(64):
        SpectralBand(name=f"b{index}", product=product, data_type="Byte", data_range=(0, 255), band_index=index).save()
    with pytest.warns(UploadOptionWarning, match="might not have the band axis as the first dimension"):
        new_image(product).upload_ndarray(numpy.zeros((64, 48, 3), "uint8"), raster_meta=meta)


def test_averaged_classes_are_pointed_out(catalog: Catalog, meta) -> None:
    """3.9, ours."""
    product = Product(id="classes", name="X")
    product.save()
    ClassBand(name="kind", product=product, data_type="Byte", data_range=(0, 255), band_index=0).save()
    array = numpy.zeros((64, 48), "uint8")
    for wait in (True, False):  # the caller is told, not a worker, and the events keep it
        with pytest.warns(UploadOptionWarning, match="mix the values of class bands") as told:
            upload = new_image(product, f"x{wait}").upload_ndarray(
                array, raster_meta=meta, overviews=[2], overview_resampler="average", wait=wait
            )
        assert [one.filename for one in told] == [__file__]
        upload.wait_for_completion()
        assert [event.message for event in upload.events if event.severity == "WARNING"] == [str(told[0].message)]


@pytest.mark.parametrize("wait", [True, False])
def test_what_a_file_cannot_keep_is_told_to_the_caller(catalog: Catalog, meta, wait: bool) -> None:
    product = Product(id="colours", name="X")
    product.save()
    colors = [(0, 0, 0, 255), (255, 0, 0, 255)]
    for index, name in enumerate("ab"):
        ClassBand(
            name=name, product=product, data_type="Byte", data_range=(0, 1), band_index=index, colormap=colors
        ).save()
    with pytest.warns(RasterWarning, match="keeps no colormap") as told:
        upload = new_image(product).upload_ndarray(numpy.zeros((2, 64, 48), "uint8"), raster_meta=meta, wait=wait)
    upload.wait_for_completion()
    upload.raise_for_status()
    assert [one.filename for one in told] == [__file__]
    assert [event.message for event in upload.events if event.severity == "WARNING"] == [str(told[0].message)]


def test_the_callers_array_is_left_alone(catalog: Catalog, product: Product, pixels, meta) -> None:
    """3.9, ours."""
    before = pixels.copy()
    new_image(product).upload_ndarray(pixels, raster_meta=meta)
    assert numpy.array_equal(pixels.data, before.data)
    assert numpy.array_equal(pixels.mask, before.mask)


@pytest.mark.parametrize("reached_the_disk", [True, False])
def test_a_commit_of_unknown_outcome_keeps_rows_and_files_together(
    catalog: Catalog, product: Product, pixels, meta, monkeypatch: pytest.MonkeyPatch, reached_the_disk: bool
) -> None:
    """3.9, ours."""

    def failing_commit(self: Session) -> None:
        self.connection.execute("COMMIT" if reached_the_disk else "ROLLBACK")
        monkeypatch.undo()
        raise CommitUnknownError("the disk did not answer")

    image = new_image(product)
    monkeypatch.setattr(Session, "_commit", failing_commit)
    with pytest.raises(CommitUnknownError) as raised:
        image.upload_ndarray(pixels, raster_meta=meta)
    assert raised.value.committed is reached_the_disk
    if reached_the_disk:
        assert image.state == "saved"
        assert numpy.array_equal(Image.get(image.id).ndarray("blue").filled(0), pixels.filled(0))
    else:
        assert image.state == "unsaved"
        check_nothing_left(catalog)


def test_an_interrupt_while_writing_leaves_nothing_and_no_lock(
    catalog: Catalog, product: Product, pixels, meta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3.9, ours."""
    for step in ("sync", "publish", "temporary"):
        with monkeypatch.context() as patch:

            def interrupted(*arguments: object, **options: object) -> None:
                raise KeyboardInterrupt

            patch.setattr(DataFolder, step, interrupted)
            with pytest.raises(KeyboardInterrupt):
                new_image(product).upload_ndarray(pixels, raster_meta=meta)
        check_nothing_left(catalog)
    assert new_image(product).upload_ndarray(pixels, raster_meta=meta).status == "success"


def test_an_image_of_a_rolled_back_upload_forgets_it(catalog: Catalog, product: Product, pixels, meta) -> None:
    """3.9, ours."""
    image = new_image(product)
    with pytest.raises(RuntimeError), catalog.transaction():
        image.upload_ndarray(pixels, raster_meta=meta)
        raise RuntimeError
    assert (image.files, image.geotrans, image.cs_code, image.geometry) == (None, None, None, None)
    other = {"geoTransform": (0, 0.1, 0, 10, 0, -0.1), "coordinateSystem": {"epsg": 4326}}
    assert image.upload_ndarray(numpy.ones((64, 48), "uint16"), raster_meta=other).status == "success"
    assert (image.cs_code, image.geotrans) == ("EPSG:4326", (0, 0.1, 0, 10, 0, -0.1))


@pytest.mark.parametrize(
    "crs",
    [{"cs_code": "epsg:32618"}, {"projection": "+proj=utm +zone=18 +datum=WGS84"}, {"projection": WKT}],
)
def test_the_grid_of_a_file_wins_over_what_the_user_set(
    catalog: Catalog, product: Product, pixels, meta, crs: dict
) -> None:
    """3.9: the file's own projection is used, with a FutureWarning; the user's words for the same one stay."""
    first = new_image(product, "first")
    first.upload_ndarray(pixels, raster_meta=meta)
    second = new_image(product, "second", **crs, geotrans=(0, 1, 0, 0, 0, -1), x_pixels=5, y_pixels=5)
    with pytest.warns(FutureWarning, match="not permitted in an upload of files"):
        second.upload(catalog.path_of(first.files[0])).raise_for_status()
    assert (second.geotrans, {"cs_code": second.cs_code, "projection": second.projection}) == (
        first.geotrans,
        {"cs_code": None, "projection": None, **crs},
    )
    assert numpy.array_equal(second.ndarray("blue").filled(0), pixels.filled(0))


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("crs", [{"cs_code": "EPSG:4326"}, {"projection": "+proj=utm +zone=17 +datum=WGS84"}])
def test_a_file_of_another_crs_than_the_image_fails(
    catalog: Catalog, product: Product, pixels, meta, crs: dict, copy: bool, tmp_path: Path
) -> None:
    """3.9: disagreement fails the upload."""
    first = new_image(product, "first")
    first.upload_ndarray(pixels, raster_meta=meta)
    source = tmp_path / "source.tif"
    source.write_bytes(catalog.path_of(first.files[0]).read_bytes())
    second = new_image(product, "second", **crs)
    with pytest.warns(FutureWarning, match="one that differs fails the upload"):
        upload = second.upload(source, copy=copy)
    (declared,) = crs.values()
    with pytest.raises(GridMismatchError) as raised:
        upload.raise_for_status()
    assert str(raised.value) == (
        f"image 'acme:guide:second' has the CRS {declared!r} but '{source}' has 'EPSG:32618'; "
        "leave cs_code and projection unset"
    )
    assert (second.state, catalog.images.count()) == ("unsaved", 1)


def test_nodata_counts_as_invalid_in_the_fill_fraction(catalog: Catalog, meta) -> None:
    """3.9, ours."""
    product = Product(id="n", name="N")
    product.save()
    SpectralBand(name="b", product=product, data_type="Byte", data_range=(0, 9), band_index=0, nodata=0).save()
    array = numpy.ones((64, 48), "uint8")
    array[:16] = 0
    image = new_image(product)
    image.upload_ndarray(array, raster_meta=meta)
    assert image.fill_fraction == 0.75


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("kind", ["nodata", "declared nodata", "alpha", "mask", "all valid"])
def test_files_have_a_fill_fraction_too(catalog: Catalog, meta, tmp_path: Path, kind: str, copy: bool) -> None:
    product = Product(id="fill", name="X")
    product.save()
    array = numpy.full((2, 64, 48), 5, "uint8")
    array[0, :16], array[1, :, :12] = 0, 0  # a quarter of either band
    bands = [SpectralBand(name="a"), MaskBand(name="b", is_alpha=True) if kind == "alpha" else SpectralBand(name="b")]
    for index, band in enumerate(bands):
        band.product, band.data_type, band.band_index = product, "Byte", index
        band.nodata = 0 if kind == "declared nodata" else None
        if band.data_range is None:
            band.data_range = (0, 255)
        band.save()
    profile = {"driver": "GTiff", "width": 48, "height": 64, "count": 2, "dtype": "uint8", "crs": "EPSG:32618"}
    path = tmp_path / "x.tif"
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES"),
        rasterio.open(
            path,
            "w",
            **profile,
            transform=rasterio.Affine.from_gdal(*meta["geoTransform"]),
            nodata=0 if kind == "nodata" else None,
        ) as dataset,
    ):
        dataset.write(array)
        if kind == "mask":
            dataset.write_mask(numpy.where(array[0] == 0, 0, 255).astype("uint8"))
    image = new_image(product)
    image.upload(path, copy=copy).raise_for_status()
    either, first, second = 9 / 16, 3 / 4, 3 / 4
    expected = {"nodata": either, "declared nodata": either, "alpha": second, "mask": first, "all valid": 1}
    assert image.fill_fraction == expected[kind]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"geoTransform": 5, "coordinateSystem": {"epsg": 4326}}, "is six numbers, not 5"),
        ({"geoTransform": "abcdef", "coordinateSystem": {"epsg": 4326}}, "is six numbers, not 'abcdef'"),
        ({"geoTransform": (0, 1, 0, 0, 0, -1), "coordinateSystem": "EPSG:4326"}, "is a mapping such as"),
    ],
)
def test_a_raster_meta_of_the_wrong_form_is_refused(
    catalog: Catalog, product: Product, pixels, given: dict, message: str
) -> None:
    """3.9, choice 18."""
    with pytest.raises(BadRequestError, match=message):
        new_image(product).upload_ndarray(pixels, raster_meta=given)
    check_nothing_left(catalog)


@pytest.mark.parametrize(
    ("geotrans", "epsg"),
    [((0, 1e5, 0, 0, 0, -1e5), 4326), ((0, 1e10, 0, 0, 0, -1e10), 4326), ((0, 30, 0, 0, 0, -30), 4978)],
)
def test_a_grid_that_is_on_no_map_fails(
    catalog: Catalog, product: Product, pixels, geotrans: tuple[float, ...], epsg: int
) -> None:
    """3.9, choice 18."""
    meta = {"geoTransform": geotrans, "coordinateSystem": {"epsg": epsg}}
    upload = new_image(product).upload_ndarray(pixels, raster_meta=meta)
    with pytest.raises(RasterError, match="wider than the globe|neither geographic nor projected"):
        upload.raise_for_status()
    check_nothing_left(catalog)


def test_a_download_into_the_data_folder_is_refused(catalog: Catalog, product: Product, pixels, meta) -> None:
    """3.6, ours."""
    image = new_image(product)
    image.upload_ndarray(pixels, raster_meta=meta)
    with pytest.raises(BadRequestError, match="is in the catalog's own data folder"):
        image.download("blue", dest=catalog.path_of(image.files[0]))
    assert numpy.array_equal(image.ndarray("blue").filled(0), pixels.filled(0))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_uploads_after_its_parent(tmp_path: Path, pixels, meta) -> None:
    """3.9, ours."""
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        product = Product(id="x", name="X", catalog=catalog)
        product.save()
        SpectralBand(name="b", product=product, data_type="UInt16", data_range=(0, 9999), band_index=0).save()
        big = numpy.ones((2048, 2048), "uint16")
        assert new_image(product, "big").upload_ndarray(big, raster_meta=meta).status == "success"
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = int(new_image(product, "child").upload_ndarray(pixels, raster_meta=meta).status != "success")
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(
    "text",
    [
        "+proj=merc +a=6378137 +b=6378137 +nadgrids=@null +wktext +units=m",
        'PROJCS["Google Maps Global Mercator",GEOGCS["unnamed ellipse",DATUM["unknown",SPHEROID["unnamed",6378137,0],'
        'EXTENSION["PROJ4_GRIDS","@null"]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],'
        'PROJECTION["Mercator_1SP"],PARAMETER["central_meridian",0],PARAMETER["scale_factor",1],'
        'PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["Meter",1]]',
    ],
    ids=["PROJ.4", "WKT"],
)
def test_a_crs_that_says_that_it_has_no_grid_is_read_again(catalog: Catalog, product: Product, pixels, text) -> None:
    new_image(product, projection=text, geotrans=(0, 60, 0, 0, 0, -60)).upload_ndarray(pixels).raise_for_status()
    found = Image.get("acme:guide:x")
    assert found.geocontext.shape == (64, 48)
    assert numpy.array_equal(found.ndarray("blue").mask, pixels.mask)
    assert catalog.verify("full").ok
    again = new_image(product, "again", projection=text)
    with pytest.warns(FutureWarning, match="one that differs fails the upload"):
        again.upload(catalog.path_of(found.files[0])).raise_for_status()


@pytest.mark.parametrize("crs", [{"cs_code": "OGC:CRS84"}, {"projection": "+proj=longlat +datum=WGS84"}])
def test_longitude_before_latitude_is_no_other_crs(catalog: Catalog, product: Product, pixels, crs: dict) -> None:
    image = new_image(product, geotrans=(7, 0.01, 0, 47, 0, -0.01), **crs)
    image.upload_ndarray(pixels).raise_for_status()
    assert {name: getattr(image, name) for name in crs} == crs
    assert catalog.verify("full").ok


def test_a_crs_that_a_geotiff_cannot_keep_is_refused(
    catalog: Catalog, product: Product, pixels, meta, tmp_path: Path
) -> None:
    rotated = "+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39.25 +lon_0=18"
    image = new_image(product, projection=rotated, geotrans=(7, 0.01, 0, 47, 0, -0.01))
    with pytest.raises(GridMismatchError, match="a GeoTIFF cannot keep the CRS"):
        image.upload_ndarray(pixels)
    check_nothing_left(catalog)
    kept = new_image(product)
    kept.upload_ndarray(pixels, raster_meta=meta).raise_for_status()
    with pytest.raises(GridMismatchError, match="a GeoTIFF cannot keep the CRS"):
        kept.download("blue", crs="+proj=hatano +datum=WGS84", resolution=60, dest=tmp_path / "out" / "x.tif")
    assert list(tmp_path.rglob("*.tif")) == []


@pytest.mark.parametrize("grids", ["@null,x.gsb", "x.gsb,@null", "@null ,x.gsb"])
def test_a_grid_beside_none_is_refused(grids: str) -> None:
    with pytest.raises(InvalidCRSError, match=re.escape(grids)):
        parse_crs(f"+proj=merc +a=6378137 +b=6378137 +nadgrids={grids}")
