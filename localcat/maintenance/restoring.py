"""The rows and files of a damaged catalog, put into a new one as far as they are what was written."""

from __future__ import annotations

import functools
import math
import re
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from localcat import json_text
from localcat.disk.data_folder import DataFolder
from localcat.errors import ClientError, ImageDeletedError, StorageError, StorageFullError, UnsafePathError
from localcat.maintenance.backup import copy_checked
from localcat.maintenance.files import WRITTEN_BY_US, sha256_of
from localcat.maintenance.objects import fault_before
from localcat.models.band import Band
from localcat.models.enums import StorageState
from localcat.models.image import Image
from localcat.models.product import Product
from localcat.models.upload import ImageUpload
from localcat.progress import shown
from localcat.rasters.files.describe import describe
from localcat.store.damage.past import FREEZE_AGAIN
from localcat.store.damage.past_rows import files_of, missing_changes, restore_past, usable_changes
from localcat.store.damage.problem_kinds import Problem, ProblemKind
from localcat.store.damage.salvage import Salvage, SalvagedRow
from localcat.store.query.columns import column
from localcat.timestamps import now_microseconds

if TYPE_CHECKING:
    from localcat.models.attributes.scalars import Attribute
    from localcat.models.object import CatalogObjectBase

_AGAIN = "upload the image again, or add it from another source"
_PAST = "an image has no pixels in the past then: undo and at do without"
_KEPT = 30 * 86_400 * 1_000_000  # microseconds that such files are kept of which it is not known
_OLD = Path("the old catalog")
_HASH = re.compile("[0-9a-f]{64}")
_INCOMPLETE = " (incomplete)"  # behind the name of a frozen question
_ROOM_FOR_NAME = 180  # characters of it
_LOST = "compare with what you know of, or with an older backup"


