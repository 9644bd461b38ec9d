"""What a campaign found, printed while it runs."""

from __future__ import annotations

from collections.abc import Callable

from localcat import LocalcatError


def outcome_of(attempt: Callable[[], object]) -> str:
    """Return how an attempt ended: ``done``, ``ours CLASS: TEXT`` or ``foreign CLASS: TEXT``."""
    try:
        attempt()
    except LocalcatError as error:
        return f"ours {type(error).__name__}: {error!s:.80}"
    except Exception as error:  # noqa: BLE001  # whatever it is, the campaign counts it
        return f"foreign {type(error).__name__}: {error!s:.200}"
    return "done"


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
