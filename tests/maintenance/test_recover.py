"""What is recovered of a damaged catalog is true; the damaged one stays as it is, and only our errors come out."""

from __future__ import annotations

import hashlib
import io
import itertools
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy
import pytest

from localcat import Catalog, Image, Product
from localcat.disk.ownership import data_path
from localcat.errors import (
    BadRequestError,
    CatalogExistsError,
    CatalogNotFoundError,
    CorruptCatalogError,
    UnsupportedCatalogError,
)
from localcat.maintenance.report import RecoverReport
from localcat.store.damage.pages import Pages
from localcat.store.damage.problem_kinds import ProblemKind as Kind
from tests.damage import PAGE, copy_to_damage, damage, file_of, flip
from tests.journals import naming
from tests.small_catalog import AREA, PIXELS, fill_guide, upload

_numbers = itertools.count()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed catalog with a few hundred images, so that its tables have more than one page."""
    path = tmp_path_factory.mktemp("original") / "big.gpkg"
    with Catalog.create(path, org="acme") as catalog:
        product = fill_guide(catalog)
        for name in ("c", "d"):
            upload(product, name)
        catalog.add_images(
            [
                {
                    "id": f"acme:guide:i{number:03d}",
                    "acquired": f"20{number % 20 + 10}-05-06",
                    "geometry": (number % 170, 0, number % 170 + 1, 2),
                    "tags": [f"tag{number % 7}"],
                    "cloud_fraction": number % 100 / 100,
                    "provider_id": f"provider {number} " * 20,
                    "files": [{"href": f"https://x.org/{number}", "size_bytes": number}],
                }
                for number in range(200)
            ],
            progress=False,
        )
        Product(id="second", name="Second", description="long " * 2000, catalog=catalog).save()
    return path


@pytest.fixture
def broken(original: Path, tmp_path: Path) -> Path:
    """A copy of the catalog, to be damaged."""
    return copy_to_damage(original, tmp_path)


@pytest.fixture(scope="module")
def truth(original: Path) -> dict[str, dict[str, Any]]:
    with Catalog.open(original, read_only=True) as catalog:
        return values_of(catalog)


def values_of(catalog: Catalog) -> dict[str, dict[str, Any]]:
    """Return all attributes of all products, bands and images, by class and id; of files whatever a loss changes."""
    found = {}
    for search in (catalog.products, catalog.bands, catalog.images):
        for one in search:
            values = {name: one._value(name) for name in one._attributes}
            found[f"{one.table} {one.id}"] = values
    return found


def recovered(broken: Path, **options: Any) -> tuple[RecoverReport, dict[str, dict[str, Any]]]:
    """Recover a catalog; check that the new one is in order and the old one untouched; return what is in it."""
    before = digest(broken)
    new = broken.with_name(f"new{next(_numbers)}.gpkg")
    report = Catalog.recover(broken, new, progress=False, **options)
    assert digest(broken) == before
    with Catalog.open(new) as catalog:
        assert catalog.verify("full", progress=False).problems == []
        found = values_of(catalog)
        counts = (report.products, report.bands, report.images, report.uploads)
        assert counts == tuple(
            search.count() for search in (catalog.products, catalog.bands, catalog.images, catalog.image_uploads)
        )
        assert report.files == len(list(catalog.data_folder.hrefs()))
    shutil.rmtree(data_path(new), ignore_errors=True)
    new.unlink()
    return report, found


def digest(path: Path) -> str:
    """Return a digest of a catalog, its data folder and what lies beside it."""
    total = hashlib.sha256()
    for one in sorted([*path.parent.glob("broken*"), *path.parent.glob("broken.data/**/*")]):
        total.update(one.name.encode() + (one.read_bytes() if one.is_file() else b""))
    return total.hexdigest()


def require_true(found: dict[str, dict[str, Any]], truth: dict[str, dict[str, Any]], report: RecoverReport) -> None:
    """Check that what was recovered was there, with these values; but for what the report says."""
    made_anew = {f"product {problem.object_id}" for problem in report.problems if problem.kind == Kind.VALUE}
    without_pixels = {f"image {problem.object_id}" for problem in report.problems if problem.path or problem.expected}
    damaged = {problem.object_id for problem in report.problems if problem.kind == Kind.UNREADABLE}
    for key, values in found.items():
        assert key in truth
        if key in made_anew:
            continue
        loose = {"files", "storage_state", "size_bytes"} if key in without_pixels else set[str]()
        if values.get("files") is None and "image_file" in damaged:
            loose |= {"files"}
        assert {name: value for name, value in values.items() if name not in loose} == {
            name: value for name, value in truth[key].items() if name not in loose
        }


def zero(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(bytes(PAGE))


def test_a_whole_catalog_comes_out_as_it_was(broken: Path, truth: dict[str, dict[str, Any]], original: Path) -> None:
    report, found = recovered(broken)
    assert found == truth
    assert report.ok
    assert (report.products, report.bands, report.images, report.files, report.uploads) == (2, 2, 206, 4, 4)
    new = broken.with_name("again.gpkg")
    report = Catalog.recover(broken, new, progress=False)
    assert str(report) == "again.gpkg: saved 2 products, 2 bands, 206 images, 4 files, 4 uploads; 0 problems"
    with Catalog.open(new) as catalog, Catalog.open(original) as old:
        assert catalog.database.settings() == old.database.settings()
        pixels = Image.get("acme:guide:a", catalog=catalog).ndarray("blue")
        assert numpy.array_equal(pixels.filled(0)[0], PIXELS[0].filled(0))
        upload(Product.get("acme:guide", catalog=catalog), "new")


def pages_of(path: Path) -> range:
    return range(1, path.stat().st_size // PAGE + 1)


def zero_one_page(broken: Path, truth: dict[str, dict[str, Any]], pages: Iterator[int]) -> None:
    content = broken.read_bytes()
    lost = []
    for page in pages:
        zero(broken, page)
        report, found = recovered(broken)
        require_true(found, truth, report)
        lost.append(len(truth) - len(found))
        assert (not report.ok) or found == truth
        broken.write_bytes(content)
    assert max(lost) < 0.2 * len(truth)


def test_a_zeroed_page_loses_no_more_than_its_rows(broken: Path, truth: dict[str, dict[str, Any]]) -> None:
    pages = pages_of(broken)
    zero_one_page(broken, truth, iter(random.Random(1).sample(pages[1:], 6)))  # no secret


@pytest.mark.campaign
def test_every_zeroed_page_but_the_first(broken: Path, truth: dict[str, dict[str, Any]]) -> None:
    zero_one_page(broken, truth, iter(pages_of(broken)[1:]))


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1])
def test_a_truncated_file(broken: Path, truth: dict[str, dict[str, Any]], share: float) -> None:
    content = broken.read_bytes()
    broken.write_bytes(content[: int(len(content) * share) + 77])
    report, found = recovered(broken)
    require_true(found, truth, report)
    assert not report.ok
    broken.write_bytes(content[:PAGE])
    with pytest.raises(CorruptCatalogError, match="nothing of a catalog can be recognised"):
        recovered(broken)


def test_a_file_without_its_header(broken: Path, truth: dict[str, dict[str, Any]]) -> None:
    zero(broken, 1)
    report, found = recovered(broken)
    require_true(found, truth, report)
    assert {key for key in found if key.startswith("image ")} == {f"image acme:guide:{name}" for name in "abcd"}
    uncertain, more = recovered(broken, uncertain=True)
    assert more == truth
    assert "rows in pages that may hold deleted images" in str(report)
    assert "rows in pages that may hold deleted images" not in str(uncertain)


@pytest.mark.parametrize("seeds", [range(6), pytest.param(range(6, 1000), marks=pytest.mark.campaign)], ids=str)
def test_random_damage(broken: Path, seeds: range) -> None:
    """Whatever comes out of a damaged file is a catalog in order, or an error of ours."""
    whole = broken.read_bytes()
    for seed in seeds:
        content = bytearray(whole)
        damage(random.Random(seed), content)  # no secret
        broken.write_bytes(content)
        with suppress(CorruptCatalogError, UnsupportedCatalogError):
            recovered(broken, uncertain=seed % 2 == 1)
        assert [path.name for path in broken.parent.glob(".*")] == []


def test_deleted_images_do_not_come_back(broken: Path) -> None:
    """Their rows are still in the free pages, as on systems whose SQLite does not overwrite them."""
    connection = sqlite3.connect(broken, isolation_level=None)
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute("DELETE FROM image_file WHERE href LIKE 'https://x.org/1%'")
    connection.execute("DELETE FROM image WHERE name LIKE 'i1%'")
    assert connection.execute("PRAGMA freelist_count").fetchone()[0] > 5
    (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'image'").fetchone()
    connection.close()
    assert b"provider 150 " in broken.read_bytes()
    zero(broken, root)
    report, found = recovered(broken)
    names = {key.rpartition(":")[2] for key in found if key.startswith("image ")}
    assert {f"i0{number:02d}" for number in range(100)} <= names
    assert not {name for name in names if name.startswith("i1")}
    assert report.images == 106
    # Where the list of free pages is lost too, only what has its pixels is certain.
    with broken.open("r+b") as file:
        file.seek(32)
        trunk = int.from_bytes(file.read(4))
    zero(broken, trunk)
    report, found = recovered(broken)
    assert {key for key in found if key.startswith("image ")} == {f"image acme:guide:{name}" for name in "abcd"}


def test_a_missing_data_folder_leaves_the_rows(broken: Path, truth: dict[str, dict[str, Any]]) -> None:
    shutil.rmtree(broken.with_name("broken.data"))
    report, found = recovered(broken)
    require_true(found, truth, report)
    assert found.keys() == truth.keys()
    assert [(problem.kind, problem.object_id) for problem in report.problems] == [
        (Kind.MISSING_FILE, f"acme:guide:{name}") for name in "abcd"
    ]
    assert found["image acme:guide:a"]["storage_state"] == "remote"
    assert found["image acme:guide:a"]["files"] is None


@pytest.mark.parametrize("fault", ["changed", "truncated", "missing", "link"])
def test_a_file_that_is_not_what_was_written_is_left_out(
    broken: Path, truth: dict[str, dict[str, Any]], fault: str
) -> None:
    with Catalog.open(broken) as catalog:
        path = file_of(catalog, "c")
    expected = {
        "changed": Kind.WRONG_CONTENT,
        "truncated": Kind.WRONG_SIZE,
        "missing": Kind.MISSING_FILE,
        "link": Kind.UNSAFE_PATH,
    }
    if fault == "changed":
        flip(path, path.stat().st_size // 2)
    elif fault == "truncated":
        path.write_bytes(path.read_bytes()[:-5])
    elif fault == "link":
        path.rename(broken.parent / "elsewhere.tif")
        path.symlink_to(broken.parent / "elsewhere.tif")
    else:
        path.unlink()
    report, found = recovered(broken)
    require_true(found, truth, report)
    kinds = [(problem.kind, problem.object_id) for problem in report.problems]
    assert kinds == [(expected[fault], "acme:guide:c")]
    assert (report.files, found["image acme:guide:c"]["storage_state"]) == (3, "remote")


def test_two_images_do_not_get_the_same_file(broken: Path, truth: dict[str, dict[str, Any]]) -> None:
    """As after a page was written in the place of another one."""
    connection = sqlite3.connect(broken, isolation_level=None)
    connection.execute(
        "CREATE TABLE a AS SELECT * FROM image_file WHERE image_id = (SELECT id FROM image WHERE name = 'a')"
    )
    connection.execute(
        "UPDATE image_file SET (href, size_bytes, hash) = (SELECT href, size_bytes, hash FROM a) "
        "WHERE image_id = (SELECT id FROM image WHERE name = 'b')"
    )
    connection.execute("DROP TABLE a")
    connection.close()
    report, found = recovered(broken)
    kinds = {(problem.kind, problem.object_id) for problem in report.problems}
    assert kinds == {(Kind.DISAGREEMENT, "acme:guide:b"), (Kind.ORPHAN, "acme:guide:b")}
    require_true(found, truth, report)
    assert found["image acme:guide:a"] == truth["image acme:guide:a"]
    assert found["image acme:guide:b"]["files"] is None


def leaf_of(path: Path, table: str, needle: bytes) -> int:
    """Return the page of a table's leaf that holds some bytes."""
    content = path.read_bytes()
    pages = [page for page in pages_of(path) if needle in content[(page - 1) * PAGE : page * PAGE]]
    return next(page for page in pages if content[(page - 1) * PAGE] == 0x0D)


