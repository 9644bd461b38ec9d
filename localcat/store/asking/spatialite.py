"""SpatiaLite for the SQL of users, where the machine has it: hundreds of functions of geometries, called ``ST_…``.

Its functions: https://www.gaia-gis.it/gaia-sins/spatialite-sql-latest.html
"""

from __future__ import annotations

import functools
import importlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from localcat.errors import MissingLibraryError, require

_EXTENSION: Final = "mod_spatialite"
_BOUND_FIRST: Final = ("shapely", "rasterio", "pyproj", "pyogrio", "fiona", "osgeo.gdal")
_PURPOSE: Final = "for spatialite=True, since the sqlite3 of this Python loads no extensions"
_REMEDY: Final = (
    "install it (libsqlite3-mod-spatialite on Debian and Ubuntu, libspatialite with Homebrew), or on Windows put its "
    "folder on the PATH"
)

# Of the CRSs that functions are given by number. A catalog has none of SpatiaLite's own tables, and can only be read.
_CRS_TABLE: Final = """
    CREATE TEMP TABLE spatial_ref_sys (
        srid INTEGER NOT NULL PRIMARY KEY, auth_name TEXT NOT NULL, auth_srid INTEGER NOT NULL,
        ref_sys_name TEXT NOT NULL, proj4text TEXT NOT NULL, srtext TEXT NOT NULL
    )
"""
# Codes that are newer than SpatiaLite's list: PROJ knows them by their authority.
_NEWER_CODES: Final = """
    INSERT OR IGNORE INTO temp.spatial_ref_sys
    WITH RECURSIVE code (n) AS (SELECT 1024 UNION ALL SELECT n + 1 FROM code WHERE n < 32767)
    SELECT n, 'epsg', n, '', '', '' FROM code
"""


@dataclass(frozen=True, slots=True)
class SpatiaLite:
    """The extension, and the module that loads it.

    Parameters
    ----------
    module : module
        `sqlite3`, or one with its functions that has another SQLite inside.
    version : str
        Of SpatiaLite.
    """

    module: ModuleType
    version: str

    @property
    def is_another_sqlite(self) -> bool:
        """Whether the module is not the one with which localcat opens catalogs."""
        return self.module is not sqlite3

    def load(self, connection: Any) -> None:
        """Give a connection of the module the functions, for geometries as a GeoPackage has them."""
        _load(connection)
        # In the plain mode for GeoPackages, ST_Intersects answers -1, which counts as true.
        connection.execute("SELECT EnableGpkgAmphibiousMode()").fetchall()
        connection.execute(_CRS_TABLE)
        connection.executemany("INSERT INTO temp.spatial_ref_sys VALUES (?, ?, ?, ?, ?, ?)", _systems(self.module))
        connection.execute(_NEWER_CODES)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what the module raises inside the block into the errors of `sqlite3`."""
        try:
            yield
        except self.module.Error as error:
            raise (_as_sqlite3(error) if self.is_another_sqlite else error) from error


@functools.cache
def find() -> SpatiaLite:
    """Return the SpatiaLite of this machine.

    Raises
    ------
    MissingLibraryError
        If it is not there, or no module can load it.
    """
    module = _module()
    with closing(module.connect(":memory:")) as connection:
        try:
            _load(connection)
        except module.Error as error:
            raise MissingLibraryError(
                f"SpatiaLite's {_EXTENSION} is not on this machine, which is needed for spatialite=True ({error}); "
                f"{_REMEDY}"
            ) from error
        (version,) = connection.execute("SELECT spatialite_version()").fetchone()
    return SpatiaLite(module, str(version))


def _module() -> ModuleType:
    if hasattr(sqlite3.Connection, "enable_load_extension"):
        return sqlite3
    require("pysqlite3", "spatialite", _PURPOSE)
    from pysqlite3 import dbapi2  # an extra

    module: ModuleType = dbapi2
    return module


def _load(connection: Any) -> None:
    _bind_others_first()
    connection.enable_load_extension(True)
    try:
        connection.load_extension(_EXTENSION)
    finally:
        connection.enable_load_extension(False)


@functools.cache
def _bind_others_first() -> None:
    """Import the libraries that bring a PROJ or GEOS of their own.

    SQLite loads an extension so that its symbols are for all: a library that is loaded afterwards would be bound to the
    system's PROJ and GEOS in place of its own, and pyproj and pyogrio then end the process with a damaged heap.
    """
    for name in _BOUND_FIRST:
        with suppress(ImportError):
            importlib.import_module(name)


@functools.cache
def _systems(module: ModuleType) -> Sequence[tuple[Any, ...]]:
    """Return the CRSs that SpatiaLite has a list of, which it writes only into a database of its own."""
    with closing(module.connect(":memory:")) as connection:
        _load(connection)
        connection.execute("SELECT InitSpatialMetaData(1)").fetchall()
        columns = "srid, auth_name, auth_srid, ref_sys_name, proj4text, srtext"
        return tuple(connection.execute(f"SELECT {columns} FROM spatial_ref_sys"))


def _as_sqlite3(error: Exception) -> sqlite3.Error:
    kind = getattr(sqlite3, type(error).__name__, sqlite3.DatabaseError)
    found: sqlite3.Error = kind(*error.args)
    for name in ("sqlite_errorcode", "sqlite_errorname"):
        if hasattr(error, name):
            setattr(found, name, getattr(error, name))
    return found
