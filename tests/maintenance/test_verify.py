"""verify finds every kind of damage, made for real, under its kind and with its object, and nothing else."""

from __future__ import annotations

import hashlib
import random
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from localcat import BadRequestError, Catalog, Image, Product
from localcat.maintenance.report import VerifyReport
from localcat.store.catalog_file import CatalogFile
from localcat.store.damage.check import _of_pages, check_pages
from localcat.store.damage.problem_kinds import ProblemKind as Kind
from localcat.store.file.database import Database
from tests.damage import damage, file_of, flip, raw
from tests.small_catalog import AREA, fill_guide, upload


def found(report: VerifyReport) -> list[tuple[Kind, str | None]]:
    return [(problem.kind, problem.object_id) for problem in report.problems]


def test_a_clean_catalog_is_clean(kept: Catalog) -> None:
    report = kept.verify("full", progress=False)
    assert (report.ok, report.problems) == (True, [])
    assert (report.images, report.files_checked, report.files_hashed) == (4, 2, 2)
    assert str(report) == "kept.gpkg (full): ok; 4 images, 2 files, 2 of them read as a whole"
    with Catalog.open(kept.path, read_only=True) as reader:
        assert reader.verify("full", progress=False).problems == []


def test_an_empty_catalog_and_one_that_was_never_written_are_clean(tmp_path: Path, catalog: Catalog) -> None:
    assert catalog.verify("full").problems == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCALCAT", str(tmp_path / "none.gpkg"))
        with Catalog.default() as unwritten:
            assert unwritten.verify("full").problems == []
    assert list(tmp_path.iterdir()) == []


try:
    import pysqlite3
except ImportError:  # installed with the extra [spatialite]
    pysqlite3 = None

SQLITES = [sqlite3] if pysqlite3 is None else [sqlite3, pysqlite3]
A = "acme:guide:a"
ROW = "(SELECT id FROM image WHERE uid = 'acme:guide:{}')"
IN_ROWS = {
    "no entry in the R-tree": (
        [f"DELETE FROM image_index WHERE id = {ROW.format('far')}"],
        [(Kind.SPACE_TIME_INDEX, "acme:guide:far")],
    ),
    "an entry elsewhere": (
        [f"UPDATE image_index SET max_lat = 3.001 WHERE id = {ROW.format('far')}"],
        [(Kind.SPACE_TIME_INDEX, "acme:guide:far")],
    ),
    "an entry at another time": (
        [f"UPDATE image_index SET min_time = min_time - 0.1 WHERE id = {ROW.format('a')}"],
        [(Kind.SPACE_TIME_INDEX, "acme:guide:a")],
    ),
    "an entry of nothing": (
        ["INSERT INTO image_index VALUES (77, 0, 1, 0, 1, 0, 1)"],
        [(Kind.SPACE_TIME_INDEX, "image 77")],
    ),
    "an entry of an image without footprint": (
        [f"INSERT INTO image_index VALUES ({ROW.format('nowhere')}, 0, 1, 0, 1, 0, 1)"],
        [(Kind.SPACE_TIME_INDEX, "acme:guide:nowhere")],
    ),
    "words that the index does not have": (
        ["UPDATE image SET tags = NULL WHERE uid = 'acme:guide:a'", "DELETE FROM image_tag"],
        [(Kind.FULL_TEXT, "acme:guide:a")],
    ),
    "words of no object": (
        ["INSERT INTO band_text (rowid, name) VALUES (99, 'ghost')"],
        [(Kind.FULL_TEXT, "band 99")],
    ),
    "a tag that is not in the table": (
        ["DELETE FROM image_tag WHERE tag = 'red'"],
        [(Kind.TAGS, "acme:guide:a")],
    ),
    "a tag that no image has": (
        [f"INSERT INTO image_tag VALUES ('blue', {ROW.format('b')})"],
        [(Kind.TAGS, "acme:guide:b")],
    ),
    "an image without its product": (
        ["UPDATE image SET product_id = 50 WHERE uid = 'acme:guide:far'"],
        [(Kind.REFERENCE, "acme:guide:far")],
    ),
    "a file row without its image": (
        ["INSERT INTO image_file (id, image_id, position, owned, href) VALUES (70, 60, 0, 0, 'https://x.org/y')"],
        [(Kind.REFERENCE, "image_file 70")],
    ),
    "a size that is not that of the files": (
        ["UPDATE image SET size_bytes = 7 WHERE uid = 'acme:guide:far'"],
        [(Kind.DISAGREEMENT, "acme:guide:far")],
    ),
    "no JSON": (
        ["UPDATE band SET data_range = '[1,' WHERE uid = 'acme:guide:blue'"],
        [(Kind.VALUE, "acme:guide:blue")],
    ),
    "no footprint": (
        ["UPDATE image SET geometry = x'0102' WHERE uid = 'acme:guide:far'"],
        [(Kind.VALUE, "acme:guide:far")],
    ),
    "a geotrans whose pixels have no area": (
        ["UPDATE image SET geotrans = '[5, 10, 20, 4, 5, 10]' WHERE uid = 'acme:guide:far'"],
        [(Kind.DISAGREEMENT, "acme:guide:far")],
    ),
    "a geotrans without rows and columns": (
        ["UPDATE image SET x_pixels = NULL, y_pixels = NULL WHERE uid = 'acme:guide:a'"],
        [(Kind.DISAGREEMENT, "acme:guide:a")],
    ),
    "an available image without files": (
        [
            "UPDATE image SET storage_state = 'available' WHERE uid = 'acme:guide:far'",
            "UPDATE image SET storage_state = 'available', x_pixels = 1, y_pixels = 1 WHERE uid = 'acme:guide:nowhere'",
        ],
        [(Kind.DISAGREEMENT, "acme:guide:far"), (Kind.DISAGREEMENT, "acme:guide:nowhere")],
    ),
    "a key twice": (
        [
            """UPDATE product SET extra_properties = '{"a": 1, "a": 2}' WHERE uid = 'acme:guide'""",
            """UPDATE band SET extra_properties = '{"a": 1, "a": 2}' WHERE uid = 'acme:guide:blue'""",
            """UPDATE image SET extra_properties = '{"a": 1, "a": 2}' WHERE uid = 'acme:guide:b'""",
        ],
        [(Kind.VALUE, "acme:guide"), (Kind.VALUE, "acme:guide:blue"), (Kind.VALUE, "acme:guide:b")],
    ),
    "a size that is not a number": (
        ["PRAGMA ignore_check_constraints = ON", "UPDATE image SET size_bytes = 'x' WHERE uid = 'acme:guide:far'"],
        [(Kind.DATABASE, None), (Kind.DISAGREEMENT, "acme:guide:far")],
    ),
    "a value that a rule forbids": (
        ["PRAGMA ignore_check_constraints = ON", "UPDATE band SET type = 'sonar' WHERE uid = 'acme:guide:blue'"],
        [(Kind.DATABASE, None)],
    ),
}


