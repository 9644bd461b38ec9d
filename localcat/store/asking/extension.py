"""The extension mod_spatialite, where the machine has it: hundreds of functions of geometries, called ``ST_…``.

Its functions: https://www.gaia-gis.it/gaia-sins/spatialite-sql-latest.html
SQLite gives the names of the libraries below it, GEOS and PROJ of the system, to the whole process: what is imported
later and has its own, as pyproj or pyogrio, takes them for its own and crashes. So it is loaded in another process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from types import ModuleType
from typing import Any, Final

from localcat.errors import MissingLibraryError, require

_EXTENSION: Final = "mod_spatialite"
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


def find() -> tuple[ModuleType, str]:
    """Return the module that loads SpatiaLite on this machine, `sqlite3` or one with its functions, and the version.

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
    return module, str(version)


def load(module: ModuleType, connection: Any) -> None:
    """Give a connection of a module the functions, for geometries as a GeoPackage has them."""
    _load(connection)
    # In the plain mode for GeoPackages, ST_Intersects answers -1, which counts as true.
    connection.execute("SELECT EnableGpkgAmphibiousMode()").fetchall()
    connection.execute(_CRS_TABLE)
    connection.executemany("INSERT INTO temp.spatial_ref_sys VALUES (?, ?, ?, ?, ?, ?)", _systems(module))
    connection.execute(_NEWER_CODES)


def _module() -> ModuleType:
    if hasattr(sqlite3.Connection, "enable_load_extension"):
        return sqlite3
    require("pysqlite3", "spatialite", _PURPOSE)
    from pysqlite3 import dbapi2  # an extra

    module: ModuleType = dbapi2
    return module


def _load(connection: Any) -> None:
    connection.enable_load_extension(True)
    try:
        connection.load_extension(_EXTENSION)
    finally:
        connection.enable_load_extension(False)


def _systems(module: ModuleType) -> Sequence[tuple[Any, ...]]:
    """Return the CRSs that SpatiaLite has a list of, which it writes only into a database of its own."""
    with closing(module.connect(":memory:")) as connection:
        _load(connection)
        connection.execute("SELECT InitSpatialMetaData(1)").fetchall()
        columns = "srid, auth_name, auth_srid, ref_sys_name, proj4text, srtext"
        return tuple(connection.execute(f"SELECT {columns} FROM spatial_ref_sys"))
