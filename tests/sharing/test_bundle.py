"""Images taken along in an archive: which, how much of them, and that it is whole or not there."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy
import pytest
import shapely
from affine import Affine

from localcat import AOI, Catalog, Image, testing
from localcat import properties as p
from localcat.errors import (
    AttributeValidationError,
    BadRequestError,
    CatalogExistsError,
    CatalogNotFoundError,
    CorruptImageError,
    InvalidGeometryError,
    LocalcatError,
    NotFoundError,
)
from localcat.sharing import bundle, cuts, trial
from localcat.sharing.bundle import BundleReport
from tests.interrupted import steps_of, stopped_at
from tests.small_catalog import PIXELS, make_product, new_image, spectral, upload

NORTH_ITALY = (6, 44, 12.2, 47)
FIJI = (178, -18, -179, -15)
ARCTIC = (-180, 80, 180, 90)


@pytest.fixture(scope="module")
def earth() -> Iterator[Catalog]:
    with testing.earth() as made:
        yield made


@pytest.fixture
def survey(tmp_path: Path) -> Iterator[Catalog]:
    """A catalog of three images of 64 x 48 pixels of 60 m, and one without files."""
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as made:
        product = make_product(
            "guide", spectral("red", resolution="60m"), spectral("nir", resolution="60m"), catalog=made
        )
        for day, cloud in ((1, 0.1), (2, 0.9), (3, 0.5)):
            both = numpy.ma.concatenate([PIXELS, PIXELS + numpy.uint16(day)])
            upload(product, f"day-{day}", both, acquired=f"2020-01-0{day}", cloud_fraction=cloud)
        new_image(
            product, "far", acquired="2019-01-01", storage_state="remote", files=[{"href": "s3://a/b.tif"}]
        ).save()
        yield made


def opened(report: BundleReport) -> Catalog:
    """Unpack an archive beside it and open the catalog in it, which verify finds sound."""
    found = Catalog.unpack(report.path)
    assert found.verify("full").ok
    return found


def pixels_of(image: Image) -> Any:
    """Return all bands of an image, with alpha as the last one."""
    names = sorted((str(band.name) for band in image.product.bands()), key=lambda name: (name == "alpha", name))
    return image.ndarray(names)


def are_equal(one: Any, other: Any) -> bool:
    return numpy.array_equal(numpy.ma.getmaskarray(one), numpy.ma.getmaskarray(other)) and numpy.array_equal(
        numpy.ma.filled(one, 0), numpy.ma.filled(other, 0)
    )


def test_all_of_a_catalog_comes_out_as_it_went_in(earth: Catalog, tmp_path: Path) -> None:
    report = earth.bundle(tmp_path / "kit.zip")
    assert (len(report.images), report.files, report.left_out, report.outside) == (40, 45, (), ())
    assert report.size_bytes == (tmp_path / "kit.zip").stat().st_size
    with opened(report) as kit:
        assert kit.images.sort("id").ids() == earth.images.sort("id").ids()
        assert [one.serialize() for one in kit.products] == [one.serialize() for one in earth.products]
        assert [one.serialize() for one in kit.bands] == [one.serialize() for one in earth.bands]
        for image in kit.images.filter(p.storage_state == "available"):
            there = Image.get(image.id, catalog=earth)
            assert are_equal(pixels_of(image), pixels_of(there)), image.id
            changed = {"files"}
            assert {name for name, value in image.serialize().items() if value != there.serialize()[name]} <= changed
            assert all(file.owned for file in image.files)
        for condition in (p.cloud_fraction < 0.3, p.acquired >= "2023-03", p.tags == "summer"):
            assert kit.images.filter(condition).sort("id").ids() == earth.images.filter(condition).sort("id").ids()
        assert kit.images.intersects(FIJI).sort("id").ids() == earth.images.intersects(FIJI).sort("id").ids()


@pytest.mark.parametrize("area", [NORTH_ITALY, FIJI, ARCTIC, (10, 30, 40, 40), (30, -2, 40, 1)])
def test_a_clipped_image_has_the_pixels_of_the_box_on_its_own_grid(
    earth: Catalog, tmp_path: Path, area: tuple[float, float, float, float]
) -> None:
    report = earth.bundle(tmp_path / "kit.zip", clip=area)
    assert set(report.images) | set(report.outside) == set(earth.images.intersects(area).ids())
    with opened(report) as kit:
        for image in kit.images:
            there = Image.get(image.id, catalog=earth)
            inverse, (x, _, _, y, _, _) = ~Affine.from_gdal(*there.geotrans), image.geotrans
            first = inverse.a * x + inverse.b * y + inverse.c, inverse.d * x + inverse.e * y + inverse.f
            column, row = (round(number) for number in first)
            assert numpy.allclose(first, (column, row), atol=1e-6)
            whole = pixels_of(there)
            part = whole[:, row : row + image.y_pixels, column : column + image.x_pixels]
            assert are_equal(pixels_of(image), part), image.id


def test_of_an_image_around_the_earth_two_columns_are_on_twelve_degrees(earth: Catalog, tmp_path: Path) -> None:
    with opened(earth.bundle(tmp_path / "kit.zip", clip=NORTH_ITALY)) as kit:
        globe = Image.get("tiny:temperature:globe-1", catalog=kit)
        assert (globe.y_pixels, globe.x_pixels) == (1, 2)  # of 10 degrees each
        assert globe.geotrans == (0, 10, 0, 50, 0, -10)
        assert globe.geometry.bounds == (0, 40, 20, 50)


def test_only_some_bands_have_their_places_in_the_new_files(survey: Catalog, tmp_path: Path) -> None:
    report = survey.bundle(tmp_path / "kit.zip", bands=["nir"])
    with opened(report) as kit:
        (band,) = kit.bands
        assert (band.id, band.file_position, band.position) == ("acme:guide:nir", 0, 0)
        image = Image.get("acme:guide:day-2", catalog=kit)
        assert are_equal(image.ndarray("nir"), PIXELS + numpy.uint16(2))
        with pytest.raises(BadRequestError, match="red"):
            image.ndarray("red")


def test_bands_that_a_product_lacks_leave_its_images_out(earth: Catalog, tmp_path: Path) -> None:
    report = earth.bundle(tmp_path / "kit.zip", bands=["vv", "vh"], dry_run=True)
    assert {image.rpartition(":")[0] for image in report.images} == {"tiny:radar"}
    assert {image.rpartition(":")[0] for image in report.outside} == {
        "tiny:optical",
        "tiny:landcover",
        "tiny:temperature",
    }


@pytest.mark.parametrize("resolution", [180, "180m", {"value": 180, "unit": "meters"}, "0.00162deg"])
def test_of_every_few_pixels_the_middle_one_is_kept(survey: Catalog, tmp_path: Path, resolution: Any) -> None:
    with opened(survey.bundle(tmp_path / "kit.zip", resolution=resolution)) as kit:
        image = Image.get("acme:guide:day-1", catalog=kit)
        assert image.geotrans[1] == 180
        assert are_equal(image.ndarray("red"), PIXELS[:, 1::3, 1::3])


def test_a_resolution_that_is_finer_than_the_pixels_changes_none(survey: Catalog, tmp_path: Path) -> None:
    with opened(survey.bundle(tmp_path / "kit.zip", resolution=10)) as kit:
        assert are_equal(Image.get("acme:guide:day-1", catalog=kit).ndarray("red"), PIXELS)


def test_a_pixel_larger_than_the_image_leaves_one(survey: Catalog, tmp_path: Path) -> None:
    with opened(survey.bundle(tmp_path / "kit.zip", resolution=1e7)) as kit:
        image = Image.get("acme:guide:day-1", catalog=kit)
        assert image.ndarray("red").shape == (1, 1, 1)


def test_with_little_room_the_newest_images_come_first(survey: Catalog, tmp_path: Path) -> None:
    whole = survey.bundle(tmp_path / "all.zip", dry_run=True)
    assert whole.images == ("acme:guide:day-3", "acme:guide:day-2", "acme:guide:day-1", "acme:guide:far")
    assert not (tmp_path / "all.zip").exists()
    report = survey.bundle(tmp_path / "kit.zip", max_bytes=whole.estimated_bytes - 2_500)
    assert report.images == ("acme:guide:day-3", "acme:guide:day-2", "acme:guide:far")
    assert report.left_out == ("acme:guide:day-1",)
    assert report.size_bytes is not None
    assert report.size_bytes <= whole.estimated_bytes - 2_500
    assert str(report).endswith("; no room for 1 images")


def test_another_order_chooses_other_images(survey: Catalog, tmp_path: Path) -> None:
    room = survey.bundle(tmp_path / "all.zip", dry_run=True).estimated_bytes - 2_500
    report = survey.bundle(tmp_path / "kit.zip", survey.images.sort("cloud_fraction"), max_bytes=room)
    assert report.left_out == ("acme:guide:day-2",)


KITS: dict[str, dict[str, Any]] = {
    "all": {},
    "red": {"bands": ["red"]},
    "coarse": {"resolution": 120},
    "clipped": {"clip": (-75, 36.11, -74.985, 36.13)},
}


def noise(shape: tuple[int, ...], seed: int) -> Any:
    """Return pixels of which each file has other ones, and some that are alike."""
    values = numpy.random.default_rng(seed).integers(1, 200 + 50 * (seed % 4), shape).astype("uint16")
    values[:, : 10 * (seed % 3)] = 7
    return values


@pytest.mark.parametrize("options", KITS.values(), ids=KITS)
def test_of_few_small_images_the_estimate_is_exact(survey: Catalog, tmp_path: Path, options: dict[str, Any]) -> None:
    expected = survey.bundle(tmp_path / "kit.zip", dry_run=True, **options).estimated_bytes
    report = survey.bundle(tmp_path / "kit.zip", **options)
    assert report.size_bytes == report.estimated_bytes == expected == (tmp_path / "kit.zip").stat().st_size


def test_of_large_files_pieces_tell_the_size(survey: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    product = survey.products.first()
    for number in range(3):
        upload(product, f"more-{number}", noise((2, 700, 400), number), acquired=f"2021-01-{number + 1:02}")
    for name, value in {"_MOST_WORK": 1 << 20, "SAMPLE": 4, "_MOST_COPIED": 100_000}.items():
        monkeypatch.setattr(trial, name, value)
    for options in ({}, {"bands": ["nir"]}):
        report = survey.bundle(tmp_path / f"kit-{len(options)}.zip", **options)
        assert report.size_bytes == pytest.approx(report.estimated_bytes, rel=0.05)
        assert report.size_bytes != report.estimated_bytes  # it was not tried whole


def test_of_many_images_some_tell_the_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "SAMPLE", 10)
    monkeypatch.setattr(bundle, "SAMPLE", 10)
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        product = make_product("guide", spectral("red"), catalog=catalog)
        for number in range(30):
            upload(product, f"day-{number}", noise((1, 40, 30), number), acquired=f"2021-01-{number + 1:02}")
        catalog.add_images(
            [{"id": f"acme:guide:far-{number}", "acquired": "2020-05-01"} for number in range(70)], progress=False
        )
        report = catalog.bundle(tmp_path / "kit.zip")
        assert report.size_bytes == pytest.approx(report.estimated_bytes, rel=0.1)
        room = round(report.estimated_bytes * 0.9)
        small = catalog.bundle(tmp_path / "small.zip", max_bytes=room)
        assert small.size_bytes is not None
        assert room * 0.8 < small.size_bytes <= room
        assert len(small.images) + len(small.left_out) == 100


def test_files_that_are_larger_than_was_thought_do_not_overfill_it(
    survey: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_MOST_WORK", 0)  # nothing is tried
    monkeypatch.setattr(cuts, "_bytes", lambda *_: 1)
    room = survey.bundle(tmp_path / "all.zip", bands=["red"], dry_run=True).estimated_bytes
    report = survey.bundle(tmp_path / "kit.zip", bands=["red"], max_bytes=room + 3_000)
    assert report.size_bytes is not None
    assert report.size_bytes <= room + 3_000
    assert report.left_out
    with opened(report) as kit:
        assert sorted((*kit.images.ids(), *report.left_out)) == survey.images.sort("id").ids()


def test_files_indexed_in_place_are_taken_along(tmp_path: Path) -> None:
    scene = testing.make_raster(tmp_path / "scene.tif", testing.pattern((1, 32, 32)))
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as catalog:
        product = make_product("guide", spectral("red"), catalog=catalog)
        new_image(product).upload(scene, copy=False).raise_for_status()
        expected = catalog.images.first().ndarray("red")
        report = catalog.bundle(tmp_path / "kit.zip")
    scene.unlink()
    with opened(report) as kit:
        image = kit.images.first()
        assert image.files[0].owned
        assert are_equal(image.ndarray("red"), expected)


def test_the_archive_is_one_that_any_program_reads(survey: Catalog, tmp_path: Path) -> None:
    survey.bundle(tmp_path / "kit.zip")
    with zipfile.ZipFile(tmp_path / "kit.zip") as archive:
        assert archive.testzip() is None
        assert {entry.compress_type for entry in archive.infolist() if entry.filename != "manifest.json"} == {0}
        names = archive.namelist()
    assert {name for name in names if "/" not in name} == {
        "kit.gpkg",
        "kit.acme-guide.gti.gpkg",
        "kit.acme-guide.vrt",
        "kit.qgs",
        "manifest.json",
    }
    assert len([name for name in names if name.startswith("kit.data/acme-guide/day-")]) == 3
    assert len(names) == 9  # also the marker of the folder


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dest": "kit"}, BadRequestError, "a bundle is a file such as 'kit.zip', not "),
        ({"dest": "no/kit.zip"}, CatalogNotFoundError, "does not exist; make it first"),
        ({"dest": "survey.data/kit.zip"}, BadRequestError, "is in the data folder .* itself; choose another place"),
        ({"bands": []}, BadRequestError, r"bands is a list of names such as \['red', 'nir'\], not \[\]"),
        ({"bands": "red"}, BadRequestError, "bands is a list of names .* not 'red'"),
        ({"bands": ["blue"]}, BadRequestError, "there is no band 'blue' in the catalog"),
        ({"resolution": 0}, BadRequestError, "resolution is more than nothing, such as 30 or '30m', not "),
        ({"resolution": "3q"}, AttributeValidationError, "not '3q'"),
        ({"max_bytes": 0}, BadRequestError, "max_bytes is a number of bytes, or text such as '2 GB' .* not 0"),
        ({"max_bytes": "2 PB"}, BadRequestError, "max_bytes is .* not '2 PB'"),
        ({"max_bytes": True}, BadRequestError, "max_bytes is .* not True"),
        ({"max_bytes": "10 kB"}, NotFoundError, "not one image fits into 10,000 bytes: the first would take about"),
        ({"clip": (0, 0, 1, 1)}, NotFoundError, "the search finds no image; nothing was bundled"),
        ({"clip": "everywhere"}, InvalidGeometryError, "everywhere"),
    ],
)
def test_what_cannot_be_asked_for_leaves_nothing(
    survey: Catalog, tmp_path: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    dest = tmp_path / options.pop("dest", "kit.zip")
    with pytest.raises(error, match=message):
        survey.bundle(dest, **options)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_existing_file_is_not_replaced(survey: Catalog, tmp_path: Path) -> None:
    (tmp_path / "kit.zip").write_text("mine")
    with pytest.raises(CatalogExistsError, match=r"kit.zip' already exists; choose another name"):
        survey.bundle(tmp_path / "kit.zip")
    assert (tmp_path / "kit.zip").read_text() == "mine"


@pytest.mark.parametrize("options", [{}, {"bands": ["red"]}])
def test_a_missing_file_is_told_by_its_image(survey: Catalog, tmp_path: Path, options: dict[str, Any]) -> None:
    image = Image.get("acme:guide:day-2", catalog=survey)
    (survey.data_folder.path / image.files[0].href).unlink()
    with pytest.raises(CorruptImageError, match="of image 'acme:guide:day-2' is missing, and no bundle was made"):
        survey.bundle(tmp_path / "kit.zip", **options)
    assert not (tmp_path / "kit.zip").exists()


def test_inside_a_transaction_nothing_is_bundled(survey: Catalog, tmp_path: Path) -> None:
    with survey.transaction(), pytest.raises(BadRequestError, match="make it outside of the transaction"):
        survey.bundle(tmp_path / "kit.zip")


def test_wherever_it_is_interrupted_there_is_no_half_archive(survey: Catalog, tmp_path: Path) -> None:
    kits_folder = tmp_path / "out"
    kits_folder.mkdir()

    def write() -> None:
        survey.bundle(kits_folder / "kit.zip", bands=["red"], progress=False)

    steps = steps_of(write, kits_folder)
    (kits_folder / "kit.zip").unlink()
    for step in range(1, steps + 1, max(steps // 15, 1)):
        error = KeyboardInterrupt() if step % 2 else OSError(28, "No space left on device")
        with suppress(KeyboardInterrupt, LocalcatError):  # what clears up may fail without a word
            stopped_at(step, write, kits_folder, error)
        if (kits_folder / "kit.zip").exists():
            assert zipfile.ZipFile(kits_folder / "kit.zip").testzip() is None
            (kits_folder / "kit.zip").unlink()
    write()
    assert [path.name for path in kits_folder.iterdir()] == ["kit.zip"]  # also what could not be cleared up then


def test_an_area_may_be_a_context(survey: Catalog, tmp_path: Path) -> None:
    image = Image.get("acme:guide:day-1", catalog=survey)
    west, south, east, north = image.geometry.bounds
    middle = AOI(bounds=(west, south, (west + east) / 2, north))
    with opened(survey.bundle(tmp_path / "kit.zip", clip=middle)) as kit:
        assert Image.get(image.id, catalog=kit).x_pixels in (24, 25)


@pytest.mark.parametrize(("corners", "kept"), [(32, 33), (20_000, 5)])
def test_the_manifest_says_which_area_it_was(survey: Catalog, tmp_path: Path, corners: int, kept: int) -> None:
    """One of very many corners as the box around it, since a list that is too long is not unpacked."""
    area = Image.get("acme:guide:day-1", catalog=survey).geometry.centroid.buffer(0.001, quad_segs=corners // 4)
    with opened(survey.bundle(tmp_path / "kit.zip", clip=area)):
        pass
    with zipfile.ZipFile(tmp_path / "kit.zip") as archive:
        clip = shapely.from_wkt(json.loads(archive.read("manifest.json"))["clip"])
    assert (len(clip.exterior.coords), clip.bounds) == (kept, area.bounds)


@pytest.mark.parametrize("has_footprint", [True, False])
def test_rows_without_pixels_are_estimated_as_they_are_written(tmp_path: Path, has_footprint: bool) -> None:
    """The full text of each image is a part of its own in a bundle, and was thought to be one for all."""
    with Catalog.create(tmp_path / "a.gpkg", org="acme") as catalog:
        make_product("p", catalog=catalog)
        records = [
            {
                "product_id": "acme:p",
                "name": f"scene-{number:03d}",
                "acquired": f"2020-01-{1 + number * 7 % 28:02d}",
                "storage_state": "remote",
                **({"geometry": (number % 300 - 150, 0, number % 300 - 149, 1)} if has_footprint else {}),
            }
            for number in range(400)
        ]
        assert catalog.add_images(records, progress=False).added == 400
        thought = catalog.bundle(tmp_path / "kit.zip", dry_run=True, progress=False).estimated_bytes
        catalog.bundle(tmp_path / "kit.zip", progress=False)
    assert abs(thought / (tmp_path / "kit.zip").stat().st_size - 1) < 0.02
