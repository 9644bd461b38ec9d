"""Images that were checked and wait to be written: in blocks, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy
from numpy.typing import NDArray

T = TypeVar("T")


def no_boxes(count: int) -> NDArray[numpy.float64]:
    """Return the boxes of images without footprints."""
    return numpy.full((count, 4), numpy.nan)


@dataclass(slots=True)
class Block:
    """Some images that were checked, in plain values.

    Parameters
    ----------
    indexes : list of int
        Their positions among all that were given.
    products, names, uids : list of str
        Who they are.
    columns : dict of lists
        Their stored values by attribute; None where one is unset.
    files : list of lists
        The files of each: tuples of href, size_bytes, hash, provider_id and provider_href.
    boxes : ndarray, shape (image, 4)
        The boxes of their footprints, as the space-time index has them; NaN where there is none.
    """

    indexes: list[int] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    uids: list[str] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=dict)
    files: list[Sequence[tuple[Any, ...]]] = field(default_factory=list)
    boxes: NDArray[numpy.float64] = field(default_factory=lambda: no_boxes(0))

    def chosen(self, positions: Sequence[int]) -> Block:
        """Return the images at some positions."""

        def of(values: list[T]) -> list[T]:
            return [values[position] for position in positions]

        return Block(
            of(self.indexes),
            of(self.products),
            of(self.names),
            of(self.uids),
            {name: of(values) for name, values in self.columns.items()},
            of(self.files),
            self.boxes[numpy.asarray(positions, dtype=numpy.intp)],
        )

    def with_others(self, other: Block) -> Block:
        """Return the images of both, in the order in which they were given."""
        counts = len(self.uids), len(other.uids)
        columns = {
            name: [*self.columns.get(name, [None] * counts[0]), *other.columns.get(name, [None] * counts[1])]
            for name in {**self.columns, **other.columns}
        }
        both = Block(
            self.indexes + other.indexes,
            self.products + other.products,
            self.names + other.names,
            self.uids + other.uids,
            columns,
            self.files + other.files,
            numpy.concatenate((self.boxes, other.boxes)),
        )
        return both.chosen(sorted(range(sum(counts)), key=both.indexes.__getitem__))
