"""Other systems, put in place of this one for localcat alone: `LOCALCAT_TEST_SYSTEM=windows pytest tests/disk`.

An emulation is no proof for the system itself. It finds what is renamed while it is open, written while another handle
has it locked, named as a device, or asked of a function that is not there.
"""

from __future__ import annotations

import builtins
import os
import sys
from types import ModuleType
from typing import Any

import pytest

VARIABLE = "LOCALCAT_TEST_SYSTEM"
EMULATED = os.environ.get(VARIABLE, "")
IS_WINDOWS = sys.platform == "win32" or EMULATED == "windows"
IS_MACOS = sys.platform == "darwin" or EMULATED.startswith("macos")

posix = pytest.mark.skipif(IS_WINDOWS, reason="Windows moves no open file, forks no process, and refuses some names")
linux = pytest.mark.skipif(IS_WINDOWS or IS_MACOS, reason="asks the kernel of Linux, or names its functions")


class Altered(ModuleType):
    """A module of Python as it is on another system; all that is not changed is the real one's, at any time."""

    def __init__(self, real: ModuleType, *, missing: frozenset[str] = frozenset(), **changed: object) -> None:
        super().__init__(real.__name__)
        self._real, self._missing = real, missing
        self.__dict__.update(changed)

    def __getattr__(self, name: str) -> Any:
        if name in self._missing:
            raise AttributeError(f"this system has no {self.__name__}.{name}")
        return getattr(self._real, name)


def see(modules: dict[str, ModuleType | None]) -> None:
    """Let the modules of localcat that are imported from now on see these in place of Python's; None is not there."""
    real = builtins.__import__

    def imported(name: str, globals: Any = None, *more: Any, **named: Any) -> ModuleType:
        importer = (globals or {}).get("__name__") or ""
        if name in modules and importer.partition(".")[0] == "localcat":
            found = modules[name]
            if found is None:
                raise ModuleNotFoundError(f"this system has no module {name}")
            return found
        return real(name, globals, *more, **named)

    builtins.__import__ = imported


def put_in_place(system: str) -> None:
    """Put a system in place: ``"windows"``, ``"macos"``, or ``"macos-share"``, where a full fsync is refused."""
    if system == "windows":
        from tests.systems import windows

        windows.put_in_place()
    elif system in ("macos", "macos-share"):
        from tests.systems import macos

        macos.put_in_place(has_full_fsync=system == "macos")
    else:
        raise ValueError(f"{VARIABLE} is 'windows', 'macos' or 'macos-share', not {system!r}")
