"""The files of a catalog against its rows."""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcat.disk.archive import Location, size_of
from localcat.disk.digest import hash_stream
from localcat.disk.ownership import data_path
from localcat.earth.crs import crs_name, parse_crs
from localcat.errors import ClientError, InvalidCRSError, UnsafePathError
from localcat.maintenance.report import VerifyReport
from localcat.models.attributes.values import File
from localcat.progress import shown
from localcat.rasters.files.describe import RasterDescription, describe
from localcat.rasters.files.dtypes import is_lossless, numpy_dtype
from localcat.rasters.files.environment import read_errors
from localcat.rasters.files.georeferencing import agrees
from localcat.rasters.files.overviews import OVERVIEWS_TAG
from localcat.rasters.files.validate import validate_cog
from localcat.rasters.writing.checks import BandLayer
from localcat.store.damage import past
from localcat.store.damage.problem_kinds import Problem, ProblemKind
from localcat.store.states import kept_files

if TYPE_CHECKING:
    from localcat.disk.data_folder import DataFolder
    from localcat.earth.contexts.grid import Grid
    from localcat.store.catalog_file import CatalogFile

WRITTEN_BY_US = "LOCALCAT_IMAGE_ID"
"""The tag of files that were written from arrays, and so as COGs; files that were copied stay as they were."""

_ROWS = 1000  # rows read at a time
_GC = "Catalog.gc() removes it"
_ASIDE = "Catalog.gc(restore=True) brings it back; Catalog.gc() unlinks it 30 days after that date"
_ORPHAN = "Catalog.gc() sets it aside, or removes it if it was deleted"
_RENAME = "rename the folder so, or the catalog file back"
_REWRITE = "Catalog.optimize(rewrite_masks=True) writes it again"
_FOR_HISTORY = "a file for the history"
_KEPT = "put it there again from a copy of the data folder, or let Catalog.gc() forget that undo and at need it"
_WRONG_KEPT = "put it there again from a copy of the data folder, or delete it, and let Catalog.gc() forget it"
_RESTORE = "restore it from a backup, or delete the image and upload it again"
_SAME = 1e-9  # relative difference of two numbers of a geotransform that is rounding


@dataclass(frozen=True, slots=True)
class BandRow:
    """A band of a file, as the catalog knows it."""

    name: str
    position: int  # in the file, from 0
    data_type: str | None
    is_mask: bool
    holds_codes: bool
    nodata: float | None
    is_alpha: bool

    @property
    def layer(self) -> BandLayer:
        """What is known of it where its pixels are written."""
        return BandLayer(
            self.name, self.nodata, is_alpha=self.is_alpha, is_categorical=self.holds_codes, is_mask=self.is_mask
        )


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file on this machine, as the catalog knows it."""

    image_id: str
    position: int  # that the bands' `file_index` counts
    owned: bool  # whether it is in the data folder
    href: str  # as the row has it
    size_bytes: int | None  # None if the row does not say
    sha256: str | None  # None if the row does not say
    shape: tuple[int | None, int | None]  # rows and columns that the image says it has
    geotrans: str | None  # JSON, as the image has it
    crs: str | None  # in the words of the image
    bands: tuple[BandRow, ...]  # those that should be in it

    @property
    def file(self) -> File:
        """The same as a value of `Image.files`."""
        return File(href=self.href, size_bytes=self.size_bytes, hash=self.sha256, owned=self.owned)


def rows_of(catalog: CatalogFile) -> Iterator[FileRow]:
    """Yield the files that should be on this machine: in the data folder, or of images that are indexed in place.

    They are read a few at a time, so that others can write in between.
    """
    last = 0
    while True:
        with catalog.database.read() as connection:
            found = connection.execute(_FILES, (last, _ROWS)).fetchall()
            bands = {key: _bands_in(connection, *key) for key in {row[:2] for row in found}}
        if not found:
            return
        for product, position, _, uid, owned, href, size, sha256, height, width, geotrans, crs in found:
            here = bands[product, position]
            yield FileRow(uid, position, bool(owned), href, size, sha256, (height, width), geotrans, crs, here)
        last = found[-1][2]


_ON_THIS_MACHINE = """
    FROM image_file AS file JOIN image ON image.id = file.image_id
    WHERE file.id > ? AND (
        file.owned OR (
            image.storage_state = 'available' AND file.href IS NOT NULL
            AND instr(file.href, '://') = 0 AND substr(file.href, 1, 4) <> '/vsi'
        )
    )