def test_files_find_their_image_again_by_what_they_say(broken: Path, truth: dict[str, dict[str, Any]]) -> None:
    with Catalog.open(broken) as catalog:
        hrefs = {name: file_of(catalog, name).name.encode() for name in "abcd"}
    zero(broken, leaf_of(broken, "image_file", hrefs["a"]))
    report, found = recovered(broken)
    require_true(found, truth, report)
    assert all(found[f"image acme:guide:{name}"] == truth[f"image acme:guide:{name}"] for name in "abcd")


def test_files_of_lost_images_are_listed(broken: Path, truth: dict[str, dict[str, Any]]) -> None:
    content = broken.read_bytes()
    wanted = [
        page
        for page in pages_of(broken)
        if content[(page - 1) * PAGE] == 0x0D and b"acme:guide:b" in content[(page - 1) * PAGE : page * PAGE]
    ]
    for page in wanted:
        zero(broken, page)
    report, found = recovered(broken)
    require_true(found, truth, report)
    assert "image acme:guide:b" not in found
    orphans = {problem.object_id for problem in report.problems if problem.kind == Kind.ORPHAN}
    assert "acme:guide:b" in orphans
    assert report.files == 4 - len(orphans)


def test_a_product_whose_row_is_lost_is_made_anew(broken: Path, truth: dict[str, dict[str, Any]]) -> None:
    content = broken.read_bytes()
    (page,) = (page for page in pages_of(broken) if content[(page - 1) * PAGE :][:1] == b"\x0d"
               and b"acme:guideGuide" in content[(page - 1) * PAGE : page * PAGE])  # fmt: skip
    zero(broken, page)
    report, found = recovered(broken)
    require_true(found, truth, report)
    assert len([key for key in found if key.startswith("image ")]) == 206
    assert found["product acme:guide"]["name"] == "acme:guide"
    assert "product acme:second" not in found


