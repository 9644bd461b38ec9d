"""Damage that other programs and disks do to catalogs and their files."""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

from localcat import Catalog, Image
from localcat.disk.ownership import data_path

PAGE = 4096  # bytes of a page of the catalog file


def raw(catalog: Catalog, *statements: str) -> None:
    """Change the file behind the catalog's back."""
    connection = sqlite3.connect(catalog.path, isolation_level=None)
    try:
        for statement in statements:
            connection.execute(statement)
    finally:
        connection.close()


def copy_to_damage(original: Path, folder: Path) -> Path:
    """Copy a closed catalog with its data folder; return where the copy is, which is named ``broken.gpkg``."""
    broken = folder / "broken.gpkg"
    shutil.copy(original, broken)
    shutil.copytree(data_path(original), data_path(broken))
    return broken


def file_of(catalog: Catalog, name: str) -> Path:
    """Return the file of an uploaded image."""
    image = Image.get(f"acme:guide:{name}", catalog=catalog)
    assert image is not None
    return catalog.path_of((image.files or [])[0])


def flip(path: Path, position: int) -> None:
    """Change a byte of a file."""
    content = bytearray(path.read_bytes())
    content[position] ^= 0xFF
    path.write_bytes(content)


def damage(random_: random.Random, content: bytearray) -> None:
    """Damage a file as disks and programs do: bits, sectors, pages, its end."""
    for _ in range(random_.randrange(1, 6)):
        at = random_.randrange(len(content) or 1)
        kind = random_.randrange(5)
        if kind == 0:
            content[at : at + 1] = bytes([content[at] ^ 1 << random_.randrange(8)])
        elif kind == 1:
            content[at // 512 * 512 : at // 512 * 512 + 512] = bytes(512)
        elif kind == 2:
            other = random_.randrange(len(content) // PAGE)
            content[at // PAGE * PAGE : at // PAGE * PAGE + PAGE] = content[other * PAGE : other * PAGE + PAGE]
        elif kind == 3:
            length = random_.randrange(1, 2000)
            content[at : at + length] = random_.randbytes(length)[: len(content) - at]
        elif len(content) > 10 * PAGE:
            del content[at:]
        if len(content) < PAGE:
            return
