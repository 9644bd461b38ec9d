"""What is shown of a scene: a mapping that never changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn


class ReadOnlyProperties(Mapping[str, Any]):
    """A mapping whose keys are attributes, too, and that never changes."""

    __slots__ = ("_values",)
    _values: dict[str, Any]

    def __init__(self, values: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_values", dict(values))

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"there is no property {name!r}; there are {', '.join(self._values)}")
        return self._values[name]

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise TypeError(f"the properties of a scene are read-only; {name!r} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise TypeError(f"the properties of a scene are read-only; {name!r} cannot be deleted")

    __setitem__, __delitem__ = __setattr__, __delattr__

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __reduce__(self) -> tuple[Any, ...]:
        return ReadOnlyProperties, (self._values,)

    def __repr__(self) -> str:
        return repr(self._values)
