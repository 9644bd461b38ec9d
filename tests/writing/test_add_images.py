"""Many records at once: the rules of `save`, an outcome for each, and no lock while the caller's code runs."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from localcat import (
    BadRequestError,
    Catalog,
    ClientError,
    DeletedObjectError,
    DuplicateError,
    File,
    Image,
    NotFoundError,
    Product,
    ReadOnlyCatalogError,
    StorageFullError,
)
from localcat.writing.bulk import add_images as module
from tests.small_catalog import make_product, new_image, spectral, upload

DAY = "2020-01-01"
WHOLE = {"href": "https://x.org/a.tif", "size_bytes": 1, "hash": "ab"}


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.create(tmp_path / "survey.gpkg", org="") as catalog:
        make_product("x", catalog=catalog)
        yield catalog


def record(name: str, **attributes: Any) -> dict[str, Any]:
    return {"product_id": "x", "name": name, **attributes}


def failures(catalog: Catalog, *records: Any) -> list[tuple[int, str | None, str]]:
    """Return index, id and type of error of the records that are refused."""
    report = catalog.add_images(records, progress=False)
    assert catalog.images.count() == report.added == len(records) - len(report.failed)
    return [(failed.index, failed.id, type(failed.error).__name__) for failed in report.failed]


# The rules of save


WITHOUT_FILES = "image 'x:a' has storage_state 'available' and needs files with href, size_bytes and hash"


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({"storage_state": "available"}, WITHOUT_FILES),
        ({"storage_state": "available", "files": []}, WITHOUT_FILES),
        ({"storage_state": "available", "files": [{"href": "a.tif"}]}, WITHOUT_FILES),
        ({"storage_state": "available", "files": [WHOLE, {**WHOLE, "hash": ""}]}, WITHOUT_FILES),
        ({"storage_state": "elsewhere"}, "storage_state is one of 'available', 'remote', not 'elsewhere'"),
        ({"files": [{"size_bytes": 5}]}, "files: a file has a href or a provider_href"),
        ({"files": [{**WHOLE, "owned": True}]}, "only uploads put files"),
        ({"files": {"href": "a.tif"}}, "files is a list of files"),
        ({"acquired": "2020-01-02", "acquired_end": "2020-01-01"}, "acquired_end of Image is not below acquired"),
        ({"acquired": "01.02.2020"}, "acquired: '01.02.2020' is not a timestamp"),
        ({"cloud_fraction": 2}, "cloud_fraction is a fraction from 0 to 1, not 2"),
        ({"cloud_fraction": "much"}, "cloud_fraction is a number, not 'much'"),
        ({"geometry": "nowhere"}, "geometry: 'nowhere' is not a geometry"),
        ({"tags": "red"}, "tags is a list of texts, not 'red'"),
        ({"tags": ["x" * 1001]}, "tags holds texts of at most 1000 bytes"),
        ({"extra_properties": {"a": object()}}, "extra_properties has JSON values"),
        ({"geotrans": [1, 2]}, "Tuple must contain exactly 6 items for geotrans, not 2"),
        ({"cloudy": 0.5}, "Image has no attribute cloudy"),
    ],
)
def test_what_save_refuses_is_refused_in_bulk_too(catalog: Catalog, attributes: dict[str, Any], told: str) -> None:
    with pytest.raises((ClientError, AttributeError), match=told):
        Image(**record("a", **attributes), catalog=catalog).save()
    (failed,) = catalog.add_images([record("a", **attributes), record("b")]).failed
    assert (failed.index, failed.id, told in str(failed.error)) == (0, "x:a", True)
    assert catalog.images.ids() == ["x:b"]


@pytest.mark.parametrize("attributes", [{}, {"files": None}, {"storage_state": "available", "files": [WHOLE]}])
def test_what_save_takes_is_taken_in_bulk_too(catalog: Catalog, attributes: dict[str, Any]) -> None:
    Image(**record("a", **attributes), catalog=catalog).save()
    assert catalog.add_images([record("b", **attributes)]).failed == []
    saved, added = catalog.images.sort("id")
    assert (saved.storage_state, saved.files) == (added.storage_state, added.files)


def test_a_product_is_one_or_its_id(catalog: Catalog) -> None:
    product = Product.get("x", catalog=catalog)
    named: list[Any] = [{"product": product, "name": "a"}, {"product": "x", "name": "b"}, {"id": "x:c"}]
    wrong: list[Any] = [
        {"product": 5, "name": "d"},
        {"product": "x", "product_id": "y", "name": "e"},
        {"product": "nowhere", "name": "f"},
        {"name": "g"},
        {"id": "x:h", "name": "i"},
        5,
        None,
        "x:j",
    ]
    assert failures(catalog, *wrong, *named) == [
        (0, None, "AttributeValidationError"),
        (1, "y:e", "AttributeValidationError"),
        (2, "nowhere:f", "NotFoundError"),
        (3, None, "BadRequestError"),
        (4, "x:h", "AttributeValidationError"),
        (5, None, "BadRequestError"),
        (6, None, "BadRequestError"),
        (7, None, "BadRequestError"),
    ]
    assert catalog.images.ids() == ["x:a", "x:b", "x:c"]


class Odd(Mapping[str, Any]):
    """A record of the caller's own class, whose entries cannot be read."""

    def __init__(self, error: type[Exception]) -> None:
        self._error = error

    def __getitem__(self, name: str) -> Any:
        raise self._error(name)

    def __iter__(self) -> Iterator[str]:
        return iter(["product_id", "name"])

    def __len__(self) -> int:
        return 2


