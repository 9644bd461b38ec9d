"""recover brings the past of a damaged catalog back: changes, deletions, files for them, frozen questions."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy
import pytest

from localcat import Catalog, Image
from localcat.errors import ConflictError
from localcat.maintenance.report import RecoverReport
from localcat.store.damage.problem_kinds import ProblemKind as Kind
from tests.damage import PAGE, copy_to_damage, raw
from tests.small_catalog import PIXELS, make_product, spectral, upload


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed catalog with 63 changes and deletions, a file that is kept for them, and two frozen questions."""
    path = tmp_path_factory.mktemp("original") / "survey.gpkg"
    with Catalog.create(path, org="acme") as catalog:
        catalog.keep_history("2 years", max_bytes="9 MB", files="30 days")
        product = make_product("p", spectral("red"), catalog=catalog)
        upload(product, "pixels")
        upload(product, "other", PIXELS + numpy.uint16(1))
        catalog.add_images({"id": f"acme:p:i{n:02}", "provider_id": f"provider {n} " * 20} for n in range(60))
        catalog.images.freeze("all")
        catalog.images.limit(3).freeze("three")
        with catalog.transaction():
            for image in list(catalog.images.limit(60)):
                image.cloud_fraction = 0.5
                image.save()
        for name in ("pixels", "i07"):
            Image.delete(f"acme:p:{name}", catalog=catalog)
        upload(product, "other", PIXELS, options={"overwrite": True})
    return path


@pytest.fixture
def broken(original: Path, tmp_path: Path) -> Path:
    return copy_to_damage(original, tmp_path)


def recovered(broken: Path) -> tuple[RecoverReport, Catalog]:
    new = broken.with_name("new.gpkg")
    report = Catalog.recover(broken, new, progress=False)
    catalog = Catalog.open(new)
    seen = catalog.verify("full", progress=False)
    assert (seen.problems, seen.garbage) == ([], [])
    return report, catalog


def test_a_past_that_is_whole_comes_out_as_it_was(broken: Path, original: Path) -> None:
    report, catalog = recovered(broken)
    assert report.problems == []
    with catalog, Catalog.open(original) as old:
        assert [change.to_dict() | {"transaction": 0} for change in catalog.history()] == [
            change.to_dict() | {"transaction": 0} for change in old.history()
        ]
        assert len({change.transaction for change in catalog.history()}) == 4
        assert catalog.keep_history() == old.keep_history()
        assert {name: one.to_dict() for name, one in catalog.frozen.items()} == {
            name: one.to_dict() for name, one in old.frozen.items()
        }
        with catalog.database.read() as new, old.database.read() as before:
            for rows in ("SELECT kind, uid, deleted, version FROM tombstone", "SELECT href, until FROM kept_file"):
                assert new.execute(rows).fetchall() == before.execute(rows).fetchall() != []
            assert new.execute("SELECT count(*) FROM tombstone WHERE replica IS NOT NULL").fetchone() == (0,)
        (deletion,) = catalog.history(id="acme:p:pixels", limit=1)
        catalog.undo(deletion)
        assert Image.get("acme:p:pixels", catalog=catalog).ndarray("red").shape == (1, 64, 48)
        catalog.undo(catalog.history(id="acme:p:i00")[0], together=False)
        assert Image.get("acme:p:i00", catalog=catalog).cloud_fraction is None
        with catalog.at(catalog.history(id="acme:p:i00")[-1].at) as past:
            assert past.images.count() == 62


def test_what_was_recovered_does_not_delete_elsewhere_what_it_has_lost(broken: Path, original: Path) -> None:
    with Catalog.open(broken) as catalog:
        raw(catalog, "DELETE FROM image WHERE uid = 'acme:p:i09'")
    _, catalog = recovered(broken)
    with catalog, Catalog.open(original, read_only=True) as other:
        assert "acme:p:i09" in catalog.diff(other).added
        catalog.merge(other, progress=False)
        assert Image.get("acme:p:i09", catalog=catalog) is not None
        assert Image.get("acme:p:i07", catalog=catalog) is None


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM history WHERE id BETWEEN 20 AND 29",
        "UPDATE history SET state = '{' WHERE id BETWEEN 20 AND 29",
        "UPDATE history SET state = json_set(state, '$.cloud_fraction', 'x') WHERE id BETWEEN 20 AND 29",
    ],
)
def test_changes_around_damage_come_back(broken: Path, damage: str) -> None:
    with Catalog.open(broken) as catalog:
        raw(catalog, damage)
    report, catalog = recovered(broken)
    with catalog:
        assert [change.number for change in catalog.history()] == [*range(63, 29, -1), *range(19, 0, -1)]
        assert [problem.found for problem in report.problems] == [
            "10 changes that are damaged or lost; those before are listed, and cannot be undone"
        ]
        with pytest.raises(ConflictError, match="of what came after it a part was lost"):
            catalog.undo(5)
        assert catalog.history(id="acme:p:i07")[0].before is not None


def test_a_frozen_question_that_is_incomplete_says_so_in_its_name(broken: Path) -> None:
    with Catalog.open(broken) as catalog:
        raw(catalog, "DELETE FROM frozen_image WHERE position = 1 AND frozen_id = 2")
    report, catalog = recovered(broken)
    with catalog:
        assert [(problem.kind, problem.object_id) for problem in report.problems] == [(Kind.FROZEN, "three")]
        assert {name: len(one) for name, one in catalog.frozen.items()} == {"all": 62, "three (incomplete)": 2}


def test_a_kept_file_that_is_gone_is_told(broken: Path) -> None:
    with Catalog.open(broken) as catalog:
        owned = {file.href for image in catalog.images for file in image.files or []}
        for href in set(catalog.data_folder.hrefs()) - owned:
            (catalog.data_folder.path / href).unlink()
    report, catalog = recovered(broken)
    with catalog:
        assert [problem.kind for problem in report.problems] == [Kind.MISSING_FILE] * 2
        with pytest.raises(ConflictError, match="its pixels .* were deleted"):
            catalog.undo(catalog.history(id="acme:p:pixels")[0])


def test_damaged_pages_cost_no_more_than_what_was_in_them(broken: Path) -> None:
    content = broken.read_bytes()
    pages = random.Random(3).sample(range(2, len(content) // PAGE + 1), 3)
    found = []
    for page in pages:
        broken.write_bytes(content[: (page - 1) * PAGE] + bytes(PAGE) + content[page * PAGE :])
        report, catalog = recovered(broken)
        with catalog:
            found.append(len(catalog.history()))
            assert len(catalog.history()) == 63 or report.problems
        for path in (catalog.path, catalog.data_folder.path):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert min(found) > 40
