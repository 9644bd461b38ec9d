"""What goes wrong is told so that it helps: which file or value, what is the matter, and what to do.

The rows are those of the fault model (F) and of the threat model (A). A row has the errors that it may end in, or
stands in `WITHOUT_ERROR` with the reason why nothing is said.
"""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy
import pytest
import rasterio

from localcat import (
    AOI,
    AttributeValidationError,
    BadRequestError,
    Catalog,
    CatalogExistsError,
    CatalogLockedError,
    CatalogNotFoundError,
    ClientError,
    CommitUnknownError,
    ConflictError,
    CorruptCatalogError,
    CorruptImageError,
    FailedImagesWarning,
    Image,
    ImageDeletedError,
    InvalidArrayError,
    InvalidCRSError,
    InvalidGeometryError,
    LocalcatError,
    LocalcatWarning,
    Product,
    QueryError,
    QueryTimeoutError,
    ReadOnlyCatalogError,
    ReadOnlyCatalogWarning,
    SpectralBand,
    StorageError,
    StorageFullError,
    TooLargeError,
    UnknownPropertyError,
    UnsafePathError,
    UnsupportedCatalogError,
    UntrustedCatalogError,
)
from localcat import properties as p
from localcat.disk.filesystem import FileSystem
from localcat.maintenance.doctor import Finding, Status
from localcat.maintenance.report import MovedFile, RelocateReport, VerifyReport
from localcat.rasters.writing.options import CogOptions
from localcat.rasters.writing.write import write_cog
from localcat.store.damage.problem_kinds import Problem, ProblemKind
from localcat.store.file import journal, transaction
from tests.journals import leave_journal
from tests.small_catalog import META
from tests.small_rasters import make_grid
from tests.survey import NAME, build, noise, pixels


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A catalog file with images, closed."""
    build(tmp_path)
    return tmp_path / NAME


def changed(path: Path, *statements: str) -> Path:
    """Change a catalog file behind localcat's back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    return path


def save(path: Path, **options: object) -> None:
    with Catalog.open(path, **options) as catalog:
        Product(id="new", name="New", catalog=catalog).save()


def first_file(path: Path) -> Path:
    return next(path.with_suffix(".data").rglob("a-*.tif"))


def read(path: Path) -> None:
    with Catalog.open(path) as catalog:
        Image.get("acme:one:a", catalog=catalog).ndarray("b0")


def full(path: Path) -> None:
    with Catalog.open(path) as catalog:
        with catalog.database.read() as connection:
            connection.execute("PRAGMA max_page_count = 1")
        for number in range(100):
            Product(id=f"p{number}", name="x" * 2000, catalog=catalog).save()


def full_before_an_upload(path: Path) -> None:
    with Catalog.open(path) as catalog:
        catalog.data_folder.require_space(2**60)


