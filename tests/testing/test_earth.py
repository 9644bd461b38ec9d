"""The tiny Earth is as docs/testing.md says."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import numpy
import pytest

from localcat import Band, Catalog, Expression, Image, SpectralBand
from localcat import properties as p
from localcat.testing import copies, earth

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")


def rows(head: str) -> list[list[str]]:
    """Return the rows of the table whose head begins with a word."""
    table = PAGE.split(f"\n| {head} |", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in line[2:-2].split(" | ")] for line in table.splitlines()[2:]]


@pytest.fixture(scope="module")
def catalog() -> Iterator[Catalog]:
    with earth() as catalog, catalog.as_default():
        yield catalog


def image(id: str) -> Image:
    found = Image.get(id)
    assert found is not None, id
    return found


def masked(id: str, band: str) -> int:
    return int(numpy.ma.getmaskarray(image(id).ndarray(band)).sum())


QUESTIONS = [(question, code.strip("`"), answer.strip("`")) for question, code, answer in rows("question")]


@pytest.mark.parametrize(("question", "code", "answer"), QUESTIONS, ids=[question for question, _, _ in QUESTIONS])
def test_a_question_of_the_page_has_its_answer(catalog: Catalog, question: str, code: str, answer: str) -> None:
    names = {"catalog": catalog, "images": catalog.images, "image": image, "masked": masked, "p": p}
    names |= {kind.__name__: kind for kind in (Band, Expression, Image, SpectralBand)}
    assert repr(eval(code, names)) == answer


def test_the_page_has_some_forty_questions() -> None:
    assert len(QUESTIONS) == 42


def test_the_table_of_images_is_true(catalog: Catalog) -> None:
    told = rows("image")
    assert {row[0].strip("`") for row in told} == {one.id.removeprefix("tiny:") for one in catalog.images}
    for name, acquired, epsg, clouds, tags, _, special in told:
        found = image(name.strip("`"))
        time = "" if found.acquired is None else found.acquired.astimezone(UTC).isoformat(sep=" ")[:-6]
        assert time.removesuffix(":00").removesuffix(" 00:00") == acquired.removesuffix(" 00:00"), name
        assert found.cs_code == f"EPSG:{epsg}", name
        assert ("" if found.cloud_fraction is None else str(found.cloud_fraction)) == clouds, name
        assert " ".join(found.tags) == tags, name
        assert (found.storage_state == "remote") == ("remote" in special), name
        assert (found.geometry is None) == ("no footprint" in special), name
        assert ("in place" in special) == (found.storage_state == "available" and not found.files[0].owned), name


def test_the_images_that_cross_the_antimeridian_or_hold_a_pole_reach_both_edges(catalog: Catalog) -> None:
    wide = {one.name for one in catalog.images if one.geometry is not None and one.geometry.bounds[::2] == (-180, 180)}
    special = {"taveuni-east", "taveuni-west", "north-pole", "south-pole", "pacific"}
    assert wide == special | {"globe-1", "globe-2", "globe-3", "globe-from-0", "globe-south-up"}


def test_the_table_of_products_is_true(catalog: Catalog) -> None:
    for product, bands, pixels in rows("product"):
        found = catalog.bands.filter(p.product_id == f"tiny:{product.strip('`')}").sort("sort_order")
        assert [band.name for band in found] == re.findall(r"`(\w+)`", bands)
        assert {band.data_type for band in found} == {pixels.split(",")[0]}


def test_it_is_whole(catalog: Catalog) -> None:
    assert catalog.verify("full", progress=False).ok


def test_a_copy_is_the_tests_own() -> None:
    with earth() as one, earth() as other:
        Image.get("optical:alps-1", catalog=one).delete()
        with one.path_of(Image.get("optical:alps-6", catalog=one).files[0]).open("r+b") as file:
            file.truncate(100)
        assert one.images.count() == 39
        assert other.images.count() == 40
        assert other.verify("full", progress=False).ok
    with earth() as later:
        assert later.images.count() == 40
        assert later.verify("full", progress=False).ok


def test_a_copy_is_gone_after_it_is_closed() -> None:
    with earth() as catalog:
        folder = catalog.path.parent
        assert (folder / "scenes" / "alps-6-0.tif").is_file()
    assert not folder.exists()


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="this system has no folder in memory")  # noqa: PTH112
def test_a_copy_is_in_memory_unless_a_folder_was_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def parent_of_a_copy() -> str:
        with earth() as catalog:
            assert catalog.images.count() == 40
            return str(catalog.path.parent.parent)

    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    monkeypatch.setattr(copies, "_LEAST_FREE", 0)
    assert parent_of_a_copy() == "/dev/shm"
    monkeypatch.setattr(copies, "_LEAST_FREE", 2**60)
    assert parent_of_a_copy() == "/tmp", "there is no such room"
    monkeypatch.setattr(copies, "_LEAST_FREE", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert parent_of_a_copy() == str(tmp_path)


def test_every_copy_has_the_same_pixels_and_attributes() -> None:
    with earth() as one, earth() as other:
        for first, second in zip(one.images.sort("id"), other.images.sort("id"), strict=True):
            for name in set(Image.ATTRIBUTES) - {"files"}:
                assert getattr(first, name) == getattr(second, name), (first.id, name)
            assert [file.hash for file in first.files] == [file.hash for file in second.files]


def test_the_answers_do_not_depend_on_the_process(tmp_path: Path) -> None:
    """What is made anew has the same ids and values, and differs in its own time and uuid alone."""
    from localcat.testing.filling import fill

    with Catalog.create(tmp_path / "again.gpkg", org="tiny") as again, earth() as copied:
        fill(again)
        for first, second in zip(again.images.sort("id"), copied.images.sort("id"), strict=True):
            for name in set(Image.ATTRIBUTES) - {"files", "created", "modified", "product"}:
                assert getattr(first, name) == getattr(second, name), (first.id, name)
            assert [file.size_bytes for file in first.files] == [file.size_bytes for file in second.files]
