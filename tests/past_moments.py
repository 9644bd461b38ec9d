"""Moments that a catalog can be looked at as of."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def past_moment() -> datetime:
    """Return this moment, when a clock has passed it."""
    moment = datetime.now(UTC)
    while datetime.now(UTC) <= moment:
        time.monotonic()
    return moment
