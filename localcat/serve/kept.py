"""Answers that are kept for as long as the catalog file is the same."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from localcat.catalog import Catalog

T = TypeVar("T")

_MOST_KEPT = 256
_RECENT = 3.0  # seconds; FAT counts in steps of two, and what changes twice in a step looks as if it did once


class WhileUnchanged(Generic[T]):
    """What was found about a catalog, by what it is about; a commit to the catalog ends it."""

    def __init__(self) -> None:
        self._found: OrderedDict[object, T] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, catalog: Catalog, about: str, find: Callable[[], T]) -> T:
        """Return what is kept, or find it."""
        log = catalog.path.with_name(f"{catalog.path.name}-wal")
        states = _state_of(catalog.path), _state_of(log)  # before: a change meanwhile makes another key
        key = (about, *states)
        with self._lock:
            if key in self._found:
                return self._found[key]
        found = find()
        if any(state is not None and _is_recent(state[0]) for state in states):
            return found
        with self._lock:
            self._found[key] = found
            while len(self._found) > _MOST_KEPT:
                self._found.popitem(last=False)
        return found


def _is_recent(written: int) -> bool:
    """Return whether a file may be changed again without another time: it was just now, or by a clock that is ahead."""
    return time.time() - written / 1e9 < _RECENT


def _state_of(path: Path) -> tuple[int, int] | None:
    """Return when a file was written and its size, which every commit changes; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
