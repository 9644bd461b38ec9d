"""The commands that write pixels to files."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import rasterio

from localcat import AOI, Catalog, Image
from tests.damage import file_of
from tests.shell import complaint, invoke, run

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
        assert other.read(1).max() > picture.read(1).max() > 0
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
    assert complaint("mosaic", "--product", "guide", "-o", "m.tif", catalog=kept, status=2).startswith(
        "name the area of the mosaic, with --bbox or --intersects"
    )
    assert complaint("mosaic", "--bbox", BOX, "-o", "m", catalog=kept, status=2).startswith("'m' names no format")


def test_previews_are_png_files(kept: Catalog, here: Path) -> None:
    assert run("preview", "guide:a", "-o", "a.png", "--size", 32, catalog=kept) == "a.png\n"
    assert (here / "a.png").read_bytes() == Image.get("acme:guide:a", catalog=kept).preview(32)
    printed = run("preview", "guide:a", "guide:b", "-o", "pictures", catalog=kept)
    assert [Path(line) for line in printed.splitlines()] == [
        Path("pictures/acme_guide_a.png"),
        Path("pictures/acme_guide_b.png"),
    ]
    assert "band 'red' is not available" in complaint("preview", "guide:a", "--bands", "red", catalog=kept)
