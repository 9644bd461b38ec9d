"""A product that ingest makes is saved with the first of its images, or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from localcat import BadRequestError, Catalog, DefaultCatalogWarning, GenericBand, Product, set_default_catalog
from localcat.writing import commit
from localcat.writing.ingest import taking
from tests.scene_folders import landsat_oli_l2, tiny
from tests.small_catalog import make_product

L2SP = "LC08_L2SP_008059_20191201_20200825_02_T1"


def counts(catalog: Catalog) -> tuple[int, int, int]:
    return catalog.products.count(), catalog.bands.count(), catalog.images.count()


def damage(path: Path) -> None:
    """Take the end of the pixels away; the header stays as it is."""
    path.write_bytes(path.read_bytes()[:-3000])


@pytest.mark.parametrize("how", [{}, {"copy": True}, {"cog": True}], ids=["in place", "copy", "cog"])
def test_nothing_is_left_of_a_product_whose_scenes_all_fail(
    catalog: Catalog, tmp_path: Path, how: dict[str, bool]
) -> None:
    folder = tmp_path / "in"
    landsat_oli_l2(folder)
    damage(folder / f"{L2SP}_SR_B4.TIF")
    damage(tiny(folder / "heat.tif", "float32"))
    plan = catalog.ingest(folder, dry_run=True, progress=False)
    assert [(one.id, one.outcome) for one in plan.products] == [("acme:landsat-8-9-c2-l2sp", "created")]
    report = catalog.ingest(folder, workers=3, progress=False, **how)
    assert [(item.name, item.outcome, item.product_id) for item in report.items] == [
        (L2SP, "failed", "acme:landsat-8-9-c2-l2sp"),
        ("heat", "failed", None),  # its ranges could not be read, so there was nothing to plan
    ]
    assert (report.products, counts(catalog)) == ([], (0, 0, 0))
    assert list(catalog.data_folder.hrefs()) == []


def test_a_product_comes_with_the_first_scene_that_comes_in(catalog: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for number in range(3):
        tiny(folder / f"heat_{number}.tif", "float32")
    damage(folder / "heat_0.tif")
    report = catalog.ingest(folder, progress=False)
    assert [item.outcome for item in report.items] == ["failed", "added", "added"]
    assert ([one.id for one in report.products], counts(catalog)) == (["acme:in"], (1, 1, 2))
    assert [band.name for band in Product.get("acme:in").bands()] == ["b1"]


def test_a_scene_whose_row_is_refused_takes_its_product_back(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = commit.Task.insert

    def refused(task: commit.Task, *arguments: Any) -> None:
        if task.image.name in ("a", "b"):
            raise BadRequestError(f"image '{task.image.id}' is refused; mend it")
        insert(task, *arguments)

    monkeypatch.setattr(commit.Task, "insert", refused)
    for name in ("a", "b"):
        tiny(tmp_path / "in" / f"{name}.tif")
    report = catalog.ingest(tmp_path / "in", progress=False)
    assert ([item.outcome for item in report.items], counts(catalog)) == (["failed"] * 2, (0, 0, 0))
    tiny(tmp_path / "in" / "c.tif")
    report = catalog.ingest(tmp_path / "in", progress=False)
    assert [item.outcome for item in report.items] == ["failed", "failed", "added"]
    assert ([one.outcome for one in report.products], counts(catalog)) == (["created"], (1, 1, 1))


@pytest.mark.parametrize(("name", "outcome"), [("b1", "added"), ("other", "failed")])
def test_a_product_that_another_program_made_meanwhile(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, outcome: str
) -> None:
    """Between the plan and the first commit."""
    together = taking.commit_together

    def late(*arguments: Any) -> Any:
        make_product("in", partial(GenericBand, name=name, data_range=(0, 1)), data_type="Float32")
        return together(*arguments)

    monkeypatch.setattr(taking, "commit_together", late)
    tiny(tmp_path / "in" / "a.tif", "float32")
    (item,) = catalog.ingest(tmp_path / "in", progress=False).items
    assert (item.outcome, counts(catalog)) == (outcome, (1, 1, int(outcome == "added")))
    if item.error is not None:
        assert str(item.error) == ("product 'acme:in' was created meanwhile with other bands; ingest the scene again")


def test_two_ingests_at_once_share_the_product_that_both_make(tmp_path: Path) -> None:
    for number in range(40):
        tiny(tmp_path / f"in{number % 2}" / "in" / f"a_{number}.tif")
    Catalog.create(tmp_path / "survey.gpkg", org="acme").close()
    reports = []

    def ingest(half: int) -> None:
        with Catalog.open(tmp_path / "survey.gpkg") as catalog:
            reports.append(catalog.ingest(tmp_path / f"in{half}" / "in", workers=2, progress=False))

    threads = [threading.Thread(target=ingest, args=(half,)) for half in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Catalog.open(tmp_path / "survey.gpkg") as catalog:
        assert [(report.added, report.failed) for report in reports] == [(20, [])] * 2
        assert counts(catalog) == (1, 1, 40)
        assert catalog.verify("full").ok


@pytest.fixture
def unmade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalog]:
    """A default catalog that is not there yet."""
    monkeypatch.setenv("LOCALCAT", str(tmp_path / "home.gpkg"))
    set_default_catalog(None)
    with Catalog.default() as catalog:
        yield catalog
    set_default_catalog(None)


def test_a_default_catalog_is_made_for_scenes_that_may_come_in(unmade: Catalog, tmp_path: Path) -> None:
    """Choice 32."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tif").write_bytes(b"II*\0 damaged")
    assert len(unmade.ingest(tmp_path / "in", copy=True, progress=False).failed) == 1
    assert not unmade.path.exists()
    tiny(tmp_path / "in" / "b.tif")
    with pytest.warns(DefaultCatalogWarning, match="this write makes one"):
        report = unmade.ingest(tmp_path / "in", copy=True, progress=False)
    assert (report.added, counts(unmade)) == (1, (1, 1, 1))
