"""What becomes of scenes, collected while it happens, for the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from localcat.errors import ClientError
from localcat.timestamps import from_microseconds
from localcat.writing.ingest.known import KnownImage
from localcat.writing.ingest.outcome import IngestedScene
from localcat.writing.ingest.sources.listing import PassedOver
from localcat.writing.ingest.sources.scenes import Scene

_RETURN = "bring them back, delete the image, or call relocate if their folder was moved"


class Results:
    """The items of a report by the position of their scene, and the files that are part of no image."""

    def __init__(self) -> None:
        self._items: dict[int, IngestedScene] = {}
        self.passed_over: list[PassedOver] = []

    def put(self, position: int, item: IngestedScene) -> None:
        """Note what became of a scene."""
        self._items[position] = item

    def fail(self, position: int, scene: Scene, error: ClientError, product_id: str | None = None) -> None:
        """Note why a scene was refused."""
        self._items[position] = IngestedScene(
            name=scene.name,
            outcome="failed",
            product_id=product_id,
            recipe=scene.recipe.name,
            files=tuple(file.path for file in scene.files),
            error=error,
        )

    def skip(self, position: int, scene: Scene, known: KnownImage) -> None:
        """Note that a scene is in the catalog already, unchanged."""
        self.leave_unused(scene, known.paths, known.product_id)
        self._items[position] = IngestedScene(
            name=known.name,
            outcome="skipped",
            image_id=known.id,
            product_id=known.product_id,
            recipe=scene.recipe.name,
            files=tuple(file.path for file in scene.files if file.location in known.paths),
            acquired=None if known.acquired is None else from_microseconds(known.acquired),
        )

    def leave_unused(self, scene: Scene, used: Sequence[Path], product_id: str) -> None:
        """Pass over the files of a scene that hold no band of its product."""
        reason = f"no band of product '{product_id}' is in this file of scene '{scene.name}'"
        unused = (file for file in scene.files if file.location not in used)
        self.passed_over += [PassedOver(file.path, "unused", reason) for file in unused]

    def items(self, gone: Iterable[KnownImage]) -> list[IngestedScene]:
        """Return what became of the scenes, in their order, and then the images whose files are gone."""
        return [*(self._items[position] for position in sorted(self._items)), *map(_vanished, gone)]


def _vanished(image: KnownImage) -> IngestedScene:
    return IngestedScene(
        name=image.name,
        outcome="vanished",
        image_id=image.id,
        product_id=image.product_id,
        files=tuple(image.paths),
        acquired=None if image.acquired is None else from_microseconds(image.acquired),
        notes=(f"its files are gone from where they were; {_RETURN}",),
    )
