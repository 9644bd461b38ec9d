"""The one GDAL environment for every read and write, and the boundary where its errors become ours."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike, fspath

from affine import AffineError
from rasterio._err import CPLE_BaseError, CPLE_OutOfMemoryError
from rasterio.env import Env, get_gdal_config, set_gdal_config
from rasterio.errors import CRSError, RasterioError
from rasterio.session import DummySession

from localcat.disk.faults import no_memory, reason_of, refusal
from localcat.earth.offline import NO_FOREIGN_CODE, proj_offline
from localcat.errors import (
    CorruptImageError,
    ImageDeletedError,
    LocalcatError,
    StorageError,
    TooLargeError,
)

_PINNED = {
    # No file but the named one is ever looked at: no sidecars, no world files, no statistics written beside it.
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_GEOREF_SOURCES": "INTERNAL",
    "GDAL_TIFF_INTERNAL_MASK": "YES",
    # What a damaged file cannot give is an error, not a block of zeros.
    "GTIFF_IGNORE_READ_ERRORS": "NO",
    # Overviews are written into the file itself, in its own byte order.
    "TIFF_USE_OVR": "NO",
    "USE_RRD": "NO",
    "GDAL_TIFF_ENDIANNESS": "LITTLE",
    "GDAL_TIFF_OVR_BLOCKSIZE": "128",
    "BIGTIFF_OVERVIEW": "IF_SAFER",
    # Nothing is fetched and no foreign code is loaded.
    **NO_FOREIGN_CODE,
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "GDAL_HTTP_MAX_RETRY": "0",
}
CACHE_BYTES = 64 * 2**20
_CACHE = "GDAL_CACHEMAX"
_PROCESS = os.getpid()  # that has loaded this module, and perhaps started threads of GDAL
_cache_lock = threading.Lock()
_cache_users, _cache_before = 0, 0
_entered = threading.local()  # the pinned environments that a thread is in: their threads, and they themselves


def usable_threads(share: int = 1) -> int:
    """Return how many threads GDAL may use where `share` callers work at once; 1 in a forked process.

    GDAL's pool of threads does not survive a fork, and would be waited for without end.
    """
    return max(1, (os.cpu_count() or 1) // share) if os.getpid() == _PROCESS else 1


@contextmanager
def raster_environment(*, threads: int = 1) -> Iterator[Env]:
    """Let GDAL read and write only the files it is given, inside the block.

    Options are set for the calling thread and restored at the end; nothing is taken from the user's own GDAL settings
    that could open another file or a socket.

    Parameters
    ----------
    threads : int
        Threads that GDAL may use to compress and decompress blocks.
    """
    inside = getattr(_entered, "blocks", None)
    if inside and inside[-1][0] == threads:  # setting thirty options again takes longer than opening a small file
        yield inside[-1][1]
        return
    # An explicit session: rasterio would otherwise look for cloud credentials in the process environment.
    with proj_offline(), Env(session=DummySession(), GDAL_NUM_THREADS=str(threads), **_PINNED) as environment:
        blocks = _entered.__dict__.setdefault("blocks", [])
        blocks.append((threads, environment))
        try:
            yield environment
        finally:
            blocks.pop()


@contextmanager
def overviews_compressed(method: str) -> Iterator[None]:
    """Let GDAL compress overviews and masks as localcat asks inside the block, not as environment variables ask."""
    with Env(session=DummySession(), COMPRESS_OVERVIEW=method):
        yield


@contextmanager
def small_cache() -> Iterator[None]:
    """Keep GDAL from holding many decoded blocks while a large raster is gone through once.

    By default its cache takes a twentieth of all memory. The limit belongs to the process: it is set while at least one
    thread is in such a block, and put back by the last one.
    """
    global _cache_users, _cache_before
    with _cache_lock:
        if not _cache_users:
            _cache_before = int(get_gdal_config(_CACHE) or 0)
            set_gdal_config(_CACHE, min(_cache_before, CACHE_BYTES))
        _cache_users += 1
    try:
        yield
    finally:
        with _cache_lock:
            _cache_users -= 1
            if not _cache_users:
                set_gdal_config(_CACHE, _cache_before)


@contextmanager
def read_errors(path: str | PathLike[str]) -> Iterator[None]:
    """Turn what rasterio and the system raise while a file is read into this library's errors.

    Raises
    ------
    CorruptImageError
        If the file cannot be decoded.
    ImageDeletedError
        If there is no such file.
    StorageError
        If the disk cannot be read.
    TooLargeError
        If memory does not suffice.
    """
    name = fspath(path)
    try:
        yield
    except LocalcatError:
        raise
    except (MemoryError, CPLE_OutOfMemoryError) as error:
        raise TooLargeError(f"not enough memory to read {name}: {reason_of(error)}; read a smaller area") from error
    except (RasterioError, CPLE_BaseError, SystemError, CRSError, UnicodeError, AffineError) as error:
        raise CorruptImageError(
            f"{name} cannot be read as a raster: {reason_of(error)}; restore it from a copy or upload the image again"
        ) from error
    except FileNotFoundError as error:
        raise ImageDeletedError(
            f"{name} is not there; bring it back, or ask again if it was replaced meanwhile"
        ) from error
    except OSError as error:
        raise StorageError(f"{name} cannot be read: {reason_of(error)}; check the disk and its permissions") from error


@contextmanager
def stated_errors(path: str | PathLike[str]) -> Iterator[None]:
    """Turn all that is raised while an open file is asked what it says of itself into this library's errors.

    A file may say anything, and rasterio's attributes raise whatever their conversion does: of a colour or a
    compression without a name there, of a nodata that is no number, of text in no encoding.

    Raises
    ------
    CorruptImageError
        With the file and the reason.
    """
    try:
        yield
    except (LocalcatError, RasterioError, CPLE_BaseError, OSError, MemoryError):  # `read_errors` knows these
        raise
    except Exception as error:
        raise CorruptImageError(
            f"{fspath(path)} says of itself what cannot be understood: {type(error).__name__}, {reason_of(error)}; "
            "write the file again with another program"
        ) from error


@contextmanager
def write_errors(path: str | PathLike[str]) -> Iterator[None]:
    """Turn what rasterio and the system raise while a raster is written into this library's errors.

    Raises
    ------
    StorageFullError, ReadOnlyCatalogError, StorageError, TooLargeError
        As `localcat.disk.faults.write_errors` does.
    """
    try:
        yield
    except LocalcatError:
        raise
    except (MemoryError, CPLE_OutOfMemoryError) as error:
        raise no_memory(path, error) from error
    except (RasterioError, CPLE_BaseError, SystemError, CRSError, OSError) as error:
        raise refusal(path, error) from error
