"""What became of the Items of `Catalog.from_stac`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcat.errors import printable
from localcat.interop.refused import Refused, add_note
from localcat.models.html import Printed


@dataclass(slots=True)
class StacExport(Printed):
    """What `Catalog.to_stac` wrote.

    Parameters
    ----------
    path : Path
        The root, ``catalog.json``.
    products, items : int
        How many Collections and Items.
    files, size_bytes : int
        How many files of pixels were copied, and how large they are.
    """

    path: Path
    products: int = 0
    items: int = 0
    files: int = 0
    size_bytes: int = 0

    def __repr__(self) -> str:
        copied = f", {self.files:,} files copied ({self.size_bytes:,} bytes)" if self.files else ""
        return f"StacExport: {self.products:,} products, {self.items:,} items{copied} in '{self.path.parent}'"


@dataclass(slots=True)
class StacReport(Printed):
    """What became of the Items and Collections of `Catalog.from_stac`.

    Parameters
    ----------
    products : list of str
        The ids of the products that were made.
    added, replaced, skipped : int
        How many images.
    failed : list of Refused
        Those that were refused, each with its error.
    notes : list of str
        What was assumed, and what changed its form.
    """

    products: list[str] = field(default_factory=list)
    added: int = 0
    replaced: int = 0
    skipped: int = 0
    failed: list[Refused] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Add a note, unless there are many already."""
        add_note(self.notes, text)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dictionary that `json.dumps` takes."""
        return {
            "products": list(self.products),
            "added": self.added,
            "replaced": self.replaced,
            "skipped": self.skipped,
            "failed": [one.to_dict() for one in self.failed],
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        made = f", {len(self.products):,} products made" if self.products else ""
        return (
            f"StacReport: {self.added:,} added, {self.replaced:,} replaced, {self.skipped:,} skipped, "
            f"{len(self.failed):,} failed{made}"
        )

    def __str__(self) -> str:
        failed = [f"  {one}" for one in self.failed]
        return "\n".join([repr(self), *failed, *(f"  {printable(note)}" for note in self.notes)])
