"""How an ingest is done: what its caller chose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localcat.errors import BadRequestError
from localcat.models.product import Product
from localcat.rasters.files.environment import usable_threads

_CONFLICTS = ("rename", "skip", "replace")
_DATES = (None, "mtime")
_MOST_WORKERS = 8


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How scenes are taken in; `Catalog.ingest` explains each."""

    product: Product | str | None = None
    recipe: Any = None
    dry_run: bool = False
    copy: bool = False
    cog: bool = False
    date_from: str | None = None
    follow_links: bool = True
    workers: int | None = None
    on_conflict: str = "rename"
    progress: bool | None = None

    def __post_init__(self) -> None:
        if self.on_conflict not in _CONFLICTS:
            raise BadRequestError(f"on_conflict is 'rename', 'skip' or 'replace', not {self.on_conflict!r}")
        if self.date_from not in _DATES:
            raise BadRequestError(f"date_from is None or 'mtime', not {self.date_from!r}")
        workers = self.workers
        if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
            raise BadRequestError(f"workers is a whole number from 1, not {workers!r}")

    @property
    def is_copied(self) -> bool:
        """Whether the files get into the data folder."""
        return self.copy or self.cog

    @property
    def threads(self) -> int:
        """How many scenes are worked on at once."""
        return self.workers or min(usable_threads(), _MOST_WORKERS)
