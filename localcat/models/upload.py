"""Uploads: how pixels came into the catalog, or why they did not."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn, Self

from localcat.errors import BadRequestError, ClientError, ConflictError, DeletedObjectError, UploadError
from localcat.models.attributes.scalars import Attribute, Choice, Text
from localcat.models.attributes.structured import Structured, TextList
from localcat.models.enums import DocumentState, ImageUploadEventSeverity, ImageUploadStatus
from localcat.models.image import Image
from localcat.models.object import CatalogObjectBase
from localcat.models.requests import ImageUploadOptions
from localcat.timestamps import from_microseconds

if TYPE_CHECKING:
    from localcat.models.backend import Backend
    from localcat.search import Search

UNFINISHED = (ImageUploadStatus.PENDING.value, ImageUploadStatus.RUNNING.value)
_FINAL = (ImageUploadStatus.SUCCESS, ImageUploadStatus.FAILURE, ImageUploadStatus.CANCELED)


class UploadOptions(Structured[ImageUploadOptions, ImageUploadOptions]):
    """The attribute that holds an `ImageUploadOptions`."""

    type_name = "ImageUploadOptions"

    def coerce(self, value: Any) -> ImageUploadOptions:
        if not isinstance(value, ImageUploadOptions):
            raise self.refuse(value, "is an ImageUploadOptions")
        return value

    def load(self, stored: Any) -> ImageUploadOptions:
        entries = json.loads(stored)
        options = ImageUploadOptions.__new__(ImageUploadOptions)
        for option in fields(ImageUploadOptions):
            setattr(options, option.name, entries.get(option.name))
        return options

    def to_json(self, value: Any) -> Any:
        return {name: entry for name, entry in asdict(value).items() if entry is not None}


@dataclass(frozen=True, slots=True)
class ImageUploadEvent:
    """Something that happened to an upload.

    Parameters
    ----------
    id : str
        Its number.
    event_datetime : datetime
        When; aware UTC.
    component, component_id : str
        The part of localcat, and the process, that reports it.
    event_type : str
        What happened: the value of an `ImageUploadEventType`.
    severity : str
        How grave it is: the value of an `ImageUploadEventSeverity`.
    message : str
        The particulars.
    """

    id: str
    event_datetime: datetime
    component: str
    component_id: str
    event_type: str
    severity: str
    message: str


class ImageUpload(CatalogObjectBase):
    """An upload, as `Image.upload` and `Image.upload_ndarray` return it."""

    table = "upload"
    _image: Image
    _error: ClientError | None
    _related = ("image", "events")

    product_id: Attribute[str] = Text(
        "The id of the product uploaded into.", readonly=True, filterable=True, sortable=True
    )
    image_id: Attribute[str] = Text("The id of the image uploaded.", readonly=True, filterable=True)
    user: Attribute[str] = Text("Who uploaded.", readonly=True, filterable=True, sortable=True)
    status: Attribute[str] = Choice(
        "How far it has come.", choices=ImageUploadStatus, readonly=True, filterable=True, sortable=True
    )
    image_upload_options: Attribute[ImageUploadOptions] = UploadOptions(
        "How the image was to be taken in.", readonly=True
    )
    resumable_urls: Attribute[list[str]] = TextList("Always unset: nothing is sent anywhere.", readonly=True)

    @classmethod
    def search(
        cls,
        client: Backend | None = None,
        request_params: Any = None,
        headers: Any = None,
        *,
        catalog: Backend | None = None,
        includes: Any = True,
    ) -> Search[Self]:
        """Return a search for all uploads.

        Parameters
        ----------
        client, catalog : Catalog, optional
            Where to search; the default catalog when left out.
        request_params, headers
            Accepted for programs written for the original; parameters other than None are refused.
        includes : bool or list of str
            Accepted for programs written for the original: image and events are read when they are asked for.
        """
        return super().search(client, request_params, headers, catalog=catalog)

    @property
    def image(self) -> Image:
        """The image; unsaved until the upload is seen to have succeeded, by waiting for it or reloading it."""
        image: Image | None = self.__dict__.get("_image")
        if image is None:
            image = self._image = Image.get(str(self.image_id), catalog=self._catalog) or Image(
                id=self.image_id, catalog=self._catalog
            )
        return image

    @property
    def events(self) -> list[ImageUploadEvent]:
        """What happened so far, in order."""
        with self._catalog.database.read() as connection:
            found = connection.execute(
                "SELECT id, event_datetime, component, component_id, event_type, severity, message FROM upload_event "
                "WHERE upload_id = (SELECT id FROM upload WHERE uid = ?) ORDER BY id",
                (self.id,),
            ).fetchall()
        return [
            ImageUploadEvent(
                str(number),
                from_microseconds(moment),
                component,
                component_id,
                event_type,
                severity,
                message,
            )
            for number, moment, component, component_id, event_type, severity, message in found
        ]

    def wait_for_completion(self, timeout: float | None = None, warn_transient_errors: bool = True) -> None:
        """Wait until the upload has succeeded, failed or been canceled; never raises because it failed.

        Once it has succeeded, `image` is reloaded and saved.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most; without end when left out.
        warn_transient_errors : bool
            Accepted for programs written for the original; there is no network that could fail.

        Raises
        ------
        TimeoutError
            If the upload has not ended by then.
        BadRequestError
            If `timeout` is not a number, or the calling thread is in a transaction of the catalog, for whose end the
            upload itself waits.
        """
        given: Any = timeout
        if given is not None and not (isinstance(given, int | float) and abs(given) <= threading.TIMEOUT_MAX):
            raise BadRequestError(f"timeout is a number of seconds or None, not {given!r:.100}")
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.status not in _FINAL:
            self.reload()
            if self.status in _FINAL:
                return
            remaining = None if deadline is None else deadline - time.monotonic()
            if remaining is not None and remaining <= 0:
                raise TimeoutError(f"the upload of '{self.image_id}' is still {self.status}")
            self._catalog.uploader.wait(str(self.id), remaining)

    def raise_for_status(self) -> None:
        """Raise what went wrong, if the upload failed.

        Raises
        ------
        ClientError
            The error itself if the upload ran in this process, else an UploadError with the same words.
        """
        if self.status != ImageUploadStatus.FAILURE:
            return
        error: ClientError | None = self.__dict__.get("_error")
        if error is not None:
            raise error
        reasons = [event.message for event in self.events if event.severity == ImageUploadEventSeverity.ERROR]
        raise UploadError(f"the upload of '{self.image_id}' failed: {'; '.join(reasons) or 'no reason was recorded'}")

    def cancel(self) -> None:
        """Cancel an upload that has not begun.

        Raises
        ------
        ConflictError
            If it has.
        """
        is_canceled = self.status not in _FINAL and self._catalog.uploader.cancel(str(self.id))
        self._refresh()
        if not is_canceled:
            raise ConflictError(f"the upload of '{self.image_id}' cannot be canceled any more: {self.status}")

    def _refresh(self) -> None:
        super()._refresh()
        if self.status not in _FINAL:
            self._catalog.uploader.end_abandoned(str(self.id))
            super()._refresh()
        image: Image | None = self.__dict__.get("_image")
        if image is not None and self.status == ImageUploadStatus.SUCCESS and image.state is DocumentState.UNSAVED:
            with contextlib.suppress(DeletedObjectError):  # deleted since; its state says so
                image._refresh()

    def _create(self) -> NoReturn:
        raise BadRequestError("an upload is made by Image.upload or Image.upload_ndarray, not saved")

    def _delete_saved(self, request_params: Any = None, headers: Any = None) -> NoReturn:
        raise NotImplementedError("uploads are a record of what happened and are not deleted")

    @classmethod
    def _delete_by_id(cls, *arguments: Any, **options: Any) -> NoReturn:
        raise NotImplementedError("uploads are a record of what happened and are not deleted")

    def __repr__(self) -> str:
        error = self.__dict__.get("_error") if self.status == ImageUploadStatus.FAILURE else None
        reason = "" if error is None else f"\n  reason: {error}"
        return f"ImageUpload: {self.image_id}\n  id: {self.id}\n  status: {self.status}{reason}"
