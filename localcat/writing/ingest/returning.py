"""Scenes that come again: which images were made of them, and whether their files are what they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localcat.errors import BadRequestError, ClientError
from localcat.models.product import Product
from localcat.writing.commit import unforeseen
from localcat.writing.ingest.known import KnownImage, KnownImages, note_touched
from localcat.writing.ingest.products import Products
from localcat.writing.ingest.results import Results
from localcat.writing.ingest.sources.scenes import Scene

if TYPE_CHECKING:
    from localcat.models.backend import Backend


@dataclass(frozen=True, slots=True)
class Pending:
    """A scene that is new or changed.

    Parameters
    ----------
    position : int
        Of its item in the report.
    scene : Scene
        Its files.
    known : KnownImage, optional
        The image that was made of them; None if they are new.
    """

    position: int
    scene: Scene
    known: KnownImage | None


class Returning:
    """Tells scenes that are new or changed from those that are in the catalog as they are.

    Parameters
    ----------
    backend : Backend
        The catalog.
    known : KnownImages
        Its images.
    products : Products
        Those that scenes go to.
    product : Product, optional
        The one that all go to.
    dry_run : bool
        Whether nothing is written down.
    """

    def __init__(
        self, backend: Backend, known: KnownImages, products: Products, product: Product | None, *, dry_run: bool
    ) -> None:
        self._backend = backend
        self._known = known
        self._products = products
        self._product = product
        self._dry_run = dry_run

    def pending(self, scenes: Sequence[Scene], results: Results) -> list[Pending]:
        """Return the scenes that are new or changed; what becomes of the others is put into the results."""
        by_path = self._known.by_path(file for scene in scenes for file in scene.files)
        found = []
        for position, scene in enumerate(scenes):
            known = self._image_of(scene, by_path)
            try:
                with unforeseen(scene):
                    is_same = known is not None and self._is_unchanged(known, scene)
                    missed = [] if is_same else self._products.missed(scene, self._product)
            except ClientError as error:
                results.fail(position, scene, error)
                continue
            if known is not None and is_same:
                results.skip(position, scene, known)
            elif missed:
                results.fail(position, scene, _unfinished(missed))
            else:
                found.append(Pending(position, scene, known))
        return found

    def _image_of(self, scene: Scene, by_path: dict[Path, list[KnownImage]]) -> KnownImage | None:
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
        if not self._dry_run:
            note_touched(self._backend.file, known, [file for _, file in pairs])
        return True


def _unfinished(missed: Sequence[Path]) -> ClientError:
    names = ", ".join(f"'{path.name}'" for path in missed)
    return BadRequestError(
        f"the scene is incomplete: {names} has no bytes, or is a download that has not ended; complete or remove it, "
        "and ingest again"
    )
