"""Where images that were checked wait until all are: in memory while they are few, else in a temporary file.

They come back in the order in which they are stored best: by product, by cell along Hilbert's curve, and there by time.
Neighbours are then on the same pages of the catalog, and a search reads fewer of them. An order by place alone, without
cells, spreads the images of one day in a place over as many pages as there are images.

They wait in runs of many images, each in that order by itself and column by column; the runs are merged when they are
read. To keep them one by one, and look each up in its turn, took four times as long.
"""

from __future__ import annotations

import marshal
import os
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Final

import numpy

from localcat.disk.faults import write_errors
from localcat.earth.hilbert import CELLS, positions
from localcat.writing.bulk.blocks import Block

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from localcat.store.catalog_file import CatalogFile

_IN_MEMORY: Final = 8 * 2**20  # bytes of texts, footprints and files of images that wait there, about
_RUN: Final = 20_000  # images that wait in memory, and are put in order together before they go to the file
_PIECE: Final = 2**17  # bytes of a run that are read at once, about, …
_MOST_IN_PIECE: Final = 256  # … and images: of each run one piece is in memory
_FEWEST_ORDERED: Final = 5_000  # images; fewer are on few pages in any order
_MOST_ORDERED: Final = 1_000_000  # images whose runs are merged: their keys, of 24 bytes, wait in memory
_FIXED: Final = ("indexes", "products", "names", "files", "boxes")  # what a run has beside the columns of its block
_FORMAT: Final = 2  # of marshal: without looking for objects that come again


class Spool:
    """Images that wait.

    Parameters
    ----------
    catalog : CatalogFile
        In whose folder the temporary file is.
    """

    def __init__(self, catalog: CatalogFile) -> None:
        self._file = _File(catalog.path)
        self._waiting: list[Block] = []  # of the next run
        self._rows, self._size = 0, 0  # of those that wait
        self._count = 0
        self._ids = array("q")  # their hashes
        self._products: dict[str, int] = {}
        self._runs: list[_Run] = []

    def __len__(self) -> int:
        return self._count

    def put(self, block: Block) -> None:
        """Keep a block."""
        if not block.uids:
            return
        self._waiting.append(block)
        self._count += len(block.uids)
        self._rows += len(block.uids)
        self._size += block.size
        self._ids.extend(map(hash, block.uids))
        if self._rows >= _RUN or self._size > _IN_MEMORY:
            self._close_run().write(self._file)

    def _close_run(self) -> _Run:
        run = _Run(Block.joined(self._waiting), self._products)
        self._runs.append(run)
        self._waiting, self._rows, self._size = [], 0, 0
        return run

    # Reading

    @property
    def has_an_id_twice(self) -> bool:
        """Whether an id came more than once; by their hashes, so that it may seem so, once in a billion loads."""
        ids = numpy.sort(numpy.frombuffer(self._ids, dtype=numpy.int64)) if self._ids else numpy.empty(0)
        return bool((ids[1:] == ids[:-1]).any())

    def blocks(self, size: int, *, by_place: bool) -> Iterator[Block]:
        """Yield what was kept, in blocks of a size: in the order of place if it is much, else as it came."""
        if self._waiting:
            self._close_run()
        self._ids = array("q")  # the memory is needed for what follows
        if by_place and self._count >= _FEWEST_ORDERED:
            for runs in _together(self._runs):
                yield from self._merged(runs, size)
        else:
            for run in self._runs:
                yield from _as_they_came(run.taken(len(run), self._file), size)

    def _merged(self, runs: Sequence[_Run], size: int) -> Iterator[Block]:
        """Yield the images of some runs in the order of place."""
        keys = numpy.concatenate([run.take_keys() for run in runs])
        order = numpy.lexsort((keys[:, 2], keys[:, 1], keys[:, 0])).astype(numpy.uint32)
        del keys
        ends = numpy.cumsum([len(run) for run in runs])
        for first in range(0, len(order), size):
            some = order[first : first + size]
            of_run = numpy.searchsorted(ends, some, side="right")
            counts = numpy.bincount(of_run, minlength=len(runs)).tolist()
            # Each run is in order, so that it gives its next images; together they are in the order of `sorted(some)`.
            parts = [run.taken(count, self._file) for run, count in zip(runs, counts, strict=True) if count]
            ranks = numpy.empty(len(some), dtype=numpy.intp)
            ranks[numpy.argsort(some)] = numpy.arange(len(some))
            yield Block.joined(parts).chosen(ranks.tolist())

    def close(self) -> None:
        """Forget all."""
        self._file.close()


