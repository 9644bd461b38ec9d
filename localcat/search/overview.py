"""What a map of very many images needs: their footprints, or how many are in each cell of it, and counts by product."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy
import shapely

from localcat.earth.geometry import as_geometry, search_boxes
from localcat.expressions.nodes import Ref, Relation, Spatial
from localcat.store.rtree.nodes import read_boxes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from localcat.search.images import ImageSearch

_TILE = 256  # pixels
_DEEPEST = 22  # zoom level
_SMALLEST = 1e-6  # degrees
_MOST_MERCATOR = 85.05112877980659  # degrees of latitude, where the square of the map ends


@dataclass(frozen=True, slots=True, eq=False)
class Footprints:
    """Footprints, the largest first, so that a drawing in this order covers none.

    Attributes
    ----------
    shapes : ndarray of shapely geometries, shape (image,)
        In longitude and latitude, split at the antimeridian.
    products : ndarray of int64, shape (image,)
        Positions in `product_ids`.
    product_ids : list of str
        The products that occur, sorted.
    """

    shapes: NDArray[Any]
    products: NDArray[numpy.int64]
    product_ids: list[str]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """How many images are in each cell of the map; each counts in the one in which the middle of its box is.

    Attributes
    ----------
    zoom : int
        The cells are the tiles of this zoom level, as XYZ tiles are numbered.
    columns, rows, counts : ndarray of int64, shape (cell,)
        Of the cells that have an image.
    """

    zoom: int
    columns: NDArray[numpy.int64]
    rows: NDArray[numpy.int64]
    counts: NDArray[numpy.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """The boxes of images in the space-time index: as 32-bit numbers, rounded outwards.

    Attributes
    ----------
    edges : ndarray of float32, shape (image, 4)
        West, east, south and north; degrees. East is above 180 across the antimeridian.
    """

    edges: NDArray[numpy.float32]

    def __len__(self) -> int:
        return len(self.edges)

    def meeting(self, view: Any) -> Boxes:
        """Return those that meet a bounding box, west > east across the antimeridian."""
        west, east, south, north = self.edges.T
        hits = numpy.zeros(len(self), dtype=bool)
        for least_lon, most_lon, least_lat, most_lat in search_boxes(as_geometry(view)):
            hits |= (east >= least_lon) & (west <= most_lon) & (north >= least_lat) & (south <= most_lat)
        return Boxes(self.edges[hits])

    def extent(self) -> tuple[float, float, float, float] | None:
        """Return west, south, east and north edge of the box around all; None if there are none.

        A box across the antimeridian makes east larger than 180.
        """
        if not len(self):
            return None
        west, _, south, _ = self.edges.min(axis=0).tolist()
        _, east, _, north = self.edges.max(axis=0).tolist()
        return west, south, east, north

    def outline_zoom(self, most: int, side: int) -> int:
        """Return from which zoom level on outlines can be told apart.

        Parameters
        ----------
        most : int
            How many boxes with their middle in one tile are not too many.
        side : int
            How long the longer side of half of the boxes has to be where they are more; pixels, of 256 a tile.
        """
        if len(self) <= most:
            return 0
        west, east, south, north = self.edges.T
        length = float(numpy.median(numpy.maximum(east - west, north - south)))
        long_enough = math.ceil(math.log2(side * 360 / (_TILE * max(length, _SMALLEST))))
        clear = (zoom for zoom in range(_DEEPEST) if int(self.cells(zoom).counts.max()) <= most)
        return max(0, min(long_enough, next(clear, _DEEPEST)))

    def cells(self, zoom: int) -> Cells:
        """Return how many there are in each cell; what is beyond the map's latitudes counts in its outermost rows."""
        side = 2**zoom
        west, east, south, north = self.edges.T.astype(numpy.float64)
        columns = numpy.floor(((west + east) / 2 + 180) / 360 * side).astype(numpy.int64) % side
        latitudes = numpy.radians(numpy.clip((south + north) / 2, -_MOST_MERCATOR, _MOST_MERCATOR))
        down = (1 - numpy.arcsinh(numpy.tan(latitudes)) / numpy.pi) / 2
        rows = numpy.clip(numpy.floor(down * side), 0, side - 1).astype(numpy.int64)
        cells, counts = numpy.unique(rows * side + columns, return_counts=True)
        return Cells(zoom, cells % side, cells // side, counts)


def boxes_of(search: ImageSearch) -> Boxes:
    """Return the boxes of all images that a search finds, those that have a footprint, whatever its order and limit."""
    with search._catalog.database.snapshot() as connection:
        ids, edges = read_boxes(connection)
        if search._all_conditions() or search._text is not None:
            edges = edges[numpy.isin(ids, _row_ids(search))]
    return Boxes(edges)


def footprints_of(search: ImageSearch, view: Any) -> Footprints:
    """Return the footprints of the images that a search finds and that meet a bounding box.

    The caller sees to it that they are not too many, by `boxes_of`.
    """
    seen = search._everything()._also(Spatial(Ref("geometry"), Relation.INTERSECTS, as_geometry(view)))
    shapes: list[Any] = []
    numbers: list[int] = []
    with search._catalog.database.snapshot() as connection:
        for matches in seen._tested("image.product_id", ordered=False):
            shapes += matches.shapes
            numbers += [row[0] for row in matches.rows]
        ids = dict(connection.execute("SELECT id, uid FROM product"))
    found = numpy.array(shapes, dtype=object)
    order = numpy.argsort(-_sizes(found), kind="stable")
    product_ids = sorted({ids[number] for number in numbers})
    position = {number: product_ids.index(ids[number]) for number in set(numbers)}
    products = numpy.array([position[number] for number in numbers], dtype=numpy.int64)
    return Footprints(found[order], products[order], product_ids)


def count_by_product(search: ImageSearch) -> dict[str, int]:
    """Return how many images a search finds of each product, whatever its order and limit; none of those without."""
    totals = search._totals("image.product_id")
    with search._catalog.database.read() as connection:
        ids = dict(connection.execute("SELECT id, uid FROM product"))
    return {ids[number]: count for number, (count, _) in totals.items()}


def _row_ids(search: ImageSearch) -> NDArray[numpy.int64]:
    everything = search._everything()
    if everything._is_spatial():
        found = [row[0] for matches in everything._tested("image.id", ordered=False) for row in matches.rows]
        return numpy.array(found, dtype=numpy.int64)
    statement = everything._select("image.id")
    with search._catalog.database.read() as connection:
        rows = connection.execute(statement.sql, statement.params)
        return numpy.fromiter((row[0] for row in rows), dtype=numpy.int64)


def _sizes(shapes: NDArray[Any]) -> NDArray[numpy.float64]:
    """Return how large the boxes around shapes are; square degrees."""
    west, south, east, north = shapely.bounds(shapes).reshape(-1, 4).T
    sizes: NDArray[numpy.float64] = (east - west) * (north - south)
    return sizes
