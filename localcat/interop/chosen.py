"""Which images an export writes: all of its catalog, or those of a search in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcat.errors import BadRequestError
from localcat.search import ImageSearch

if TYPE_CHECKING:
    from localcat.models.backend import Backend


def chosen_images(catalog: Backend, search: ImageSearch | None) -> ImageSearch:
    """Return what `search` asks for, or all images of the catalog if it is None.

    Raises
    ------
    BadRequestError
        If `search` is not a search for images, or is one in another catalog, whose rows have other numbers.
    """
    if search is None:
        return catalog.images
    if not isinstance(search, ImageSearch):
        raise BadRequestError(
            "search is a search for images, such as catalog.images.filter(p.cloud_fraction < 0.2), not an object "
            f"of the class {type(search).__name__}"
        )
    asked = search._catalog.file.path
    if asked != catalog.file.path:
        raise BadRequestError(
            f"the search asks catalog '{asked}', not '{catalog.file.path}'; export it from the catalog that it asks"
        )
    return search
