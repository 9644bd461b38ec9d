"""What is to be done with scenes that are new or changed: their product, their name, and what is known of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from localcat.errors import ClientError
from localcat.models.product import Product
from localcat.rasters.files.describe import RasterDescription
from localcat.rasters.files.environment import raster_environment
from localcat.timestamps import from_microseconds, to_microseconds
from localcat.writing.commit import unforeseen
from localcat.writing.files import grid_of, require_bands
from localcat.writing.ingest.content.headers import FileHeader, read_header
from localcat.writing.ingest.facts import Facts, Items, facts_of
from localcat.writing.ingest.known import KnownImage, KnownImages, sha256_of
from localcat.writing.ingest.outcome import IngestedScene
from localcat.writing.ingest.products import Products, ReadScene, Target, needed_layers
from localcat.writing.ingest.results import Results
from localcat.writing.ingest.returning import Pending
from localcat.writing.ingest.settings import IngestOptions
from localcat.writing.ingest.sources.listing import SourceFile
from localcat.writing.ingest.sources.scenes import Scene

_PLANNED_AT_ONCE = 2000  # scenes whose headers are in memory; new products are what these have


@dataclass(slots=True)
class Planned:
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

    @property
    def uid(self) -> str:
        """The public id of the image."""
        return f"{self.target.product_id}:{self.name}"

    def item(self, outcome: str, notes: Sequence[str] = ()) -> IngestedScene:
        """Return what the report says of it."""
        attributes, files = self.facts.attributes, self.files
        return IngestedScene(
            name=self.name,
            outcome=outcome,
            image_id=self.uid,
            product_id=self.target.product_id,
            recipe=self.scene.recipe.name,
            files=tuple(file.path for file in files),
            bands={str(band.name): (files[band.file_position].path.name, band.position) for band in self.target.bands},
            acquired=_moment(attributes.get("acquired")),
            acquired_end=_moment(attributes.get("acquired_end")),
            acquired_from=self.facts.acquired_from,
            notes=(*self.facts.notes, *notes),
        )


_Read: TypeAlias = tuple[Pending, ReadScene]


class Planner:
    """Makes plans, a few thousand scenes at a time: then the first are in the catalog soon.

    Parameters
    ----------
    options : IngestOptions
        What the caller chose.
    product : Product, optional
        The one that all scenes go to.
    products : Products
        Those that they go to.
    known : KnownImages
        The images of the catalog.
    items : Items
        The STAC Items beside the files.
    results : Results
        What becomes of scenes without a plan, and of files that none needs.
    """

    def __init__(
        self,
        options: IngestOptions,
        product: Product | None,
        products: Products,
        known: KnownImages,
        items: Items,
        results: Results,
    ) -> None:
        self._options = options
        self._product = product
        self._products = products
        self._known = known
        self._items = items
        self._results = results
        self._claimed: dict[str, Planned] = {}  # by image id

    def plans(self, pending: Sequence[Pending], pool: ThreadPoolExecutor) -> Iterator[Planned]:
        """Yield what is to be done; a scene for which that is nothing, or that is refused, is put into the results."""
        for start in range(0, len(pending), _PLANNED_AT_ONCE):
            some = pending[start : start + _PLANNED_AT_ONCE]
            yield from self._planned(self._read(some, pool.map(_headers_of, (one.scene for one in some))))

    def _read(
        self, pending: Sequence[Pending], headers: Iterable[dict[str, FileHeader] | ClientError]
    ) -> Iterator[_Read]:
        """Yield the scenes all of whose files that are needed have a header that can be read."""
        for one, found in zip(pending, headers, strict=True):
            if isinstance(found, ClientError):
                self._results.fail(one.position, one.scene, found)
            else:
                yield one, ReadScene(one.scene, found)

    def _planned(self, read: Iterable[_Read]) -> list[Planned]:
        """Return what is to be done, in the order of the scenes; what products they need is known now."""
        by_key: dict[tuple[int, str], list[_Read]] = {}
        for one, scene in read:
            by_key.setdefault((id(one.scene.kind), one.scene.product_key), []).append((one, scene))
        targeted: list[tuple[Pending, ReadScene, Target]] = []
        for group in by_key.values():
            pending = {id(scene): one for one, scene in group}
            for alike in self._products.parted([scene for _, scene in group]):
                for scene, found in self._targets(alike):
                    one = pending[id(scene)]
                    if isinstance(found, ClientError):
                        self._results.fail(one.position, one.scene, found)
                    else:
                        targeted.append((one, scene, found))
        planned = []
        for one, scene, target in sorted(targeted, key=lambda each: each[0].position):
            try:
                with unforeseen(one.scene):
                    plan = self._plan(one, scene, target)
            except ClientError as error:
                self._results.fail(one.position, one.scene, error, target.product_id)
                continue
            if plan is not None:
                planned.append(plan)
        return planned

    def _targets(self, group: list[ReadScene]) -> Iterator[tuple[ReadScene, Target | ClientError]]:
        """Yield the product of each scene of a group, or why it has none: of that scene, and not of another one."""
        first = group[0].scene
        try:
            with unforeseen(first):
                given = self._product
                target = self._products.of(group) if given is None else self._products.given(given, first)
        except ClientError as error:
            if len(group) == 1:
                yield group[0], error
            else:
                for scene in group:
                    yield from self._targets([scene])
        else:
            yield from ((scene, target) for scene in group)

    def _plan(self, pending: Pending, read: ReadScene, target: Target) -> Planned | None:
        """Return what is to be done with a scene; None if its image is in the catalog already."""
        scene, known = pending.scene, pending.known
        files = target.bind(scene)
        headers = [read.header_of(file).description for file in files]
        for place, (file, header) in enumerate(zip(files, headers, strict=True)):
            grid_of(file.path, header, is_rewritten=self._options.cog)
            require_bands(file.path, header, [band for band in target.bands if band.file_position == place])
        facts = facts_of(scene, read.in_order, self._items, date_from=self._options.date_from)
        self._results.leave_unused(scene, [file.location for file in files], target.product_id)
        links = [file for file in files if file.location != file.path]
        facts.notes += [f"{file.path.name} is a link to '{file.location}'" for file in links]
        plan = Planned(pending.position, scene, target, files, headers, facts, scene.name, replaces=False)
        if known is None:
            return self._named(plan)
        if known.product_id != target.product_id:
            facts.notes.append(f"image '{known.id}' was made of what the files held before; delete it")
            return self._named(plan)
        plan.name, plan.replaces = known.name, True
        self._claimed[known.id] = plan
        return plan

    def _named(self, plan: Planned) -> Planned | None:
        """Give a new scene a name that is free; None if an image of that name is the very scene."""
        base = plan.scene.name
        for name in itertools.chain([base], (f"{base}-{number}" for number in itertools.count(2))):
            plan.name = name
            claimed, there = self._claimed.get(plan.uid), self._known.by_id(plan.uid)
            if claimed is None and there is None:
                break
            if self._is_same(plan, claimed, there):
                self._skip(plan, "the same scene is in the catalog already, by another path")
                return None
            if self._options.on_conflict == "skip":
                self._skip(plan, "an image of that name is there already")
                return None
            if self._options.on_conflict == "replace" and claimed is None:
                plan.replaces = True
                break
        if plan.name != base:
            plan.facts.notes.append(f"the name '{base}' was taken by another scene")
        self._claimed[plan.uid] = plan
        return plan

    def _skip(self, plan: Planned, note: str) -> None:
        self._results.put(plan.position, plan.item("skipped", [note]))

    @staticmethod
    def _is_same(plan: Planned, claimed: Planned | None, there: KnownImage | None) -> bool:
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


def _headers_of(scene: Scene) -> dict[str, FileHeader] | ClientError:
    """Return the headers of the files of a scene that are needed; or why one cannot be read."""
    try:
        with unforeseen(scene), raster_environment():
            return {layer: read_header(scene.layers[layer].location) for layer in needed_layers(scene)}
    except ClientError as error:
        return error


def _moment(value: Any) -> datetime | None:
    return None if value is None else from_microseconds(to_microseconds(value))
