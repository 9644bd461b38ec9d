"""localcat: a satellite-image catalog that needs no network and no server.

One SQLite file, one data folder, ``import localcat``. Products hold bands and images; images are searched by
attributes, place and time, and their pixels are read as numpy arrays.

The public names stand in `_exports.py`. Each is imported when it is first used, so that importing localcat itself takes
next to no time. Type checkers and editors read `__init__.pyi`, which ``python -m tests.stub`` writes.
"""

from __future__ import annotations

import importlib
from typing import Any

from localcat._exports import HOME, SUBMODULES
from localcat.models import backend as _backend

__version__ = "0.1.0"
__all__ = sorted(HOME)  # the table is the one list of names


def _open_default() -> Any:
    return importlib.import_module("localcat.catalog").Catalog.default()  # by name, so lazily


def _open(path: Any, **options: Any) -> Any:
    return importlib.import_module("localcat.catalog").Catalog.open(path, **options)


_backend.set_default_opener(_open_default)
_backend.set_opener(_open)


def __getattr__(name: str) -> Any:
    if name in SUBMODULES:
        return importlib.import_module(f"localcat.{name}")
    if name not in HOME:
        raise AttributeError(f"module 'localcat' has no attribute {name!r}")
    value = getattr(importlib.import_module(HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
