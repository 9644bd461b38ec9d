"""The Fields extension: which parts of Items are wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from localcat.errors import BadRequestError
from localcat.expressions.names import brief

_ALWAYS = (("type",), ("stac_version",), ("id",), ("collection",))  # what tells an Item from other JSON, and which one
_FEWEST = ("geometry", "bbox", "links", "assets", "properties.datetime")  # with those, what makes an Item
_MOST = 200  # names
_LEVELS = 8
_INCLUDE, _EXCLUDE = ("include", "includes"), ("exclude", "excludes")  # pystac-client 0.9 says it in the plural

Path = tuple[str, ...]


class Wanted:
    """The parts of Items that are wanted.

    A part inside another decides over that: ``properties`` included and ``properties.created`` excluded is all of the
    properties but one. Included and excluded both, a part is there.

    Parameters
    ----------
    included, excluded : iterable of str
        Names with dots between the levels. Without an included one all is wanted that is not excluded.
    """

    def __init__(self, included: Iterable[str] = (), excluded: Iterable[str] = ()) -> None:
        self._included = {tuple(name.split(".", _LEVELS)) for name in included}
        self._excluded = {tuple(name.split(".", _LEVELS)) for name in excluded}
        self._is_all = not self._included
        self._included.update(_ALWAYS)

    @classmethod
    def of(cls, asked: Any) -> Wanted:
        """Read ``fields`` of a search: a list of names, with a minus before those to leave out, or an object.

        Raises
        ------
        BadRequestError
            If it is neither.
        """
        if asked is None:
            return cls()
        if isinstance(asked, Mapping) and all(name in (*_INCLUDE, *_EXCLUDE) for name in asked):
            included = [one for name in _INCLUDE for one in _names(asked.get(name))]
            excluded = [one for name in _EXCLUDE for one in _names(asked.get(name))]
            if not included and any(name in asked for name in _INCLUDE):  # asked for, and empty
                included = [name for name in _FEWEST if name not in excluded]
            return cls(included, excluded)
        names = _names(asked)
        return cls(
            [name.removeprefix("+").strip() for name in names if not name.startswith("-")],
            [name.removeprefix("-") for name in names if name.startswith("-")],
        )

    def of_item(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return the parts of an Item that are wanted."""
        if self._is_all and not self._excluded:
            return item
        return self._of(item, (), is_wanted=self._is_all)

    def _of(self, value: Mapping[str, Any], path: Path, *, is_wanted: bool) -> dict[str, Any]:
        found = {}
        for name, inner in value.items():
            below = (*path, name)
            takes = below in self._included or (is_wanted and below not in self._excluded)
            if isinstance(inner, dict) and self._is_said_below(below):
                chosen = self._of(inner, below, is_wanted=takes)
                if chosen or takes:
                    found[name] = chosen
            elif takes:
                found[name] = inner
        return found

    def _is_said_below(self, path: Path) -> bool:
        depth = len(path)
        return any(len(one) > depth and one[:depth] == path for one in (*self._included, *self._excluded))


def _names(value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value) or len(value) > _MOST:
        raise BadRequestError(f"fields names at most {_MOST} parts of Items, as in 'id,-geometry', not {brief(value)}")
    return [name for name in value if name]
