"""What another catalog has that this one lacks, and the other way round, and in what the objects of both differ."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from localcat.errors import BadRequestError, printable
from localcat.models.attributes.scalars import Stored
from localcat.models.html import Printed
from localcat.models.state import DAMAGE
from localcat.sharing.comparing import (
    KINDS,
    Likeness,
    Pair,
    chunks,
    corrupt,
    counted,
    graves_of,
    knowledge_of,
    other_side,
    pairs,
    rows_of,
)
from localcat.store import rows
from localcat.store.catalog_file import CatalogFile

if TYPE_CHECKING:
    from localcat.models.object import CatalogObjectBase
    from localcat.sharing.deciding import Knowledge

Change: TypeAlias = Literal["added", "changed", "deleted"]

_SHOWN = 20  # differences in the text of a report
_LONGEST = 60  # characters of a value in it


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which two catalogs differ: an object that only one of them has, or an attribute of an object.

    Parameters
    ----------
    change : str
        ``"added"`` if only they have the object, ``"deleted"`` if only we have it, else ``"changed"``.
    kind : str
        ``"product"``, ``"band"`` or ``"image"``.
    id : str
        Its id.
    attribute : str, optional
        Which attribute of it is not alike; None unless it is changed.
    ours, theirs : object
        The value here and there, as `serialize` writes it; None where it is unset. Of ``files`` each has ``size_bytes``
        and ``hash``, and ``href`` unless it is in a data folder.
    reason : str, optional
        ``"deleted here"`` of what is added, ``"deleted there"`` of what is deleted, if it was on that side before; None
        if it never was, or if that is not known.
    """

    change: Change
    kind: str
    id: str
    attribute: str | None = None
    ours: Any = None
    theirs: Any = None
    reason: Literal["deleted here", "deleted there"] | None = None

    def __str__(self) -> str:
        text = f"{self.change} {self.kind} {self.id}"
        if self.attribute is not None:
            text += f": {self.attribute} is {_shortened(self.ours)} here, {_shortened(self.theirs)} there"
        elif self.reason is not None:
            text += f": it was {self.reason}"
        return printable(text)


@dataclass(slots=True)
class DiffReport(Printed):
    """What `Catalog.diff` found; true in an ``if`` where there is any difference.

    Parameters
    ----------
    path : Path
        The other catalog.
    differences : list of Difference
        Products first, then bands, then images; of each kind in the order of the ids. A changed object has one for each
        attribute that is not alike.
    alike : dict of str to int
        How many products, bands and images both have with equal values and files.
    """

    path: Path
    differences: list[Difference] = field(default_factory=list)
    alike: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.differences)

    @property
    def added(self) -> list[str]:
        """The ids of the objects that only they have."""
        return self._ids("added")

    @property
    def changed(self) -> list[str]:
        """The ids of the objects that both have, and not alike; each once."""
        return self._ids("changed")

    @property
    def deleted(self) -> list[str]:
        """The ids of the objects that only we have."""
        return self._ids("deleted")

    def _ids(self, change: Change) -> list[str]:
        return list(dict.fromkeys(one.id for one in self.differences if one.change == change))

    def rows(self) -> list[dict[str, Any]]:
        """Return the differences as the rows of a table: ``pandas.DataFrame(report.rows())``."""
        return [asdict(one) for one in self.differences]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dictionary that `json.dumps` takes."""
        return {"path": str(self.path), "alike": dict(self.alike), "differences": self.rows()}

    @property
    def summary(self) -> str:
        """One line: how many objects are alike, added, changed and deleted."""
        counts = {"alike": self.alike}
        for change in ("added", "changed", "deleted"):
            objects = {(one.kind, one.id) for one in self.differences if one.change == change}
            counts[change] = Counter(kind for kind, _ in sorted(objects))
        parts = [f"{word}: {counted(several)}" for word, several in counts.items() if several]
        return printable(f"{self.path.name}: {'; '.join(parts) or 'both are empty'}")

    def __str__(self) -> str:
        lines = [self.summary, *(f"  {one}" for one in self.differences[:_SHOWN])]
        if len(self.differences) > _SHOWN:
            lines.append(f"  … and {len(self.differences) - _SHOWN:,} more")
        return "\n".join(lines)


def _shortened(value: Any) -> str:
    if value is None:
        return "unset"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def diff(catalog: CatalogFile, other: CatalogFile | str | os.PathLike[str]) -> DiffReport:
    """Compare two catalogs; `Catalog.diff` says how."""
    with other_side(catalog, other, "compared with") as theirs:
        if catalog.database.in_transaction or theirs.database.in_transaction:
            raise BadRequestError("a comparison reads what is committed; call it outside of any transaction")
        report = DiffReport(theirs.path)
        known = (knowledge_of(catalog), knowledge_of(theirs))
        for kind in KINDS:
            likeness = Likeness.of(catalog, theirs, kind)
            for chunk in chunks(pairs(catalog, theirs, kind)):
                report.differences += _differences(likeness, chunk, report, *known)
        return report


def _differences(
    likeness: Likeness, chunk: Sequence[Pair], report: DiffReport, known_here: Knowledge, known_there: Knowledge
) -> Iterator[Difference]:
    kind = likeness.kind
    graves_here = graves_of(likeness.ours, kind, [pair.uid for pair in chunk if pair.ours is None])
    graves_there = graves_of(likeness.theirs, kind, [pair.uid for pair in chunk if pair.theirs is None])
    both = [pair for pair in chunk if pair.ours is not None and pair.theirs is not None]
    here = rows_of(likeness.ours, kind, (pair.ours for pair in both))
    there = rows_of(likeness.theirs, kind, (pair.theirs for pair in both))
    for uid, ours, theirs in chunk:
        if theirs is not None and ours is None:
            was_here = uid in graves_here or known_here.has(theirs.stamp)
            yield Difference("added", kind.table, uid, reason="deleted here" if was_here else None)
        elif ours is not None and theirs is None:
            was_there = uid in graves_there or known_there.has(ours.stamp)
            yield Difference("deleted", kind.table, uid, reason="deleted there" if was_there else None)
        elif ours is not None and theirs is not None and uid in here and uid in there:  # neither was deleted just now
            names = likeness.differing(here[uid], there[uid])
            if not names:
                report.alike[kind.table] = report.alike.get(kind.table, 0) + 1
            for name in names:
                values = [
                    _shown(one, kind, uid, name, row)
                    for one, row in ((likeness.ours, here[uid]), (likeness.theirs, there[uid]))
                ]
                yield Difference("changed", kind.table, uid, name, *values)


def _shown(catalog: CatalogFile, kind: type[CatalogObjectBase], uid: str, name: str, row: rows.Row) -> Any:
    """Return a value as JSON has it."""
    stored: Stored = row[kind._positions()[name]]
    if stored is None:
        return None
    attribute = kind._filterable()[name]
    try:
        value = attribute.to_json(attribute.load(stored))
    except DAMAGE as error:
        raise corrupt(catalog, kind, uid, f"its {name} is not a possible value: {error}") from error
    if name != rows.FILES:
        return value
    return [
        {part: file[part] for part in ("href", "size_bytes", "hash") if not (part == "href" and file["owned"])}
        for file in value
    ]
