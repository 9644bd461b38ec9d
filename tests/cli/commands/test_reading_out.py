"""The commands that write pixels to files."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import rasterio

from localcat import AOI, Catalog, Image
from tests.damage import file_of
from tests.shell import complaint, invoke, run
from tests.small_catalog import make_product, spectral, upload

BOX = "-74.99,36.12,-74.98,36.13"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty but for the catalog."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_image_is_read_as_it_is(kept: Catalog, here: Path) -> None:
    assert run("read", "guide:a", "-o", "a.tif", catalog=kept) == "a.tif\n"
    expected = Image.get("acme:guide:a", catalog=kept).ndarray("blue")
    with rasterio.open("a.tif") as file:
        assert (file.width, file.height, file.crs.to_epsg()) == (48, 64, 32618)
        numpy.testing.assert_array_equal(file.read(masked=True).filled(0), expected.filled(0))


def test_images_are_cut_to_a_box_and_named_after_themselves(kept: Catalog, here: Path) -> None:
    printed = run("read", "-", "--bbox", BOX, "--resolution", 30, "-o", "out", catalog=kept, pipe="guide:a\nguide:b\n")
    assert [Path(line) for line in printed.splitlines()] == [
        Path("out/acme_guide_a-blue.tif"),
        Path("out/acme_guide_b-blue.tif"),
    ]
    area = AOI(bounds=(-74.99, 36.12, -74.98, 36.13), resolution=30, crs="EPSG:32618")
    expected = Image.get("acme:guide:a", catalog=kept).ndarray("blue", geocontext=area)
    with rasterio.open("out/acme_guide_a-blue.tif") as file:
        assert file.res == (30, 30)
        numpy.testing.assert_array_equal(file.read(masked=True).filled(0), expected.filled(0))


def test_a_file_is_for_one_image(kept: Catalog, here: Path) -> None:
    told = complaint("read", "--datetime", "2020", "-o", "both.tif", catalog=kept, status=2)
    assert told.startswith("'both.tif' is one file, for 2 images; name a folder, or use mosaic")
    assert complaint("read", "--datetime", "1999", catalog=kept) == (
        "no image fits; `localcat explain` with the same options tells why"
    )
    assert sorted(path.name for path in here.iterdir()) == ["kept.data", "kept.gpkg"]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_pictures_have_the_range_that_people_see(kept: Catalog, here: Path) -> None:
    run("read", "guide:a", "-o", "a.png", catalog=kept)
    run("read", "guide:a", "--scaling", "0,4000", "-f", "jpg", catalog=kept)
    with rasterio.open("a.png") as picture, rasterio.open("acme_guide_a-blue.jpg") as other:
        assert (picture.dtypes[0], other.dtypes[0]) == ("uint8", "uint8")
        assert picture.read(1).max() == 255, "stretched by its own percentiles"
        assert 190 <= other.read(1).max() <= 205
    assert "is not a scaling; it is one of raw, auto" in complaint(
        "read", "guide:a", "--scaling", "bright", catalog=kept, status=2
    )


def test_what_cannot_be_read_is_told_and_the_others_are_written(kept: Catalog, here: Path) -> None:
    file_of(kept, "a").unlink()
    ended = invoke("read", "--datetime", "2020", "-o", "out", catalog=kept)
    assert ended.exit_code == 1
    assert Path(ended.stdout.strip()) == Path("out/acme_guide_b-blue.tif")
    first, last = ended.stderr.splitlines()
    assert first.startswith("localcat: acme:guide:a: ")
    assert last == "localcat: 1 of 2 images could not be written"


def test_a_mosaic_is_one_file_of_an_area(kept: Catalog, here: Path) -> None:
    assert run("mosaic", "--product", "guide", "--bbox", BOX, "-o", "m.tif", catalog=kept) == "m.tif\n"
    images = kept.images.during("2020").sort("acquired").collect(AOI(bounds=(-74.99, 36.12, -74.98, 36.13)))
    with rasterio.open("m.tif") as file:
        numpy.testing.assert_array_equal(file.read(masked=True).filled(0), images.mosaic("blue").filled(0))
    assert complaint("mosaic", "--bbox", BOX, "-o", "m", catalog=kept, status=2).startswith("'m' names no format")


def test_a_mosaic_without_an_area_covers_its_images(kept: Catalog, here: Path) -> None:
    assert run("mosaic", "guide:a", "guide:b", "-o", "m.tif", catalog=kept) == "m.tif\n"
    images = kept.images.during("2020").collect()
    with rasterio.open("m.tif") as file:
        assert (file.res, file.shape, file.bounds[:2]) == ((60, 60), (64, 48), (500_000, 3_996_160))
        pixels = images.mosaic("blue", geocontext=images[0].geocontext)
        numpy.testing.assert_array_equal(file.read(masked=True).filled(0), pixels.filled(0))
    run("mosaic", "guide:a", "--crs", "EPSG:4326", "-o", "degrees.tif", catalog=kept)
    with rasterio.open("degrees.tif") as file:
        assert file.crs.to_epsg() == 4326
        assert file.res == pytest.approx((60 / 111_111, 60 / 111_111))
    assert complaint("mosaic", "guide:a", "--resolution", "0.1", "-o", "m.tif", catalog=kept) == (
        "the 1 images together are 28,800 by 38,400 pixels; name an area with --bbox or --intersects, or a coarser "
        "--resolution"
    )
    told = complaint("mosaic", "guide:a", "guide:far", "-o", "m.tif", catalog=kept)
    assert told.endswith("; name an area with --bbox or --intersects")


def test_a_mosaic_of_two_products_has_the_bands_of_both(kept: Catalog, here: Path) -> None:
    for name, bands in {"two": ("blue", "red"), "other": ("swir",)}.items():
        upload(
            make_product(name, *map(spectral, bands), catalog=kept), array=numpy.ones((len(bands), 64, 48), "uint16")
        )
    run("mosaic", "two:x", "guide:a", "-o", "m.tif", catalog=kept)
    with rasterio.open("m.tif") as file:
        assert file.descriptions == ("blue",)
    assert complaint("mosaic", "two:x", "other:x", "-o", "m.tif", catalog=kept) == (
        "'acme:two', 'acme:other' have no band in common; choose one of them with --product"
    )


@pytest.mark.parametrize("command", ["read", "mosaic"])
def test_no_file_of_the_catalog_is_written_over(kept: Catalog, here: Path, command: str) -> None:
    """An ingested scene was lost to `read -o` of its own name."""
    run("read", "guide:a", "-o", "scenes/scene_20240506.tif", catalog=kept)
    run("ingest", "scenes", catalog=kept)
    (here / "link").symlink_to("scenes")
    before = (here / "scenes" / "scene_20240506.tif").read_bytes()
    for name in ("scenes", here / "scenes", "scenes/../scenes", "link"):
        path = Path(name) / "scene_20240506.tif"
        assert complaint(command, "guide:a", "-o", path, catalog=kept) == (
            f"'{path}' is a file of the catalog itself and is not replaced; choose another name"
        )
    for path in (file_of(kept, "a"), kept.path.rename(here / "kept.tif")):
        assert " catalog" in complaint(command, "guide:a", "-o", path, catalog=here / "kept.tif")
    assert (here / "scenes" / "scene_20240506.tif").read_bytes() == before


def test_a_name_that_ends_otherwise_is_no_folder_by_accident(kept: Catalog, here: Path) -> None:
    assert complaint("read", "guide:a", "-o", "a.bmp", catalog=kept, status=2).startswith(
        "'a.bmp' names no format; end it with .tif, .tiff, .png, .jpg, .jpeg, or with / if it is a folder"
    )
    assert complaint("preview", "guide:a", "-o", "a.jpg", catalog=kept, status=2).startswith("'a.jpg' names no format")
    assert complaint("read", "guide:a", "-f", "png", "-o", "a.tif", catalog=kept, status=2).startswith(
        "'a.tif' is a tif and --format asks for png"
    )
    assert sorted(path.name for path in here.iterdir()) == ["kept.data", "kept.gpkg"]
    assert run("preview", "guide:a", "-o", "may.2024/", catalog=kept) == f"{Path('may.2024/acme_guide_a.png')}\n"


def test_one_image_that_cannot_be_written_is_one_line(kept: Catalog, here: Path) -> None:
    told = complaint("read", "guide:a", "--bands", "red", catalog=kept)
    assert told == "Invalid bands: band 'red' is not available in product 'acme:guide'; it has blue, alpha"
    assert "--bands is empty" in complaint("read", "guide:a", "--bands", ",", catalog=kept, status=2)


def test_a_picture_that_cannot_be_drawn_stops_no_other(kept: Catalog, here: Path) -> None:
    file_of(kept, "a").unlink()
    ended = invoke("preview", "--datetime", "2020", "-o", "out", catalog=kept)
    assert (ended.exit_code, Path(ended.stdout.strip())) == (1, Path("out/acme_guide_b.png"))


def test_previews_are_png_files(kept: Catalog, here: Path) -> None:
    assert run("preview", "guide:a", "-o", "a.png", "--size", 32, catalog=kept) == "a.png\n"
    assert (here / "a.png").read_bytes() == Image.get("acme:guide:a", catalog=kept).preview(32)
    printed = run("preview", "guide:a", "guide:b", "-o", "pictures", catalog=kept)
    assert [Path(line) for line in printed.splitlines()] == [
        Path("pictures/acme_guide_a.png"),
        Path("pictures/acme_guide_b.png"),
    ]
    assert "band 'red' is not available" in complaint("preview", "guide:a", "--bands", "red", catalog=kept)