@pytest.mark.parametrize("read_only", [False, True], ids=["writable", "read-only"])
@pytest.mark.parametrize("fault", IN_ROWS)
def test_damage_in_rows_is_found(kept: Catalog, fault: str, read_only: bool) -> None:
    statements, expected = IN_ROWS[fault]
    raw(kept, *statements)
    with Catalog.open(kept.path, read_only=read_only) as catalog:
        report = catalog.verify("files", progress=False)
    if read_only:  # such a connection does not even parse the CHECKs
        expected = [problem for problem in expected if problem[0] is not Kind.DATABASE]
    assert found(report) == expected
    if not expected:
        return
    assert not report.ok
    assert all(problem.advice for problem in report.problems)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP INDEX image_by_time",
        "DROP VIEW products",
        "CREATE TRIGGER spy AFTER INSERT ON image BEGIN DELETE FROM trash; END",
    ],
)
def test_a_changed_schema_is_found(kept: Catalog, statement: str) -> None:
    assert kept.images.count() == 4
    raw(kept, statement)
    report = kept.verify("quick", progress=False)
    assert found(report) == [(Kind.SCHEMA, None)]
    assert statement.split()[2] in str(report.problems[0].found)
    kept.database.close()
    reopened = Catalog(CatalogFile(Database(kept.path)))
    assert found(reopened.verify("quick", progress=False)) == [(Kind.SCHEMA, None)]
    reopened.close()


REPAIRED = [fault for fault, (_, expected) in IN_ROWS.items() if expected[0][0] in (
    Kind.SPACE_TIME_INDEX, Kind.FULL_TEXT, Kind.TAGS
)]  # fmt: skip


@pytest.mark.parametrize("fault", REPAIRED)
def test_reindex_repairs_the_indexes(kept: Catalog, fault: str) -> None:
    raw(kept, *IN_ROWS[fault][0])
    kept.reindex()
    assert kept.verify("full", progress=False).problems == []


