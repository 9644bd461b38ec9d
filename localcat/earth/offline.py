"""Keeps PROJ off the network, and GDAL from foreign code, while localcat computes with coordinates.

PROJ fetches grids from the internet where ``PROJ_NETWORK=ON`` stands in the environment, and an option of GDAL does not
hold it back; a stranger's file could choose a coordinate reference system for which it does so. GDAL loads what lies in
the folders that the environment names when it is first used, be it for coordinates alone.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rasterio import _env
from rasterio.env import Env
from rasterio.session import DummySession

NO_FOREIGN_CODE: Final = {"GDAL_DRIVER_PATH": "disable", "GDAL_PYTHON_DRIVER_PATH": os.devnull}
"""Options of GDAL with which it loads its own drivers only."""

_VARIABLE = "PROJ_NETWORK"
_ON = ("ON", "YES", "TRUE")

_lock = threading.Lock()
_inside = 0  # blocks that are running, in all threads
_was_on = False  # before the first of them


@functools.cache
def prepare_gdal() -> None:
    """Let GDAL load its drivers, which it does once in a process, before anything else makes it look for others.

    It also gives all of PROJ the folder of its database. rasterio gives that to GDAL only; but GDAL's reader of
    GeoTIFFs asks PROJ directly for units such as kilometres, and in rasterio's wheels PROJ then prints that it has no
    database.
    """
    with Env(session=DummySession(), **NO_FOREIGN_CODE):
        folders = [os.fsencode(folder) for folder in _env.get_proj_data_search_paths()]
    try:
        tell = ctypes.CDLL(_env.__file__).internal_proj_context_set_search_paths  # PROJ's own name, but in wheels
    except AttributeError:
        return
    tell(None, len(folders), (ctypes.c_char_p * len(folders))(*folders))


@contextmanager
def proj_offline() -> Iterator[None]:
    """Switch PROJ's network off while the block runs, in the whole process, if it is on."""
    global _inside, _was_on  # PROJ's switch belongs to the process, too
    prepare_gdal()
    is_on, switch = _switch()
    with _lock:
        if _inside == 0:
            _was_on = is_on()
            if _was_on:
                switch(False)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _was_on:
                switch(True)


@functools.cache
def _switch() -> tuple[Callable[[], bool], Callable[[bool], object]]:
    """Return the function that reports whether PROJ's network is on, and the one that switches it.

    rasterio has no function for it; GDAL, which lies behind it, has. Where GDAL's cannot be reached through rasterio,
    as on Windows, the environment is what remains; PROJ looks there when a thread first uses it.
    """
    library = ctypes.CDLL(_env.__file__)
    try:
        get, put = library.OSRGetPROJEnableNetwork, library.OSRSetPROJEnableNetwork
    except AttributeError:
        return _is_on_in_environment, _switch_in_environment
    return lambda: bool(get()), lambda on: put(int(on))


def _is_on_in_environment() -> bool:
    return os.environ.get(_VARIABLE, "").upper() in _ON


def _switch_in_environment(on: bool) -> None:
    os.environ[_VARIABLE] = "ON" if on else "OFF"
