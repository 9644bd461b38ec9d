"""Stops a function at its n-th step on the disk: when it opens a file to write, makes, renames or removes something."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

_EVENTS = {"os.mkdir": 0, "os.rename": 1, "os.link": 1, "os.remove": 0, "os.rmdir": 0}  # the argument with the path


@dataclass
class _Watch:
    """What is done below a folder, and what happens at a step of it."""

    folder: str = ""
    stop_at: int = -1
    stop: Callable[[], object] = int
    count: int = -1  # below 0: nothing is watched

    def see(self, event: str, args: tuple[Any, ...]) -> None:
        """Count a step; called by Python for all that it does."""
        if self.count < 0 or not self._is_step(event, args):
            return
        self.count += 1
        if self.count == self.stop_at:
            self.stop()

    def _is_step(self, event: str, args: tuple[Any, ...]) -> bool:
        if event == "open":
            path, mode, flags = args
            writes = (
                any(sign in mode for sign in "wax+") if isinstance(mode, str) else flags & (os.O_WRONLY | os.O_RDWR)
            )
            return bool(writes) and self._is_inside(path)
        return event in _EVENTS and self._is_inside(args[_EVENTS[event]])

    def _is_inside(self, path: Any) -> bool:
        return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(self.folder)


_watch = _Watch()
_is_hooked = False


def steps_of(call: Callable[[], object], folder: Path) -> int:
    """Return how many steps a function takes below a folder."""
    return _watched(call, folder, -1, int)


def stopped_at(step: int, call: Callable[[], object], folder: Path, error: BaseException) -> None:
    """Run a function, and let its n-th step (from 1) raise an error."""

    def stop() -> NoReturn:
        raise error

    _watched(call, folder, step, stop)


def killed_at(step: int, call: Callable[[], object], folder: Path) -> int:
    """Run a function in a child process that ends at its n-th step without a farewell; return its exit status."""
    child = os.fork()
    if child == 0:
        try:
            _watched(call, folder, step, lambda: os._exit(9))
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _watched(call: Callable[[], object], folder: Path, step: int, stop: Callable[[], object]) -> int:
    global _is_hooked
    if not _is_hooked:
        sys.addaudithook(_watch.see)  # which cannot be taken back
        _is_hooked = True
    _watch.folder, _watch.stop_at, _watch.stop, _watch.count = str(folder), step, stop, 0
    try:
        call()
        return _watch.count
    finally:
        _watch.count = -1
