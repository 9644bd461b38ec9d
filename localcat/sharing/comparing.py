"""Two catalogs side by side: which objects each has, in what those that both have differ, and what their rows hold.

Rows are read chunk by chunk, so that memory stays bounded and nobody who writes has to wait for all of it.
"""

from __future__ import annotations

import itertools
import json
import operator
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from localcat.disk.names import CUT_SUFFIX
from localcat.disk.paths import is_local
from localcat.errors import BadRequestError, ClientError, CorruptCatalogError
from localcat.models.attributes.scalars import Stored, Text
from localcat.models.attributes.values import File
from localcat.models.band import Band
from localcat.models.enums import StorageState
from localcat.models.image import Image
from localcat.models.product import Product
from localcat.models.state import DAMAGE
from localcat.sharing.deciding import Knowledge
from localcat.store import rows, stamps
from localcat.store.catalog_file import CatalogFile
from localcat.store.file.connection import OpenOptions

if TYPE_CHECKING:
    from localcat.models.object import CatalogObjectBase
    from localcat.sharing.deciding import Stamp

T = TypeVar("T")

Values: TypeAlias = tuple[dict[str, Stored], list[File]]
"""The attributes of an object as they are stored, and its files."""

KINDS: tuple[type[CatalogObjectBase], ...] = (Product, Band, Image)
"""In the order in which they are written: bands and images need their product."""

CUT_KEY = "cut"
"""The setting of a catalog whose files are parts of those of another one."""

BASE_KEY = "base"
"""The setting of a catalog that came in a bundle of whole files: what its source knew then, as JSON.

It is no knowledge of its own, since it lacks most objects of the source; but of those that came along it knows these
changes.
"""

CUT: Mapping[str, frozenset[str]] = {
    "product": frozenset({"default_display_bands"}),
    "band": frozenset({"file_index", "band_index", "jpx_layer_index", "resolution"}),
    "image": frozenset(
        {rows.FILES, "geotrans", "x_pixels", "y_pixels", "geometry", "area", "bits_per_pixel", "fill_fraction"}
    ),
}
"""The attributes that change with such files."""

CHUNK = 500  # objects whose rows are looked at together
_UNCOMPARED = frozenset({"created", "modified", rows.FILES})  # when it was saved does not count; files have a rule
_FROM_BANDS = frozenset({"resolution_min", "resolution_max"})
_NAMES = ("id", "name", "product_id")


class Head(NamedTuple):
    """Which object a row is, how often it was changed, and by whom the last time."""

    uid: str
    row_id: int
    version: int
    modified: int
    replica: str | None
    counter: int | None

    @property
    def stamp(self) -> Stamp | None:
        """Of the last change; None where it is not known."""
        return None if self.replica is None or self.counter is None else (self.replica, self.counter)


class Grave(NamedTuple):
    """The mark of a deletion."""

    uid: str
    deleted: int
    version: int
    stamp: Stamp | None


class Pair(NamedTuple):
    """An object of one of two catalogs, or of both."""

    uid: str
    ours: Head | None
    theirs: Head | None


@contextmanager
def other_side(ours: CatalogFile, other: CatalogFile | str | os.PathLike[str], purpose: str) -> Iterator[CatalogFile]:
    """Give the other one of two catalogs: one that is open, or one to be opened as the work of a stranger.

    Raises
    ------
    BadRequestError
        If it is the same catalog.
    """
    if not isinstance(other, CatalogFile):
        theirs = CatalogFile.open(other, OpenOptions(read_only=True, trusted=False))
        with closing(theirs), other_side(ours, theirs, purpose) as given:
            yield given
        return
    if ours.path.resolve() == other.path.resolve():
        raise BadRequestError(f"'{ours.path}' cannot be {purpose} itself; name another catalog")
    yield other


def pairs(ours: CatalogFile, theirs: CatalogFile, kind: type[CatalogObjectBase]) -> Iterator[Pair]:
    """Yield the objects of one kind that either of two catalogs has, in the order of their ids."""
    left, right = _heads(ours, kind.table), _heads(theirs, kind.table)
    here, there = next(left, None), next(right, None)
    while here is not None or there is not None:
        uid = min(head.uid for head in (here, there) if head is not None)
        yield Pair(
            uid,
            here if here is not None and here.uid == uid else None,
            there if there is not None and there.uid == uid else None,
        )
        here = next(left, None) if here is not None and here.uid == uid else here
        there = next(right, None) if there is not None and there.uid == uid else there


