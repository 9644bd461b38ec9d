"""The work itself: the pixels of scenes are checked by threads, and their rows committed in batches, files first."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from localcat.disk.steps import reached
from localcat.errors import ClientError, ImageDeletedError
from localcat.models.enums import ImageUploadEventSeverity as Severity
from localcat.models.enums import ImageUploadEventType as EventType
from localcat.models.image import Image
from localcat.models.requests import ImageUploadOptions, UploadRequest
from localcat.rasters.files.environment import raster_environment, read_errors
from localcat.writing.commit import Arrival, Task, Written, commit_together, unforeseen
from localcat.writing.files import file_steps
from localcat.writing.ingest.content.headers import odd_headers
from localcat.writing.ingest.facts import FROM_KEY, PRECISION_KEY, RECIPE_KEY, image_attributes
from localcat.writing.ingest.known import note_sources, sha256_of
from localcat.writing.ingest.planning import Planned
from localcat.writing.ingest.products import Products
from localcat.writing.ingest.results import Results
from localcat.writing.ingest.settings import IngestOptions
from localcat.writing.ingest.sources.listing import SourceFile
from localcat.writing.log import UploadRecord

if TYPE_CHECKING:
    from localcat.models.backend import Backend

_BATCH_SCENES, _BATCH_FILES, _BATCH_SECONDS = 200, 200, 2.0  # after any of which a batch is committed


@dataclass(slots=True)
class _Prepared:
    """A scene whose files were checked, and are where they belong."""

    planned: Planned
    image: Image | None = None
    record: UploadRecord | None = None
    task: Task | None = None
    written: list[Written] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    stack: ExitStack = field(default_factory=ExitStack)
    error: ClientError | None = None


class Taker:
    """Takes planned scenes in.

    Parameters
    ----------
    backend : Backend
        The catalog.
    options : IngestOptions
        What the caller chose.
    products : Products
        Those that the scenes go to.
    results : Results
        What becomes of the scenes.
    """

    def __init__(self, backend: Backend, options: IngestOptions, products: Products, results: Results) -> None:
        self._backend = backend
        self._catalog = backend.file
        self._options = options
        self._products = products
        self._results = results
        self._is_first = True

    def take_in(self, planned: Iterable[Planned], pool: ThreadPoolExecutor) -> None:
        """Check the pixels of the scenes in threads, and commit what is ready in batches."""
        batch: list[_Prepared] = []
        began = time.monotonic()
        prepared = self._prepared(planned, pool)
        try:
            for one in prepared:
                if one.error is not None:
                    self._fail(one.planned, one.error)
                    continue
                batch.append(one)
                files = sum(len(done.written) for done in batch)
                is_due = time.monotonic() - began > _BATCH_SECONDS
                if len(batch) >= _BATCH_SCENES or files >= _BATCH_FILES or is_due:
                    self._commit(batch)
                    batch, began = [], time.monotonic()
            self._commit(batch)
            batch = []
        finally:
            for one in batch:
                one.stack.close()
            prepared.close()

    def _prepared(self, planned: Iterable[Planned], pool: ThreadPoolExecutor) -> Generator[_Prepared, None, None]:
        """Yield the scenes in their order, a few of them worked on ahead."""
        waiting: deque[Future[_Prepared]] = deque()
        try:
            for plan in planned:
                if self._is_first:  # a default catalog is made once there is something for it
                    self._catalog.database.require_writable(creates=True)
                    self._is_first = False
                waiting.append(pool.submit(self._prepare, plan))
                if len(waiting) > 2 * self._options.threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                if not future.cancel():
                    future.result().stack.close()

    def _prepare(self, plan: Planned) -> _Prepared:
        """Check the files of a scene, and copy them where that is asked for."""
        done = _Prepared(plan)
        try:
            with unforeseen(plan.scene):
                self._bring(plan, done)
        except ClientError as error:
            done.stack.close()
            done.error = error
        except BaseException:
            done.stack.close()
            raise
        return done

    def _bring(self, plan: Planned, done: _Prepared) -> None:
        """Make the image of a scene, and bring its files to where they belong."""
        image = done.image = self._new_image(plan)
        options = self._options
        request = UploadRequest(
            options=ImageUploadOptions(),
            overwrite=plan.replaces,
            copy=options.is_copied,
            cog=options.cog,
            files=[file.location for file in plan.files],
        )
        uid, user = uuid4().hex, self._catalog.user
        record = UploadRecord(uid, str(image.product_id), str(image.id), user, request.options, is_quiet=True)
        record.add(EventType.RUN, f"ingested by recipe {plan.scene.recipe.name}")
        bands, known = plan.target.bands, plan.headers
        steps = file_steps(self._catalog, image, request, bands, record, threads=1, known=known)
        done.record, done.task = record, Task(self._catalog, image, steps, plan.replaces, record)
        with raster_environment():
            for file, step in zip(plan.files, steps, strict=True):
                with odd_headers(file.path):
                    done.written.append(step(done.stack))
                _require_unchanged(file)
        plan.headers = []
        done.hashes = [one.digest.sha256 for one in done.written]
        if options.cog:
            done.hashes = [sha256_of(file.location) for file in plan.files]

    def _new_image(self, plan: Planned) -> Image:
        kept, tags = {}, None
        if plan.replaces:
            old = Image.get(plan.uid, catalog=self._backend)
            if old is not None:
                ours = (FROM_KEY, PRECISION_KEY, RECIPE_KEY)
                kept = {key: value for key, value in (old.extra_properties or {}).items() if key not in ours}
                tags = old.tags
        attributes = image_attributes(plan.facts, kept)
        return Image(catalog=self._backend, product_id=plan.target.product_id, name=plan.name, tags=tags, **attributes)

    def _commit(self, batch: Sequence[_Prepared]) -> None:
        """Insert the rows of scenes whose files are on the disk, all in one transaction."""
        if not batch:
            return
        try:
            failures = commit_together(self._catalog, [self._arrival(one) for one in batch])
        finally:
            for one in batch:
                one.stack.close()
        reached("batch committed")
        for one, failure in zip(batch, failures, strict=True):
            plan = one.planned
            if failure is not None:
                self._fail(plan, failure)
                continue
            events = [] if one.record is None else one.record.events
            notes = [message for _, _, severity, message in events if severity is Severity.WARNING]
            self._results.put(plan.position, plan.item("replaced" if plan.replaces else "added", notes))

    def _arrival(self, one: _Prepared) -> Arrival:
        plan, home = one.planned, self._catalog.path.parent if self._options.is_copied else None
        if one.task is None:
            raise AssertionError("a scene that was prepared without an error has a task")
        return Arrival(
            one.task,
            one.written,
            lambda transaction: self._products.save(plan.target, transaction),
            lambda connection: note_sources(connection, plan.uid, plan.files, one.hashes, home),
        )

    def _fail(self, plan: Planned, error: ClientError) -> None:
        self._results.fail(plan.position, plan.scene, error, plan.target.product_id)


def _require_unchanged(file: SourceFile) -> None:
    """Refuse a file that was changed since it was listed: what is known of its header may be another one's."""
    with read_errors(file.path):
        status = file.location.stat()
    if (status.st_size, status.st_mtime_ns) != (file.size_bytes, file.modified_ns):
        raise ImageDeletedError(f"'{file.path}' changed while it was ingested; ingest it again once it is complete")
