"""verify finds what is wrong with stamps, deletions, the history and frozen questions, and says what mends it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from localcat import Catalog, Image
from localcat.maintenance.objects import fault_before
from localcat.store import stamps, states
from localcat.store.damage.past import check_history
from localcat.store.damage.problem_kinds import ProblemKind as Kind
from tests.damage import flip, raw
from tests.past_moments import past_moment
from tests.small_catalog import make_product, new_image, spectral, upload


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """A catalog with three changes, a deletion whose file is kept, and a frozen question."""
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as made:
        made.keep_history(files="30 days")
        product = make_product("p", spectral("red"), catalog=made)
        for name in "ijk":
            new_image(product, name, cloud_fraction=0.1, tags=["a"], geometry=(1, 2, 3, 4)).save()
        upload(product, "pixels")
        made.images.freeze("all")
        for name, fraction in (("i", 0.2), ("j", 0.3), ("i", 0.4)):
            image = Image.get(f"acme:p:{name}", catalog=made)
            image.cloud_fraction = fraction
            image.save()
        Image.delete("acme:p:pixels", catalog=made)
        yield made


def found(catalog: Catalog, level: str = "quick") -> list[tuple[Kind, str | None, str | None]]:
    report = catalog.verify(level, progress=False)
    return [(problem.kind, problem.object_id, problem.found) for problem in report.problems]


def test_a_past_in_order_is_clean(catalog: Catalog) -> None:
    assert found(catalog, "full") == []
    catalog.reindex()
    assert len(catalog.history()) == 4
    assert catalog.undo(4)
    assert found(catalog, "full") == []


@pytest.mark.parametrize("table", ["product", "band", "image", "tombstone", "history"])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("replica = 77", "transaction {counter} of writer 77"),
        ("counter = 1000", "transaction 1000 of writer 1"),
        ("counter = 0", "transaction 0 of writer 1"),
        ("replica = NULL", "transaction {counter} of writer None"),
        ("counter = NULL", "transaction None of writer 1"),
    ],
)
def test_stamps_that_nobody_can_have_written_are_removed(catalog: Catalog, table: str, change: str, told: str) -> None:
    with catalog.database.read() as connection:
        row_id, uid, counter = connection.execute(f"SELECT id, uid, counter FROM {table} LIMIT 1").fetchone()
    raw(catalog, f"UPDATE {table} SET {change} WHERE id = {row_id}")
    where = f", in table {table}" if table in ("tombstone", "history") else ""
    assert found(catalog) == [(Kind.STAMPS, uid, told.format(counter=counter) + where)]
    catalog.reindex()
    assert found(catalog) == []


@pytest.mark.parametrize("kind", ["product", "band", "image"])
def test_a_mark_of_a_deletion_of_what_is_there_is_removed(catalog: Catalog, kind: str) -> None:
    raw(
        catalog,
        "INSERT INTO tombstone (kind, uid, deleted, version) "
        f"SELECT '{kind}', uid, 1, 1 FROM {kind} ORDER BY id LIMIT 1",
    )
    ((problem, uid, told),) = found(catalog)
    assert (problem, told) == (Kind.STAMPS, f"the {kind}, and the mark that it was deleted")
    assert uid in {"product": ["acme:p"], "band": ["acme:p:red"], "image": ["acme:p:i"]}[kind]
    catalog.reindex()
    assert found(catalog) == []


@pytest.mark.parametrize(
    ("damage", "uid", "told"),
    [
        ("DELETE FROM history WHERE id = 3", None, "none"),
        ("UPDATE history SET id = 9 WHERE id = 4", None, "none"),
        (
            "UPDATE history SET bytes = 9999 WHERE id = 2",
            None,
            "up to change 3, and 9,999 up to the one before it",
        ),
        ("UPDATE history SET state = '{' WHERE id = 2", "acme:p:j", "change 2 (changed): no JSON"),
        ("UPDATE history SET state = '[]' WHERE id = 2", "acme:p:j", "change 2 (changed): array"),
        ("UPDATE history SET state = NULL WHERE id = 4", "acme:p:pixels", "change 4 (deleted): none"),
        ("UPDATE history SET what = 'restored' WHERE id = 1", "acme:p:i", "change 1 (restored): object"),
    ],
)
def test_a_history_that_is_damaged_is_forgotten_as_far_as_is_said(
    catalog: Catalog, damage: str, uid: str | None, told: str
) -> None:
    raw(catalog, damage)
    (problem, *further) = catalog.verify("quick", progress=False).of_kind(Kind.HISTORY)
    assert (problem.object_id, str(problem.found).endswith(told)) == (uid, True)
    assert not further or "bytes" in damage
    moment = problem.advice.partition("forget_history('")[2].partition("'")[0]
    catalog.forget_history(past_moment() if further else moment)
    assert found(catalog) == []


def test_a_state_of_which_no_object_can_be_made_is_found_by_a_full_look(catalog: Catalog) -> None:
    raw(
        catalog,
        """UPDATE history SET state = json_set(state, '$.cloud_fraction', 'x') WHERE id = 1""",
        """UPDATE history SET state = json_set(state, '$.geometry', 'zz') WHERE id = 2""",
    )
    assert found(catalog) == []
    assert [(kind, uid) for kind, uid, _ in found(catalog, "full")] == [
        (Kind.HISTORY, "acme:p:i"),
        (Kind.HISTORY, "acme:p:j"),
    ]


def test_settings_of_the_history_that_are_none_are_found(catalog: Catalog) -> None:
    raw(catalog, "UPDATE meta SET value = 'soon' WHERE key IN ('history_since', 'history_days')")
    assert found(catalog) == [
        (Kind.HISTORY, None, "invalid literal for int() with base 10: 'soon'"),
        (Kind.HISTORY, None, "history_days soon"),
    ]
    catalog.forget_history(past_moment())
    catalog.keep_history("1 year")
    assert found(catalog) == []


def test_files_for_the_history_alone_are_looked_at(catalog: Catalog) -> None:
    (path,) = catalog.data_folder.path.rglob("*.tif")
    flip(path, 900)
    assert found(catalog, "files") == []
    assert [kind for kind, _, _ in found(catalog, "full")] == [Kind.WRONG_CONTENT]
    path.write_bytes(path.read_bytes()[:-1])
    assert [kind for kind, _, _ in found(catalog, "files")] == [Kind.WRONG_SIZE]
    path.unlink()
    report = catalog.verify("files", progress=False)
    assert (report.ok, [problem.kind for problem in report.garbage]) == (True, [Kind.MISSING_FILE])
    catalog.gc()
    assert catalog.verify("files", progress=False).garbage == []


def test_a_data_folder_that_is_not_there_now_loses_no_mark(catalog: Catalog, tmp_path: Path) -> None:
    catalog.data_folder.path.rename(tmp_path / "unplugged")
    catalog.gc()
    (tmp_path / "unplugged").rename(catalog.data_folder.path)
    catalog.undo(4)
    assert found(catalog, "full") == []


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("DELETE FROM frozen_image WHERE position = 1", "3"),
        ("UPDATE frozen_image SET position = position + 1 WHERE position = 3", "4"),
        ("UPDATE frozen_image SET row_hash = upper(row_hash)", "other text in 4 images"),
        ("UPDATE frozen_image SET files_hash = '0' WHERE position = 2", "other text in 1 images"),
        ("UPDATE frozen SET question = '{'", None),
        ("UPDATE frozen SET question = '[]'", None),
        ("UPDATE frozen SET question = '{}'", None),
        ("UPDATE frozen SET question = json_set(question, '$.where', json('{\"x\": 1}'))", None),
        ("UPDATE frozen SET question = json_set(question, '$.sort', json('[\"nothing\"]'))", None),
        ("UPDATE frozen SET question = json_set(question, '$.limit', -1)", None),
        ("UPDATE frozen SET frozen = 9000000000000000000", None),
    ],
)
def test_a_damaged_frozen_question_is_named(catalog: Catalog, damage: str, told: str | None) -> None:
    raw(catalog, damage)
    ((kind, name, state),) = found(catalog)
    assert (kind, name) == (Kind.FROZEN, "all")
    assert told in (None, state)
    del catalog.frozen["all"]
    assert found(catalog) == []


def test_numbers_of_the_history_that_are_none_are_told() -> None:
    """Damaged pages hold what the columns of the table refuse."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE meta (key, value)")
        connection.execute("CREATE TABLE history (id INTEGER PRIMARY KEY, kind, uid, what, at, bytes, state)")
        connection.execute("INSERT INTO history VALUES (1, 'image', 'acme:p:i', 'changed', 'x', NULL, '{}')")
        assert [problem.found for problem in check_history(connection)][-1:] == [
            "-1 bytes up to change 1, and 0 up to the one before it"
        ]


def test_a_change_of_a_kind_that_is_none_is_told() -> None:
    entry = states.Entry(1, 1, "acme:p:i", "changed", 0, None, None, None, "{}")  # type: ignore[arg-type]
    assert fault_before(entry, Path("survey.gpkg")) == "kind 1"


def test_a_row_without_the_numbers_that_it_must_have_is_deleted_all_the_same() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE tombstone (kind, uid, deleted, version, replica, counter)")
        row = {"uid": "acme:p:i", "modified": None, "version": "x"}
        stamps.bury_single(connection, "image", row, stamps.Stamp(1, 2))
        ((kind, uid, deleted, version, *stamp),) = connection.execute("SELECT * FROM tombstone")
        assert (kind, uid, version, stamp) == ("image", "acme:p:i", 0, [1, 2])
        assert deleted > 1_700_000_000_000_000