def _heads(catalog: CatalogFile, table: str) -> Iterator[Head]:
    last = ""  # no id is empty
    while True:
        with catalog.database.read() as connection:
            found = [Head(*row) for row in rows.heads(connection, table, last)]
        yield from found
        if not found:
            return
        last = found[-1].uid


def counted(counts: Mapping[str, int]) -> str:
    """Return counts by kind as text: ``"1 product, 2 images"``."""
    names = [kind.table for kind in KINDS if counts.get(kind.table)]
    return ", ".join(f"{counts[name]:,} {name}{'s' if counts[name] != 1 else ''}" for name in names)


def knowledge_of(catalog: CatalogFile) -> Knowledge:
    """Return which changes a catalog has."""
    with catalog.database.read() as connection:
        return Knowledge(stamps.knowledge(connection))


def base_of(catalog: CatalogFile) -> Knowledge:
    """Return which changes of the objects that came along with a bundle its catalog has; none of another catalog."""
    try:
        found = json.loads(catalog.database.settings().get(BASE_KEY, "{}"))
        return Knowledge({str(name): int(counter) for name, counter in found.items()})
    except (ValueError, TypeError, AttributeError):  # nobody wrote it so; then nothing is known
        return Knowledge()


def graves_of(
    catalog: CatalogFile, kind: type[CatalogObjectBase], uids: Sequence[str] | None = None
) -> dict[str, Grave]:
    """Return the marks of the deletions of some objects, or of all of a kind, by their ids."""
    with catalog.database.read() as connection:
        found = stamps.tombstones(connection, kind.table, uids)
        names = stamps.names(connection) if found else {}
    return {uid: Grave(uid, stone.deleted, stone.version, _stamp(names, stone.stamp)) for uid, stone in found.items()}


def _stamp(names: Mapping[int, str], stamp: stamps.Stamp) -> Stamp | None:
    replica = None if stamp.replica is None else names.get(stamp.replica)
    return None if replica is None or stamp.counter is None else (replica, stamp.counter)


def chunks(items: Iterable[T]) -> Iterator[Sequence[T]]:
    """Yield items in lists that are looked at together."""
    remaining = iter(items)
    while chunk := list(itertools.islice(remaining, CHUNK)):
        yield chunk


def rows_of(catalog: CatalogFile, kind: type[CatalogObjectBase], heads: Iterable[Head | None]) -> dict[str, rows.Row]:
    """Return the rows of some objects by their ids; those that were deleted meanwhile are left out."""
    position = kind._positions()["id"]
    with catalog.database.read() as connection:
        wanted = [head.row_id for head in heads if head is not None]
        return {str(row[position]): row for row in rows.hydrate(connection, kind.table, kind._columns(), wanted)}


@dataclass(frozen=True, slots=True)
class Likeness:
    """Says in which attributes two rows of one kind differ, each of another catalog."""

    ours: CatalogFile
    theirs: CatalogFile
    kind: type[CatalogObjectBase]
    names: tuple[str, ...]
    has_files: bool
    _compared: Callable[[rows.Row], object]

    @classmethod
    def of(
        cls,
        ours: CatalogFile,
        theirs: CatalogFile,
        kind: type[CatalogObjectBase],
        left: frozenset[str] = frozenset(),
    ) -> Likeness:
        """Return that of objects of a kind, but for some attributes."""
        skipped = _UNCOMPARED | left | (_FROM_BANDS if kind is Product else set())
        names = tuple(name for name in kind._filterable() if name not in skipped)
        has_files = kind is Image and rows.FILES not in left
        return cls(
            ours, theirs, kind, names, has_files, operator.itemgetter(*(kind._positions()[name] for name in names))
        )

    def differing(self, here: rows.Row, there: rows.Row) -> list[str]:
        """Return the names of the attributes in which a row of ours and one of theirs are not alike."""
        found = [] if self._compared(here) == self._compared(there) else self._unequal(here, there)
        if self.has_files and not self._has_same_files(here, there):
            found.append(rows.FILES)
        return found

    def _unequal(self, here: rows.Row, there: rows.Row) -> list[str]:
        attributes, positions = self.kind._filterable(), self.kind._positions()
        found = []
        for name in self.names:
            one, other = here[positions[name]], there[positions[name]]
            try:
                is_same = one == other or attributes[name].same_stored(one, other)
            except DAMAGE:
                is_same = False
            if not is_same:
                found.append(name)
        return found

    def _has_same_files(self, here: rows.Row, there: rows.Row) -> bool:
        positions = self.kind._positions()
        files, state = positions[rows.FILES], positions["storage_state"]
        if here[state] != StorageState.AVAILABLE or there[state] != StorageState.AVAILABLE:
            return here[files] == there[files] or bool(_parsed(here[files]) == _parsed(there[files]))
        return bool(_contents(self.ours, here[files]) == _contents(self.theirs, there[files]))


