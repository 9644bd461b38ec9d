"""An upload from its arguments to its end, in the call or handed to the background workers."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from localcat.errors import BadRequestError, ClientError, CommitUnknownError, ConflictError
from localcat.models.backend import bands_of
from localcat.models.enums import ImageUploadEventSeverity as Severity
from localcat.models.enums import ImageUploadEventType as EventType
from localcat.models.enums import ImageUploadStatus
from localcat.models.image import Image
from localcat.models.upload import ImageUpload
from localcat.rasters.files.environment import usable_threads
from localcat.writing.arrays import array_steps
from localcat.writing.commit import Task
from localcat.writing.files import file_steps
from localcat.writing.log import UploadRecord
from localcat.writing.upload_queue import WORKERS, Workers

if TYPE_CHECKING:
    from localcat.models.band import Band
    from localcat.models.requests import UploadRequest
    from localcat.store.catalog_file import CatalogFile


def run_upload(catalog: CatalogFile, workers: Workers, image: Image, request: UploadRequest) -> ImageUpload:
    """Take in files or arrays as the pixels of a new image.

    What is wrong with the arguments raises; what goes wrong later ends in an upload whose status is ``"failure"``, and
    leaves neither a row of the image nor a file.
    """
    uploaded = image
    if not request.wait:
        if catalog.database.in_transaction:
            raise BadRequestError("an upload inside a transaction cannot run in the background; leave out wait=False")
        # What the caller changes from now on, in the image or in the arrays, does not reach the workers.
        uploaded = copy.deepcopy(image)
        request = replace(request, arrays=[array.copy() for array in request.arrays])
    bands = list(bands_of(image._catalog, str(image.product_id)))
    if not bands:
        raise BadRequestError(f"product '{image.product_id}' has no bands; declare what its files hold first")
    _check_count(request, bands)
    record = UploadRecord(uuid4().hex, str(image.product_id), str(image.id), catalog.user, request.options)
    record.add(EventType.QUEUE, f"upload of '{image.id}' accepted")
    threads = usable_threads(1 if request.wait else WORKERS)
    steps_of = array_steps if request.arrays else file_steps
    steps = steps_of(catalog, uploaded, request, bands, record, threads=threads)
    source = _source(image, request.raster_meta)
    task = Task(catalog, uploaded, steps, request.overwrite, record, source, outlined=request.outlined)
    upload = _finished(task) if request.wait else workers.submit(task)
    upload._image = image
    return upload


def _check_count(request: UploadRequest, bands: list[Band]) -> None:
    """Raise an error if the upload lacks a file in which a band is declared to lie."""
    given = len(request.arrays or request.files)
    for band in bands:
        if band.file_position >= given:
            raise BadRequestError(
                f"band '{band.name}' is in file {band.file_index} of an image, counted from 0, and only {given} "
                "came; pass all files or arrays of the image at once"
            )


def _source(image: Image, meta: Mapping[str, Any]) -> str | None:
    """Return the id of the image of the same catalog that a raster_meta was read from."""
    metadata = meta.get("metadata")
    source = metadata.get("id") if isinstance(metadata, Mapping) else None
    return source if isinstance(source, str) and Image.exists(source, catalog=image._catalog) else None


def _finished(task: Task) -> ImageUpload:
    """Carry an upload out in the caller's thread."""
    task.record.add(EventType.RUN, "writing pixels")
    failure = None
    try:
        task.run()
    except CommitUnknownError:
        raise
    except ClientError as error:
        failure = error
        task.record.add(EventType.COMPLETE, str(error), Severity.ERROR)
        try:
            with task.catalog.database.write() as transaction:
                task.record.store(transaction, ImageUploadStatus.FAILURE)
        except ClientError:  # where not even that can be stored, the error itself is raised
            raise error from None
    upload = ImageUpload.get(task.record.uid, catalog=task.image._catalog)
    if upload is None:
        raise ConflictError(f"upload '{task.record.uid}' was deleted meanwhile")
    upload._error = failure
    return upload
