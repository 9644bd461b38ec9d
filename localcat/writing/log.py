"""What is recorded about an upload itself: its row and its events."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localcat.errors import ConflictError
from localcat.models.enums import ImageUploadEventSeverity as Severity
from localcat.models.enums import ImageUploadEventType as EventType
from localcat.models.enums import ImageUploadStatus
from localcat.models.upload import UNFINISHED, ImageUpload
from localcat.store import rows
from localcat.timestamps import now_microseconds

if TYPE_CHECKING:
    import sqlite3

    from localcat.models.requests import ImageUploadOptions
    from localcat.store.catalog_file import CatalogFile
    from localcat.store.file.transaction import Transaction

COMPONENT = "localcat"
_TOKEN = re.compile("[0-9a-f]{32}")


@dataclass(slots=True)
class UploadRecord:
    """An upload's row, and its events until they can be stored.

    Parameters
    ----------
    uid, product_id, image_id, user : str
        As the row has them.
    options : ImageUploadOptions
        How the image is taken in.
    token : str
        The claim of the process that works on it, where the row is stored before the upload has ended.
    is_quiet : bool
        Whether warnings are only kept as events.
    """

    uid: str
    product_id: str
    image_id: str
    user: str
    options: ImageUploadOptions
    token: str = ""
    is_quiet: bool = False
    events: list[tuple[int, EventType, Severity, str]] = field(default_factory=list)
    is_stored: bool = False
    _stored_events: int = 0

    def add(self, kind: EventType, message: str, severity: Severity = Severity.INFO) -> None:
        """Note an event."""
        self.events.append((now_microseconds(), kind, severity, message))

    def forget_since(self, count: int) -> None:
        """Forget the events after the first `count`: what they report was rolled back."""
        del self.events[count:]

    def store(
        self, transaction: Transaction, status: ImageUploadStatus, *, expected: tuple[str, ...] = UNFINISHED
    ) -> None:
        """Write the row with a status, and the events that it lacks.

        Raises
        ------
        ConflictError
            If the row has come to another status than those expected, by a cancellation for example.
        """
        if self.is_stored:
            if not set_status(transaction.connection, self.uid, status, expected=expected):
                raise ConflictError(f"the upload of '{self.image_id}' was canceled or ended meanwhile")
        else:
            self._insert(transaction.connection, status)
        add_events(transaction.connection, self.uid, self.events[self._stored_events :], self.token)
        reached = len(self.events)

        def remember() -> None:
            self.is_stored, self._stored_events = True, reached

        transaction.on_commit.append(remember)

    def _insert(self, connection: sqlite3.Connection, status: ImageUploadStatus) -> None:
        options = ImageUpload._attributes["image_upload_options"]
        values = {
            "id": self.uid,
            "product_id": self.product_id,
            "image_id": self.image_id,
            "user": self.user,
            "status": status.value,
            "image_upload_options": options.dump(self.options),
            "created": self.events[0][0],
            "modified": now_microseconds(),
        }
        rows.insert(connection, "upload", values)


def cancel(transaction: Transaction, uid: str, message: str) -> bool:
    """Make an upload canceled if it is still pending; return whether it was."""
    if not set_status(transaction.connection, uid, ImageUploadStatus.CANCELED, expected=UNFINISHED[:1]):
        return False
    add_events(transaction.connection, uid, [(now_microseconds(), EventType.CANCEL, Severity.INFO, message)])
    return True


def end_abandoned(catalog: CatalogFile, uid: str | None = None) -> None:
    """Turn uploads whose process ended before they did into failures: one of them, or all.

    Nothing is done in a catalog that is open for reading only.
    """
    if catalog.database.read_only:
        return
    sql = (
        "SELECT uid, (SELECT component_id FROM upload_event WHERE upload_id = upload.id ORDER BY id LIMIT 1) "
        "FROM upload WHERE status IN (?, ?) AND coalesce(uid = ?, TRUE)"
    )
    with catalog.database.read() as connection:
        unfinished = connection.execute(sql, (*UNFINISHED, uid)).fetchall()
    for found, component in unfinished:
        process, _, token = str(component).partition("-")
        if not _TOKEN.fullmatch(token) or catalog.data_folder.is_claimed(token):
            continue
        message = f"process {process} ended before the upload did; upload the image again"
        with catalog.database.write() as transaction:
            if set_status(transaction.connection, found, ImageUploadStatus.FAILURE):
                event = (now_microseconds(), EventType.COMPLETE, Severity.ERROR, message)
                add_events(transaction.connection, found, [event])


def set_status(
    connection: sqlite3.Connection, uid: str, status: ImageUploadStatus, *, expected: tuple[str, ...] = UNFINISHED
) -> bool:
    """Change the status of an upload if it is one of those expected; return whether it was."""
    sql = (
        "UPDATE upload SET status = ?, modified = max(?, modified + 1), version = version + 1 "
        "WHERE uid = ? AND status IN (SELECT value FROM json_each(?))"
    )
    return connection.execute(sql, (status.value, now_microseconds(), uid, json.dumps(expected))).rowcount == 1


def add_events(
    connection: sqlite3.Connection, uid: str, events: list[tuple[int, EventType, Severity, str]], token: str = ""
) -> None:
    """Store events of an upload; a token after the process number names who works on it."""
    process = f"{os.getpid()}-{token}" if token else str(os.getpid())
    connection.executemany(
        "INSERT INTO upload_event "
        "(upload_id, event_datetime, component, component_id, event_type, severity, message) "
        "VALUES ((SELECT id FROM upload WHERE uid = ?), ?, ?, ?, ?, ?, ?)",
        (
            (uid, moment, COMPONENT, process, kind.value, severity.value, message)
            for moment, kind, severity, message in events
        ),
    )
