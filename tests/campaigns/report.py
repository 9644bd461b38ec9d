"""What a campaign found, printed while it runs."""

from __future__ import annotations

from collections.abc import Callable


class Tally:
    """The lines of a campaign's table.

    Parameters
    ----------
    say : callable
        Shows a line to whoever started the campaign.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def add(self, kind: str, what: str, **counts: object) -> None:
        """Tell one row of the table."""
        self._say(f"{kind} | {what} | " + ", ".join(f"{name} {count}" for name, count in counts.items()))

    def note(self, problems: list[str], where: str) -> None:
        """Tell of a point at which the promise was not kept."""
        if problems:
            self._say(f"    {where}: {problems}")
