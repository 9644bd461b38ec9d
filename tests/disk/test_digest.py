"""The sha256 of a stream, with and without a copy."""

from __future__ import annotations

import hashlib
import io

import pytest

from localcat.disk.digest import CHUNK, hash_stream


@pytest.mark.parametrize("size", [0, 1, CHUNK, 2 * CHUNK + 3])
def test_a_stream_is_hashed_and_copied_whole(size: int) -> None:
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    copy = io.BytesIO()
    wanted = (size, hashlib.sha256(content).hexdigest())
    assert hash_stream(io.BytesIO(content).read, copy.write) == wanted
    assert hash_stream(io.BytesIO(content).read) == wanted
    assert copy.getvalue() == content
