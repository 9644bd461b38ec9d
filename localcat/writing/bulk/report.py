"""What became of many records, one outcome each."""

from __future__ import annotations

from dataclasses import dataclass, field

from localcat.errors import BadRequestError, ClientError
from localcat.models.html import Printed


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
class AddReport(Printed):
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


def require_conflict_rule(on_conflict: str) -> None:
    """Refuse what is not a rule for objects whose id is taken."""
    if on_conflict not in ("error", "skip", "replace"):
        raise BadRequestError(f"on_conflict is 'error', 'skip' or 'replace', not {on_conflict!r}")
