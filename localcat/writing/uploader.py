"""The uploads of one catalog in one process: begun, waited for, canceled."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from localcat.errors import BadRequestError
from localcat.writing.log import cancel, end_abandoned
from localcat.writing.upload_queue import Workers

if TYPE_CHECKING:
    from localcat.models.image import Image
    from localcat.models.requests import UploadRequest
    from localcat.models.upload import ImageUpload
    from localcat.store.catalog_file import CatalogFile

_LONGEST_WAIT = 1.0  # seconds between two looks at an upload of this process: another one may have canceled it
_POLL_SECONDS = 0.05  # between two looks at an upload of another process


class Uploader:
    """Takes pixels into a catalog; `Image` and `ImageUpload` call it.

    Parameters
    ----------
    catalog : CatalogFile
        The catalog.
    """

    def __init__(self, catalog: CatalogFile) -> None:
        self._catalog = catalog
        self._workers = Workers()

    def upload(self, image: Image, request: UploadRequest) -> ImageUpload:
        """Take in files or arrays as the pixels of a new image."""
        from localcat.writing.run import run_upload  # brings rasterio

        return run_upload(self._catalog, self._workers, image, request)

    def wait(self, uid: str, seconds: float | None) -> None:
        """Wait a while for an upload to end: for so long at most, or until it is worth looking again."""
        if self._catalog.database.in_transaction:
            raise BadRequestError("an upload ends only after the transaction that waits for it; wait outside of it")
        longest = _LONGEST_WAIT if seconds is None else min(seconds, _LONGEST_WAIT)
        if self._workers.wait(uid, longest) is None:  # another process works on it
            time.sleep(min(longest, _POLL_SECONDS))

    def cancel(self, uid: str) -> bool:
        """Cancel an upload that has not begun; return whether it had not."""
        with self._catalog.database.write() as transaction:
            is_canceled = cancel(transaction, uid, "canceled before it began")
            if is_canceled:
                transaction.on_commit.append(lambda: self._workers.drop(uid))
            return is_canceled

    def end_abandoned(self, uid: str | None = None) -> None:
        """Turn uploads whose process is gone into failures: one of them, or all."""
        end_abandoned(self._catalog, uid)

    def close(self) -> None:
        """Wait for the uploads that are running, and cancel those that are queued."""
        self._workers.close()
