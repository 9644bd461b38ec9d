"""The rules of `Records` for columns of plain values: what is seen of all rows at once.

A row with a value that is refused, or that is unusual, goes the way of records, which says what is wrong: the rules are
theirs. A row that passes here would have passed there, with the same stored values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy

from localcat.errors import ClientError
from localcat.models.attributes.scalars import Attribute
from localcat.models.enums import StorageState
from localcat.models.image import Image
from localcat.writing.bulk.records import ODD

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILE_PARTS: Final = ("href", "size_bytes", "hash", "provider_id", "provider_href")
NUL: Final = "\x00"

_LONGEST_NAME: Final = 1000  # characters; longer ones are allowed, and unusual
_NAME: Final = rf"[a-zA-Z0-9_.-]{{1,{_LONGEST_NAME}}}"
_ONE_NAME: Final = re.compile(_NAME)
_NAMES: Final = re.compile(rf"(?:{_NAME}\n)*")
_PARTS_OF_ID: Final = (("product_id", ""), ("id", ":x"))  # attributes, and what follows the id of the product in them
_MOST_KNOWN: Final = 10_000  # values whose outcome is remembered
_MOST_TOGETHER: Final = 2**62  # bytes of the files of a block

Files: TypeAlias = Sequence[tuple[Any, ...]]
"""The parts of some files, each in the order of `FILE_PARTS`."""


@dataclass(slots=True)
class Rows:
    """Some rows while they are checked.

    Parameters
    ----------
    count : int
        How many there are.
    is_odd : ndarray of bool, shape (row,)
        Those that go the way of records.
    columns : dict of lists
        Stored values by attribute.
    """

    count: int
    is_odd: NDArray[numpy.bool_]
    columns: dict[str, list[Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, count: int, *, are_odd: bool = False) -> Rows:
        """Return rows that are all odd, or none of them so far."""
        return cls(count, numpy.full(count, fill_value=are_odd))

    def set_aside(self, rows: NDArray[numpy.bool_]) -> None:
        """Let rows go the way of records."""
        self.is_odd |= rows

    def set_aside_those(self, positions: Iterable[int]) -> None:
        """Let the rows at some positions go the way of records."""
        for position in positions:
            self.is_odd[position] = True

    @property
    def usual(self) -> list[int]:
        """The positions of those that need not."""
        found: list[int] = numpy.flatnonzero(~self.is_odd).tolist()
        return found

    @property
    def odd(self) -> list[int]:
        """The positions of those that go the way of records."""
        found: list[int] = numpy.flatnonzero(self.is_odd).tolist()
        return found

    # What the columns say together

    def settle(self) -> None:
        """Set the storage state where it is not given, and set rows aside whose times contradict each other."""
        states = self.columns.get("storage_state")
        if states is None:
            self.columns["storage_state"] = [StorageState.REMOTE.value] * self.count
        else:
            self.columns["storage_state"] = [StorageState.REMOTE.value if one is None else one for one in states]
        for low, high in Image._ordered:
            first, last = self.columns.get(low), self.columns.get(high)
            if first is not None and last is not None:
                self.set_aside_those(
                    position
                    for position, (begin, end) in enumerate(zip(first, last, strict=True))
                    if begin is not None and end is not None and begin > end
                )

    def take_files(
        self, parts: Sequence[Sequence[Any]], is_odd: Sequence[bool] | NDArray[numpy.bool_], counts: Sequence[int]
    ) -> list[Files]:
        """Return the files of each row, and keep their sizes; set rows aside with files that are not complete.

        Parameters
        ----------
        parts : sequence of sequences
            Of all rows, one after the other: their parts in the order of `FILE_PARTS`.
        is_odd : sequence of bool
            Of each, whether it is unusual.
        counts : sequence of int
            How many each row has.
        """
        href, size, sha, _, provider_href = parts
        numbers = numpy.asarray(counts, dtype=numpy.intp)
        ends = numpy.cumsum(numbers)
        owners = numpy.repeat(numpy.arange(self.count), numbers)
        is_available = numpy.array([state == StorageState.AVAILABLE for state in self.columns["storage_state"]])
        is_told = _are_set(href)
        is_whole = is_told & _are_set(sha) & numpy.array([one is not None for one in size], dtype=bool)
        sizes = _whole([one or 0 for one in size])
        is_refused = numpy.asarray(is_odd, dtype=bool) | ~(is_told | _are_set(provider_href))
        is_refused |= (is_available[owners] & ~is_whole) | (sizes < 0)
        self.is_odd[owners[is_refused]] = True
        self.is_odd |= is_available & (numbers == 0)
        so_far = numpy.append(0, numpy.cumsum(sizes))
        self.columns["size_bytes"] = (so_far[ends] - so_far[ends - numbers]).tolist()
        files = list(zip(*parts, strict=True))
        if (numbers == 1).all():
            return list(zip(files, strict=True))
        return [files[end - number : end] for end, number in zip(ends.tolist(), counts, strict=True)]


def _are_set(values: Sequence[Any]) -> NDArray[numpy.bool_]:
    """Return which values are neither unset nor empty."""
    return numpy.fromiter(map(bool, values), dtype=bool, count=len(values))


def _whole(sizes: Sequence[int]) -> NDArray[numpy.int64]:
    """Return sizes of files; -1, which is none, where several of them may be too large to be counted together."""
    most = _MOST_TOGETHER // max(1, len(sizes))
    if sizes and not (min(sizes) >= 0 and max(sizes) <= most):
        sizes = [one if 0 <= one <= most else -1 for one in sizes]
    return numpy.array(sizes, dtype=numpy.int64)


class Identities:
    """Tells usual ids of images from those that go the way of records, and remembers the products."""

    def __init__(self) -> None:
        self._products: dict[str, bool] = {}

    def made(self, rows: Rows, products: Sequence[str], names: Sequence[str], uids: Sequence[Any] | None) -> list[str]:
        """Return the ids of rows; set those aside whose parts are unusual, or contradict the ids that were given.

        Parameters
        ----------
        rows : Rows
            Whose ids they are.
        products, names : sequence of str
            The ids of their products, and their names.
        uids : sequence of str or None, optional
            The ids that were given; None for one that was not.
        """
        made = [f"{product}:{name}" for product, name in zip(products, names, strict=True)]
        if uids is not None:
            rows.set_aside_those(
                position
                for position, (one, other) in enumerate(zip(uids, made, strict=True))
                if one is not None and one != other
            )
        if _NAMES.fullmatch("\n".join([*names, ""])) is None:
            rows.set_aside_those(position for position, name in enumerate(names) if not _ONE_NAME.fullmatch(name))
        known = self._products
        if len(known) > _MOST_KNOWN:
            known.clear()
        for product in set(products) - known.keys():
            known[product] = bool(product) and all(
                _is_accepted(Image._attributes[name], f"{product}{rest}") for name, rest in _PARTS_OF_ID
            )
        if not all(map(known.__getitem__, set(products))):
            rows.set_aside_those(position for position, product in enumerate(products) if not known[product])
        return made


class Memory:
    """The stored forms of texts, attribute by attribute: one that comes again is not read again."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any]] = {}

    def stored(
        self,
        attribute: Attribute[Any],
        texts: Sequence[str | None],
        rows: Rows,
        meaning: Callable[[str], Any] = str,
    ) -> list[Any]:
        """Return the stored forms of texts, None for None; set the rows of those aside that are refused.

        Parameters
        ----------
        attribute : Attribute
            Which refuses them.
        texts : sequence of str or None
            One a row.
        rows : Rows
            Whose values they are.
        meaning : callable
            Makes of a text the value that it stands for.
        """
        known = self._known.setdefault(attribute.name, {})
        if len(known) > _MOST_KNOWN:
            known.clear()
        stored: list[Any] = []
        for position, text in enumerate(texts):
            found = None if text is None else known.get(text)
            if found is None and text is not None:
                try:
                    found = known[text] = attribute.to_stored(meaning(text))
                except (ClientError, *ODD):
                    rows.is_odd[position] = True
            stored.append(found)
        return stored


def stored_one_by_one(attribute: Attribute[Any], values: Iterable[Any], rows: Rows) -> list[Any]:
    """Return the stored forms of values, None for None; set the rows of those aside that are refused."""
    stored: list[Any] = []
    for position, value in enumerate(values):
        found = None
        if value is not None:
            try:
                found = attribute.to_stored(value)
            except (ClientError, *ODD):
                rows.is_odd[position] = True
        stored.append(found)
    return stored


def _is_accepted(attribute: Attribute[Any], value: Any) -> bool:
    try:
        attribute.coerce(value)
    except (ClientError, *ODD):
        return False
    return True
