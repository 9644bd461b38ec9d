"""A PostgreSQL server of a test's own, in a temporary folder: with PostGIS, on a socket that only this machine has."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)  # Debian's; the newest first
_UNPRIVILEGED = "postgres"  # PostgreSQL refuses to run as root


def why_not() -> str:
    """Return why no server can be started; empty if one can."""
    try:
        import pypgstac.db  # noqa: F401
    except ImportError:
        return "pypgstac is not installed, the extra [pgstac]"
    if _program("initdb") is None:
        return "PostgreSQL is not installed: postgresql-15 of Debian, or another version"
    if not list(Path("/usr/share/postgresql").glob("*/extension/postgis.control")):
        return "PostGIS is not installed: postgresql-15-postgis-3 of Debian, or that of another version"
    if os.geteuid() == 0 and _account() is None:
        return f"PostgreSQL does not run as root, and there is no user {_UNPRIVILEGED}"
    return ""


@contextmanager
def server() -> Iterator[str]:
    """Start a server with an empty database, give its address, and stop it."""
    folder = Path(tempfile.mkdtemp(prefix="lcpg-"))  # short, since a socket's path has at most 107 letters
    account = _account() if os.geteuid() == 0 else None
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)

    def run(program: str, *words: str) -> None:
        found = _program(program)
        assert found is not None
        owner = {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        done = subprocess.run(
            [found, *words],
            cwd=folder,
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            **owner,
        )
        assert done.returncode == 0, done.stderr

    data = str(folder / "data")
    try:
        run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        settings = f"-c listen_addresses= -k {folder} -c fsync=off -c synchronous_commit=off"
        run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", settings, "start")
        try:
            yield f"postgresql:///postgres?host={folder}&user=postgres"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str | None:
    for folder in _FOLDERS:
        if (folder / name).exists():
            return str(folder / name)
    return shutil.which(name)


def _account() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(_UNPRIVILEGED)
    except KeyError:
        return None
