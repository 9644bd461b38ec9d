"""Reads what the map of the page draws, as its scripts do."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy


@dataclass(frozen=True)
class Drawing:
    """An answer of ``/page/drawing``.

    Parameters
    ----------
    head : dict
        What it says of itself.
    arrays : dict of ndarray
        The numbers, by name.
    """

    head: dict[str, Any]
    arrays: dict[str, Any]

    @classmethod
    def of(cls, body: bytes) -> Drawing:
        """Read the bytes of an answer."""
        (length,) = struct.unpack_from("<I", body)
        head = json.loads(body[4 : 4 + length])
        start, arrays = 4 + length, {}
        for name, kind, count in head["arrays"]:
            assert start % 4 == 0
            arrays[name] = numpy.frombuffer(body, f"<{kind}", count, start)
            start += arrays[name].nbytes
        assert start == len(body)
        return cls(head, arrays)

    def outlines(self) -> list[tuple[str, list[list[tuple[float, float]]]]]:
        """Return of each footprint the product and its lines, each a list of places."""
        lines, points = self.arrays["lines"].tolist(), self.arrays["points"].tolist()
        places = list(zip(*[iter(self.arrays["coordinates"].tolist())] * 2, strict=True))
        products = [self.head["products"][number] for number in self.arrays["products"].tolist()]
        return [
            (product, [places[points[line] : points[line + 1]] for line in range(lines[at], lines[at + 1])])
            for at, product in enumerate(products)
        ]

    def cells(self) -> dict[tuple[int, int], int]:
        """Return the counts by column and row."""
        columns, rows, counts = (self.arrays[name].tolist() for name in ("columns", "rows", "counts"))
        return dict(zip(zip(columns, rows, strict=True), counts, strict=True))