def _parsed(files: Stored) -> Any:
    """Return the files of a row; as they are stored if they are damaged."""
    try:
        return json.loads(str(files or "[]"))
    except ValueError:
        return files


def _contents(catalog: CatalogFile, files: Stored) -> Any:
    """Return files on this machine as two catalogs say them alike.

    Such a file is what it holds, not where it is: an owned one has another name in each catalog, and one that is
    indexed in place another path on each machine. Without a sha256 its path has to do.
    """
    found = _parsed(files)
    for file in found if isinstance(found, list) else ():
        owned, href = file.pop("owned", None), file.get("href")
        if file.get("hash") is not None and file.get("size_bytes") is not None:
            del file["href"]
        elif owned:
            file["href"] = None
        elif href is not None and is_local(href):
            file["href"] = os.path.normpath(catalog.path.parent / href)
    return found


def has_own_files(kind: type[CatalogObjectBase], row: rows.Row) -> bool:
    """Return whether a row is of an image with a file in its catalog's data folder."""
    found = _parsed(row[Image._positions()[rows.FILES]]) if kind is Image else None
    return isinstance(found, list) and any(file.get("owned") for file in found)


def has_cut_files(row: rows.Row) -> bool:
    """Return whether a row is of an image whose files hold parts of those that it had elsewhere."""
    return any(file.get("owned") and str(file["href"]).endswith(CUT_SUFFIX) for file in _files_here(row))


def has_whole_files(row: rows.Row, *, own: bool) -> bool:
    """Return whether a row is of an image with all of its pixels on this machine; in its data folder if `own`."""
    files = _files_here(row)
    return bool(files) and not has_cut_files(row) and (not own or all(file.get("owned") for file in files))


def _files_here(row: rows.Row) -> list[Any]:
    positions = Image._positions()
    found = _parsed(row[positions[rows.FILES]])
    is_here = row[positions["storage_state"]] == StorageState.AVAILABLE and isinstance(found, list)
    return found if is_here else []


def is_cut(catalog: CatalogFile) -> bool:
    """Return whether a catalog came out of a bundle whose files were cut: they are not those of its source."""
    return CUT_KEY in catalog.database.settings()


def is_in_place(storage_state: Stored, file: File) -> bool:
    """Return whether a file is indexed in place on this machine; the href of a remote one is text."""
    is_here = storage_state == StorageState.AVAILABLE.value and not file.owned
    return is_here and file.href is not None and is_local(file.href)


def values_of(catalog: CatalogFile, kind: type[CatalogObjectBase], uid: str, row: rows.Row) -> Values:
    """Return the attributes of a row as they are stored, each checked as if it were assigned; and its files."""
    attributes = kind._class_of(row, catalog.path)._attributes
    values: dict[str, Stored] = dict.fromkeys(kind._columns())
    files: list[File] = []
    for name, position in kind._positions().items():
        stored = row[position]
        if stored is None or name not in attributes:
            continue
        attribute = attributes[name]
        try:
            value = attribute.load(stored)
            if name in _NAMES:
                value = Text.coerce(attribute, value)  # type: ignore[arg-type]  # which takes foreign names as they are
            elif not attribute.readonly:
                value = attribute.coerce(value)
            values[name] = attribute.dump(value)
        except (ClientError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
            raise corrupt(catalog, kind, uid, f"its {name} is not a possible value: {error}") from error
        if name == rows.FILES:
            files = value or []
    if kind is not Product and uid != f"{values['product_id']!s}:{values['name']!s}":
        raise corrupt(catalog, kind, uid, "its id is not made of its product's id and its name")
    values.pop(rows.FILES, None)
    try:
        kind._require_sense(values)
        if kind is Image:
            Image.require_files(uid, values["storage_state"], files)
    except BadRequestError as error:
        raise corrupt(catalog, kind, uid, str(error)) from error
    return values, files


def corrupt(catalog: CatalogFile, kind: type[CatalogObjectBase], uid: str, what: str) -> CorruptCatalogError:
    """Return the error for an object with a value that cannot be."""
    return CorruptCatalogError(
        f"{kind.table} '{uid}' of '{catalog.path}' is damaged: {what}; nothing was changed here, mend or delete it "
        "there"
    )