IN_SHADOWS = {
    "a page of words": "UPDATE image_text_data SET block = zeroblob(length(block)) WHERE id > 10",
    "the structure of the words": "UPDATE image_text_data SET block = x'ff' WHERE id = 10",
    "the sizes of the documents": "DELETE FROM image_text_docsize",
    "the root of the tree": "DELETE FROM image_index_node WHERE nodeno = 1",
    "an empty root": "UPDATE image_index_node SET data = x'00'",
    "the numbers of the tree": "DELETE FROM image_index_rowid",
}


@pytest.mark.parametrize("read_only", [False, True], ids=["writable", "read-only"])
@pytest.mark.parametrize("what", IN_SHADOWS)
def test_damage_inside_an_index_is_found_and_repaired(kept: Catalog, what: str, read_only: bool) -> None:
    raw(kept, IN_SHADOWS[what])
    expected = Kind.FULL_TEXT if "image_text" in IN_SHADOWS[what] else Kind.SPACE_TIME_INDEX
    with Catalog.open(kept.path, read_only=read_only) as catalog:
        assert {problem.kind for problem in catalog.verify("quick", progress=False).problems} == {expected}
    with Catalog.open(kept.path) as catalog:
        catalog.reindex()
        assert catalog.verify("full", progress=False).problems == []


@pytest.mark.parametrize("module", SQLITES, ids=lambda module: module.__name__)
@pytest.mark.parametrize("what", IN_SHADOWS)
def test_what_sqlite_says_of_an_index_is_told_under_its_kind(kept: Catalog, what: str, module: ModuleType) -> None:
    """Newer versions look into the indexes too, and may stop there."""
    raw(kept, IN_SHADOWS[what])
    expected = Kind.FULL_TEXT if "image_text" in IN_SHADOWS[what] else Kind.SPACE_TIME_INDEX
    connection = module.connect(kept.path)
    try:
        problems = list(check_pages(connection))
    except module.DatabaseError as error:  # of the other module's, which the code does not know
        problems = [_of_pages(str(error))]
    finally:
        connection.close()
    assert {problem.kind for problem in problems} <= {expected}


def delete(catalog: Catalog) -> None:
    file_of(catalog, "a").unlink()


