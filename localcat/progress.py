"""A bar for what takes long."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tqdm import tqdm

T = TypeVar("T")

_PATIENCE = 1.0  # seconds; what is done before needs no bar


def shown(items: Iterable[T], what: str, unit: str, progress: bool | None, *, total: int | None = None) -> tqdm[T]:
    """Return a bar that counts items as they are taken from it.

    Parameters
    ----------
    items : iterable
        What is worked on.
    what, unit : str
        What is done, and what is counted.
    progress : bool, optional
        True and False for always and never; None where the error output is a terminal, and it takes a second or more.
    total : int, optional
        How many there are, where `items` does not know.
    """
    from tqdm import tqdm  # not needed before

    options: dict[str, Any] = {} if total is None else {"total": total}
    disabled = None if progress is None else not progress
    delay = _PATIENCE if progress is None else 0
    return tqdm(items, desc=what, unit=f" {unit}", disable=disabled, delay=delay, **options)