def locked(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        save(path, timeout=0)


def fail(step: str) -> None:
    """Report an error of the disk at a commit that reached it."""
    if step == "committed":
        raise sqlite3.OperationalError("disk I/O error")


def failing_commit(path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch, Catalog.open(path) as catalog:
        image = Image(id="acme:one:new", catalog=catalog, acquired="2020-01-01")
        patch.setattr(transaction, "reached", fail)
        image.upload_ndarray(pixels(1), raster_meta=META)


def failing_save(path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch, Catalog.open(path) as catalog:
        patch.setattr(transaction, "reached", fail)
        Product(id="new", name="New", catalog=catalog).save()


def unlistable(path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch, Catalog.open(path) as catalog:

        def broken(*given: object) -> None:
            raise OSError(5, "Input/output error")

        patch.setattr(Path, "rglob", broken)
        catalog.gc()


def missing_file(path: Path) -> None:
    first_file(path).unlink()
    read(path)


def garbled_file(path: Path) -> None:
    file = first_file(path)
    file.write_bytes(file.read_bytes()[:600])
    read(path)


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:-4096] = bytes(len(content) - 8192)
    path.write_bytes(content)
    save(path)


def newer(path: Path) -> None:
    save(changed(path, "UPDATE meta SET value = '999' WHERE key = 'schema_version'"))


def foreign(path: Path) -> None:
    other = path.with_name("other.gpkg")
    save(changed(other, "CREATE TABLE t (x)"))


def text_file(path: Path) -> None:
    other = path.with_name("text.gpkg")
    other.write_text("no catalog " * 100)
    save(other)


def hostile(path: Path) -> None:
    save(changed(path, "CREATE TRIGGER t AFTER INSERT ON product BEGIN DELETE FROM image; END"))


def outside(path: Path) -> None:
    changed(path, "UPDATE image_file SET href = '../../etc/passwd' WHERE position = 0")
    read(path)


def bomb(path: Path) -> None:
    source = path.with_name("bomb.tif")
    profile = {"width": 300_000, "height": 300_000, "count": 1, "dtype": "uint16", "crs": "EPSG:32618"}
    transform = rasterio.Affine(60, 0, 500_000, 0, -60, 4_000_000)
    with rasterio.open(source, "w", driver="GTiff", transform=transform, sparse_ok=True, bigtiff="yes", **profile):
        pass
    with Catalog.open(path) as catalog:
        Image(id="acme:one:bomb", catalog=catalog, acquired="2020-01-01").upload(source).raise_for_status()


def array(path: Path) -> None:
    with Catalog.open(path) as catalog:
        image = Image(id="acme:one:array", catalog=catalog, acquired="2020-01-01")
        image.upload_ndarray(numpy.zeros((64, 48), "float64"), raster_meta=META)


def of_disk(number: int, name: str) -> Callable[[Path], None]:
    """Return an upload to a disk that reports an error where it is waited for."""

    def upload(path: Path) -> None:
        def broken(descriptor: int) -> None:
            raise OSError(number, os.strerror(number))

        with pytest.MonkeyPatch.context() as patch, Catalog.open(path) as catalog:
            patch.setattr(os, "fsync", broken)
            image = Image(id="acme:one:new", catalog=catalog, acquired="2020-01-01")
            image.upload_ndarray(pixels(1), raster_meta=META).raise_for_status()

    upload.__name__ = name
    return upload


def short_file(path: Path) -> None:
    """Let GDAL write a file by itself on a disk that takes no more, of which it does not always tell."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
    try:
        array = noise()[None]
        write_cog(array, path.with_name("x.tif"), grid=make_grid(array.shape[1:]), options=CogOptions(small_bytes=0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def read_only_place(path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore", ReadOnlyCatalogWarning)
        patch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
        save(path)


def unclean_and_read_only(path: Path) -> None:
    leave_journal(path, "DELETE")
    Catalog.open(path, read_only=True)


def log_on_a_share(path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "FIRST_SAFE", (3, 37, 0))
        patch.setattr(journal, "file_system_of", lambda path: FileSystem("nfs4"))
        Catalog.open(path, journal="wal")


def move_data_away(path: Path) -> None:
    """Move the data folder to where the catalog does not look: beside it, its marker would say whose it is."""
    (path.parent / "elsewhere").mkdir()
    path.with_suffix(".data").rename(path.parent / "elsewhere" / path.with_suffix(".data").name)


def without_data(path: Path) -> None:
    move_data_away(path)
    read(path)


def backup_without_data(path: Path) -> None:
    move_data_away(path)
    with Catalog.open(path) as catalog:
        catalog.backup(path.with_name("copy.gpkg"), progress=False)


def merge_of_other_bands(path: Path) -> None:
    with Catalog.create(path.with_name("stick.gpkg"), org="acme") as other:
        product = Product(id="one", name="one", catalog=other)
        product.save()
        SpectralBand(name="b0", product=product, band_index=3, data_type="Byte", data_range=(0, 9)).save()
        Image(product=product, name="z", acquired="2020-01-01", catalog=other).save()
    with Catalog.open(path) as catalog:
        catalog.merge(path.with_name("stick.gpkg"), progress=False)


def merge_without_a_file(path: Path) -> None:
    stick = path.with_name("stick")
    stick.mkdir()
    build(stick)
    first_file(stick / NAME).unlink()
    with Catalog.create(path.with_name("new.gpkg"), org="acme") as catalog:
        catalog.merge(stick / NAME, progress=False)


def asking(query: str, **options: object) -> Callable[[Path], None]:
    """Return a query of a user's own."""

    def ask(path: Path) -> None:
        with Catalog.open(path, trusted=not options) as catalog:
            catalog.sql(query, **options)

    ask.__name__ = query.split()[0] + str(len(query))
    return ask


def unknown_field(path: Path) -> None:
    with Catalog.open(path) as catalog:
        catalog.images.filter(p.cloud_fractoin < 1).count()


def nested_filter(path: Path) -> None:
    condition = p.name == "a"
    for _ in range(100_000):
        condition = ~condition
    with Catalog.open(path) as catalog:
        catalog.images.filter(condition).count()


def own_function_in_a_view(path: Path) -> None:
    with Catalog.open(changed(path, "CREATE VIEW mine AS SELECT localcat_like(name, 'a', 0) FROM image")) as catalog:
        catalog.sql("SELECT * FROM mine")


def endless(path: Path) -> None:
    with Catalog.open(path) as catalog:
        catalog.sql(
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n", timeout=0.01
        )


def virtual_file(path: Path) -> None:
    changed(path, "UPDATE image_file SET href = '/vsicurl/http://127.0.0.1:9/x.tif', owned = 0")
    read(path)


def by_link(path: Path) -> None:
    file = first_file(path)
    file.rename(file.with_name("other.tif"))
    file.symlink_to(file.with_name("other.tif"))
    read(path)


def virtual_raster(path: Path) -> None:
    source = path.with_name("virtual.tif")
    source.write_text('<VRTDataset rasterXSize="1" rasterYSize="1"></VRTDataset>')
    with Catalog.open(path) as catalog:
        Image(id="acme:one:vrt", catalog=catalog, acquired="2020-01-01").upload(source).raise_for_status()


def properties(value: object) -> Callable[[Path], None]:
    """Return the setting of extra properties that JSON cannot keep."""

    def change(path: Path) -> None:
        with Catalog.open(path) as catalog:
            image = Image.get("acme:one:a", catalog=catalog)
            image.extra_properties = {"depth": value}
            image.save()

    return change


def deep(levels: int) -> list:
    found: list = []
    for _ in range(levels):
        found = [found]
    return found


def deep_in_the_row(path: Path) -> None:
    nested = '{"a":' * 3000 + "1" + "}" * 3000
    changed(path, f"UPDATE image SET extra_properties = '{nested}' WHERE name = 'a'")
    with Catalog.open(path) as catalog:
        Image.get("acme:one:a", catalog=catalog).extra_properties  # noqa: B018  # decoded when it is read


def twice_in_the_row(path: Path) -> None:
    changed(path, """UPDATE image SET extra_properties = '{"a": 1, "a": 2}' WHERE name = 'a'""")
    with Catalog.open(path) as catalog:
        Image.get("acme:one:a", catalog=catalog).extra_properties  # noqa: B018


def bad_name(path: Path) -> None:
    with Catalog.open(path) as catalog:
        Image(id="acme:one:../x", catalog=catalog, acquired="2020-01-01").save()


GRID_IN_A_DATUM = (
    'GEOGCS["x",DATUM["d",SPHEROID["s",6378137,298.257],EXTENSION["PROJ4_GRIDS","x.gsb"]],PRIMEM["Greenwich",0],'
    'UNIT["degree",0.0174532925199433]]'
)
FAULTS: list[tuple[str, Callable[[Path], object], type[ClientError], str]] = [
    ("F3", full, StorageFullError, NAME),
    ("F3", full_before_an_upload, StorageFullError, "survey.data"),
    ("F3", of_disk(errno.ENOSPC, "full_at_the_sync"), StorageFullError, "survey.data"),
    ("F4", of_disk(errno.EIO, "failing_sync"), StorageError, "survey.data"),
    ("F5", failing_commit, CommitUnknownError, "acme:one:new"),
    ("F5", failing_save, CommitUnknownError, "Product 'acme:new'"),
    ("F6", short_file, StorageError, "x.tif"),
    ("F7", of_disk(errno.EROFS, "read_only_at_the_sync"), ReadOnlyCatalogError, "survey.data"),
    ("F7", unlistable, StorageError, "survey.data"),
    ("F8", lambda path: save(path, read_only=True), ReadOnlyCatalogError, NAME),
    ("F8", read_only_place, ReadOnlyCatalogError, NAME),
    ("F9", unclean_and_read_only, ReadOnlyCatalogError, NAME),
    ("F10", log_on_a_share, BadRequestError, NAME),
    ("F11", missing_file, ImageDeletedError, "acme-one/a-"),
    ("F11", without_data, ImageDeletedError, "acme-one/a-"),
    ("F11", backup_without_data, CorruptImageError, "acme-one/a-"),
    ("F12", bad_name, AttributeValidationError, "'../x'"),
    ("F14", locked, CatalogLockedError, NAME),
    ("F22", merge_of_other_bands, ConflictError, "'b0'"),
    ("F22", merge_without_a_file, CorruptImageError, "acme-one/a-"),
    ("F23", damaged, CorruptCatalogError, NAME),
    ("F24", garbled_file, CorruptImageError, "acme-one/a-"),
    ("F26", newer, UnsupportedCatalogError, NAME),
    ("F26", foreign, UnsupportedCatalogError, "other.gpkg"),
    ("F26", text_file, UnsupportedCatalogError, "text.gpkg"),
    ("A1", unknown_field, UnknownPropertyError, "cloud_fractoin"),
    ("A1", asking("DROP TABLE image"), QueryError, NAME),
    ("A1", asking("SELECT nothing FROM image"), QueryError, NAME),
    ("A2", hostile, UntrustedCatalogError, NAME),
    ("A3", endless, QueryTimeoutError, NAME),
    ("A4", own_function_in_a_view, QueryError, NAME),
    ("A5", outside, UnsafePathError, "../../etc/passwd"),
    ("A5", by_link, UnsafePathError, "acme-one/a-"),
    ("A6", virtual_file, UnsafePathError, "/vsicurl/http://127.0.0.1:9/x.tif"),
    ("A7", virtual_raster, CorruptImageError, "virtual.tif"),
    ("A8", lambda path: AOI(crs="/vsicurl/http://example.org/x"), InvalidCRSError, "/vsicurl/http://example.org/x"),
    ("A8", lambda path: AOI(crs="+proj=longlat +nadgrids=x.gsb"), InvalidCRSError, "x.gsb"),
    ("A8", lambda path: AOI(crs=GRID_IN_A_DATUM), InvalidCRSError, "x.gsb"),
    ("A9", bomb, TooLargeError, "bomb.tif"),
    ("A11", properties(float("nan")), AttributeValidationError, "extra_properties"),
    ("A11", properties(2**64), AttributeValidationError, "extra_properties"),
    ("A11", properties("\ud800"), AttributeValidationError, "extra_properties"),
    ("A11", properties(deep(100_000)), AttributeValidationError, "extra_properties"),
    ("A11", deep_in_the_row, CorruptCatalogError, "acme:one:a"),
    ("A11", twice_in_the_row, CorruptCatalogError, "acme:one:a"),
    ("A12", lambda path: AOI(geometry="POLYGON ((0 0, 1"), InvalidGeometryError, "POLYGON ((0 0, 1"),
    ("A13", array, InvalidArrayError, "'b0'"),
    ("A14", nested_filter, BadRequestError, "25 levels"),
    ("A14", asking(f"SELECT 'a' LIKE '{'%a' * 6000}'", timeout=1), QueryError, NAME),
    ("general", lambda path: Catalog.open(path.with_name("none.gpkg")), CatalogNotFoundError, "none.gpkg"),
    ("general", Catalog.create, CatalogExistsError, NAME),
]

WITHOUT_ERROR = {
    "F1": "nothing is left to repair after a kill",
    "F2": "the same for deletes and replaces",
    "F13": "no clock is asked",
    "F15": "a lint: every write begins with BEGIN IMMEDIATE (tests/test_house.py)",
    "F16": "a reader waits, or ends as F14",
    "F17": "one of many creates it, the others open it",
    "F18": "a forked process opens it anew",
    "F19": "threads have connections of their own",
    "F20": "a pickle is the path and the options; Ctrl-C is KeyboardInterrupt",
    "F21": "gc takes no file in use",
    "F25": "verify tells it as a problem, below",
    "A10": "localcat takes in no archive",
    "A15": "the environment is not asked",
    "A16": "a backup holds no free pages",
}


def test_each_row_of_the_models_is_here() -> None:
    rows = {f"F{number}" for number in range(1, 27)} | {f"A{number}" for number in range(1, 17)}
    assert {row for row, *_ in FAULTS} - {"general"} | WITHOUT_ERROR.keys() == rows
    assert not {row for row, *_ in FAULTS} & WITHOUT_ERROR.keys()


@pytest.mark.parametrize(("row", "fault", "kind", "name"), FAULTS, ids=lambda value: getattr(value, "__name__", None))
def test_an_error_names_the_thing_the_cause_and_the_next_step(
    path: Path, row: str, fault: Callable[[Path], object], kind: type[ClientError], name: str
) -> None:
    with pytest.raises(kind) as raised:
        fault(path)
    message = str(raised.value)
    assert name in message
    assert any(sign in message for sign in (";", " Pass ", ", not ")), "what to do follows, or what the value should be"
    assert not message.endswith(".")
    assert "\n" not in message


def test_a_problem_names_the_thing_the_cause_and_the_next_step(path: Path) -> None:
    changed(path, "DELETE FROM image_index", "UPDATE image_text_data SET block = x'ff' WHERE id = 10")
    with Catalog.open(path) as catalog:
        problems = catalog.verify("quick", progress=False).problems
    assert {problem.kind for problem in problems} == {"full text", "space-time index"}
    for problem in problems:
        text = str(problem)
        assert str(problem.object_id) in text
        assert text.endswith("; Catalog.reindex() builds it again")


RUN = "from localcat.cli import main; main()"
HOSTILE = "x\x1b]0;owned\x07\x9b2J\r\nok      catalog: all is well\u202etxt"
ESCAPED = r"x\x1b]0;owned\x07\x9b2J\r\nok      catalog: all is well\u202etxt"


def test_a_strangers_text_is_escaped_where_it_is_shown() -> None:
    """A terminal would obey it: set its title, clear the screen, show a line that nobody wrote."""
    problem = Problem(ProblemKind.ORPHAN, "remove it", path=HOSTILE, found=HOSTILE)
    report = VerifyReport(Path(HOSTILE), "quick", problems=[problem])
    finding = Finding("catalog", HOSTILE, Status.WARNING, HOSTILE)
    moved = RelocateReport(left=[MovedFile("a", "old", HOSTILE, HOSTILE)])
    for shown in (LocalcatError(HOSTILE), LocalcatWarning(HOSTILE), problem, report.summary, finding, moved):
        assert ESCAPED in str(shown)
        assert all(line.isprintable() for line in str(shown).split("\n"))
    assert len(str(report).split("\n")) == 2  # its summary and its problem
    assert str(LocalcatError("é 日本")) == "é 日本"
    failed = FailedImagesWarning([("a", LocalcatError("it is gone")), ("b", LocalcatError(HOSTILE))])
    assert str(failed).split("\n") == ["2 images could not be read:", "  a: it is gone", f"  b: {ESCAPED}"]


def test_the_command_shows_no_strangers_text_raw(tmp_path: Path) -> None:
    Catalog.create(tmp_path / "a.gpkg").close()
    with closing(sqlite3.connect(tmp_path / "a.gpkg")) as connection:
        name = HOSTILE.replace('"', '""')
        connection.execute(f'CREATE TRIGGER "{name}" AFTER INSERT ON image BEGIN SELECT 1; END')
    for command in (["verify"], ["doctor"], ["gc"]):
        done = subprocess.run(
            [sys.executable, "-c", RUN, *command, str(tmp_path / "a.gpkg")], capture_output=True, text=True
        )
        assert done.returncode in (1, 3)
        assert ESCAPED in done.stdout + done.stderr
        assert all(line.isprintable() for line in (done.stdout + done.stderr).splitlines())