class Restoring:
    """The rows and files of one damaged catalog on their way into a new one.

    Parameters
    ----------
    connection : sqlite3.Connection
        To the new catalog, inside a write transaction.
    found : Salvage
        What could be read of the old one.
    uncertain : bool
        Whether images are taken that may have been deleted.
    """

    def __init__(self, connection: sqlite3.Connection, found: Salvage, *, uncertain: bool) -> None:
        self.problems: list[Problem] = []
        self._taken: set[str] = set()  # the files that were copied
        self._connection = connection
        self._found = found
        self._takes_uncertain = uncertain
        self._product_uids: dict[int, str] = {}
        self._images: dict[int, SalvagedRow] = {}
        self._changes = usable_changes(found, lambda change: fault_before(change, _OLD) is None)
        self._kept: dict[str, int] = {}  # until when files are kept that only the history needs
        for table, spots in found.damaged.items():
            state = f"{spots:,} damaged spots; rows of it may be lost"
            self._tell(ProblemKind.UNREADABLE, _LOST, table, found=state)

    @property
    def files_copied(self) -> int:
        """How many files came into the new data folder."""
        return len(self._taken)

    def _tell(self, kind: ProblemKind, advice: str, object_id: str | None = None, **facts: str) -> None:
        self.problems.append(Problem(kind, advice, object_id, **facts))

    # Rows

    def rows(self) -> None:
        """Insert all rows but those of files."""
        self._insert_products()
        for row in self._found.rows["band"]:
            self._insert_part("band", Band, row)
        for row in self._found.rows["image"]:
            if self._insert_part("image", Image, row):
                self._images[row.row_id] = row
        uploads = {row.row_id for row in self._found.rows["upload"] if self._insert("upload", ImageUpload, row)}
        for row in self._found.rows["upload_event"]:
            if row["upload_id"] in uploads:
                self._insert("upload_event", None, row)
        self._insert_frozen()
        left_out = sum(not row.is_certain for row in self._found.rows["image"])
        if left_out and not self._takes_uncertain:
            self._tell(
                ProblemKind.UNREADABLE,
                "recover once more with uncertain=True to take them all",
                "image",
                found=f"{left_out:,} rows in pages that may hold deleted images; taken if all their files are there",
            )

    def _insert_products(self) -> None:
        for row in self._found.rows["product"]:
            if self._insert("product", Product, row):
                self._product_uids[row.row_id] = str(row["uid"])
        if "product" not in self._found.damaged:
            return
        for row in (*self._found.rows["image"], *self._found.rows["band"]):
            product_id, uid, name = row["product_id"], str(row["uid"]), str(row["name"])
            product_uid = uid.removesuffix(f":{name}")
            if not isinstance(product_id, int) or product_id in self._product_uids or product_uid == uid:
                continue
            now = now_microseconds()
            values = {"uid": product_uid, "name": product_uid, "created": now, "modified": now}
            if self._insert("product", Product, SalvagedRow.of(product_id, values)):
                self._product_uids[product_id] = product_uid
                self._tell(
                    ProblemKind.VALUE,
                    "set its name and its other attributes again",
                    product_uid,
                    expected="the row of the product",
                    found="only those that name it; made again with its id",
                )

    def _insert_part(self, table: str, kind: type[CatalogObjectBase], row: SalvagedRow) -> bool:
        """Insert a band or an image, if its id is made of its product's and its name."""
        product_uid = self._product_uids.get(int(row["product_id"] or 0))
        if product_uid is None or row["uid"] != f"{product_uid}:{row['name']}":
            self._refuse(row, "the id of a product and a name", "another id, or no product")
            return False
        return self._insert(table, kind, row)

    def _insert(self, table: str, kind: type[CatalogObjectBase] | None, row: SalvagedRow) -> bool:
        kept = row if kind is None else _with_keys_once(kind, row)
        reason = None if kind is None else _undecodable(table, kind, kept)
        if reason is None:
            names = ("id", *row.positions)
            sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608  # ours
            try:
                self._connection.execute(sql, (kept.row_id, *kept.cells))
            except sqlite3.IntegrityError as error:  # taken, or against a rule of the table
                reason = str(error)
        if reason is not None:
            self._refuse(row, "values that can be used", reason)
        elif kept is not row:
            state = f"a key twice in extra_properties, its first value kept: {row['extra_properties']:.200}"
            advice = "assign extra_properties again and save"
            self._tell(ProblemKind.VALUE, advice, str(row["uid"]), expected="each key once", found=state)
        return reason is None

    def _refuse(self, row: SalvagedRow, expected: str, found: str) -> None:
        uid = row.get("uid")
        self._tell(ProblemKind.VALUE, _LOST, None if uid is None else str(uid), expected=expected, found=found)

    def _insert_frozen(self) -> None:
        """Insert the frozen questions; one whose answer is incomplete says so in its name."""
        answers: dict[int, list[SalvagedRow]] = defaultdict(list)
        for row in self._found.rows["frozen_image"]:
            if all(_HASH.fullmatch(row[name]) for name in ("row_hash", "files_hash")):
                answers[row["frozen_id"]].append(row)
        for question in self._found.rows["frozen"]:
            answer = sorted(answers[question.row_id], key=lambda row: int(row["position"]))
            is_whole = [row["position"] for row in answer] == list(range(len(answer)))
            if not self._insert("frozen", None, question):
                continue
            name = str(question["name"])
            if not is_whole:
                state = f"{len(answer):,}, now as {name[:_ROOM_FOR_NAME]}{_INCOMPLETE}"
                self._tell(ProblemKind.FROZEN, FREEZE_AGAIN, name, expected="all images of its answer", found=state)
                renamed = (f"{name[:_ROOM_FOR_NAME]}{_INCOMPLETE}", question.row_id)
                self._connection.execute("UPDATE OR IGNORE frozen SET name = ? WHERE id = ?", renamed)
            for position, row in enumerate(answer):
                place = row.positions["position"]
                moved = replace(row, cells=(*row.cells[:place], position, *row.cells[place + 1 :]))
                self._insert("frozen_image", None, moved)

    # The past

    def past(self) -> None:
        """Insert what was deleted, what objects were before, and the marks of files for it; behind rows and files."""
        restore_past(self._connection, self._found, self._changes, self._kept)
        lost = missing_changes(self._found, self._changes)
        if lost:
            state = f"{lost:,} changes that are damaged or lost; those before are listed, and cannot be undone"
            self._tell(ProblemKind.HISTORY, _LOST, "history", found=state)

    def _keep_files(self, old: DataFolder, new: DataFolder, referenced: Collection[Any]) -> None:
        """Copy the files that only the history needs; where their table is damaged, those that a state names."""
        named = {href: told for href, told in files_of(self._changes).items() if href not in referenced}
        until = dict.fromkeys(named, now_microseconds() + _KEPT) if "kept_file" in self._found.damaged else {}
        until |= {href: until for href, until in self._found.kept.items() if href in named}
        for href, moment in until.items():
            size, sha256 = named[href]
            problem = self._copy(SalvagedRow.of(0, {"size_bytes": size, "hash": sha256}), old, new, href)
            if problem is None:
                self._taken.add(href)
                self._kept[href] = moment
            elif href in self._found.kept:
                kind, expected, found = problem
                self._tell(kind, _PAST, path=href, expected=expected, found=found)

    # Files

    def files(self, old: DataFolder, new: DataFolder, progress: bool | None) -> None:
        """Copy the files of the images, and insert their rows; report which files no row refers to."""
        by_image: dict[int, list[SalvagedRow]] = defaultdict(list)
        for row in sorted(self._found.rows["image_file"], key=lambda row: int(row["position"] or 0)):
            by_image[int(row["image_id"] or 0)].append(row)
        referenced = {file["href"] for row_id in self._images for file in by_image.get(row_id, []) if file["owned"]}
        self._keep_files(old, new, referenced)
        unknown = _by_image(old, [href for href in old.hrefs() if href not in referenced and href not in self._kept])
        for row_id, row in shown(self._images.items(), "saving images", "images", progress):
            files = by_image.get(row_id, [])
            if not files and row["storage_state"] == StorageState.AVAILABLE.value:
                files = self._found_again(row, old, unknown)
            told = len(self.problems)
            is_whole = self._copied(row, files, old, new)
            if not row.is_certain and not self._takes_uncertain and not (is_whole and _any_owned(files)):
                self._connection.execute("DELETE FROM image WHERE id = ?", (row_id,))
                del self.problems[told:]  # it may have been deleted long ago, with its files
            elif is_whole and all(self._insert("image_file", None, file) for file in files):
                size = sum(int(file["size_bytes"] or 0) for file in files)
                self._connection.execute("UPDATE image SET size_bytes = ? WHERE id = ?", (size, row_id))
            else:
                if is_whole:  # a row that was refused: none is kept
                    self._connection.execute("DELETE FROM image_file WHERE image_id = ?", (row_id,))
                    self._forget([file["href"] for file in files if file["owned"]], new)
                remote = (StorageState.REMOTE.value, row_id)
                self._connection.execute("UPDATE image SET storage_state = ?, size_bytes = 0 WHERE id = ?", remote)
        for image_id, hrefs in unknown.items():
            for href in hrefs:
                advice = "if it belongs to an image that is lost, Catalog.ingest takes the file in again"
                self._tell(ProblemKind.ORPHAN, advice, image_id, path=href)

    def _copied(self, row: SalvagedRow, files: Sequence[SalvagedRow], old: DataFolder, new: DataFolder) -> bool:
        """Copy the files of an image; return whether all of them are what was written."""
        uid, done = str(row["uid"]), list[str]()
        size = sum(int(file["size_bytes"] or 0) for file in files)
        is_short = "image_file" in self._found.damaged and size != row["size_bytes"]
        is_available = row["storage_state"] == StorageState.AVAILABLE.value
        positions = [file["position"] for file in files]
        if is_short or positions != list(range(len(files))) or (is_available and not files):
            self._tell(ProblemKind.MISSING_FILE, _AGAIN, uid, expected="the rows of its files", found=f"{len(files)}")
            return False
        for file in files:
            if not file["owned"]:
                continue
            href = str(file["href"])
            problem = self._copy(file, old, new, href)
            if problem is not None:
                kind, expected, found = problem
                self._tell(kind, _AGAIN, uid, path=href, expected=expected, found=found)
                self._forget(done, new)
                return False
            done.append(href)
            self._taken.add(href)
        return True

    def _forget(self, hrefs: Sequence[str], new: DataFolder) -> None:
        """Remove files that were copied for an image which does not get them."""
        for href in hrefs:
            new.remove(href)
            self._taken.discard(href)

    def _copy(
        self, file: SalvagedRow, old: DataFolder, new: DataFolder, href: str
    ) -> tuple[ProblemKind, str, str] | None:
        """Copy a file; return its problem, if it has one, and what was expected and found."""
        if href in self._taken:
            return ProblemKind.DISAGREEMENT, "a file of its own", "that of another image"
        expected_size, expected_digest = file["size_bytes"], file["hash"]
        size = old.size_of(href)
        try:
            if size is None:
                old.resolve(href)  # which says whether the path is safe
                return ProblemKind.MISSING_FILE, "a file", "none"
            if size != expected_size:
                return ProblemKind.WRONG_SIZE, f"{expected_size:,} bytes", f"{size:,} bytes"
            new.require_space(size)
            _, digest = copy_checked(old.find(href), new, href)
        except UnsafePathError as error:
            return ProblemKind.UNSAFE_PATH, "a path in the data folder", str(error)
        except StorageFullError:
            raise
        except (ImageDeletedError, StorageError) as error:
            new.remove(href)
            return ProblemKind.UNREADABLE_FILE, "a file", str(error)
        if digest != expected_digest:
            new.remove(href)
            return ProblemKind.WRONG_CONTENT, f"sha256 {expected_digest}", f"sha256 {digest}"
        return None

    def _found_again(
        self, row: SalvagedRow, old: DataFolder, unknown: dict[str | None, list[str]]
    ) -> list[SalvagedRow]:
        """Return the file row of an image whose own is lost: one file says that it is the image's, and has its size."""
        uid = str(row["uid"])
        hrefs = [href for href in unknown.get(uid, []) if old.size_of(href) == row["size_bytes"]]
        if len(hrefs) != 1:
            return []
        try:
            digest = sha256_of(old.resolve(hrefs[0]))
        except (ImageDeletedError, StorageError):
            return []
        unknown[uid].remove(hrefs[0])
        values = {
            "image_id": row.row_id,
            "position": 0,
            "owned": 1,
            "href": hrefs[0],
            "size_bytes": row["size_bytes"],
            "hash": digest,
            "provider_id": None,
            "provider_href": None,
        }
        (highest,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM image_file").fetchone()
        known = max((file.row_id for file in self._found.rows["image_file"]), default=0)
        return [SalvagedRow.of(max(highest, known) + 1, values)]


def _any_owned(files: Sequence[SalvagedRow]) -> bool:
    return any(file["owned"] for file in files)


def _by_image(folder: DataFolder, hrefs: Sequence[str]) -> dict[str | None, list[str]]:
    """Return files by the id of the image that they say they belong to; None for those that do not say."""
    found: dict[str | None, list[str]] = defaultdict(list)
    for href in hrefs:
        try:
            image_id = describe(folder.resolve(href), max_bytes=None).tags.get(WRITTEN_BY_US)
        except ClientError:  # not a raster, or a damaged one: reported as a file of nobody
            image_id = None
        found[image_id].append(href)
    return found


@functools.cache
def _stored(table: str, kind: type[CatalogObjectBase]) -> tuple[tuple[str, str, Attribute[Any]], ...]:
    """Return the attributes of a class that are columns of its table: (name, column, attribute)."""
    named = ((name, column(table, name).name, attribute) for name, attribute in kind._attributes.items())
    return tuple(one for one in named if one[0] != "product_id")


def _with_keys_once(kind: type[CatalogObjectBase], row: SalvagedRow) -> SalvagedRow:
    """Return a row with the first of each key of its extra properties; the same row if no key is there twice."""
    stored = row.get("extra_properties")
    if stored is None:
        return row
    attribute = kind._attributes["extra_properties"]
    with suppress(ClientError, ValueError):
        attribute.load(stored)
        return row
    with suppress(ClientError, ValueError):  # more is wrong with it than a key
        text = attribute.dump(json_text.first_of_keys(stored))
        at = row.positions["extra_properties"]
        return replace(row, cells=(*row.cells[:at], text, *row.cells[at + 1 :]))
    return row


def _undecodable(table: str, kind: type[CatalogObjectBase], row: SalvagedRow) -> str | None:
    """Return why an object's stored values cannot be read as its attributes; None if they can."""
    if kind is Band:
        kind = Band._classes.get(str(row["type"]), Band)
    for name, key, attribute in _stored(table, cast("Any", kind)):
        stored = row.get(key)
        if stored is None:
            continue
        try:
            value = attribute.load(stored)
        except (ClientError, ArithmeticError, ValueError, TypeError, KeyError, AttributeError) as error:
            return f"{name}: {error}"
        if name == "geometry" and (value.is_empty or not all(math.isfinite(edge) for edge in value.bounds)):
            return "geometry: no place on Earth"
    return None