"""
_FILES = f"""
    SELECT image.product_id, file.position, file.id, image.uid, file.owned, file.href, file.size_bytes, file.hash,
        image.y_pixels, image.x_pixels, image.geotrans, coalesce(image.cs_code, image.projection)
    {_ON_THIS_MACHINE} ORDER BY file.id LIMIT ?
"""  # constants


def _count(catalog: CatalogFile) -> int:
    with catalog.database.read() as connection:
        return int(connection.execute(f"SELECT count(*) {_ON_THIS_MACHINE}", (0,)).fetchone()[0])


def _bands_in(connection: sqlite3.Connection, product: int, position: int) -> tuple[BandRow, ...]:
    sql = (
        "SELECT name, coalesce(band_index, 0), data_type, type = 'mask', type IN ('mask', 'class'), nodata, "
        "coalesce(is_alpha, 0) FROM band WHERE product_id = ? AND coalesce(file_index, 0) = ? ORDER BY id"
    )
    return tuple(
        BandRow(name, at, data_type, bool(is_mask), bool(holds_codes), _number(nodata), bool(is_alpha))
        for name, at, data_type, is_mask, holds_codes, nodata, is_alpha in connection.execute(sql, (product, position))
    )


def _number(nodata: object) -> float | None:
    """Return a stored nodata, in which text stands for NaN; None for what a damaged row holds instead of a number."""
    if nodata == "nan":
        return math.nan
    return float(nodata) if isinstance(nodata, int | float) else None


def check_sizes(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Yield the images whose size is not that of their files together."""
    found = connection.execute(
        "SELECT image.uid, coalesce(sum(file.size_bytes), 0) AS together, image.size_bytes FROM image "
        "LEFT JOIN image_file AS file ON file.image_id = image.id GROUP BY image.id HAVING together <> image.size_bytes"
    )
    for uid, together, size in found:
        there = f"{size:,} bytes" if isinstance(size, int) else f"{size!r}"
        expected = f"{together:,} bytes in its files"
        yield Problem(ProblemKind.DISAGREEMENT, "upload the image again", uid, expected=expected, found=there)


