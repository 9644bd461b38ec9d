"""A bar for what takes long."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tqdm import tqdm

T = TypeVar("T")

_PATIENCE = 1.0  # seconds; what is done before needs no bar


def shown(
    items: Iterable[T], what: str, unit: str, progress: bool | None, *, total: int | Callable[[], int] | None = None
) -> tqdm[T]:
    """Return a bar that counts items as they are taken from it.

    Parameters
    ----------
    items : iterable
        What is worked on.
    what, unit : str
        What is done, and what is counted.
    progress : bool, optional
        True and False for always and never; None where the error output is a terminal, and it takes a second or more.
    total : int or callable, optional
        How many there are, where `items` does not know; a callable is asked only if a bar is shown.
    """
    from tqdm import tqdm  # not needed before

    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    is_shown = is_terminal if progress is None else progress
    options: dict[str, Any] = {}
    if is_shown and total is not None:
        options["total"] = total() if callable(total) else total
    delay = _PATIENCE if progress is None else 0
    return tqdm(items, desc=what, unit=f" {unit}", disable=not is_shown, delay=delay, **options)
