"""What became of the files of an ingest: scenes, products, and what was passed over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from localcat.errors import ClientError, printable
from localcat.models.html import Printed
from localcat.writing.ingest.sources.listing import PassedOver

_SHOWN = 20  # lines of each kind in the text of a report


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestedScene:
    """What became of a scene: the files of one acquisition.

    Parameters
    ----------
    name : str
        The name of the image.
    outcome : str
        ``"added"``; ``"replaced"`` because a file was changed; ``"skipped"`` because the image is there; ``"failed"``;
        or ``"vanished"``: the image is in the catalog, and the files that it was made of are gone.
    image_id, product_id : str or None
        The image and its product; None if it is not known which it would be.
    recipe : str or None
        The recipe that knew the files; None for a scene that vanished.
    files : tuple of Path
        The image's files, in the order that the bands' `file_index` counts.
    bands : mapping of str to (str, int)
        By the name of a band, the name of its file and its position in it.
    acquired, acquired_end : datetime or None
        When it was captured; aware UTC.
    acquired_from : str or None
        Where that comes from, such as ``"name: 20210508"``; None if no time was found.
    notes : tuple of str
        What else was guessed, changed or found odd.
    error : ClientError or None
        Why it failed.
    """

    name: str
    outcome: str
    image_id: str | None = None
    product_id: str | None = None
    recipe: str | None = None
    files: tuple[Path, ...] = ()
    bands: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    acquired: datetime | None = None
    acquired_end: datetime | None = None
    acquired_from: str | None = None
    notes: tuple[str, ...] = ()
    error: ClientError | None = None

    @property
    def path(self) -> Path | None:
        """Its first file."""
        return self.files[0] if self.files else None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "name": self.name,
            "outcome": self.outcome,
            "image_id": self.image_id,
            "product_id": self.product_id,
            "recipe": self.recipe,
            "files": [str(path) for path in self.files],
            "bands": {band: {"file": name, "index": index} for band, (name, index) in self.bands.items()},
            "acquired": None if self.acquired is None else self.acquired.isoformat(),
            "acquired_end": None if self.acquired_end is None else self.acquired_end.isoformat(),
            "acquired_from": self.acquired_from,
            "notes": list(self.notes),
            "error": None if self.error is None else str(self.error),
        }

    def __str__(self) -> str:
        when = "no time" if self.acquired is None else f"{self.acquired:%Y-%m-%d %H:%M:%S}"
        source = "" if self.acquired_from is None else f" ({self.acquired_from})"
        reason = f": {self.error}" if self.error is not None else ""
        return printable(f"{self.outcome:8} {self.image_id or self.name}  {when}{source}{reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestedProduct:
    """A product that scenes went to.

    Parameters
    ----------
    id, name : str
        Of the product.
    outcome : str
        ``"created"`` or ``"found"``.
    recipe : str
        The recipe of its scenes.
    bands : mapping of str to str
        By the name of each band, what it holds: its type and data type.
    notes : tuple of str
        What was guessed.
    """

    id: str
    name: str
    outcome: str
    recipe: str
    bands: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "id": self.id,
            "name": self.name,
            "outcome": self.outcome,
            "recipe": self.recipe,
            "bands": dict(self.bands),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        bands = ", ".join(f"{name} ({what})" for name, what in self.bands.items())
        return printable(f"{self.outcome:8} {self.id}: {bands}")


@dataclass(slots=True)
class IngestReport(Printed):
    """What became of the files of `Catalog.ingest`; printed, it lists them.

    Parameters
    ----------
    items : list of IngestedScene
        One for each scene, in the order of the files.
    passed_over : list of PassedOver
        Files that are part of no image, each with the reason.
    products : list of IngestedProduct
        Those that the scenes went to; a new one only if a scene came in, or would.
    dry_run : bool
        Whether nothing was changed, and the outcomes are what would be.
    """

    items: list[IngestedScene] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)
    products: list[IngestedProduct] = field(default_factory=list)
    dry_run: bool = False

    def _of(self, outcome: str) -> list[IngestedScene]:
        return [item for item in self.items if item.outcome == outcome]

    @property
    def added(self) -> int:
        """How many scenes became images."""
        return len(self._of("added"))

    @property
    def replaced(self) -> int:
        """How many images got new files, because theirs had changed."""
        return len(self._of("replaced"))

    @property
    def skipped(self) -> int:
        """How many were in the catalog already."""
        return len(self._of("skipped"))

    @property
    def failed(self) -> list[IngestedScene]:
        """Those that were refused, each with its error."""
        return self._of("failed")

    @property
    def vanished(self) -> list[IngestedScene]:
        """Images whose files are no longer where they were; nothing of them was changed."""
        return self._of("vanished")

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON can hold it."""
        return {
            "dry_run": self.dry_run,
            "added": self.added,
            "replaced": self.replaced,
            "skipped": self.skipped,
            "failed": len(self.failed),
            "vanished": len(self.vanished),
            "scenes": [item.to_dict() for item in self.items],
            "products": [product.to_dict() for product in self.products],
            "passed_over": [one.to_dict() for one in self.passed_over],
        }

    def __repr__(self) -> str:
        counts = [f"{self.added:,} added", f"{self.skipped:,} skipped", f"{len(self.failed):,} failed"]
        for count, what in ((self.replaced, "replaced"), (len(self.vanished), "vanished")):
            if count:
                counts.append(f"{count:,} {what}")
        passed = f"; {len(self.passed_over):,} files passed over" if self.passed_over else ""
        return f"IngestReport{' (dry run)' if self.dry_run else ''}: {', '.join(counts)}{passed}"

    def __str__(self) -> str:
        lines = [repr(self)]
        for several in (self.products, [item for item in self.items if item.outcome != "skipped"]):
            lines += [f"  {one}" for one in several[:_SHOWN]]
            if len(several) > _SHOWN:
                lines.append(f"  … and {len(several) - _SHOWN:,} more")
        for reason, count in Counter(one.reason for one in self.passed_over).items():
            lines.append(f"  passed over, {reason}: {count:,}")
        return "\n".join(lines)
