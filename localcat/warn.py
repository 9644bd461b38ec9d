"""Warnings that point at the user's own line."""

from __future__ import annotations

import sys
import warnings

from localcat.errors import LocalcatWarning


def warn_caller(warning: LocalcatWarning) -> None:
    """Give a warning at the line of the user's program that led here."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(("localcat.", "contextlib")):
        frame, level = frame.f_back, level + 1
    warnings.warn(warning, stacklevel=level)
