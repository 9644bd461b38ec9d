"""The background workers of a catalog: a bounded queue, and a few threads that are there while it holds something.

A thread ends when the queue is empty, so that a catalog at rest has none and is closed or forgotten like any object.
The row of an upload decides what becomes of it: a worker begins one only if its row is still pending, and whoever makes
it canceled first has canceled it, from whichever process.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import weakref
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localcat.errors import CatalogError, ClientError, ConflictError, UploadError
from localcat.forks import never_free
from localcat.models.enums import ImageUploadEventSeverity as Severity
from localcat.models.enums import ImageUploadEventType as EventType
from localcat.models.enums import ImageUploadStatus
from localcat.models.upload import ImageUpload
from localcat.writing.log import cancel

if TYPE_CHECKING:
    from localcat.disk.data_folder import Claim
    from localcat.store.catalog_file import CatalogFile
    from localcat.writing.commit import Task

WORKERS = min(4, os.cpu_count() or 1)  # threads of a catalog; GDAL's own share the rest of the processors
QUEUE_LENGTH = 16  # uploads that wait; a call that would add one more waits itself, since each may hold an array

_all: weakref.WeakSet[Workers] = weakref.WeakSet()


@dataclass(eq=False, slots=True)
class _Job:
    """An upload in the hands of the workers."""

    task: Task
    upload: ImageUpload
    done: threading.Event = field(default_factory=threading.Event)


class Workers:
    """The background workers of one catalog in one process; it knows the catalog only while it has work."""

    def __init__(self) -> None:
        self._begin_anew()
        _all.add(self)

    def _begin_anew(self) -> None:
        self._changed = threading.Condition()
        self._queue: deque[_Job] = deque()
        self._jobs: dict[str, _Job] = {}  # those queued or running, by the id of the upload
        self._threads: set[threading.Thread] = set()
        self._arriving = 0  # uploads for which there is room in the queue and are not in it yet
        self._claim: Claim | None = None  # shows other processes that this one is alive
        self._is_closed = False

    # For callers

    def submit(self, task: Task) -> ImageUpload:
        """Store an upload as pending and queue it; waits while the queue is full.

        Raises
        ------
        CatalogError
            If the catalog is closed meanwhile.
        """
        task.record.token = self._reserve(task.catalog)
        try:
            with task.catalog.database.write() as transaction:
                task.record.store(transaction, ImageUploadStatus.PENDING)
            upload = ImageUpload.get(task.record.uid, catalog=task.image._catalog)
            if upload is None:
                raise ConflictError(f"upload '{task.record.uid}' was deleted meanwhile")
            with self._changed:
                self._require_open()
                job = _Job(task, upload)
                self._jobs[task.record.uid] = job
                self._queue.append(job)
                self._start_thread()
        finally:
            with self._changed:
                self._arriving -= 1
                self._release_if_idle()
        return upload

    def wait(self, uid: str, seconds: float) -> bool | None:
        """Wait until an upload has ended or the time is over; return whether it has, None if it is not here."""
        job = self._jobs.get(uid)
        return None if job is None else job.done.wait(seconds)

    def drop(self, uid: str) -> None:
        """Forget an upload that was canceled."""
        with self._changed:
            job = self._jobs.pop(uid, None)
            if job is not None:
                with contextlib.suppress(ValueError):  # a worker has just taken it, and will find it canceled
                    self._queue.remove(job)
                job.done.set()
            self._changed.notify_all()

    def close(self) -> None:
        """Cancel what is queued, and wait for what runs. Closing twice is allowed."""
        with self._changed:
            self._is_closed = True
            queued = list(self._queue)
            self._queue.clear()
            threads = [thread for thread in self._threads if thread is not threading.current_thread()]
            self._changed.notify_all()
        try:
            if queued:
                with queued[0].task.catalog.database.write() as transaction:
                    for job in queued:
                        cancel(transaction, job.task.record.uid, "canceled: the catalog was closed before it began")
        finally:
            for job in queued:
                self._jobs.pop(job.task.record.uid, None)
                job.done.set()
            for thread in threads:
                thread.join()
            with self._changed:
                self._release_if_idle()

    # Inside

    def _require_open(self) -> None:
        if self._is_closed:
            raise CatalogError("the catalog was closed while an upload was handed to it; open it again")

    def _reserve(self, catalog: CatalogFile) -> str:
        """Wait for room in the queue; return the token of the claim."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or len(self._queue) + self._arriving < QUEUE_LENGTH)
            self._require_open()
            if self._claim is None:
                self._claim = catalog.data_folder.claim()
            self._arriving += 1
            return self._claim.token

    def _start_thread(self) -> None:
        if len(self._threads) >= WORKERS:
            return
        # Threads that are daemons do not keep a process from ending. The function that waits for them is registered
        # anew, so that it runs before the one that removes temporary catalogs, which was registered earlier.
        atexit.unregister(_close_all)
        atexit.register(_close_all)
        thread = threading.Thread(target=self._work, name="localcat-upload", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _release_if_idle(self) -> None:
        if self._claim is not None and not self._threads and not self._queue and not self._arriving:
            self._claim.release()
            self._claim = None
        self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._queue:
                    self._threads.discard(threading.current_thread())
                    self._release_if_idle()
                    return
                job = self._queue.popleft()
                self._changed.notify_all()
            _carry_out(job)
            self._jobs.pop(job.task.record.uid, None)
            job.done.set()
            del job  # and the array with it, even if the next one is long in coming

    def after_fork(self) -> None:
        """Leave the parent's uploads alone in a forked child: its threads and locks are not here."""
        if self._claim is not None:
            self._claim.disown()
        never_free(dict(vars(self)))
        self._begin_anew()


def _carry_out(job: _Job) -> None:
    task, record = job.task, job.task.record
    failure: ClientError
    try:
        record.add(EventType.RUN, "writing pixels")
        try:
            with task.catalog.database.write() as transaction:
                record.store(transaction, ImageUploadStatus.RUNNING, expected=(ImageUploadStatus.PENDING.value,))
        except ConflictError:  # canceled
            return
        task.run()
    except ClientError as error:
        failure = error
    except BaseException as error:  # noqa: BLE001  # nobody stands above a worker: whatever it was, the events must name it
        failure = UploadError(f"the upload of '{record.image_id}' failed: {type(error).__name__}: {error}")
        failure.__cause__ = error
    else:
        return
    job.upload._error = failure
    record.add(EventType.COMPLETE, str(failure), Severity.ERROR)
    # If not even that can be stored, the row stays, and is reported as abandoned once the claim is released.
    with contextlib.suppress(ClientError), task.catalog.database.write() as transaction:
        record.store(transaction, ImageUploadStatus.FAILURE)


def _close_all() -> None:
    """Wait for running uploads and cancel queued ones when the process ends."""
    for workers in list(_all):
        workers.close()


def _after_fork() -> None:
    for workers in list(_all):
        workers.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