def test_a_key_that_is_there_twice_costs_no_row(broken: Path, truth: dict[str, dict[str, Any]]) -> None:
    """A flipped bit makes two keys one; without its product, bands and images would be lost too."""
    hurt = {"product": "acme:guide", "band": "acme:guide:blue", "image": "acme:guide:a"}
    with Catalog.open(broken) as catalog:
        for table, search in zip(hurt, (catalog.products, catalog.bands, catalog.images), strict=True):
            one = next(one for one in search if one.id == hurt[table])
            one.extra_properties = {f"{table}A": "é", f"{table}C": 2, "other": 3.5}
            one.save()
    content = bytearray(broken.read_bytes())
    for table in hurt:
        key = f'"{table}A"'.encode()
        assert content.count(key) == 1
        content[content.index(key) + len(table) + 1] ^= 0b10  # A becomes C
    broken.write_bytes(content)
    report, found = recovered(broken)
    assert [(problem.kind, problem.object_id, problem.found) for problem in report.problems] == [
        (
            Kind.VALUE,
            uid,
            f'a key twice in extra_properties, its first value kept: {{"{table}C":"é","{table}C":2,"other":3.5}}',
        )
        for table, uid in hurt.items()
    ]
    assert found.keys() == truth.keys()
    for table, uid in hurt.items():
        assert found[f"{table} {uid}"]["extra_properties"] == {f"{table}C": "é", "other": 3.5}


