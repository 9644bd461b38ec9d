"""Whether the machine and the disk of a catalog are fit for it, and what to do if they are not."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import rasterio
import shapely
from rasterio.crs import CRS
from rasterio.errors import CRSError

from localcat.disk import locks
from localcat.disk.archive import is_archive
from localcat.disk.data_folder import TEMPORARY_PREFIX
from localcat.disk.faults import listing_errors
from localcat.disk.filesystem import file_system_of
from localcat.disk.ownership import data_path, lock_folder_of
from localcat.disk.paths import absolute
from localcat.disk.risks import risk_of
from localcat.disk.system import IS_WINDOWS
from localcat.errors import ClientError, MissingLibraryError, printable
from localcat.models.html import Printed
from localcat.rasters.files.environment import raster_environment
from localcat.store.asking import spatialite
from localcat.store.catalog_file import CatalogFile
from localcat.store.file import journal, schema
from localcat.store.file.connection import OpenOptions
from localcat.store.file.database import Database

_LITTLE_ROOM = 2**30  # bytes; less than that is soon full with images
_TRASH_AGE = "a program that was killed left it; delete it if none is at work"
_TRASH = (
    (re.compile(r"\.localcat-[0-9a-f]{32}\.tmp"), _TRASH_AGE),
    (re.compile(r"\.(?P<name>.+)\.[0-9a-f]{32}\.tmp"), _TRASH_AGE),
    (
        re.compile(r".+\.schema-\d+\.backup"),
        "the catalog before its schema was brought up to date; delete it if all is well",
    ),
    (
        re.compile(r".*(conflicted copy|sync-conflict|\(\d+\)).*", re.IGNORECASE),
        "a program that synchronises folders made it; keep catalogs out of such folders",
    ),
)
_FOREIGN = re.compile(r"\.DS_Store|Thumbs\.db|desktop\.ini|\._.*|.*\.(aux\.xml|ovr|msk)", re.IGNORECASE)


class Status(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    WARNING = "warning"  # it works, with a risk or a limit
    ERROR = "error"  # localcat, or this catalog, does not work so


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    name : str
        What.
    value : str
        How it is.
    status : Status
        Whether that is well.
    advice : str
        What to do; empty where nothing is.
    """

    name: str
    value: str
    status: Status = Status.OK
    advice: str = ""

    def __str__(self) -> str:
        advice = f"; {self.advice}" if self.advice else ""
        return printable(f"{self.status.value:<8}{self.name}: {self.value}{advice}")


