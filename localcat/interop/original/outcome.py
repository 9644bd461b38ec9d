"""What became of the documents of `Catalog.from_original`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from localcat.errors import printable
from localcat.interop.original.attributes import KEPT
from localcat.interop.refused import Refused, add_note
from localcat.models.html import Printed


@dataclass(slots=True)
class OriginalReport(Printed):
    """What became of the documents of `Catalog.from_original`.

    Parameters
    ----------
    products, bands, images : int
        How many were added.
    replaced, skipped : int
        How many were there before, and took the attributes of their document, or stayed as they were.
    failed : list of Refused
        Those that were refused, each with its error.
    not_understood : Counter
        How often attributes were met that are not known here, or whose values are refused, by ``image.attribute``. They
        are kept in ``extra_properties["original:attributes"]``.
    notes : list of str
        What was assumed, and what was passed over.
    """

    products: int = 0
    bands: int = 0
    images: int = 0
    replaced: int = 0
    skipped: int = 0
    failed: list[Refused] = field(default_factory=list)
    not_understood: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Add a note, unless there are many already."""
        add_note(self.notes, text)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dictionary that `json.dumps` takes."""
        return {
            "products": self.products,
            "bands": self.bands,
            "images": self.images,
            "replaced": self.replaced,
            "skipped": self.skipped,
            "failed": [one.to_dict() for one in self.failed],
            "not_understood": dict(self.not_understood),
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        return (
            f"OriginalReport: {self.products:,} products, {self.bands:,} bands, {self.images:,} images added, "
            f"{self.replaced:,} replaced, {self.skipped:,} skipped, {len(self.failed):,} failed"
        )

    def __str__(self) -> str:
        lines = [f"  {one}" for one in self.failed]
        if self.not_understood:
            met = ", ".join(f"{name} ({count:,})" for name, count in self.not_understood.most_common())
            lines.append(f"  kept in extra_properties['{KEPT}']: {printable(met)}")
        return "\n".join([repr(self), *lines, *(f"  {printable(note)}" for note in self.notes)])
