"""What the verbs that keep a catalog in order found and did."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from localcat.errors import printable
from localcat.models.html import Printed, attribute_table, listing
from localcat.store.damage.problem_kinds import Problem, ProblemKind

_SHOWN = 20  # problems in the text of a report


@dataclass(slots=True)
class VerifyReport:
    """What `Catalog.verify` found.

    Parameters
    ----------
    path : Path
        The catalog file.
    level : str
        How deep it looked: ``"quick"``, ``"files"`` or ``"full"``.
    problems : list of Problem
        What is wrong.
    garbage : list of Problem
        Files that nothing refers to, as crashes leave them, and marks of files that the history has lost: harmless, and
        gone after `Catalog.gc`.
    images : int
        How many images the catalog has.
    files_checked : int
        Files whose existence and size were checked; remote ones are not.
    files_hashed : int
        Files that were read as a whole.
    """

    path: Path
    level: str
    problems: list[Problem] = field(default_factory=list)
    garbage: list[Problem] = field(default_factory=list)
    images: int = 0
    files_checked: int = 0
    files_hashed: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; garbage may be there."""
        return not self.problems

    def of_kind(self, kind: ProblemKind | str) -> list[Problem]:
        """Return the problems of one kind, or the garbage of one."""
        return [problem for problem in self._all if problem.kind == kind]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dictionary that `json.dumps` takes."""
        return {
            "path": str(self.path),
            "level": self.level,
            "ok": self.ok,
            "images": self.images,
            "files_checked": self.files_checked,
            "files_hashed": self.files_hashed,
            "problems": [asdict(problem) for problem in self.problems],
            "garbage": [asdict(problem) for problem in self.garbage],
        }

    @property
    def _all(self) -> list[Problem]:
        return [*self.problems, *self.garbage]

    @property
    def summary(self) -> str:
        """One line: what was looked at, and how many problems of each kind there are."""
        checked = f"{self.images:,} images"
        if self.level != "quick":
            checked += f", {self.files_checked:,} files, {self.files_hashed:,} of them read as a whole"
        counts = Counter(problem.kind for problem in self._all)
        found = ", ".join(f"{count:,} {kind.value}" for kind, count in counts.items())
        state = "ok" if self.ok else "damaged"
        return printable(f"{self.path.name} ({self.level}): {state}; {checked}{f'; {found}' if found else ''}")

    def __str__(self) -> str:
        lines = [self.summary, *(f"  {problem}" for problem in self._all[:_SHOWN])]
        if len(self._all) > _SHOWN:
            lines.append(f"  … and {len(self._all) - _SHOWN:,} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        if not self._all:
            return attribute_table(self.summary, {})
        names = ("kind", "object_id", "path", "expected", "found", "advice")
        rows = (tuple(getattr(problem, name) or "" for name in names) for problem in self._all)
        return listing(self.summary, names, rows, len(self._all))


@dataclass(frozen=True, slots=True)
class BackupReport(Printed):
    """What `Catalog.backup` copied.

    Parameters
    ----------
    path : Path
        The new catalog file.
    images, files : int
        How many it has; files that were left out are not counted.
    size_bytes : int
        Of the catalog file and the copied files together.
    left_out : tuple of str
        The files indexed in place that were not copied, by their path in the original; none with ``copy_in_place``.
    left_out_bytes : int
        Their size, as far as the catalog knows it.
    """

    path: Path
    images: int
    files: int
    size_bytes: int
    left_out: tuple[str, ...] = ()
    left_out_bytes: int = 0

    def __str__(self) -> str:
        text = f"{self.path.name}: {self.images:,} images, {self.files:,} files, {self.size_bytes:,} bytes"
        if self.left_out:
            text += f"; left out: {len(self.left_out):,} files indexed in place, with {self.left_out_bytes:,} bytes"
        return printable(text)


@dataclass(slots=True)
class GcReport(Printed):
    """What `Catalog.gc` found.

    Parameters
    ----------
    removed : list of str
        Paths, relative to the data folder, of the files that were unlinked; with ``dry_run`` of those that would be.
    kept : list of str
        Files that nothing refers to and that could not be unlinked, as while another program reads them.
    size_bytes : int
        Of what was removed.
    set_aside : list of str
        Files that no image refers to and that nobody deleted here, put into ``.orphans`` in the data folder; with
        ``dry_run`` those that would be.
    restored : list of str
        Files that were set aside before and have their paths again.
    """

    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    size_bytes: int = 0
    set_aside: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MovedFile:
    """A file under the old folder.

    Parameters
    ----------
    image_id : str
        The image that it belongs to.
    old : str
        Its path as the catalog had it.
    new : str
        Its path as it has it now, or would have it.
    problem : str, optional
        Why it was not changed.
    """

    image_id: str
    old: str
    new: str
    problem: str | None = None


@dataclass(slots=True)
class RelocateReport(Printed):
    """What `Catalog.relocate` found.

    Parameters
    ----------
    moved : list of MovedFile
        Files that are at the new place; with ``dry_run`` those that would be changed.
    left : list of MovedFile
        Files that are not there, or of another size; they stay as they are.
    """

    moved: list[MovedFile] = field(default_factory=list)
    left: list[MovedFile] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{len(self.moved):,} files found at the new place, {len(self.left):,} not"]
        return "\n".join([*lines, *(printable(f"  '{file.new}': {file.problem}") for file in self.left)])


@dataclass(slots=True)
class OptimizeReport(Printed):
    """What `Catalog.optimize` did with rows, and with files whose masks other programs misread.

    Parameters
    ----------
    moved : int
        How many images were put in order; 0 if all of them were, or if it was not asked for.
    rewritten : list of MovedFile
        Files that were written again, under a new name.
    left : list of MovedFile
        Files that could not be, with the reason; they stay as they are.
    """

    moved: int = 0
    rewritten: list[MovedFile] = field(default_factory=list)
    left: list[MovedFile] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{len(self.rewritten):,} files written again, {len(self.left):,} left as they are"]
        if self.moved:
            lines.insert(0, f"{self.moved:,} images put in order")
        return "\n".join([*lines, *(printable(f"  '{file.old}': {file.problem}") for file in self.left)])


@dataclass(slots=True)
class RecoverReport(Printed):
    """What `Catalog.recover` saved, and what it could not.

    Parameters
    ----------
    path : Path
        The new catalog file.
    products, bands, images, files, uploads : int
        How many are in it; `files` are those copied into its data folder.
    problems : list of Problem
        What is lost, and what was made again.
    """

    path: Path
    products: int = 0
    bands: int = 0
    images: int = 0
    files: int = 0
    uploads: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing was found to be lost."""
        return not self.problems

    @property
    def summary(self) -> str:
        """One line: what was saved."""
        saved = (
            f"{self.products:,} products, {self.bands:,} bands, {self.images:,} images, {self.files:,} files, "
            f"{self.uploads:,} uploads"
        )
        return printable(f"{self.path.name}: saved {saved}; {len(self.problems):,} problems")

    def __str__(self) -> str:
        return "\n".join([self.summary, *(f"  {problem}" for problem in self.problems)])