def flip_a_byte(catalog: Catalog) -> None:
    path = file_of(catalog, "a")
    flip(path, path.stat().st_size // 2)


def truncate(catalog: Catalog) -> None:
    path = file_of(catalog, "a")
    path.write_bytes(path.read_bytes()[:-1])


def lead_outside(catalog: Catalog) -> None:
    raw(catalog, "UPDATE image_file SET href = '../../outside.tif' WHERE owned AND image_id = " + ROW.format("a"))


def accept(catalog: Catalog, path: Path) -> None:
    """Let the rows of image a say of its file what the file is now."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    raw(
        catalog,
        f"UPDATE image_file SET size_bytes = {len(content)}, hash = '{digest}' WHERE image_id = {ROW.format('a')}",
        f"UPDATE image SET size_bytes = {len(content)} WHERE uid = '{A}'",
    )


def swap(catalog: Catalog) -> None:
    """Write another raster, and tell the row its size and sha256."""
    path = file_of(catalog, "a")
    with rasterio.open(path) as dataset:
        profile = {**dataset.profile, "count": 1, "dtype": "int16"}
        block = numpy.ones((1, *dataset.shape), "int16")
    path.unlink()
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(block)
    accept(catalog, path)


def move_the_image(catalog: Catalog) -> None:
    raw(catalog, "UPDATE image SET geotrans = '[1,60,0,2,0,-60]', cs_code = 'EPSG:32619' WHERE uid = 'acme:guide:a'")


IN_FILES: list[tuple[Callable[[Catalog], None], str, list[tuple[Kind, str | None]]]] = [
    (delete, "files", [(Kind.MISSING_FILE, A)]),
    (truncate, "files", [(Kind.WRONG_SIZE, A)]),
    (flip_a_byte, "files", []),
    (flip_a_byte, "full", [(Kind.WRONG_CONTENT, A)]),
    (lead_outside, "files", [(Kind.UNSAFE_PATH, A)]),
    (swap, "full", [(Kind.DISAGREEMENT, A), (Kind.DISAGREEMENT, A)]),
    (move_the_image, "full", [(Kind.DISAGREEMENT, A), (Kind.DISAGREEMENT, A)]),
]


@pytest.mark.parametrize(
    ("fault", "level", "expected"), IN_FILES, ids=[f"{fault.__name__} {level}" for fault, level, _ in IN_FILES]
)
def test_damage_in_files_is_found(
    kept: Catalog, fault: Callable[[Catalog], None], level: str, expected: list[tuple[Kind, str | None]]
) -> None:
    fault(kept)
    report = kept.verify(level, progress=False)
    assert found(report) == expected
    assert [problem.object_id for problem in kept.verify("quick").problems] == []


def test_the_layout_of_what_we_wrote_is_checked(kept: Catalog) -> None:
    path = file_of(kept, "a")
    with rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
        dataset.update_tags(note="edited by hand, with a text that is longer than what stood there" * 20)
    accept(kept, path)
    assert found(kept.verify("full", progress=False)) == [(Kind.LAYOUT, A)]


def test_what_only_costs_room_is_told_and_does_no_harm(kept: Catalog) -> None:
    folder = kept.data_folder.path
    (folder / "acme-guide" / "old-0123456789abcdef.tif").write_bytes(b"12345")
    (folder / ".tmp-0123.tif").write_bytes(b"")
    with kept.data_folder.temporary(".tif"):
        report = kept.verify(progress=False)
    assert report.ok
    assert report.problems == []
    assert [(problem.kind, problem.path) for problem in report.garbage] == [
        (Kind.ORPHAN, "acme-guide/old-0123456789abcdef.tif"),
        (Kind.TEMPORARY, ".tmp-0123.tif"),
    ]
    assert "ok; 4 images" in str(report)
    assert [problem.path for problem in report.of_kind("temporary")] == [".tmp-0123.tif"]
    kept.gc(keep="0 days")
    assert kept.verify(progress=False).garbage == []


def test_a_missing_data_folder_is_told_file_by_file(kept: Catalog, tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    kept.data_folder.path.rename(tmp_path / "away" / "kept.data")
    assert found(kept.verify(progress=False)) == [(Kind.MISSING_FILE, A), (Kind.MISSING_FILE, "acme:guide:b")]


def test_a_sample_is_the_same_in_each_run(kept: Catalog) -> None:
    product = Product.get("acme:guide", catalog=kept)
    for number in range(10):
        upload(product, f"n{number}")
        path = file_of(kept, f"n{number}")
        flip(path, path.stat().st_size // 2)
    half = [problem.object_id for problem in kept.verify("full", sample="50%", progress=False).problems]
    assert 0 < len(half) < 10
    assert half == [problem.object_id for problem in kept.verify("full", sample=0.5, progress=False).problems]
    assert half != [problem.object_id for problem in kept.verify("full", sample=0.5, seed=1, progress=False).problems]
    assert len(kept.verify("full", sample=1, progress=False).problems) == 10
    assert kept.verify("full", sample=0, progress=False).files_hashed == 0


@pytest.mark.parametrize("sample", ["half", "x%", -0.1, 1.5, True, None, "500%"])
def test_samples_that_are_no_share_are_refused(catalog: Catalog, sample: object) -> None:
    with pytest.raises(BadRequestError, match="sample is a share from 0 to 1"):
        catalog.verify(sample=sample)  # type: ignore[arg-type]  # what is wrong


def test_levels_that_are_none_are_refused(catalog: Catalog) -> None:
    with pytest.raises(BadRequestError, match="level is 'quick', 'files' or 'full', not 'deep'"):
        catalog.verify("deep")


@pytest.mark.parametrize("damage", ["zeroed header", "no pages", "empty", "a zeroed page", "flipped bytes"])
def test_a_file_too_broken_to_read_gives_a_report(kept: Catalog, damage: str) -> None:
    content = bytearray(kept.path.read_bytes())
    if damage == "zeroed header":
        content[:4096] = bytes(4096)
    elif damage == "no pages":
        content = content[:4096]
    elif damage == "empty":
        content = bytearray()
    elif damage == "a zeroed page":
        content[8192:12288] = bytes(4096)
    else:
        content[::512] = bytes(len(content[::512]))
    kept.database.close()
    kept.path.write_bytes(content)
    catalog = Catalog(CatalogFile(Database(kept.path)))
    report = catalog.verify("full", progress=False)
    assert not report.ok
    assert {problem.kind for problem in report.problems} & {Kind.UNREADABLE, Kind.DATABASE}
    assert str(report)
    catalog.close()


@pytest.mark.parametrize("seeds", [range(40), pytest.param(range(40, 4000), marks=pytest.mark.campaign)], ids=str)
def test_random_damage_gives_a_report(kept: Catalog, seeds: range) -> None:
    """Whatever the file is, there is a report."""
    kept.close()
    whole = kept.path.read_bytes()
    for seed in seeds:
        content = bytearray(whole)
        damage(random.Random(seed), content)  # no secret
        kept.path.write_bytes(content)
        catalog = Catalog(CatalogFile(Database(kept.path)))
        report = catalog.verify("full", progress=False)
        assert str(report)
        catalog.close()


def test_verify_inside_a_transaction_sees_what_it_wrote(kept: Catalog) -> None:
    with kept.transaction():
        Image(product_id="acme:guide", name="new", geometry=AREA, catalog=kept).save()
        report = kept.verify("full", progress=False)
        assert (report.problems, report.images) == ([], 5)


def test_reports_read_well(kept: Catalog) -> None:
    delete(kept)
    report = kept.verify(progress=False)
    (problem,) = report.of_kind("missing file")
    assert re.fullmatch(
        r"missing file 'acme:guide:a', 'acme-guide/a-[0-9a-f]{16}\.tif': expected a file, found none; "
        "restore it from a backup, or delete the image and upload it again",
        str(problem),
    )
    assert str(report).splitlines()[0] == (
        "kept.gpkg (files): damaged; 4 images, 2 files, 0 of them read as a whole; 1 missing file"
    )
    assert "<td>missing file</td><td>acme:guide:a</td>" in report._repr_html_()


names = st.sampled_from("abcdef")
steps = st.one_of(
    st.tuples(st.just("add"), names, st.sampled_from([None, AREA]), st.sampled_from([None, ["x"], ["x", "y"]])),
    st.tuples(st.just("upload"), names, st.booleans(), st.none()),
    st.tuples(st.just("change"), names, st.sampled_from([None, AREA]), st.sampled_from([None, ["x"], ["z", "y"]])),
    st.tuples(st.just("delete"), names, st.none(), st.none()),
    st.tuples(st.just("reindex"), st.none(), st.none(), st.none()),
    st.tuples(st.just("roll back"), names, st.none(), st.none()),
)


@settings(max_examples=12, deadline=None)
@given(history=st.lists(steps, max_size=12))
def test_after_any_history_a_catalog_is_clean(history: list[tuple[str, str, Any, Any]]) -> None:
    with Catalog.temporary(org="acme") as catalog:
        fill_guide(catalog)
        product = Product.get("acme:guide", catalog=catalog)
        for what, name, given_, tags in history:
            image = Image.get(f"acme:guide:{name}", catalog=catalog)
            if what == "add" and image is None:
                Image(product=product, name=name, acquired="2020-05-05", geometry=given_, tags=tags).save()
            elif what == "upload" and (image is None or given_):
                upload(product, name, options={"overwrite": image is not None})
            elif what == "change" and image is not None:
                image.geometry, image.tags = given_, tags
                image.save()
            elif what == "delete" and image is not None:
                image.delete()
            elif what == "reindex":
                catalog.reindex()
            elif what == "roll back":
                with pytest.raises(KeyError), catalog.transaction():
                    if image is not None:
                        image.delete()
                    raise KeyError
        assert catalog.verify("full", progress=False).problems == []


@pytest.mark.parametrize(
    ("table", "column", "stored"),
    [
        ("image", "created", 2**62),
        ("image", "modified", -(2**62)),
        ("product", "created", 2**62),
        ("band", "modified", 2**62),
        ("upload", "created", 2**62),
    ],
)
def test_a_row_of_which_no_object_can_be_made_is_told(kept: Catalog, table: str, column: str, stored: int) -> None:
    """The rules of the tables let such a time pass, and every listing would fail at it."""
    (uid,) = kept.sql(f"SELECT uid FROM {table} ORDER BY id LIMIT 1")[0].values()
    raw(kept, f"UPDATE {table} SET {column} = {stored} WHERE uid = '{uid}'")
    with Catalog.open(kept.path) as again:
        (problem,) = again.verify("full").problems
    assert (problem.kind, problem.object_id) == (Kind.VALUE, uid)
    assert f"{column}: a stored time of {stored} microseconds is beyond the years 1 to 9999" in str(problem.found)