@dataclass(frozen=True, slots=True)
class DoctorReport(Printed):
    """What `examine` found.

    Parameters
    ----------
    findings : list of Finding
        In the order in which they were looked at.
    """

    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing keeps localcat from working; warnings do not."""
        return all(finding.status is not Status.ERROR for finding in self.findings)

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))


def examine(path: str | os.PathLike[str] | None = None) -> DoctorReport:
    """Look at the machine, and at the place of a catalog; nothing is changed.

    Parameters
    ----------
    path : path, optional
        A catalog file, or where one is to be made; only the machine is looked at without one.

    Returns
    -------
    DoctorReport
        What was found; also of a catalog that cannot be opened.
    """
    findings = list(_machine())
    if path is not None:
        findings += _place(absolute(path))
    return DoctorReport(findings)


def _machine() -> Iterator[Finding]:
    yield Finding("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    try:
        schema.check_sqlite()
        yield Finding("SQLite", f"{sqlite3.sqlite_version}, with R-tree, FTS5 and JSON")
    except ClientError as error:
        advice = "use a Python with a newer SQLite, such as one from python.org"
        yield Finding("SQLite", str(error), Status.ERROR, advice)
    if sqlite3.sqlite_version_info < journal.FIRST_SAFE and sqlite3.sqlite_version not in journal.BACKPORTS:
        safe = ".".join(map(str, journal.FIRST_SAFE))
        yield Finding("write-ahead log", f"not safe before SQLite {safe}; journal='delete', the default, is")
    else:
        yield Finding("write-ahead log", "safe with this SQLite")
    yield Finding("GDAL", f"{rasterio.__gdal_version__}, rasterio {rasterio.__version__}")
    with raster_environment() as environment:
        drivers = environment.drivers()
    yield from _required("GeoTIFF", "GTiff" in drivers, "reinstall rasterio, from its wheel", Status.ERROR)
    yield from _required("JPEG 2000", "JP2OpenJPEG" in drivers, "such files cannot be taken in", Status.WARNING)
    yield from _proj()
    yield Finding("GEOS", f"{shapely.geos_version_string}, shapely {shapely.__version__}")
    yield _spatialite()


def _spatialite() -> Finding:
    try:
        found = spatialite.find()
    except MissingLibraryError as error:
        return Finding("SpatiaLite", "not there, and only spatialite=True needs it", advice=str(error))
    return Finding("SpatiaLite", f"{found.version}, loaded by {found.module.partition('.')[0]}")


def _required(name: str, is_there: bool, advice: str, status: Status) -> Iterator[Finding]:
    yield Finding(name, "can be read") if is_there else Finding(name, "no driver in this GDAL", status, advice)


def _proj() -> Iterator[Finding]:
    version = rasterio.__proj_version__
    try:
        with raster_environment():
            CRS.from_epsg(32632)
        yield Finding("PROJ", f"{version}, knows EPSG codes")
    except CRSError as error:
        given = [name for name in ("PROJ_DATA", "PROJ_LIB") if name in os.environ]
        advice = f"unset {' and '.join(given)}, which may name another PROJ's" if given else "reinstall rasterio"
        yield Finding("PROJ", f"{version}, without its database: {error}", Status.ERROR, advice)


def _place(path: Path) -> Iterator[Finding]:
    if not path.parent.is_dir():
        yield Finding("folder", f"'{path.parent}' does not exist", Status.ERROR, "make it, or mount its disk")
        return
    system = file_system_of(path)
    risk = risk_of(system)
    name = system.name or "unknown"
    yield Finding("file system", name) if risk is None else Finding("file system", name, Status.WARNING, f"it {risk}")
    if system.is_read_only:
        yield Finding("disk", "can only be read", Status.WARNING, "copy file and data folder elsewhere to change them")
    yield from _permissions(path)
    yield from _room(path)
    if is_archive(path):
        yield _bundle(path)
        return
    if path.is_file():
        yield from _file(path)
    elif os.path.lexists(path):
        yield Finding("catalog", f"'{path}' is not a file", Status.ERROR, "name the catalog file itself")
    else:
        yield Finding("catalog", f"there is no catalog at '{path}'", Status.WARNING, "Catalog.create makes one")
    yield from _data_folder(data_path(path))
    yield from _locks(path)
    yield from _trash(path)


def _permissions(path: Path) -> Iterator[Finding]:
    places = [one for one in (path, path.parent, data_path(path)) if one.exists()]
    unreadable = [str(one) for one in places if not os.access(one, os.R_OK)]
    fixed = [str(one) for one in places if not os.access(one, os.W_OK)]
    if unreadable:
        yield Finding("permissions", f"no right to read {', '.join(unreadable)}", Status.ERROR, "ask who owns it")
    elif fixed:
        advice = "the catalog opens for reading; allow writing to change it"
        yield Finding("permissions", f"no right to write to {', '.join(fixed)}", Status.WARNING, advice)
    else:
        known = ", as far as attributes tell; a list of access rights shows at the first write" if IS_WINDOWS else ""
        yield Finding("permissions", f"file and folders can be read and written{known}")


def _room(path: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(path.parent).free
    size = path.stat().st_size if path.is_file() else 0
    value = f"{free:,} bytes free"
    if free < max(_LITTLE_ROOM, 2 * size):
        yield Finding(
            "room", value, Status.WARNING, "make room before you upload, optimize or bring the schema up to date"
        )
    else:
        yield Finding("room", value)


def _file(path: Path) -> Iterator[Finding]:
    left = journal.leftovers(path)
    if left:
        names = ", ".join(f"'{one.name}'" for one in left)
        advice = "if no program uses the catalog, let localcat open it once where it can be written; never delete it"
        yield Finding("unfinished", f"{names} is beside the catalog", Status.WARNING, advice)
    database = Database(path, options=OpenOptions(read_only=True))
    try:
        settings = database.settings()
        with database.read() as connection:
            (images,) = connection.execute("SELECT count(*) FROM image").fetchone()
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        yield Finding("catalog", f"{images:,} images, schema version {settings[schema.VERSION_KEY]}")
        advice = "the last program to close it switches back" if mode == "wal" else ""
        yield Finding("journal mode", "a write-ahead log" if mode == "wal" else "a rollback journal", advice=advice)
    except ClientError as error:
        advice = "`localcat verify` says more; `localcat recover` saves what can be read"
        yield Finding("catalog", str(error), Status.ERROR, advice)
    finally:
        database.close()


def _bundle(path: Path) -> Finding:
    try:
        with (
            closing(CatalogFile.open(path, OpenOptions(read_only=True))) as opened,
            opened.database.read() as connection,
        ):
            (images,) = connection.execute("SELECT count(*) FROM image").fetchone()
        return Finding("bundle", f"{images:,} images, which can be read where they are")
    except ClientError as error:
        return Finding("bundle", str(error), Status.ERROR, "get it again from who made it")


def _data_folder(folder: Path) -> Iterator[Finding]:
    if folder.is_symlink():
        advice = "keep the two together when you move or back up the catalog"
        yield Finding("data folder", f"is a link to '{folder.resolve()}'", Status.WARNING, advice)
    if not folder.is_dir():
        yield Finding("data folder", f"there is no '{folder.name}'; it is made by the first upload")
        return
    with listing_errors(folder):
        foreign = [path.name for path in folder.rglob("*") if _FOREIGN.fullmatch(path.name)]
        unfinished = len(list(folder.glob(f"{TEMPORARY_PREFIX}*")))
    if foreign:
        yield Finding(
            "data folder", f"{len(foreign):,} files of other programs, as '{foreign[0]}'", advice="gc removes them"
        )
    yield Finding(
        "uploads", f"{unfinished:,} temporary files", advice="gc removes those of dead uploads" if unfinished else ""
    )


def _locks(path: Path) -> Iterator[Finding]:
    why = locks.why_none(lock_folder_of(path))
    if why is None:
        yield Finding("locks", "hold, also when another library closes the file")
    else:
        advice = "do not open the catalog file with GDAL or another library in a process that writes to it"
        yield Finding("locks", f"those of SQLite alone: {why}", Status.WARNING, advice)


def _trash(path: Path) -> Iterator[Finding]:
    with listing_errors(path.parent):
        beside = sorted(path.parent.iterdir())
    for one in beside:
        for pattern, advice in _TRASH:
            match = pattern.fullmatch(one.name)
            is_ours = match is not None and (
                one.name.startswith((path.name, path.stem, ".localcat-")) or match.groupdict().get("name") == path.name
            )
            if is_ours and one != path:
                yield Finding("beside it", f"'{one.name}'", Status.WARNING, advice)
                break
