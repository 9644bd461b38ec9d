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
from localcat.expressions.properties import Expression, Property
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
        if token is None:
            yield from ordered.limit(limit)
            return
        values, uid = self._read(token)
        if not self._keys:
            yield from ordered.filter(p.id > uid).limit(limit)
            return
        (name, ascending), value = self._keys[0], values[0]
        first, tied = _handle(name), self._behind(1, values, uid)
        left = limit
        if value is not None:
            bound = first >= value if ascending else first <= value
            beyond = first > value if ascending else first < value
            for image in ordered.filter(bound).filter(beyond | tied).limit(limit):
                yield image
                left -= 1
            if left:
                yield from ordered.filter(first.isnull).limit(left)
        else:
            yield from ordered.filter(first.isnull).filter(tied).limit(left)

    def _behind(self, position: int, values: Sequence[Any], uid: str) -> Expression:
        """Return the condition of what is behind an image, among those that equal it in the keys before a position."""
        if position == len(self._keys):
            return p.id > uid
        (name, ascending), value = self._keys[position], values[position]
        key, rest = _handle(name), self._behind(position + 1, values, uid)
        if value is None:
            return key.isnull & rest
        beyond = key > value if ascending else key < value
        found: Expression = beyond | key.isnull | ((key == value) & rest)
        return found

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
