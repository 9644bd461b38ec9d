"""The work of an ingest: files are listed, scenes planned, pixels checked by threads, and rows committed in batches."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from localcat.disk.steps import reached
from localcat.errors import BadRequestError, ClientError, ImageDeletedError, ReadOnlyCatalogError
from localcat.models.enums import ImageUploadEventSeverity as Severity
from localcat.models.enums import ImageUploadEventType as EventType
from localcat.models.image import Image
from localcat.models.product import Product, saved_product
from localcat.models.requests import ImageUploadOptions, UploadRequest
from localcat.progress import shown
from localcat.rasters.files.environment import raster_environment, read_errors, usable_threads
from localcat.timestamps import from_microseconds, to_microseconds
from localcat.writing.commit import Arrival, Task, Written, commit_together
from localcat.writing.files import file_steps, require_bands
from localcat.writing.ingest.facts import (
    FROM_KEY,
    PRECISION_KEY,
    RECIPE_KEY,
    Facts,
    Items,
    facts_of,
    image_attributes,
    metadata_of,
)
from localcat.writing.ingest.headers import FileHeader, odd_headers, read_header
from localcat.writing.ingest.known import KnownImage, KnownImages, note_sources, note_touched, sha256_of
from localcat.writing.ingest.library import chosen_recipes
from localcat.writing.ingest.listing import SourceFile, list_files
from localcat.writing.ingest.outcome import IngestedScene, IngestReport, PassedOver
from localcat.writing.ingest.products import Products, ReadScene, Target, needed_layers
from localcat.writing.ingest.scenes import Scene, group_scenes, single_file_scenes
from localcat.writing.log import UploadRecord

if TYPE_CHECKING:
    from localcat.models.backend import Backend
    from localcat.rasters.files.describe import RasterDescription
    from localcat.writing.ingest.recipe import Recipe
    from localcat.writing.ingest.sidecars import ItemReader

_CONFLICTS = ("rename", "skip", "replace")
_DATES = (None, "mtime")
_MOST_WORKERS = 8
_PLANNED_AT_ONCE = 2000  # scenes whose headers are in memory; new products are what these have
_BATCH_SCENES, _BATCH_FILES, _BATCH_SECONDS = 200, 200, 2.0  # after any of which a batch is committed


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How scenes are taken in; `Catalog.ingest` explains each."""

    product: Product | str | None = None
    recipe: Any = None
    dry_run: bool = False
    copy: bool = False
    cog: bool = False
    date_from: str | None = None
    follow_links: bool = True
    workers: int | None = None
    on_conflict: str = "rename"
    progress: bool | None = None

    def __post_init__(self) -> None:
        if self.on_conflict not in _CONFLICTS:
            raise BadRequestError(f"on_conflict is 'rename', 'skip' or 'replace', not {self.on_conflict!r}")
        if self.date_from not in _DATES:
            raise BadRequestError(f"date_from is None or 'mtime', not {self.date_from!r}")
        workers = self.workers
        if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
            raise BadRequestError(f"workers is a whole number from 1, not {workers!r}")

    @property
    def is_copied(self) -> bool:
        """Whether the files get into the data folder."""
        return self.copy or self.cog

    @property
    def threads(self) -> int:
        """How many scenes are worked on at once."""
        return self.workers or min(usable_threads(), _MOST_WORKERS)


@dataclass(slots=True)
class _Planned:
    """A scene that is to become an image.

    Parameters
    ----------
    position : int
        Of its item in the report.
    scene : Scene
        Its files.
    target : Target
        The product.
    files : list of SourceFile
        The image's files.
    headers : list of RasterDescription
        Theirs, until the files were checked.
    facts : Facts
        What is known of it.
    name : str
        Of the image.
    replaces : bool
        Whether it takes the place of an image with that name.
    """

    position: int
    scene: Scene
    target: Target
    files: list[SourceFile]
    headers: list[RasterDescription]
    facts: Facts
    name: str
    replaces: bool