def check_grids(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Yield the images whose rows alone show that they have no pixels."""
    advice = "set geotrans, x_pixels and y_pixels as its file has them, or upload the image again"
    for uid, geotrans, columns, rows in connection.execute(_WITHOUT_GRID):
        is_sized = columns is not None and rows is not None
        expected = "pixels with an area" if is_sized else "a number of rows and of columns beside geotrans"
        there = f"geotrans {geotrans}" if is_sized else f"{rows} rows, {columns} columns"
        yield Problem(ProblemKind.DISAGREEMENT, advice, uid, expected=expected, found=there)


def check_available(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Yield the images that are said to be available and whose files are not told of well enough to be read."""
    advice = "delete the image, or set its storage_state to 'remote' and save"
    for uid, count in connection.execute(_WITHOUT_FILES):
        there = f"{count} of its files lack one of them" if count else "no file"
        expected = "files with href, size_bytes and hash"
        yield Problem(ProblemKind.DISAGREEMENT, advice, uid, expected=expected, found=there)


_WITHOUT_FILES = """
    SELECT image.uid, count(file.id) FROM image LEFT JOIN image_file AS file ON file.image_id = image.id
        AND (file.href IS NULL OR file.href = '' OR file.size_bytes IS NULL OR file.hash IS NULL OR file.hash = '')
    WHERE image.storage_state = 'available' AND (
        file.id IS NOT NULL OR NOT EXISTS (SELECT 1 FROM image_file WHERE image_id = image.id)
    ) GROUP BY image.id ORDER BY image.id
"""


def check_keys(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Yield the objects of whose extra properties SQLite would take another value than Python: a key is there twice."""
    advice, state = "assign extra_properties again and save", "a key twice in extra_properties"
    for table in ("product", "band", "image"):
        found = connection.execute(
            f"SELECT uid FROM {table} WHERE json_valid(extra_properties) "  # noqa: S608  # constants
            "AND (SELECT count(*) > count(DISTINCT key) FROM json_each(extra_properties)) ORDER BY id"
        )
        for (uid,) in found:
            yield Problem(ProblemKind.VALUE, advice, uid, expected="each key once", found=state)


_WITHOUT_GRID = """
    SELECT uid, geotrans, x_pixels, y_pixels FROM image WHERE geotrans IS NOT NULL AND (
        (storage_state = 'available' AND (x_pixels IS NULL OR y_pixels IS NULL))
        OR iif(
            json_valid(geotrans),
            json_extract(geotrans, '$[1]') * json_extract(geotrans, '$[5]')
                = json_extract(geotrans, '$[2]') * json_extract(geotrans, '$[4]'),
            FALSE
        )
    ) ORDER BY id
"""


def unknown_files(catalog: CatalogFile, connection: sqlite3.Connection) -> list[str]:
    """Return the relative paths of the files in the data folder that no row refers to."""
    known = {href for (href,) in connection.execute("SELECT href FROM image_file WHERE owned")}
    known |= kept_files(connection)
    try:
        if catalog.packed is not None or catalog.home().owner is not None:
            return []  # a file that a copy does not know is the owner's
        folder = catalog.data_folder
        return folder.strangers(known)
    except UnsafePathError:  # each file of an image says so
        return []


def check_files(
    catalog: CatalogFile,
    unknown: Sequence[str],
    report: VerifyReport,
    *,
    share: float,
    seed: int,
    progress: bool | None,
) -> None:
    """Check files, those deleted meanwhile left out, and add their faults to a report."""
    for row in shown(rows_of(catalog), "checking files", "files", progress, total=_count(catalog)):
        is_read = report.level == "full" and _is_chosen(row, share, seed)
        report.files_checked += 1
        try:
            problems = list(_check(catalog, row, is_read=is_read))
        except (ClientError, ValueError, TypeError, KeyError) as error:  # values of the row that none of ours can be
            problems = [Problem(ProblemKind.VALUE, _RESTORE, str(row.image_id), str(row.href), found=str(error))]
        report.files_hashed += is_read and not any(problem.kind in _NOT_READ for problem in problems)
        if problems and _is_current(catalog, row):
            report.problems += problems
    if catalog.packed is not None:  # which has no folder, and nothing that nobody refers to
        return
    home = catalog.home()
    if home.owner is not None:
        if not home.owner.exists():
            name, expected = home.path.name, data_path(catalog.path).name
            report.problems.append(Problem(ProblemKind.DATA_FOLDER, _RENAME, path=name, expected=f"'{expected}'"))
        return
    try:
        folder = catalog.data_folder
    except UnsafePathError:  # each file says so
        return
    _check_kept(catalog, folder, report)
    report.garbage += [
        Problem(ProblemKind.ORPHAN, _ORPHAN, path=href, found=f"{size:,} bytes")
        for href in unknown
        if (size := folder.size_of(href)) is not None and not _is_known(catalog, href)
    ]
    report.garbage += [
        Problem(ProblemKind.ORPHAN, _ASIDE, path=orphan.path.relative_to(folder.path).as_posix(), found="set aside")
        for orphan in folder.orphans()
        if not _is_known(catalog, orphan.href)
    ]
    for path in folder.abandoned():
        report.garbage.append(Problem(ProblemKind.TEMPORARY, _GC, path=path.name))


_NOT_READ = (ProblemKind.MISSING_FILE, ProblemKind.WRONG_SIZE, ProblemKind.UNSAFE_PATH)


def _check_kept(catalog: CatalogFile, folder: DataFolder, report: VerifyReport) -> None:
    """Look at the files that only the history needs; one that is gone is told, and hurts nothing that is there."""
    with catalog.database.read() as connection:
        kept = past.kept_files(connection)
    for file in kept:
        report.files_checked += 1
        try:
            path = folder.find(file.href)
            found = path.lstat().st_size
        except UnsafePathError as error:
            report.problems.append(Problem(ProblemKind.UNSAFE_PATH, _KEPT, path=file.href, found=str(error)))
            continue
        except OSError:
            report.garbage.append(Problem(ProblemKind.MISSING_FILE, _KEPT, path=file.href, expected=_FOR_HISTORY))
            continue
        problem = None
        if file.size_bytes not in (None, found):
            problem = ProblemKind.WRONG_SIZE, f"{file.size_bytes:,} bytes", f"{found:,} bytes"
        elif report.level == "full" and file.sha256 is not None:
            try:
                digest = sha256_of(path)
            except (ClientError, OSError) as error:
                problem = ProblemKind.UNREADABLE_FILE, _FOR_HISTORY, str(error)
            else:
                report.files_hashed += 1
                if digest != file.sha256:
                    problem = ProblemKind.WRONG_CONTENT, f"sha256 {file.sha256}", f"sha256 {digest}"
        if problem is not None:
            kind, expected, state = problem
            report.problems.append(Problem(kind, _WRONG_KEPT, path=file.href, expected=expected, found=state))


def _is_chosen(row: FileRow, share: float, seed: int) -> bool:
    """Return whether a file is in the sample; by its name, so that the choice is the same in each run."""
    digest = hashlib.blake2b(f"{seed} {row.href}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) < share * 2**64


def _is_current(catalog: CatalogFile, row: FileRow) -> bool:
    """Return whether an image still has the file: another program may have deleted or replaced it meanwhile."""
    with catalog.database.read() as connection:
        sql = (
            "SELECT 1 FROM image_file WHERE href = ? AND owned = ? AND size_bytes IS ? AND hash IS ? "
            "AND position = ? AND image_id = (SELECT id FROM image WHERE uid = ?)"
        )
        key = (row.href, row.owned, row.size_bytes, row.sha256, row.position, row.image_id)
        return connection.execute(sql, key).fetchone() is not None


def _is_known(catalog: CatalogFile, href: str) -> bool:
    with catalog.database.read() as connection:
        return connection.execute("SELECT 1 FROM image_file WHERE owned AND href = ?", (href,)).fetchone() is not None


def _check(catalog: CatalogFile, row: FileRow, *, is_read: bool) -> Iterator[Problem]:
    def problem(kind: ProblemKind, advice: str, expected: str | None, found: str | None) -> Problem:
        return Problem(kind, advice, row.image_id, row.href, expected, found)

    advice = _RESTORE if row.owned else "bring it back, or name its new folder with Catalog.relocate()"
    try:
        path = catalog.location_of(row.file, bring_back=False)
    except UnsafePathError as error:
        yield problem(ProblemKind.UNSAFE_PATH, "delete the image", "a path in the data folder", str(error))
        return
    try:
        size = size_of(path)
    except OSError as error:
        yield problem(ProblemKind.UNREADABLE_FILE, "check the disk and the permissions", None, str(error.strerror))
        return
    if size is None:
        yield problem(ProblemKind.MISSING_FILE, advice, "a file", "none")
    elif row.size_bytes is not None and size != row.size_bytes:
        yield problem(ProblemKind.WRONG_SIZE, advice, f"{row.size_bytes:,} bytes", f"{size:,} bytes")
    elif is_read:
        yield from _check_content(row, path, advice)
        if catalog.packed is not None and row.sha256 != (listed := catalog.packed.sha256_of(row.href)):
            yield problem(ProblemKind.WRONG_CONTENT, advice, f"sha256 {listed}, as the manifest says", row.sha256)


def _check_content(row: FileRow, path: Location, advice: str) -> Iterator[Problem]:
    def problem(kind: ProblemKind, advice: str, expected: str | None, found: str | None) -> Problem:
        return Problem(kind, advice, row.image_id, row.href, expected, found)

    try:
        digest = sha256_of(path)
        if row.sha256 is not None and digest != row.sha256:
            yield problem(ProblemKind.WRONG_CONTENT, advice, f"sha256 {row.sha256}", f"sha256 {digest}")
            return
        found = describe(path, max_bytes=None)
        layout = validate_cog(path).problems if WRITTEN_BY_US in found.tags else ()
    except ClientError as error:
        yield problem(ProblemKind.UNREADABLE_FILE, advice, "a raster", str(error))
        return
    if layout:
        yield problem(ProblemKind.LAYOUT, advice, "a Cloud-Optimized GeoTIFF", "; ".join(layout))
    misleading = misleads(row, found)
    if misleading is not None:
        yield problem(ProblemKind.MASKS, _REWRITE, "masks that all programs read alike", misleading)
    fix = "correct the image or its bands, or upload the image again"
    for expected, there in _disagreements(row, found):
        yield problem(ProblemKind.DISAGREEMENT, fix, expected, there)


def sha256_of(path: Location) -> str:
    """Return the sha256 of a file, in hexadecimal.

    Raises
    ------
    StorageError
        If the disk cannot be read.
    ImageDeletedError
        If there is no such file.
    """
    with read_errors(path), path.open("rb") as file:
        return hash_stream(file.read)[1]


def _disagreements(row: FileRow, found: RasterDescription) -> Iterator[tuple[str, str]]:
    """Yield (what the row says, what the file says) where they differ."""
    if row.position == 0:
        height, width = found.shape
        if any(said is not None and said != is_so for said, is_so in zip(row.shape, found.shape, strict=True)):
            yield f"{row.shape[0]} rows of {row.shape[1]} pixels", f"{height} rows of {width} pixels"
        grid = found.grid
        if row.geotrans is not None and grid is not None:
            said = json.loads(row.geotrans)
            scale = max(abs(number) for number in grid.geotransform)
            if not all(
                math.isclose(one, other, rel_tol=_SAME, abs_tol=scale * 1e-15)
                for one, other in zip(said, grid.geotransform, strict=True)
            ):
                yield f"geotrans {said}", f"geotrans {list(grid.geotransform)}"
        if row.crs is not None and grid is not None and not _means(row.crs, grid):
            yield f"CRS {row.crs}", f"CRS {crs_name(grid.crs)}"
    for band in row.bands:
        if band.position >= found.count:
            yield f"band '{band.name}' at position {band.position}", f"{found.count} bands"
        elif band.data_type is not None and not band.is_mask:
            declared = numpy_dtype(band.data_type)
            if not is_lossless(found.dtypes[band.position], declared):
                yield f"{declared.name} in band '{band.name}'", found.dtypes[band.position]


def misleads(row: FileRow, found: RasterDescription) -> str | None:
    """Return how a file of localcat's tells validity so that other programs misread it; None if it does not.

    Older ones have alpha bands of 0 and 1 with the colour alpha, and nothing that tells nodata in which bands differ.
    """
    if not row.owned or WRITTEN_BY_US not in found.tags or OVERVIEWS_TAG in found.tags:
        return None
    if "alpha" in found.color_interpretations:
        return "an alpha band that has this colour"
    told = {repr(found.nodata[band.position]) for band in row.bands if band.position < found.count}
    declared = {repr(band.nodata) for band in row.bands if not band.is_mask and band.nodata is not None}
    is_told = found.has_internal_mask or declared <= told
    return None if is_told else "a nodata of its bands that it does not tell"


def _means(words: str, grid: Grid) -> bool:
    try:
        return agrees(grid, parse_crs(words))
    except InvalidCRSError:
        return False
