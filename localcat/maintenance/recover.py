"""Saving what can be read of a damaged catalog into a new one; the damaged one is not changed."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from pathlib import Path

from localcat.disk import peeking
from localcat.disk.archive import is_archive
from localcat.disk.data_folder import DataFolder
from localcat.disk.faults import write_errors
from localcat.disk.ownership import data_path, home_of
from localcat.disk.paths import absolute
from localcat.disk.staging import staged
from localcat.errors import BadRequestError, CatalogNotFoundError, ClientError, CorruptCatalogError
from localcat.maintenance.backup import new_pair, publish_pair, rebase
from localcat.maintenance.report import RecoverReport
from localcat.maintenance.restoring import Restoring
from localcat.store.damage.entries import rebuild
from localcat.store.damage.problem_kinds import Problem, ProblemKind
from localcat.store.damage.salvage import Salvage, salvage
from localcat.store.file import journal
from localcat.store.file.creating import new_settings
from localcat.store.file.database import Database
from localcat.store.file.faults import sqlite_errors
from localcat.store.properties import choose
from localcat.store.stamps import forget_stamps

_UNWRITTEN = 64 * 2**20  # bytes; free pages that a journal need not hold, and no cache of ours could
_SETTINGS = ("namespace", "org", "user", "uuid", "created")


def recover(
    broken: str | os.PathLike[str],
    new: str | os.PathLike[str],
    *,
    uncertain: bool = False,
    progress: bool | None = None,
) -> RecoverReport:
    """Save what can be read of a damaged catalog; `Catalog.recover` says how."""
    source = absolute(broken)
    if not source.is_file():
        raise CatalogNotFoundError(f"there is no file '{source}' to recover a catalog from")
    if is_archive(source):
        raise BadRequestError(
            f"'{source}' is a bundle, of which each member is whole or refused; open it as it is, or unpack it with "
            "Catalog.unpack or `localcat unpack`"
        )
    target = new_pair(new, outside=data_path(source))
    with staged(target) as staging:
        settled, unsettled = _settled(source, staging)
        found = salvage(settled)
        file = staging / target.name
        settings = _settings(found)
        database = Database(file, settings=settings)
        database.create()
        try:
            with database.write() as transaction:
                transaction.expect_much()
                connection = transaction.connection
                restoring = Restoring(connection, found, uncertain=uncertain)
                restoring.rows()
                restoring.files(
                    DataFolder(home_of(source, settings["uuid"]).path), DataFolder(data_path(file)), progress
                )
                forget_stamps(connection)
                restoring.past()
                if source.parent != target.parent:
                    rebase(connection, source.parent, target.parent)
                choose(connection, dict.fromkeys(found.indexed))
                rebuild(connection)
                counts = connection.execute(
                    "SELECT (SELECT count(*) FROM product), (SELECT count(*) FROM band), (SELECT count(*) FROM image), "
                    "(SELECT count(*) FROM upload)"
                ).fetchone()
        finally:
            database.close()
        publish_pair(file, target, settings["uuid"])
    products, bands, images, uploads = counts
    return RecoverReport(
        target, products, bands, images, restoring.files_copied, uploads, unsettled + restoring.problems
    )


def _settled(source: Path, staging: Path) -> tuple[Path, list[Problem]]:
    """Return a copy in which no transaction is unfinished, or the catalog itself; and why a journal is not in it."""
    beside = [path for kind in ("journal", "wal") if (path := journal.sidecar(source, kind)).is_file()]
    if not beside:
        return source, []
    copy = staging / "settled" / source.name
    with write_errors(copy):
        copy.parent.mkdir()
        for path in (source, *beside):
            peeking.copy(path, copy.with_name(path.name))
    try:
        journal.check_leftovers(copy, trusted=True)
        with sqlite_errors(copy):
            _settle(copy)
    except ClientError as error:
        refused = str(error).replace(str(copy), str(source))
        advice = "compare with an older backup: changes that were not finished may be in what was saved, or missing"
        names = ", ".join(str(path) for path in beside)
        return source, [Problem(ProblemKind.UNREADABLE, advice, path=names, found=f"not played back: {refused}")]
    return copy, []


def _settle(copy: Path) -> None:
    """Let SQLite bring the journals beside a file into it.

    Raises
    ------
    CorruptCatalogError
        If that makes it longer than it can have been: a journal of one page may say that there were billions.
    """
    most = _UNWRITTEN + sum(path.stat().st_size for path in (copy, *journal.leftovers(copy)))
    connection = sqlite3.connect(copy, isolation_level=None)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    finally:
        connection.close()
    if copy.stat().st_size > most:
        raise CorruptCatalogError(f"the journal of '{copy}' makes it longer than all that was written into it")


def _settings(found: Salvage) -> dict[str, str]:
    """Return the settings of the old catalog, and for what is lost of them the likeliest."""
    prefixes = Counter(str(row["uid"]).partition(":")[0] for row in found.rows["product"] if ":" in str(row["uid"]))
    namespace = max(prefixes, key=lambda prefix: prefixes[prefix], default="")
    likely = new_settings(namespace=namespace, org=namespace, user="recovered")
    return {name: found.settings.get(name, likely[name]) for name in _SETTINGS}
