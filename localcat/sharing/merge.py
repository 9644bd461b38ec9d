"""Taking another catalog in: which of its products, bands and images are taken, which of ours are kept or deleted.

This decides; `localcat.sharing.taking` copies the files and writes it all. What is changed in between is noticed then,
by the versions of the rows.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from localcat.disk.names import suffix_of
from localcat.disk.paths import in_place_href
from localcat.errors import BadRequestError, printable
from localcat.models.attributes.values import in_place_by_content
from localcat.models.band import Band
from localcat.models.html import Printed
from localcat.models.image import Image
from localcat.models.product import Product
from localcat.sharing.comparing import (
    CUT,
    KINDS,
    Likeness,
    Pair,
    base_of,
    chunks,
    counted,
    graves_of,
    has_cut_files,
    has_own_files,
    has_whole_files,
    is_cut,
    is_in_place,
    knowledge_of,
    other_side,
    pairs,
    rows_of,
    values_of,
)
from localcat.sharing.deciding import Policy, State, Verdict, Whose, decide
from localcat.sharing.positions import odd_band, odd_bands
from localcat.sharing.taking import Buried, Gone, Plan, Settled, Taken, copied, write
from localcat.store import frozen, rows
from localcat.timestamps import now_microseconds

if TYPE_CHECKING:
    from localcat.models.attributes.scalars import Stored
    from localcat.models.attributes.values import File
    from localcat.models.object import CatalogObjectBase
    from localcat.sharing.comparing import Grave, Head
    from localcat.store.catalog_file import CatalogFile

Reason: TypeAlias = Literal["changed on both sides", "deleted there", "deleted here"]


@dataclass(frozen=True, slots=True)
class MergeConflict:
    """An object that both sides changed, or that one side deleted and the other one changed or still needs.

    Parameters
    ----------
    kind : str
        ``"product"``, ``"band"`` or ``"image"``; ``"frozen"`` for a frozen question of which each side has another one.
    id : str
        Its id, or its name.
    taken : str
        Whose state counts: ``"ours"`` or ``"theirs"``.
    reason : str
        ``"changed on both sides"``, ``"deleted there"`` (and changed here), or ``"deleted here"`` (and changed there).
    """

    kind: str
    id: str
    taken: Whose
    reason: Reason = "changed on both sides"

    def __str__(self) -> str:
        return printable(f"{self.kind} {self.id} was {self.reason}; taken: {self.taken}")


@dataclass(slots=True)
class MergeReport(Printed):
    """What `Catalog.merge` did; with ``dry_run`` what it would do.

    Parameters
    ----------
    added, replaced, deleted : dict of str to int
        How many products, bands and images come from them; become as they are there; are deleted as they are there.
    kept, left_out, unchanged : dict of str to int
        How many stay as they are here though theirs differ; were deleted here and stay deleted; are alike.
    conflicts : list of MergeConflict
        What both sides changed, and whose state counts. A change on one side only is none.
    frozen : list of str
        The names of frozen questions that come from them. One that is another question here stays as it is here.
    files, size_bytes : int
        How many files are copied, and how large they are.
    """

    added: dict[str, int] = field(default_factory=dict)
    replaced: dict[str, int] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    unchanged: dict[str, int] = field(default_factory=dict)
    conflicts: list[MergeConflict] = field(default_factory=list)
    frozen: list[str] = field(default_factory=list)
    files: int = 0
    size_bytes: int = 0

    def __str__(self) -> str:
        names = ("added", "replaced", "deleted", "kept", "left_out", "unchanged")
        parts = [f"{name.replace('_', ' ')}: {told}" for name in names if (told := counted(getattr(self, name)))]
        parts += [f"frozen questions: {', '.join(self.frozen)}"] if self.frozen else []
        return printable("; ".join([*parts, f"copied: {self.files:,} files, {self.size_bytes:,} bytes"]))


def merge(
    catalog: CatalogFile,
    other: CatalogFile | str | os.PathLike[str],
    *,
    policy: Policy = "newer",
    deletions: bool = True,
    dry_run: bool = False,
    progress: bool | None = None,
) -> MergeReport:
    """Take another catalog in; `Catalog.merge` says how."""
    if policy not in get_args(Policy):
        raise BadRequestError(f"policy is 'newer', 'ours' or 'theirs', not {policy!r}")
    with other_side(catalog, other, "merged into") as theirs:
        if catalog.database.in_transaction or theirs.database.in_transaction:
            raise BadRequestError("a merge is a transaction of its own; call it outside of any other one")
        if not dry_run:
            catalog.database.require_writable(creates=True)  # before anything is copied
        planning = _Planning(catalog, theirs, policy, deletions)
        plan, report = planning.planned(), planning.report
        copies = dict(copy for one in plan.taken for copy in one.copies)
        report.files, report.size_bytes = len(copies), sum(file.size_bytes or 0 for file in copies.values())
        if not dry_run and not plan.is_empty:
            with ExitStack() as stack:
                write(catalog, theirs, plan, copied(stack, catalog, theirs, copies, progress))
        return report


class _Planning:
    """Decides, object by object, what becomes of it here."""

    def __init__(self, catalog: CatalogFile, other: CatalogFile, policy: Policy, deletions: bool) -> None:
        self.catalog, self.other, self.policy, self.deletions = catalog, other, policy, deletions
        self.report = MergeReport()
        self.known_there = knowledge_of(other)  # before its rows are read: what comes later is not known yet
        self.known_here = knowledge_of(catalog)
        news = self.known_there if self.known_here.lacks(self.known_there) else None
        self.plan = Plan(news=news)
        self._is_cut = is_cut(other)
        self._there = self.known_there.with_base(base_of(other))  # of what came along from a common source
        self._here = self.known_here.with_base(base_of(catalog))
        self._odd = odd_bands(catalog, other)
        for product, band in () if self._is_cut else self._odd.items():
            raise odd_band(other, product, band)
        self._likenesses: dict[tuple[type[CatalogObjectBase], frozenset[str]], Likeness] = {}
        self._came_back: set[str] = set()  # products that were deleted here
        self._stayed: dict[str, Head] = {}  # products that were deleted there, and are kept

    def planned(self) -> Plan:
        """Return all that is to be done."""
        for kind in KINDS:
            for chunk in chunks(pairs(self.catalog, self.other, kind)):
                self._meet(kind, [pair for pair in chunk if pair.ours is not None and pair.theirs is not None])
                self._lack_there(kind, [pair.ours for pair in chunk if pair.ours and pair.theirs is None])
                self._lack_here(kind, [pair.theirs for pair in chunk if pair.theirs and pair.ours is None])
            self._learn_deletions(kind)
        self._keep_products_of_what_is_kept()
        self._bring_back_products_of_what_is_added()
        with self.other.database.read() as theirs, self.catalog.database.read() as ours:
            self.report.frozen, kept = frozen.compare(ours, theirs)
        self.report.conflicts += [MergeConflict("frozen", name, "ours") for name in kept]
        self.plan.questions = self.report.frozen
        self.plan.taken.sort(key=lambda one: KINDS.index(one.kind))
        return self.plan

    def _left(self, kind: type[CatalogObjectBase], there: rows.Row) -> frozenset[str]:
        """Return the attributes that no object of ours takes from a bundle of cut files, which are no originals."""
        is_changed = self._is_cut and (kind is not Image or has_cut_files(there))
        return CUT.get(kind.table, frozenset()) if is_changed else frozenset()

    def _likeness(self, kind: type[CatalogObjectBase], left: frozenset[str]) -> Likeness:
        if (kind, left) not in self._likenesses:
            self._likenesses[kind, left] = Likeness.of(self.catalog, self.other, kind, left)
        return self._likenesses[kind, left]

    # Objects that both have

    def _meet(self, kind: type[CatalogObjectBase], both: Sequence[Pair]) -> None:
        unequal = [pair for pair in both if pair.ours.stamp is None or pair.ours.stamp != pair.theirs.stamp]  # type: ignore[union-attr]
        _count(self.report.unchanged, kind, len(both) - len(unequal))
        here = rows_of(self.catalog, kind, (pair.ours for pair in unequal))
        there = rows_of(self.other, kind, (pair.theirs for pair in unequal))
        for uid, ours, theirs in unequal:
            if ours is not None and theirs is not None and uid in here and uid in there:  # not deleted just now
                self._compare(kind, ours, theirs, here[uid], there[uid])

    def _compare(
        self, kind: type[CatalogObjectBase], ours: Head, theirs: Head, here: rows.Row, there: rows.Row
    ) -> None:
        created = kind._positions()["created"]
        is_one = here[created] == there[created]  # else each side made it: that of the kit did not come along
        left = self._left(kind, there) if is_one or kind is not Image else frozenset[str]()
        names = self._likeness(kind, left).differing(here, there)
        one, other = (
            State(True, head.modified, head.stamp, not left and has_own_files(kind, row))
            for head, row in ((ours, here), (theirs, there))
        )
        known = (self._here, self._there) if is_one else (self.known_here, self.known_there)
        verdict = decide(one, other, *known, policy=self.policy if names else "newer")
        if not names:
            _count(self.report.unchanged, kind)
            is_nobodys = not (self.known_here.has(theirs.stamp) or self.known_there.has(theirs.stamp))
            is_done = is_nobodys and ours.stamp is None and ours.modified == theirs.modified
            # Two changes to the same: both sides are to know it as one, unless a bundle cut something of theirs.
            if verdict.taken == "theirs" and not is_done and not left:
                created = int(there[kind._positions()["created"]] or 0)
                self.plan.settled.append(Settled(kind, ours, theirs.stamp, created, theirs.modified))
            return
        whole = _whose_are_whole(here, there) if kind is Image and is_one and not left else None
        if whole is not None and CUT["image"].issuperset(names):
            verdict = Verdict(whole)  # nobody changed what a bundle cut
        if verdict.is_conflict:
            self.report.conflicts.append(MergeConflict(kind.table, ours.uid, verdict.taken))
        is_decided = verdict.is_conflict and self.policy != "newer"
        if whole not in (None, verdict.taken):  # the whole pixels, and else what the other side has: a new change
            _count(self.report.replaced, kind)
            left = CUT["image"] if whole == "ours" else frozenset(kind._columns()) - CUT["image"]
            self._take(kind, theirs, there, ours, here, is_decided=is_decided, left=left)
        elif verdict.taken == "theirs":
            _count(self.report.replaced, kind)
            self._take(kind, theirs, there, ours, here, is_decided=is_decided, left=left)
        else:
            _count(self.report.kept, kind)
            if is_decided and theirs.stamp is not None:
                self._settle_anew(kind, ours, theirs.modified)

    def _settle_anew(self, kind: type[CatalogObjectBase], ours: Head, there: int = 0) -> None:
        """Let an object of ours be a new change, so that others learn that it was decided."""
        self.plan.settled.append(Settled(kind, ours, None, None, _after(ours.modified, there)))

    def _take(
        self,
        kind: type[CatalogObjectBase],
        theirs: Head,
        there: rows.Row,
        ours: Head | None = None,
        here: rows.Row | None = None,
        *,
        is_decided: bool = False,
        left: frozenset[str] = frozenset(),
    ) -> None:
        values, files = values_of(self.other, kind, theirs.uid, there)
        if rows.FILES in left:
            files = []
        before = [] if ours is None or here is None else values_of(self.catalog, kind, ours.uid, here)[1]
        named, copies = self._files_here(values, files, before)
        if files and str(values["product_id"]) in self._odd:
            raise odd_band(self.other, str(values["product_id"]), self._odd[str(values["product_id"])])
        modified = _after(theirs.modified, 0 if ours is None else ours.modified) if is_decided else None
        if left and ours is not None and not is_decided:  # a change of ours, and not later than theirs if that can be
            modified = max(theirs.modified, ours.modified + 1)
        self.plan.taken.append(
            Taken(
                kind,
                theirs,
                ours,
                product_id=theirs.uid if kind is Product else str(values["product_id"]),
                modified=modified,
                files=named,
                copies=copies,
                left=left,
            )
        )

    def _files_here(
        self, values: Mapping[str, Stored], files: list[File], ours: list[File]
    ) -> tuple[tuple[File, ...], tuple[tuple[str, File], ...]]:
        """Return their files as they will be named here, and those to copy: what ours holds already is kept."""
        known = {(file.size_bytes, file.hash): file for file in ours if file.owned}
        # Where a file in place is on this machine is known best here, as for the copy of a catalog that comes home.
        in_place = in_place_by_content(ours)
        named: list[File] = []
        copies: list[tuple[str, File]] = []
        for file in files:
            href = file.href
            if file.owned:
                kept = known.pop((file.size_bytes, file.hash), None)
                if kept is not None:
                    href = kept.href
                else:
                    product_id, name = str(values["product_id"]), str(values["name"])
                    href = self.catalog.data_folder.new_href(product_id, name, suffix_of(str(href)))
                    copies.append((href, file))
            elif is_in_place(values["storage_state"], file):
                href = in_place.get((file.size_bytes, file.hash)) or in_place_href(
                    self.other.path_of(file), self.catalog.path.parent
                )
            named.append(replace(file, href=href))
        return tuple(named), tuple(copies)

    # Objects that one of them has

    def _lack_there(self, kind: type[CatalogObjectBase], heads: Sequence[Head]) -> None:
        """Delete what they deleted; keep what they never had, and what was changed here meanwhile."""
        graves = graves_of(self.other, kind, [head.uid for head in heads]) if heads else {}
        for head in heads:
            grave = graves.get(head.uid)
            verdict = self._decided(State(True, head.modified, head.stamp), _buried(grave))
            is_decided = verdict.is_conflict and (self.policy != "newer" or not self.deletions)
            if verdict.is_conflict:
                self.report.conflicts.append(MergeConflict(kind.table, head.uid, verdict.taken, "deleted there"))
            if verdict.taken == "theirs":
                _count(self.report.deleted, kind)
                self.plan.gone.append(Gone(kind, head, grave, is_decided=is_decided))
            elif verdict.is_conflict:
                _count(self.report.kept, kind)
                if kind is Product:
                    self._stayed[head.uid] = head
                if is_decided:
                    self._settle_anew(kind, head, 0 if grave is None else grave.deleted)

    def _lack_here(self, kind: type[CatalogObjectBase], heads: Sequence[Head]) -> None:
        """Take what is new; leave out what was deleted here, unless it was changed there meanwhile."""
        graves = graves_of(self.catalog, kind, [head.uid for head in heads]) if heads else {}
        there = rows_of(self.other, kind, heads)
        for head in heads:
            grave = graves.get(head.uid)
            verdict = self._decided(_buried(grave), State(True, head.modified, head.stamp))
            is_decided = verdict.is_conflict and (self.policy != "newer" or not self.deletions)
            if verdict.is_conflict:
                self.report.conflicts.append(MergeConflict(kind.table, head.uid, verdict.taken, "deleted here"))
            if verdict.taken == "ours":
                _count(self.report.left_out, kind)
                if is_decided and grave is not None:
                    self.plan.buried.append(Buried(kind, grave._replace(stamp=None, deleted=_after(head.modified))))
            elif head.uid in there:  # and not deleted just now
                _count(self.report.added, kind)
                self._take(kind, head, there[head.uid], is_decided=is_decided)
                if verdict.is_conflict and kind is Product:
                    self._came_back.add(head.uid)

    def _decided(self, ours: State | None, theirs: State | None) -> Verdict:
        known = (self.known_here, self.known_there)
        return decide(ours, theirs, *known, policy=self.policy, deletions=self.deletions)

    def _learn_deletions(self, kind: type[CatalogObjectBase]) -> None:
        """Note the deletions of theirs that others are to hear of from us, too."""
        theirs = graves_of(self.other, kind)
        for chunk in chunks(theirs.values()):
            uids = [grave.uid for grave in chunk]
            ours = graves_of(self.catalog, kind, uids)
            with self.catalog.database.read() as connection:
                there_are = rows.row_ids(connection, kind.table, uids)
            for grave in chunk:
                if grave.uid not in there_are and grave.stamp is not None:
                    verdict = self._decided(_buried(ours.get(grave.uid)), _buried(grave))
                    if grave.uid not in ours or (verdict.taken == "theirs" and ours[grave.uid].stamp != grave.stamp):
                        self.plan.buried.append(Buried(kind, grave))

    # Products, which bands and images need

    def _keep_products_of_what_is_kept(self) -> None:
        """Keep a product that they deleted if a band or an image of it is kept; and with such a product its bands."""
        going = {one.head.uid for one in self.plan.gone if one.kind is not Product}
        for gone in [one for one in self.plan.gone if one.kind is Product]:
            with self.catalog.database.read() as connection:
                children = [
                    uid
                    for kind in (Band, Image)
                    for uid in rows.uids_of_product(connection, kind.table, gone.head.row_id)
                ]
            if any(uid not in going for uid in children):
                self.plan.gone.remove(gone)
                self._recall(gone)
                self.report.conflicts.append(MergeConflict("product", gone.head.uid, "ours", "deleted there"))
                self._stayed[gone.head.uid] = gone.head
        for head in self._stayed.values():
            with self.catalog.database.read() as connection:
                bands = {*rows.uids_of_product(connection, Band.table, head.row_id)}
            for gone in [one for one in self.plan.gone if one.kind is Band and one.head.uid in bands]:
                self.plan.gone.remove(gone)
                self._recall(gone)

    def _recall(self, gone: Gone) -> None:
        _count(self.report.deleted, gone.kind, -1)
        _count(self.report.kept, gone.kind)
        self._settle_anew(gone.kind, gone.head, 0 if gone.grave is None else gone.grave.deleted)

    def _bring_back_products_of_what_is_added(self) -> None:
        """Take a product that was deleted here if a band or an image of it is added; and with it its bands."""
        taken = {one.theirs.uid for one in self.plan.taken if one.kind is not Image}
        needed = {one.product_id for one in self.plan.taken if one.ours is None and one.kind is not Product} - taken
        with self.catalog.database.read() as connection:
            needed -= {*rows.row_ids(connection, Product.table, sorted(needed))}
        for uid in sorted(needed):
            self.report.conflicts.append(MergeConflict("product", uid, "theirs", "deleted here"))
        self._bring_back(Product, sorted(needed))
        for uid in sorted(needed | self._came_back):
            with self.other.database.read() as theirs:
                row_id = rows.product_row_id(theirs, uid)
                uids = [] if row_id is None else rows.uids_of_product(theirs, Band.table, row_id)
            with self.catalog.database.read() as connection:
                known = {*rows.row_ids(connection, Band.table, uids), *taken}
            self._bring_back(Band, sorted({*uids} - known))

    def _bring_back(self, kind: type[CatalogObjectBase], uids: Sequence[str]) -> None:
        for pair in pairs(self.catalog, self.other, kind) if uids else ():
            if pair.theirs is not None and pair.uid in uids:
                row = rows_of(self.other, kind, [pair.theirs]).get(pair.uid)
                if row is not None:
                    _count(self.report.left_out, kind, -1)
                    _count(self.report.added, kind)
                    self._take(kind, pair.theirs, row, is_decided=True)


def _whose_are_whole(here: rows.Row, there: rows.Row) -> Whose | None:
    """Return who has the pixels of an image of which the other side has a part, which a bundle cut; else None."""
    if has_cut_files(there) and has_whole_files(here, own=False):
        return "ours"
    return "theirs" if has_cut_files(here) and has_whole_files(there, own=True) else None


def _buried(grave: Grave | None) -> State | None:
    return None if grave is None else State(False, grave.deleted, grave.stamp)


def _after(*times: int) -> int:
    """Return the time of a change that is made now, after others, even if the clock went back."""
    return max(now_microseconds(), *(time + 1 for time in times))


def _count(counts: dict[str, int], kind: type[CatalogObjectBase], number: int = 1) -> None:
    counts[kind.table] = counts.get(kind.table, 0) + number
    if not counts[kind.table]:
        del counts[kind.table]
