"""Verifying a catalog: its file by SQLite and against its own indexes, and its data folder against the rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from localcat.disk.peeking import peek
from localcat.errors import (
    BadRequestError,
    CatalogError,
    CatalogLockedError,
    CatalogNotFoundError,
    ClientError,
    CorruptCatalogError,
    QueryError,
    StorageError,
    UnsupportedCatalogError,
    UntrustedCatalogError,
)
from localcat.maintenance.report import VerifyReport
from localcat.progress import shown
from localcat.store.damage import check, past
from localcat.store.damage.problem_kinds import Problem, ProblemKind
from localcat.store.file.faults import sqlite_errors

if TYPE_CHECKING:
    from localcat.store.catalog_file import CatalogFile

Check: TypeAlias = Callable[[sqlite3.Connection], Iterator[Problem]]

LEVELS = ("quick", "files", "full")
_FAULTS = (CorruptCatalogError, UnsupportedCatalogError, UntrustedCatalogError, QueryError, StorageError)
_MAGIC = b"SQLite format 3\x00"
_RECOVER = "copy what is readable with `localcat recover`, or restore a backup"


def verify(
    catalog: CatalogFile,
    *,
    level: str = "files",
    sample: float | str = 1.0,
    seed: int = 0,
    progress: bool | None = None,
) -> VerifyReport:
    """Look for faults of a catalog; `Catalog.verify` says how."""
    if level not in LEVELS:
        raise BadRequestError(f"level is 'quick', 'files' or 'full', not {level!r}")
    share = as_share(sample)
    report = VerifyReport(catalog.path, level)
    try:
        # Nothing is written, but the lock lets FTS5 check itself, and no upload is between naming a file and its row.
        with catalog.database.still() as (connection, can_write):
            _check_file(catalog, connection, report, can_write=can_write, progress=progress)
            if level == "quick":
                return report
            from localcat.maintenance import files  # brings rasterio

            for one in (files.check_sizes, files.check_grids, files.check_available, files.check_keys):
                report.problems += _found(catalog.path, connection, one)
            with sqlite_errors(catalog.path):
                unknown = files.unknown_files(catalog, connection)
        if level == "full":
            from localcat.maintenance.objects import check_objects, check_states  # not needed by other levels

            known = {problem.object_id for problem in report.problems if problem.kind is ProblemKind.VALUE}
            with sqlite_errors(catalog.path):
                report.problems += check_objects(catalog, known, progress)
                report.problems += check_states(catalog)
        files.check_files(catalog, unknown, report, share=share, seed=seed, progress=progress)
    except (CatalogLockedError, CatalogNotFoundError):
        raise
    except _FAULTS as error:
        report.problems.append(_unreadable(catalog.path, error))
    return report


def report_of_failure(path: Path, level: str, error: CatalogError) -> VerifyReport:
    """Return the report on a catalog that is too damaged to be opened.

    Raises
    ------
    CatalogError
        The error itself, if it does not say that the catalog is damaged: not there, locked, of a newer localcat.
    """
    is_foreign = isinstance(error, UnsupportedCatalogError) and _begins_like_sqlite(path)
    if is_foreign or not isinstance(error, CorruptCatalogError | UntrustedCatalogError | UnsupportedCatalogError):
        raise error
    return VerifyReport(path, level, [_unreadable(path, error)])


def _begins_like_sqlite(path: Path) -> bool:
    with peek(path) as file:
        return file.read(len(_MAGIC)) == _MAGIC


def as_share(sample: float | str) -> float:
    """Return a share from 0 to 1, given so or as text such as ``"5%"``.

    Raises
    ------
    BadRequestError
        If it is neither.
    """
    share: object = sample
    if isinstance(sample, str) and sample.strip().endswith("%"):
        try:
            share = float(sample.strip()[:-1]) / 100
        except ValueError:
            share = sample
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise BadRequestError(f"sample is a share from 0 to 1, or text such as '5%', not {sample!r}")
    return float(share)


def _check_file(
    catalog: CatalogFile,
    connection: sqlite3.Connection,
    report: VerifyReport,
    *,
    can_write: bool,
    progress: bool | None,
) -> None:
    from localcat.search.frozen import check_questions  # brings shapely
    from localcat.store.damage.entries import check_entries  # as well

    def check_text(connection: sqlite3.Connection) -> Iterator[Problem]:
        return check.check_text(connection, can_write=can_write)

    def check_schema(connection: sqlite3.Connection) -> Iterator[Problem]:
        return check.check_schema(connection, catalog.path)

    checks: Sequence[Check] = (
        check_schema,
        check.check_references,
        check.check_values,
        check.check_tags,
        check.check_properties,
        past.check_stamps,
        past.check_history,
        past.check_frozen,
        check_questions,
        check_text,
        check_entries,
    )

    # What was written in a transaction, or into no file yet, is seen by this connection alone.
    if catalog.database.in_transaction or not catalog.path.exists():
        report.problems += _found(catalog.path, connection, check.check_pages)
        report.problems += _all_found(catalog.path, connection, checks, progress)
    else:  # SQLite's check takes as long as all others together, and lets them run meanwhile
        with catalog.database.separate() as own, ThreadPoolExecutor(1) as pool:
            pages = pool.submit(_found, catalog.path, own, check.check_pages)
            rest = _all_found(catalog.path, connection, checks, progress)
            report.problems += pages.result() + rest
    try:
        with sqlite_errors(catalog.path):
            (report.images,) = connection.execute("SELECT count(*) FROM image").fetchone()
    except _FAULTS:
        report.images = 0  # the checks above have said why


def _all_found(
    path: Path, connection: sqlite3.Connection, checks: Sequence[Check], progress: bool | None
) -> list[Problem]:
    bar = shown(checks, "checking tables", "checks", progress)
    return [problem for one in bar for problem in _found(path, connection, one)]


def _found(path: Path, connection: sqlite3.Connection, one: Check) -> list[Problem]:
    """Run a check; that it cannot come to its end is a problem too."""
    problems: list[Problem] = []
    try:
        with sqlite_errors(path):
            problems += one(connection)
    except _FAULTS as error:
        problems.append(_unreadable(path, error))
    return problems


def _unreadable(path: Path, error: ClientError) -> Problem:
    kind = ProblemKind.SCHEMA if isinstance(error, UntrustedCatalogError) else ProblemKind.UNREADABLE
    return Problem(kind, _RECOVER, path=str(path), found=str(error))
