"""The extent of the layer `footprints` in the GeoPackage: it grows with every write, and is made exact again on demand.

A footprint across the antimeridian has all longitudes in the layer, so the extent has them, too.
"""

from __future__ import annotations

import sqlite3

import numpy
from numpy.typing import NDArray

from localcat.earth.geometry import Box, footprint_boxes, from_wkb

_SIDES = (  # of the index: which entries may be the outermost, since its numbers are rounded
    "min_lon <= (SELECT min(min_lon) FROM image_index)",
    "max_lon >= (SELECT max(max_lon) FROM image_index)",
    "min_lat <= (SELECT min(min_lat) FROM image_index)",
    "max_lat >= (SELECT max(max_lat) FROM image_index)",
)
_AT_ONCE = 500  # footprints


class Extent:
    """The box around boxes, in the order of a GeoPackage."""

    def __init__(self) -> None:
        self.box: tuple[float, float, float, float] | None = None  # west, south, east, north

    def with_box(self, box: Box) -> Box:
        """Widen the extent by a box, and return that."""
        west, east, south, north = box if box[1] <= 180 else (-180.0, 180.0, box[2], box[3])
        old = self.box or (west, south, east, north)
        self.box = min(old[0], west), min(old[1], south), max(old[2], east), max(old[3], north)
        return box

    def with_boxes(self, boxes: NDArray[numpy.float64]) -> None:
        """Widen the extent by boxes, shape (box, 4), of which there is at least one."""
        west, _, south, _ = boxes.min(axis=0).tolist()
        _, east, _, north = boxes.max(axis=0).tolist()
        self.with_box((west, east, south, north))


def grow(connection: sqlite3.Connection, extent: Extent) -> None:
    """Let the layer's extent hold another one; nothing is written if it does."""
    if extent.box is None:
        return
    west, south, east, north = extent.box
    connection.execute(
        "UPDATE gpkg_contents SET min_x = min(coalesce(min_x, ?), ?), min_y = min(coalesce(min_y, ?), ?), "
        "max_x = max(coalesce(max_x, ?), ?), max_y = max(coalesce(max_y, ?), ?) "
        "WHERE table_name = 'footprints' "
        "AND NOT coalesce(min_x <= ? AND min_y <= ? AND max_x >= ? AND max_y >= ?, 0)",
        (west, west, south, south, east, east, north, north, *extent.box),
    )


def renew(connection: sqlite3.Connection) -> None:
    """Make the layer's extent that of the footprints that are there; NULL if there are none."""
    extent = Extent()
    for side in _SIDES:
        outermost = connection.execute(
            f"SELECT geometry FROM image WHERE id IN (SELECT id FROM image_index WHERE {side})"  # constants
        )
        while blobs := [blob for (blob,) in outermost.fetchmany(_AT_ONCE)]:
            for west, east, south, north in footprint_boxes(from_wkb(blobs)).tolist():
                extent.with_box((west, east, south, north))
    connection.execute(
        "UPDATE gpkg_contents SET min_x = ?, min_y = ?, max_x = ?, max_y = ? WHERE table_name = 'footprints'",
        extent.box or (None,) * 4,
    )