@dataclass(slots=True)
class _Prepared:
    """A scene whose files were checked, and are where they belong."""

    planned: _Planned
    image: Image | None = None
    record: UploadRecord | None = None
    task: Task | None = None
    written: list[Written] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    stack: ExitStack = field(default_factory=ExitStack)
    error: ClientError | None = None


def ingest(
    backend: Backend, sources: Any, options: IngestOptions, *, read_item: ItemReader | None = None
) -> IngestReport:
    """Take files in as images of products; `Catalog.ingest` says how."""
    if backend.database.read_only and not options.dry_run:
        raise ReadOnlyCatalogError(
            f"catalog '{backend.file.path}' is open for reading only; open it without read_only=True"
        )
    run = _Ingest(backend, options, chosen_recipes(options.recipe), read_item)
    return run.run(sources)


class _Ingest:
    def __init__(
        self, backend: Backend, options: IngestOptions, recipes: Sequence[Recipe], read_item: ItemReader | None
    ) -> None:
        self._backend = backend
        self._catalog = backend.file
        self._options = options
        self._product = None if options.product is None else saved_product(backend, options.product)
        self._recipes = recipes
        self._items = Items(read_item)
        self._known = KnownImages(self._catalog)
        self._products = Products(backend)
        self._claimed: dict[str, _Planned] = {}  # by image id
        self._results: dict[int, IngestedScene] = {}
        self._report = IngestReport(dry_run=options.dry_run)
        self._is_first = True

    def run(self, sources: Any) -> IngestReport:
        options, report = self._options, self._report
        if self._product is not None:
            self._products.require_bands(self._product)
        own = (self._catalog.path, self._catalog.data_folder.path)
        listing = list_files(sources, follow_links=options.follow_links, own=own)
        scenes, unknown = group_scenes(listing.files, self._recipes)
        report.passed_over += listing.passed_over + unknown
        scenes = [one for scene in scenes for one in self._fitting(scene)]
        pending = self._without_known(scenes)
        with ThreadPoolExecutor(options.threads) as pool:
            planned = self._all_planned(pending, pool)
            if options.dry_run:
                for one in planned:
                    self._results[one.position] = self._item(one, "replaced" if one.replaces else "added")
            else:
                bar = shown(planned, "ingesting scenes", "scenes", options.progress, total=len(pending))
                self._carry_out(bar, pool)
        self._forgive_metadata(scenes)
        report.items = [self._results[position] for position in sorted(self._results)]
        product_id = None if self._product is None else str(self._product.id)
        report.items += [self._vanished(image) for image in self._known.gone(listing.folders, product_id)]
        report.products = [
            target.described()
            for target in self._products.targets.values()
            if target.new is None or options.dry_run  # else no scene has come in, and there is no product
        ]
        return report

    def _forgive_metadata(self, scenes: Sequence[Scene]) -> None:
        """Leave out of what was passed over the metadata of scenes, whatever became of these."""
        report = self._report
        if any(one.reason == "foreign" for one in report.passed_over):
            metadata = {path for scene in scenes for path in metadata_of(scene, self._items)}
            report.passed_over = [one for one in report.passed_over if one.path not in metadata]

    # Scenes

    def _fitting(self, scene: Scene) -> list[Scene]:
        """Return a scene as it fits the product that was given: whole, or each file by itself."""
        product = self._product
        if product is None:
            return [scene]
        if scene.is_one_file or self._products.given(product, scene).knows_layers():
            return [scene]
        return single_file_scenes(scene)

    def _without_known(self, scenes: Sequence[Scene]) -> list[tuple[int, Scene, KnownImage | None]]:
        """Return the scenes that are new or changed, the latter with their images; note those that are not."""
        by_path = self._known.by_path(file for scene in scenes for file in scene.files)
        pending = []
        for position, scene in enumerate(scenes):
            known = self._image_of(scene, by_path)
            try:
                is_same = known is not None and self._is_unchanged(known, scene)
            except ClientError as error:
                self._fail(position, scene, error)
                continue
            if known is not None and is_same:
                self._results[position] = self._skipped(known, scene)
            else:
                pending.append((position, scene, known))
        return pending

    def _image_of(self, scene: Scene, by_path: dict[Any, list[KnownImage]]) -> KnownImage | None:
        """Return the image that was made of files of a scene."""
        paths = {file.location for file in scene.files}
        product = self._product
        if product is not None:
            wanted = {str(product.id)}
        else:
            wanted = {Product.namespace_id(scene.product_key, catalog=self._backend)}
        candidates = [image for path in paths for image in by_path.get(path, []) if set(image.paths) <= paths]
        if product is None and scene.kind.is_alike:
            (key,) = wanted
            return next((image for image in candidates if f"{image.product_id}-".startswith(f"{key}-")), None)
        return next((image for image in candidates if image.product_id in wanted), None)

    def _is_unchanged(self, known: KnownImage, scene: Scene) -> bool:
        files = {file.location: file for file in scene.files}
        pairs = [(one, files[one.path]) for one in known.files if one.path in files]
        if len(pairs) < len(known.files):
            return False
        if all(one.is_untouched(file) for one, file in pairs):
            return True
        if not all(one.is_untouched(file) or one.has_content_of(file) for one, file in pairs):
            return False
        if not self._options.dry_run:
            note_touched(self._catalog, known, [file for _, file in pairs])
        return True

    def _with_headers(
        self, pending: Sequence[tuple[int, Scene, KnownImage | None]], pool: ThreadPoolExecutor
    ) -> Iterator[tuple[int, ReadScene, KnownImage | None]]:
        """Yield the scenes all of whose files that are needed have a header that can be read."""
        read = pool.map(self._headers_of, (scene for _, scene, _ in pending))
        for (position, scene, known), found in zip(pending, read, strict=True):
            if isinstance(found, ClientError):
                self._fail(position, scene, found)
            else:
                yield position, ReadScene(scene, found), known

    @staticmethod
    def _headers_of(scene: Scene) -> dict[str, FileHeader] | ClientError:
        try:
            with raster_environment():
                return {layer: read_header(scene.layers[layer].location) for layer in needed_layers(scene)}
        except ClientError as error:
            return error

    # Plans

    def _all_planned(
        self, pending: Sequence[tuple[int, Scene, KnownImage | None]], pool: ThreadPoolExecutor
    ) -> Iterator[_Planned]:
        """Yield what is to be done, planned a few thousand scenes at a time: then the first are in the catalog soon."""
        for start in range(0, len(pending), _PLANNED_AT_ONCE):
            yield from self._planned(self._with_headers(pending[start : start + _PLANNED_AT_ONCE], pool))

    def _planned(self, read: Iterator[tuple[int, ReadScene, KnownImage | None]]) -> list[_Planned]:
        """Return what is to be done, in the order of the scenes; what products they need is known now."""
        by_key: dict[tuple[int, str], list[tuple[int, ReadScene, KnownImage | None]]] = {}
        for position, one, known in read:
            by_key.setdefault((id(one.scene.kind), one.scene.product_key), []).append((position, one, known))
        targeted = []
        for group in by_key.values():
            positions = {id(one): (position, known) for position, one, known in group}
            try:
                for target, scenes in self._targets([one for _, one, _ in group]):
                    targeted += [(*positions[id(one)], one, target) for one in scenes]
            except ClientError as error:
                for position, one, _ in group:
                    self._fail(position, one.scene, error)
        planned = []
        for position, known, one, target in sorted(targeted, key=lambda found: found[0]):
            try:
                plan = self._plan(position, known, one, target)
            except ClientError as error:
                self._fail(position, one.scene, error, target)
                continue
            if plan is not None:
                planned.append(plan)
        return planned

    def _targets(self, scenes: list[ReadScene]) -> list[tuple[Target, list[ReadScene]]]:
        if self._product is None:
            return self._products.of(scenes)
        return [(self._products.given(self._product, scenes[0].scene), scenes)]

    def _plan(self, position: int, known: KnownImage | None, one: ReadScene, target: Target) -> _Planned | None:
        """Return what is to be done with a scene; None if its image is in the catalog already."""
        scene = one.scene
        files = target.bind(scene)
        layers = {file.location: layer for layer, file in scene.layers.items()}
        headers = [one.headers[layers[file.location]].description for file in files]
        for place, (file, header) in enumerate(zip(files, headers, strict=True)):
            require_bands(file.path, header, [band for band in target.bands if band.file_position == place])
        facts = facts_of(scene, one.in_order, self._items, date_from=self._options.date_from)
        for file in scene.files:
            if file not in files:
                reason = f"no band of product '{target.product_id}' is in this file of scene '{scene.name}'"
                self._report.passed_over.append(PassedOver(file.path, "unused", reason))
            elif file.location != file.path:
                facts.notes.append(f"{file.path.name} is a link to '{file.location}'")
        plan = _Planned(position, scene, target, files, headers, facts, scene.name, replaces=False)
        if known is None:
            return self._named(plan)
        if known.product_id != target.product_id:
            facts.notes.append(f"image '{known.id}' was made of what the files held before; delete it")
            return self._named(plan)
        plan.name, plan.replaces = known.name, True
        self._claimed[known.id] = plan
        return plan

    def _named(self, plan: _Planned) -> _Planned | None:
        """Give a new scene a name that is free; None if an image of that name is the very scene."""
        base = plan.scene.name
        for name in itertools.chain([base], (f"{base}-{number}" for number in itertools.count(2))):
            uid = f"{plan.target.product_id}:{name}"
            claimed, there = self._claimed.get(uid), self._known.by_id(uid)
            if claimed is None and there is None:
                plan.name = name
                break
            if self._is_same(plan, claimed, there):
                note = "the same scene is in the catalog already, by another path"
                self._results[plan.position] = self._item(plan, "skipped", uid=uid, notes=(note,))
                return None
            if self._options.on_conflict == "skip":
                note = "an image of that name is there already"
                self._results[plan.position] = self._item(plan, "skipped", uid=uid, notes=(note,))
                return None
            if self._options.on_conflict == "replace" and claimed is None:
                plan.name, plan.replaces = name, True
                break
        if plan.name != base:
            plan.facts.notes.append(f"the name '{base}' was taken by another scene")
        self._claimed[f"{plan.target.product_id}:{plan.name}"] = plan
        return plan

    @staticmethod
    def _is_same(plan: _Planned, claimed: _Planned | None, there: KnownImage | None) -> bool:
        """Return whether a scene has time and content of another of its name: choice 33."""
        acquired = plan.facts.attributes.get("acquired")
        if claimed is not None:
            if acquired != claimed.facts.attributes.get("acquired") or len(plan.files) != len(claimed.files):
                return False
            pairs = list(zip(plan.files, claimed.files, strict=True))
            return all(one.size_bytes == other.size_bytes for one, other in pairs) and all(
                sha256_of(one.location) == sha256_of(other.location) for one, other in pairs
            )
        if there is None or len(plan.files) != len(there.files):
            return False
        if (None if acquired is None else to_microseconds(acquired)) != there.acquired:
            return False
        return all(known.has_content_of(file) for known, file in zip(there.files, plan.files, strict=True))

    # Pixels and rows

    def _carry_out(self, planned: Iterable[_Planned], pool: ThreadPoolExecutor) -> None:
        """Check the pixels of the scenes in threads, and commit what is ready in batches."""
        batch: list[_Prepared] = []
        began = time.monotonic()
        prepared = self._prepared(planned, pool)
        try:
            for one in prepared:
                if one.error is not None:
                    self._fail(one.planned.position, one.planned.scene, one.error, one.planned.target)
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

    def _prepared(self, planned: Iterable[_Planned], pool: ThreadPoolExecutor) -> Generator[_Prepared, None, None]:
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

    def _prepare(self, plan: _Planned) -> _Prepared:
        """Check the files of a scene, and copy them where that is asked for."""
        done = _Prepared(plan)
        try:
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
        except ClientError as error:
            done.stack.close()
            done.error = error
        except BaseException:
            done.stack.close()
            raise
        return done

    def _new_image(self, plan: _Planned) -> Image:
        uid = f"{plan.target.product_id}:{plan.name}"
        kept, tags = {}, None
        if plan.replaces:
            old = Image.get(uid, catalog=self._backend)
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
                self._fail(plan.position, plan.scene, failure, plan.target)
                continue
            events = [] if one.record is None else one.record.events
            notes = tuple(message for _, _, severity, message in events if severity is Severity.WARNING)
            self._results[plan.position] = self._item(plan, "replaced" if plan.replaces else "added", notes=notes)

    def _arrival(self, one: _Prepared) -> Arrival:
        plan, home = one.planned, self._catalog.path.parent if self._options.is_copied else None
        uid = f"{plan.target.product_id}:{plan.name}"
        if one.task is None:
            raise AssertionError("a scene that was prepared without an error has a task")
        return Arrival(
            one.task,
            one.written,
            lambda transaction: self._products.save(plan.target, transaction),
            lambda connection: note_sources(connection, uid, plan.files, one.hashes, home),
        )

    # The report

    def _item(
        self, plan: _Planned, outcome: str, *, uid: str | None = None, notes: Sequence[str] = ()
    ) -> IngestedScene:
        attributes = plan.facts.attributes
        return IngestedScene(
            name=plan.name,
            outcome=outcome,
            image_id=uid or f"{plan.target.product_id}:{plan.name}",
            product_id=plan.target.product_id,
            recipe=plan.scene.recipe.name,
            files=tuple(file.path for file in plan.files),
            bands={
                str(band.name): (plan.files[band.file_position].path.name, band.position) for band in plan.target.bands
            },
            acquired=_moment(attributes.get("acquired")),
            acquired_end=_moment(attributes.get("acquired_end")),
            acquired_from=plan.facts.acquired_from,
            notes=(*plan.facts.notes, *notes),
        )

    def _skipped(self, known: KnownImage, scene: Scene) -> IngestedScene:
        return IngestedScene(
            name=known.name,
            outcome="skipped",
            image_id=known.id,
            product_id=known.product_id,
            recipe=scene.recipe.name,
            files=tuple(file.path for file in scene.files if file.location in known.paths),
            acquired=None if known.acquired is None else from_microseconds(known.acquired),
        )

    def _vanished(self, image: KnownImage) -> IngestedScene:
        advice = "bring them back, delete the image, or call relocate if their folder was moved"
        return IngestedScene(
            name=image.name,
            outcome="vanished",
            image_id=image.id,
            product_id=image.product_id,
            files=tuple(image.paths),
            acquired=None if image.acquired is None else from_microseconds(image.acquired),
            notes=(f"its files are gone from where they were; {advice}",),
        )

    def _fail(self, position: int, scene: Scene, error: ClientError, target: Target | None = None) -> None:
        self._results[position] = IngestedScene(
            name=scene.name,
            outcome="failed",
            product_id=None if target is None else target.product_id,
            recipe=scene.recipe.name,
            files=tuple(file.path for file in scene.files),
            error=error,
        )


def _require_unchanged(file: SourceFile) -> None:
    """Refuse a file that was changed since it was listed: what is known of its header may be another one's."""
    with read_errors(file.path):
        status = file.location.stat()
    if (status.st_size, status.st_mtime_ns) != (file.size_bytes, file.modified_ns):
        raise ImageDeletedError(f"'{file.path}' changed while it was ingested; ingest it again once it is complete")


def _moment(value: Any) -> Any:
    return None if value is None else from_microseconds(to_microseconds(value))