def test_json_without_end_costs_its_row_only(broken: Path, truth: dict[str, dict[str, Any]]) -> None:
    nested = '{"a":' * 990 + "1" + "}" * 990  # SQLite takes up to a thousand levels
    with closing(sqlite3.connect(broken)) as connection, connection:
        connection.execute("UPDATE image SET extra_properties = ? WHERE uid = 'acme:guide:a'", (nested,))
    report, found = recovered(broken)
    assert found.keys() == truth.keys() - {"image acme:guide:a"}
    refused = [problem for problem in report.problems if problem.object_id == "acme:guide:a"]
    assert {problem.kind for problem in refused} == {Kind.VALUE, Kind.ORPHAN}


def copy_as_it_is(broken: Path, journal: str) -> Path:
    """Copy a catalog with its journal, which has this suffix, and its data folder, as a crash would leave them."""
    crashed = broken.parent / "crashed" / "broken.gpkg"
    crashed.parent.mkdir()
    shutil.copy(broken, crashed)
    shutil.copy(f"{broken}{journal}", f"{crashed}{journal}")
    shutil.copytree(broken.with_name("broken.data"), crashed.with_name("broken.data"))
    return crashed


@pytest.fixture
def crashed(broken: Path) -> Path:
    """A copy of the catalog in the middle of a transaction that deletes all images, with its journal."""
    connection = sqlite3.connect(broken, isolation_level=None)
    connection.execute("PRAGMA cache_size = 5")
    connection.execute("BEGIN")
    connection.execute("DELETE FROM image")
    crashed = copy_as_it_is(broken, "-journal")
    connection.execute("ROLLBACK")
    connection.close()
    return crashed


def test_an_unfinished_transaction_is_undone(crashed: Path, truth: dict[str, dict[str, Any]]) -> None:
    report, found = recovered(crashed)
    assert report.ok
    assert found == truth


