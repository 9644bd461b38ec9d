"""Rollback journals that a crash leaves beside a catalog file."""

from __future__ import annotations

import struct
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.damage import PAGE


def leave_journal(path: Path, mode: str) -> None:
    """Let a process end in the middle of a write."""
    code = f"""
        import os, sqlite3
        connection = sqlite3.connect({str(path)!r}, isolation_level=None)
        connection.execute("PRAGMA journal_mode = {mode}")
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("CREATE TABLE mine (x)")
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO mine VALUES (zeroblob(4000))", [()] * 50)
        os._exit(0)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def naming(hot: bytes, path: Path) -> bytes:
    """Return a rollback journal that also names a file; versions of SQLite delete that when they roll it back."""
    name = str(path).encode()
    record = struct.pack(">I", 0x40000000 // PAGE + 1) + name + struct.pack(">II", len(name), sum(name))
    return hot.ljust(-(-len(hot) // 512) * 512, b"\0") + record + bytes.fromhex("d9d505f920a163d7")