def test_a_geometry_that_cannot_be_read_does_not_end_the_load(catalog: Catalog) -> None:
    class Outline:
        @property
        def __geo_interface__(self) -> Any:
            raise RuntimeError("no connection")

    report = catalog.add_images([record("a", geometry=Outline()), record("b")])
    assert (report.added, [one.index for one in report.failed]) == (1, [0])
    assert "cannot be read (RuntimeError: no connection)" in str(report.failed[0].error)


@pytest.mark.parametrize("error", [ValueError, TypeError, ZeroDivisionError, AttributeError, RecursionError])
def test_a_record_that_cannot_be_read_does_not_end_the_load(catalog: Catalog, error: type[Exception]) -> None:
    report = catalog.add_images([record("a"), Odd(error), record("b")])
    (failed,) = report.failed
    assert (failed.index, failed.id, type(failed.error)) == (1, None, BadRequestError)
    assert str(failed.error).startswith(f"it cannot be read ({error.__name__}: product_id)")
    assert catalog.images.ids() == ["x:a", "x:b"]


def test_failures_come_in_the_order_of_the_records(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK", 2)
    bad = [{"id": "nowhere:a"}, record("b", geometry="?"), record("c", cloudy=1), {"id": "nowhere:d"}]
    assert [index for index, _, _ in failures(catalog, record("z"), *bad)] == [1, 2, 3, 4]


# Images as records


def test_images_are_taken_with_all_that_they_hold(catalog: Catalog, tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "other.gpkg", org="") as other:
        product = make_product("x", catalog=other)
        saved = new_image(product, "a", acquired=DAY, tags=["red"], cloud_fraction=0.25, files=[File(**WHOLE)])
        saved.save()
        read = Image.get("x:a", catalog=other)
        read.cloud_fraction = 0.5
        assert catalog.add_images([read]).added == 1
        assert read.is_modified  # it belongs to its own catalog
    taken = Image.get("x:a", catalog=catalog)
    assert (taken.tags, taken.cloud_fraction, taken.files) == (["red"], 0.5, [File(**WHOLE)])
    new = Image(product_id="x", name="b", catalog=catalog)
    catalog.add_images([new])
    assert new.state == "saved"


def test_images_with_pixels_and_deleted_ones_are_refused(catalog: Catalog) -> None:
    product = make_product("y", spectral("blue"), catalog=catalog)
    pixels = upload(product, "a")
    gone = new_image(product, "b")
    gone.save()
    gone.delete()
    report = catalog.add_images([pixels, gone], on_conflict="replace")
    assert [type(failed.error) for failed in report.failed] == [BadRequestError, DeletedObjectError]
    assert catalog.verify("full").ok
    assert Image.get("y:a", catalog=catalog).ndarray("blue").shape == (1, 64, 48)


# The caller's code


def test_records_are_made_while_nobody_has_to_wait(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK", 2)
    seen: list[bool] = []

    class Number(int):
        def __index__(self) -> int:
            seen.append(catalog.database.in_transaction)
            return 5

    class Text(str):
        __slots__ = ()

        def __str__(self) -> str:
            seen.append(catalog.database.in_transaction)
            return "text"

        def strip(self, *characters: Any) -> str:
            seen.append(catalog.database.in_transaction)
            return "text"

    with Catalog.open(catalog.path, timeout=0.05) as second:

        def records() -> Iterator[dict[str, Any]]:
            for number in range(5):
                seen.append(catalog.database.in_transaction)
                make_product(f"p{number}", catalog=second)
                yield record(f"a{number}", x_pixels=Number(1), provider_id=Text("a"), tags=[Text("b")])

        report = catalog.add_images(records(), progress=False)
    assert (report.added, report.failed, set(seen)) == (5, [], {False})
    assert catalog.products.count() == 6


def test_records_may_come_from_code_that_saves(catalog: Catalog) -> None:
    def records() -> Iterator[dict[str, Any]]:
        yield record("a")
        Image(product_id="x", name="overview", acquired=DAY, catalog=catalog).save()
        yield record("b")

    assert catalog.add_images(records()).added == 2
    assert catalog.images.ids() == ["x:a", "x:b", "x:overview"]
    assert catalog.verify("full").ok


def test_a_source_of_records_that_fails_adds_nothing(catalog: Catalog) -> None:
    def records() -> Iterator[dict[str, Any]]:
        yield record("a")
        raise ConnectionError("the source is gone")

    with pytest.raises(ConnectionError, match="the source is gone"):
        catalog.add_images(records())
    assert catalog.images.count() == 0


def test_a_catalog_that_cannot_be_written_takes_no_record(catalog: Catalog) -> None:
    records = iter([record("a")])
    with (
        Catalog.open(catalog.path, read_only=True) as reader,
        pytest.raises(ReadOnlyCatalogError, match="open for reading only"),
    ):
        reader.add_images(records)
    assert next(records) == record("a")


# Memory and disk


def test_what_does_not_fit_into_memory_waits_on_the_disk_and_leaves_nothing(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK", 3)
    monkeypatch.setattr("localcat.writing.bulk.spool._IN_MEMORY", 1)
    before = sorted(catalog.path.parent.iterdir())
    box = (10, 0, 11, 1)
    report = catalog.add_images(record(f"a{number}", geometry=box, files=[WHOLE]) for number in range(20))
    assert (report.added, catalog.images.intersects(box).count()) == (20, 20)
    assert sorted(catalog.path.parent.iterdir()) == before
    assert catalog.verify("full").ok


def test_a_full_disk_adds_nothing(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch, pytest.raises(StorageFullError, match="No space left"):
        patch.setattr("localcat.writing.bulk.spool._IN_MEMORY", 1)
        patch.setattr("localcat.writing.bulk.spool.tempfile.TemporaryFile", full)
        catalog.add_images([record("a")])
    assert catalog.images.count() == 0


# Conflicts


def test_an_id_that_is_taken_ends_the_load_before_all_is_looked_at(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK", 2)
    catalog.add_images([record("a")])
    taken = 0

    def records() -> Iterator[dict[str, Any]]:
        nonlocal taken
        for name in ("b", "a", "c", "d", "e"):
            taken += 1
            yield record(name)

    with pytest.raises(DuplicateError, match=r"image 'x:a' \(record 1\) already exists; nothing was added"):
        catalog.add_images(records())
    assert (taken, catalog.images.ids()) == (2, ["x:a"])


@pytest.mark.parametrize(("on_conflict", "told", "fraction"), [("skip", (3, 0, 2), 0.1), ("replace", (3, 2, 0), 0.3)])
def test_ids_that_come_twice(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, on_conflict: str, told: tuple[int, int, int], fraction: float
) -> None:
    monkeypatch.setattr(module, "_CHUNK", 2)
    records = [
        record(name, cloud_fraction=share) for name, share in (("a", 0.1), ("a", 0.2), ("b", 0), ("a", 0.3), ("c", 0))
    ]
    with pytest.raises(DuplicateError, match=r"image 'x:a' \(record 1\)"):
        catalog.add_images(records)
    report = catalog.add_images(records, on_conflict=on_conflict)
    assert (report.added, report.replaced, report.skipped) == told
    assert Image.get("x:a", catalog=catalog).cloud_fraction == fraction


def test_a_product_that_is_missing_is_named(catalog: Catalog) -> None:
    (failed,) = catalog.add_images([{"id": "nowhere:a"}]).failed
    assert isinstance(failed.error, NotFoundError)
    assert str(failed.error) == "there is no product 'nowhere' in the catalog; save it first"