def test_a_journal_that_names_another_file_is_not_played_back(
    crashed: Path, truth: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    """Some versions of SQLite delete the file whose name stands there."""
    precious = tmp_path / "precious.txt"
    precious.write_text("my only copy")
    journal = crashed.with_name("broken.gpkg-journal")
    journal.write_bytes(naming(journal.read_bytes(), precious))
    report, found = recovered(crashed)
    assert precious.read_text() == "my only copy"
    assert found.items() <= truth.items()
    told = report.problems[0]
    assert (told.kind, told.path) == (Kind.UNREADABLE, str(journal))
    assert told.found is not None
    assert told.found.startswith(f"not played back: the journal '{journal}' beside the catalog refers to other files")


def test_a_journal_that_tells_of_far_more_pages_is_not_played_back(
    crashed: Path, truth: dict[str, dict[str, Any]]
) -> None:
    """Each of them would be looked at."""
    journal = crashed.with_name("broken.gpkg-journal")
    head = bytearray(journal.read_bytes())
    head[16:20] = (10**5).to_bytes(4)  # pages that the file had
    journal.write_bytes(head)
    report, found = recovered(crashed)
    assert found.items() <= truth.items()
    assert "makes it longer than all that was written into it" in str(report.problems[0].found)


def test_a_journal_that_sqlite_cannot_play_back_is_told(crashed: Path, truth: dict[str, dict[str, Any]]) -> None:
    zero(crashed, 1)
    journal = crashed.with_name("broken.gpkg-journal")
    journal.write_bytes(bytes(512) + journal.read_bytes()[512:])
    report, found = recovered(crashed, uncertain=True)
    require_true(found, truth, report)
    assert str(report.problems[0].found).startswith(f"not played back: '{crashed}' is not a SQLite file")


def test_what_a_write_ahead_log_holds_is_taken(broken: Path, truth: dict[str, dict[str, Any]]) -> None:
    connection = sqlite3.connect(broken, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("DELETE FROM image_file WHERE image_id IN (SELECT id FROM image WHERE name = 'i007')")
    connection.execute("DELETE FROM image WHERE name = 'i007'")
    crashed = copy_as_it_is(broken, "-wal")
    connection.close()
    report, found = recovered(crashed)
    assert report.ok
    assert found == {key: values for key, values in truth.items() if key != "image acme:guide:i007"}


def test_files_in_place_are_found_from_the_new_place(broken: Path, tmp_path: Path) -> None:
    (tmp_path / "scenes").mkdir()
    (tmp_path / "other").mkdir()
    with Catalog.open(broken) as catalog:
        shutil.copy(file_of(catalog, "a"), tmp_path / "scenes" / "x.tif")
        image = Image(product_id="acme:guide", name="x", acquired="2020-01-01", geometry=AREA, catalog=catalog)
        image.upload(tmp_path / "scenes" / "x.tif", copy=False).raise_for_status()
    Catalog.recover(broken, tmp_path / "other" / "new.gpkg", progress=False)
    with Catalog.open(tmp_path / "other" / "new.gpkg") as new:
        (file,) = Image.get("acme:guide:x", catalog=new).files
        assert file.href == str(tmp_path / "scenes" / "x.tif")
        assert new.verify("full", progress=False).problems == []


def test_what_cannot_be_recovered_is_refused(broken: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing.gpkg").write_bytes(b"")
    (tmp_path / "text.gpkg").write_bytes(b"no catalog at all " * 1000)
    (tmp_path / "kit.zip").write_bytes(b"PK\x03\x04 and a damaged rest")
    sqlite3.connect(tmp_path / "foreign.gpkg").execute("CREATE TABLE x (y)").connection.close()
    (tmp_path / "taken.gpkg").write_bytes(b"mine")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    for name, new, error, words in (
        ("nothing.gpkg", "new.gpkg", CorruptCatalogError, "nothing.gpkg'.*restore it"),
        ("text.gpkg", "new.gpkg", CorruptCatalogError, "text.gpkg'.*restore it"),
        ("foreign.gpkg", "new.gpkg", UnsupportedCatalogError, "foreign.gpkg'.*name a file that localcat created"),
        ("none.gpkg", "new.gpkg", CatalogNotFoundError, "none.gpkg'"),
        ("kit.zip", "new.gpkg", BadRequestError, "kit.zip' is a bundle.*unpack it"),
        ("broken.gpkg", "taken.gpkg", CatalogExistsError, "taken.gpkg'.*choose another name"),
        ("broken.gpkg", "broken.gpkg", CatalogExistsError, "broken.gpkg'.*choose another name"),
        ("broken.gpkg", "no/folder/new.gpkg", CatalogNotFoundError, "no/folder'.*make it first"),
        ("broken.gpkg", "broken.data/new.gpkg", BadRequestError, "broken.data'.*choose another"),
    ):
        with pytest.raises(error, match=words):
            Catalog.recover(tmp_path / name, tmp_path / new, progress=False)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


LOCAL = 489  # bytes of a large row that stay in its leaf, at the least


def pages_with(*pages: bytes) -> Pages:
    """Return the pages of a file, the first of which is a header alone."""
    return Pages(io.BytesIO(file_with(*pages)))


def file_with(*pages: bytes) -> bytes:
    head = b"SQLite format 3\x00" + PAGE.to_bytes(2)
    return b"".join(page.ljust(PAGE, b"\0") for page in (head, *pages))


def leaf(cells: list[int], body: dict[int, bytes]) -> bytes:
    """Return a leaf of a table: where its cells begin, and what stands at which place."""
    page = bytearray(PAGE)
    page[0] = 0x0D
    page[3:5] = len(cells).to_bytes(2)
    page[8 : 8 + 2 * len(cells)] = b"".join(at.to_bytes(2) for at in cells)
    for at, content in body.items():
        page[at : at + len(content)] = content
    return bytes(page)


def cell(row_id: int, size: int) -> bytes:
    """Return a row of one column, a blob of zeros."""
    kind, length = 2 * size + 12, size + 4
    total, serial = (bytes([0x80 | n >> 14, 0x80 | n >> 7 & 0x7F, n & 0x7F]) for n in (length, kind))
    return total + bytes([row_id, 4]) + serial + bytes(size)


def long_cell(row_id: int, count: int, first: int) -> bytes:
    """Return what is in its leaf of a row that fills a chain of so many pages."""
    return cell(row_id, LOCAL + count * (PAGE - 4) - 4)[: 4 + LOCAL] + first.to_bytes(4)


def link(following: int) -> bytes:
    """Return a page of a chain."""
    return following.to_bytes(4).ljust(PAGE, b"x")


def test_cells_that_share_their_bytes_are_one_row() -> None:
    """Otherwise a page would give as much as a thousand pages."""
    start = PAGE - len(cell(5, 1500))
    tree = pages_with(leaf([start] * 1000, {start: cell(5, 1500)})).tree(2)
    assert ([record.row_id for record in tree.records], tree.damaged) == ([5], [2] * 999)
    tree = pages_with(leaf([start, start + 8], {start: cell(5, 1500), start + 8: cell(6, 1492)})).tree(2)
    assert ([record.row_id for record in tree.records], tree.damaged) == ([6], [2])


def test_a_row_id_that_is_there_twice_is_taken_once() -> None:
    body = {1000: cell(7, 10), 2000: cell(7, 20), 3000: cell(8, 30)}
    tree = pages_with(leaf([1000, 2000, 3000], body)).tree(2)
    assert [(record.row_id, record.values) for record in tree.records] == [(7, (bytes(10),)), (8, (bytes(30),))]
    assert tree.damaged == [2]


def test_a_page_is_part_of_a_chain_once() -> None:
    """A chain that bites its own tail would give a value as long as the file, for each page of the file."""
    tree = pages_with(leaf([1000], {1000: long_cell(1, 3, first=3)}), link(3), b"", b"").tree(2)
    assert (tree.records, tree.damaged) == ([], [2])


def test_a_chain_that_fails_does_not_keep_another_from_its_pages() -> None:
    cells = {1000: long_cell(1, 4, first=4), 2000: long_cell(2, 3, first=3)}
    tree = pages_with(leaf([1000, 2000], cells), link(4), link(5), link(0), b"", b"").tree(2)
    assert ([record.row_id for record in tree.records], tree.damaged) == ([2], [2])


def test_chains_that_fail_are_not_walked_again_and_again() -> None:
    """Each is as long as the file; together they would take as long as its square."""
    reads = []

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            reads.append(size)
            return super().read(size)

    count = 50
    cells = {at: long_cell(at // 500, count + 1, first=3) for at in range(500, 3600, 510)}
    links = [link(number) for number in range(4, 3 + count)]
    pages = Pages(Counting(file_with(leaf(list(cells), cells), *links, link(0), b"", b"")))
    tree = pages.tree(2)
    assert (tree.records, tree.damaged) == ([], [2] * 7)
    assert len(reads) < 5 * count
