"""How SQLite is told the name of a file."""

from __future__ import annotations

import sqlite3
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import pytest

from localcat import Catalog
from localcat.disk.paths import sqlite_uri


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (PureWindowsPath(r"C:\a b\x#?.gpkg"), "file:///C:/a%20b/x%23%3F.gpkg"),
        (PureWindowsPath(r"\\server\share\x.gpkg"), "file:////server/share/x.gpkg"),
        (PureWindowsPath(r"\\?\C:\x.gpkg"), "file:///C:/x.gpkg"),
        (PureWindowsPath(r"\\?\UNC\server\share\x.gpkg"), "file:////server/share/x.gpkg"),
        (PurePosixPath("/srv/a:b%20.gpkg"), "file:///srv/a%3Ab%2520.gpkg"),
        (PurePosixPath("/srv/\udcff.gpkg"), "file:///srv/%FF.gpkg"),
    ],
)
def test_sqlite_gets_no_server_before_the_path(path: PurePath, expected: str) -> None:
    """It refuses one: "invalid uri authority"."""
    assert sqlite_uri(path) == expected


def test_sqlite_opens_what_is_named_so(tmp_path: Path) -> None:
    odd = tmp_path / "a b#c%20;d.gpkg"
    Catalog.create(odd).close()
    connection = sqlite3.connect(f"{sqlite_uri(odd)}?mode=ro", uri=True)
    assert connection.execute("SELECT count(*) FROM image").fetchone() == (0,)
    connection.close()
