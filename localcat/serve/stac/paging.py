"""Pages that stay right while the catalog changes.

A page begins behind the last image of the one before, by the values it was sorted by: not behind a number of images,
which shifts as images come and go.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from localcat.errors import BadRequestError
from localcat.expressions.properties import Property
from localcat.expressions.properties import properties as p
from localcat.json_text import loads
from localcat.timestamps import from_microseconds, to_microseconds

if TYPE_CHECKING:
    from localcat.models.image import Image
    from localcat.search import ImageSearch


class Order:
    """The order of the images of a search.

    Parameters
    ----------
    sorting : sequence of str
        Names of attributes, with a minus in front for the largest first; ties are broken by id.
    """

    def __init__(self, sorting: Sequence[str]) -> None:
        self._sorting = [name for name in sorting if name != "id"]
        self._keys = [(name.removeprefix("-"), not name.startswith("-")) for name in self._sorting]

    def after(self, search: ImageSearch, token: str | None, limit: int) -> Iterator[Image]:
        """Yield the first images of a search that are behind those of earlier pages.

        Raises
        ------
        BadRequestError
            If the token is not one of this order.
        """
        ordered = search.sort(*self._sorting, "id")
        parts = [ordered] if token is None else self._behind(ordered, *self._read(token))
        left = limit
        for part in parts:
            for image in part.limit(left):
                yield image
                left -= 1
            if not left:
                return

    def _behind(self, search: ImageSearch, values: Sequence[Any], uid: str) -> Iterator[ImageSearch]:
        """Yield searches that have, one after the other, what is behind an image.

        First those that equal it in all keys, then those that equal it in all but the last, and so on. Each is a range
        of an index; as one condition with OR they would be none, and the whole product would be sorted for a page.
        """
        for depth in range(len(self._keys), -1, -1):
            equal = search
            for (name, _), value in zip(self._keys[:depth], values, strict=False):
                key = _handle(name)
                equal = equal.filter(key.isnull if value is None else key == value)
            if depth == len(self._keys):
                yield equal.filter(p.id > uid)
            elif values[depth] is not None:
                name, ascending = self._keys[depth]
                key, value = _handle(name), values[depth]
                yield equal.filter(key > value if ascending else key < value)
                yield equal.filter(key.isnull)

    def token_of(self, image: Image) -> str:
        """Return the token of the page that begins behind an image."""
        values = [_written(getattr(image, name)) for name, _ in self._keys]
        text = json.dumps([self._sorting, values, image.id], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode("ascii").rstrip("=")

    def _read(self, token: str) -> tuple[list[Any], str]:
        told = f"the token {token!r:.100} is not one of this search; take the link of the page before as it is"
        try:
            sorting, values, uid = loads(base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True))
            is_fitting = sorting == self._sorting and len(values) == len(sorting) and isinstance(uid, str)
            found = [_read(value) for value in values] if is_fitting else None
        except (ValueError, TypeError, OverflowError) as error:
            raise BadRequestError(told) from error
        if found is None:
            raise BadRequestError(told)
        return found, uid


def _handle(name: str) -> Property:
    handle: Property = getattr(p, name)
    return handle


def _written(value: Any) -> Any:
    return {"time": to_microseconds(value)} if isinstance(value, datetime) else value


def _read(value: Any) -> Any:
    return from_microseconds(value["time"]) if isinstance(value, dict) else value
