"""Images that were checked and wait to be written: in blocks, column by column."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

import numpy
from numpy.typing import NDArray

_LONG: Final = {str, bytes}


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
        if len(positions) < 2:  # of which the quick way makes no tuple
            return Block.joined([self.between(position, position + 1) for position in positions])
        pick = itemgetter(*positions)
        return self._each(lambda values: list(pick(values)), self.boxes[numpy.asarray(positions, dtype=numpy.intp)])

    def between(self, start: int, stop: int) -> Block:
        """Return the images from one position up to another."""
        return self._each(lambda values: values[start:stop], self.boxes[start:stop])

    def _each(self, of: Callable[[list[Any]], list[Any]], boxes: NDArray[numpy.float64]) -> Block:
        columns = {name: of(values) for name, values in self.columns.items()}
        return Block(of(self.indexes), of(self.products), of(self.names), of(self.uids), columns, of(self.files), boxes)

    @staticmethod
    def joined(blocks: Sequence[Block]) -> Block:
        """Return the images of all blocks, one after the other."""
        if len(blocks) == 1:
            return blocks[0]
        all_of = Block(boxes=numpy.concatenate([no_boxes(0), *(block.boxes for block in blocks)]))
        all_of.columns = {name: [] for block in blocks for name in block.columns}
        for block in blocks:
            all_of.indexes += block.indexes
            all_of.products += block.products
            all_of.names += block.names
            all_of.uids += block.uids
            all_of.files += block.files
            for name, values in all_of.columns.items():
                values += block.columns.get(name) or [None] * len(block.uids)
        return all_of

    @property
    def size(self) -> int:
        """Bytes of its texts, footprints and files, about: of what may be long."""
        long = [self.names, *(values for values in self.columns.values() if not _LONG.isdisjoint(map(type, values)))]
        return sum(sum(map(len, filter(None, values))) for values in long) + len(marshal.dumps(self.files, 2))
