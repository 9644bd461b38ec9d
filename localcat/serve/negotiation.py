"""One address, two answers: the page for browsers, JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.routing import Match, Route

if TYPE_CHECKING:
    from starlette.types import Scope


class PageRoute(Route):
    """A route for those alone who would rather have HTML than JSON, as browsers say; others get the next that fits."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether this route answers."""
        if not prefers_html(Headers(scope=scope).get("accept", "")):
            return Match.NONE, {}
        return super().matches(scope)


def prefers_html(accept: str) -> bool:
    """Return whether an ``Accept`` has HTML before JSON; without any wish, JSON comes first."""
    return _weight(accept, "text/html") > max(_weight(accept, "application/json"), _weight(accept, "*/*"))


def _weight(accept: str, media_type: str) -> float:
    for entry in accept.split(","):
        kind, *parameters = (one.strip().lower() for one in entry.split(";"))
        if kind == media_type:
            weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
            try:
                return float(weight)
            except ValueError:
                return 0.0
    return 0.0
