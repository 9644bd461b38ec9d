"""Where images that were checked wait until all are: in memory while they are few, else in a temporary file.

They come back in the order in which they are stored best: by product, by cell along Hilbert's curve, and there by time.
Neighbours are then on the same pages of the catalog, and a search reads fewer of them. An order by place alone, without
cells, spreads the images of one day in a place over as many pages as there are images.
"""

from __future__ import annotations

import marshal
import os
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, Final

import numpy

from localcat.disk.faults import write_errors
from localcat.earth.hilbert import positions
from localcat.writing.bulk.blocks import Block

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localcat.store.catalog_file import CatalogFile

_IN_MEMORY: Final = 16 * 2**20  # bytes of checked images that wait there
_FEWEST_ORDERED: Final = 5_000  # images; fewer are on few pages in any order
_MOST_ORDERED: Final = 1_000_000  # images that are put in order together: their keys, of 24 bytes, wait in memory
_LEVELS: Final = 7  # of the curve: cells of 2.8° by 1.4°
_BUFFER: Final = 1024  # bytes; records are read one by one
_FIXED: Final = 6  # values of a record before those of its columns
_FORMAT: Final = 2  # of marshal: without looking for objects that come again


class Spool:
    """Images that wait.

    Parameters
    ----------
    catalog : CatalogFile
        In whose folder the temporary file is.
    """

    def __init__(self, catalog: CatalogFile) -> None:
        self._path = catalog.path
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self._sizes = array("I")  # of the records, in the order in which they came
        self._names: list[tuple[str, ...]] = []  # of the columns that records have, each set once
        self._ids = array("q")  # their hashes
        self._products: dict[str, int] = {}
        self._keys = array("d")  # number of the product, cell, and time, of those that are not in order yet
        self._order: list[NDArray[numpy.uint32]] = []

    def __len__(self) -> int:
        return len(self._sizes)

    def put(self, block: Block) -> None:
        """Keep a block."""
        if not block.uids:
            return
        names = tuple(sorted(block.columns))
        if names not in self._names:
            self._names.append(names)
        kind = [self._names.index(names)] * len(block.uids)
        columns = [block.columns[name] for name in names]
        records = zip(
            kind, block.indexes, block.products, block.names, block.files, block.boxes.tolist(), *columns, strict=True
        )
        dumped = [marshal.dumps(record, _FORMAT) for record in records]
        self._sizes.extend(map(len, dumped))
        self._write(b"".join(dumped))
        self._ids.extend(map(hash, block.uids))
        self._keep_keys(block)

    def _keep_keys(self, block: Block) -> None:
        known = self._products
        products = [known.setdefault(product, len(known)) for product in block.products]
        with numpy.errstate(invalid="ignore"):
            lon, lat = (block.boxes[:, 0] + block.boxes[:, 1]) / 2, (block.boxes[:, 2] + block.boxes[:, 3]) / 2
            cells = positions(lon, lat, levels=_LEVELS)
        times = [float(time or 0) for time in block.columns.get("acquired", [0] * len(products))]
        self._keys.frombytes(numpy.column_stack((products, cells, times)).astype(numpy.float64).tobytes())
        if len(self._keys) >= 3 * _MOST_ORDERED:
            self._put_in_order()

    def _put_in_order(self) -> None:
        keys = numpy.frombuffer(self._keys, dtype=numpy.float64).reshape(-1, 3)
        first = sum(map(len, self._order))
        self._order.append((first + numpy.lexsort((keys[:, 2], keys[:, 1], keys[:, 0]))).astype(numpy.uint32))
        del keys
        self._keys = array("d")

    def _write(self, data: bytes) -> None:
        with write_errors(self._path.parent):
            if self._file is None and len(self._memory) + len(data) > _IN_MEMORY:
                self._file = tempfile.TemporaryFile(dir=self._path.parent, buffering=_BUFFER)  # noqa: SIM115  # see close
                self._file.write(self._memory)
                self._memory.clear()
            if self._file is None:
                self._memory += data
            else:
                self._file.write(data)

    # Reading

    @property
    def has_an_id_twice(self) -> bool:
        """Whether an id came more than once; by their hashes, so that it may seem so, once in a billion loads."""
        ids = numpy.sort(numpy.frombuffer(self._ids, dtype=numpy.int64)) if self._ids else numpy.empty(0)
        return bool((ids[1:] == ids[:-1]).any())

    def blocks(self, size: int, *, by_place: bool) -> Iterator[Block]:
        """Yield what was kept, in blocks of a size: in the order of place if it is much, else as it came."""
        self._put_in_order()
        if self._file is not None:
            self._file.flush()
        sizes = numpy.frombuffer(self._sizes, dtype=f"u{self._sizes.itemsize}")
        starts = numpy.cumsum(sizes, dtype=numpy.int64) - sizes
        runs = (
            self._order if by_place and len(self) >= _FEWEST_ORDERED else [numpy.arange(len(self), dtype=numpy.uint32)]
        )
        self._order, self._ids = [], array("q")  # their memory is needed for what follows
        for run in runs:
            for first in range(0, len(run), size):
                some = run[first : first + size]
                with write_errors(self._path.parent):
                    found = [
                        self._read(start, length)
                        for start, length in zip(starts[some].tolist(), sizes[some].tolist(), strict=True)
                    ]
                yield self._block(found)

    def _read(self, start: int, size: int) -> Any:
        if self._file is None:
            data = bytes(self._memory[start : start + size])
        elif hasattr(os, "pread"):  # which Windows has not; a third of the time
            data = os.pread(self._file.fileno(), size, start)
        else:
            self._file.seek(start)
            data = self._file.read(size)
        return marshal.loads(data)  # noqa: S302  # of this process, and of nobody else

    def _block(self, records: Sequence[tuple[Any, ...]]) -> Block:
        kinds, indexes, products, names, files, boxes = map(list, zip(*[one[:_FIXED] for one in records], strict=True))
        uids = [f"{product}:{name}" for product, name in zip(products, names, strict=True)]
        block = Block(indexes, products, names, uids, files=files, boxes=numpy.array(boxes))
        if len(set(kinds)) == 1:
            columns = [list(values) for values in zip(*[one[_FIXED:] for one in records], strict=True)]
            block.columns = dict(zip(self._names[kinds[0]], columns, strict=True))
        else:
            found = [dict(zip(self._names[one[0]], one[_FIXED:], strict=True)) for one in records]
            block.columns = {name: [one.get(name) for one in found] for name in sorted(set().union(*found))}
        return block

    def close(self) -> None:
        """Forget all."""
        if self._file is not None:
            self._file.close()
