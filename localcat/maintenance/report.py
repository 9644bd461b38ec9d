"""What verifying found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from localcat.models.html import attribute_table, listing
from localcat.store.damage.problems import Problem, ProblemKind

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
        Files that nothing refers to, as crashes leave them: harmless, and gone after `Catalog.gc`.
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
        return f"{self.path.name} ({self.level}): {state}; {checked}{f'; {found}' if found else ''}"

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
