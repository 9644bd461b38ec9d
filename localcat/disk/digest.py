"""The sha256 of files: read once, and copied on the way where asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

CHUNK = 1 << 20  # bytes; read and hashed at a time


def hash_stream(read: Callable[[int], bytes], write: Callable[[bytes], object] | None = None) -> tuple[int, str]:
    """Hash bytes until there are no more, and copy them.

    Parameters
    ----------
    read : callable
        Takes a number of bytes and returns at most so many, such as the ``read`` of an open file; none at the end.
    write : callable, optional
        Is given every chunk, such as the ``write`` of an open file.

    Returns
    -------
    int
        Number of bytes.
    str
        Their sha256, in hexadecimal.
    """
    digest, size = hashlib.sha256(), 0
    while chunk := read(CHUNK):
        if write is not None:
            write(chunk)
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()