class _File:
    """A temporary file in the folder of a catalog, which is made when it is needed."""

    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        self._file: IO[bytes] | None = None
        self._end = 0

    def write(self, data: bytes) -> int:
        """Append bytes; return where they begin."""
        with write_errors(self._folder):
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115  # see close
            self._file.seek(self._end)
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]
        begin, self._end = self._end, self._end + len(data)
        return begin

    def read(self, begin: int, size: int) -> bytes:
        """Return some of what was written."""
        if self._file is None:
            raise AssertionError("what is read was written")
        with write_errors(self._folder):
            if hasattr(os, "pread"):  # which Windows has not
                return os.pread(self._file.fileno(), size, begin)
            self._file.seek(begin)
            return self._file.read(size)

    def close(self) -> None:
        """Remove it."""
        if self._file is not None:
            self._file.close()


class _Run:
    """Some images in the order of place.

    Parameters
    ----------
    block : Block
        The images, as they came.
    products : dict
        The numbers of the products so far; others are added.
    """

    def __init__(self, block: Block, products: dict[str, int]) -> None:
        keys = _keys(block, products)
        order = numpy.lexsort((keys[:, 2], keys[:, 1], keys[:, 0]))
        self._keys: NDArray[numpy.float64] = keys[order]
        self._length = len(keys)
        self._block = block.chosen(order.tolist())  # what was read and not taken, from `_at` on
        self._at = 0
        self._names = tuple(block.columns)
        self._pieces: list[tuple[int, int]] = []  # of the file: where they begin, and their sizes; the last first

    def __len__(self) -> int:
        return self._length

    def take_keys(self) -> NDArray[numpy.float64]:
        """Return what the images are sorted by, shape (image, 3), and keep it no longer."""
        keys, self._keys = self._keys, self._keys[:0].copy()
        return keys

    def write(self, file: _File) -> None:
        """Move the images to a file."""
        block, self._block = self._block, Block()
        length = max(1, min(_MOST_IN_PIECE, _PIECE * len(self) // (1 + block.size)))
        for first in range(0, len(self), length):
            some = slice(first, first + length)
            fixed = (block.indexes, block.products, block.names, block.files)
            columns = [column[some] for column in block.columns.values()]
            piece = marshal.dumps((*(part[some] for part in fixed), block.boxes[some].tobytes(), *columns), _FORMAT)
            self._pieces.append((file.write(piece), len(piece)))
        self._pieces.reverse()

    def taken(self, count: int, file: _File) -> Block:
        """Return the next images."""
        parts = []
        while count:
            left = len(self._block.uids) - self._at
            if not left:
                self._block, self._at = self._read(file), 0
                continue
            length = min(left, count)
            parts.append(self._block.between(self._at, self._at + length))
            self._at += length
            count -= length
        return Block.joined(parts)

    def _read(self, file: _File) -> Block:
        read = marshal.loads(file.read(*self._pieces.pop()))  # noqa: S302  # of this process, and of nobody else
        indexes, products, names, files, boxes = read[: len(_FIXED)]
        uids = [f"{product}:{name}" for product, name in zip(products, names, strict=True)]
        columns = dict(zip(self._names, read[len(_FIXED) :], strict=True))
        return Block(indexes, products, names, uids, columns, files, numpy.frombuffer(boxes).reshape(-1, 4))


def _keys(block: Block, products: dict[str, int]) -> NDArray[numpy.float64]:
    """Return the number of the product, the cell and the time of images; shape (image, 3)."""
    numbers = [products.setdefault(product, len(products)) for product in block.products]
    with numpy.errstate(invalid="ignore"):
        lon, lat = (block.boxes[:, 0] + block.boxes[:, 1]) / 2, (block.boxes[:, 2] + block.boxes[:, 3]) / 2
        cells = positions(lon, lat, levels=CELLS)
    times = [time or 0 for time in block.columns.get("acquired", [0] * len(numbers))]
    return numpy.column_stack((numbers, cells, times)).astype(numpy.float64)


def _together(runs: Sequence[_Run]) -> Iterator[list[_Run]]:
    """Yield the runs that are merged with each other."""
    some: list[_Run] = []
    for run in runs:
        some.append(run)
        if sum(map(len, some)) >= _MOST_ORDERED:
            yield some
            some = []
    if some:
        yield some


def _as_they_came(block: Block, size: int) -> Iterator[Block]:
    """Yield the images of a block in the order in which they came."""
    order = numpy.argsort(block.indexes).tolist()
    for first in range(0, len(order), size):
        yield block.chosen(order[first : first + size])
