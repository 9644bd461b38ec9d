"""What became of many records or files, one outcome each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from localcat.errors import ClientError


@dataclass(frozen=True, slots=True)
class FailedRecord:
    """A record that was not added.

    Parameters
    ----------
    index : int
        Its position among the records, from 0.
    id : str or None
        The id it would have had, if that is known.
    error : ClientError
        What is wrong with it.
    """

    index: int
    id: str | None
    error: ClientError


@dataclass(slots=True)
class AddReport:
    """What became of the records of `Catalog.add_images`.

    Parameters
    ----------
    added, replaced, skipped : int
        How many.
    failed : list of FailedRecord
        Those that were refused.
    """

    added: int = 0
    replaced: int = 0
    skipped: int = 0
    failed: list[FailedRecord] = field(default_factory=list)

    def __repr__(self) -> str:
        return (
            f"AddReport: {self.added:,} added, {self.replaced:,} replaced, {self.skipped:,} skipped, "
            f"{len(self.failed):,} failed"
        )


@dataclass(frozen=True, slots=True)
class IngestedFile:
    """What became of a file.

    Parameters
    ----------
    path : Path
        The file.
    outcome : str
        ``"added"``, ``"skipped"`` because an image of the product has a file of the same sha256, or ``"failed"``.
    image_id : str or None
        The new image, or the one that was there already.
    error : ClientError or None
        Why it failed.
    """

    path: Path
    outcome: str
    image_id: str | None = None
    error: ClientError | None = None


@dataclass(slots=True)
class IngestReport:
    """What became of the files of `Catalog.ingest`, in their order.

    Parameters
    ----------
    items : list of IngestedFile
        One for each file.
    """

    items: list[IngestedFile] = field(default_factory=list)

    @property
    def added(self) -> int:
        """How many files became images."""
        return sum(item.outcome == "added" for item in self.items)

    @property
    def skipped(self) -> int:
        """How many were in the product already."""
        return sum(item.outcome == "skipped" for item in self.items)

    @property
    def failed(self) -> list[IngestedFile]:
        """Those that were refused, each with its error."""
        return [item for item in self.items if item.outcome == "failed"]

    def __repr__(self) -> str:
        return f"IngestReport: {self.added:,} added, {self.skipped:,} skipped, {len(self.failed):,} failed"
