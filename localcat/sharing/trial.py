"""How large an archive becomes: found out by making it, of no more than some images, and of parts of large files.

Where few small images are wanted, the trial is the archive, and the estimate is exact.
"""

from __future__ import annotations

import bisect
import itertools
import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from localcat.disk.faults import listing_errors
from localcat.interop.gti import empty_index_bytes
from localcat.rasters.writing.cutting import cut_raster
from localcat.rasters.writing.options import LEAST_BLOCKSIZE, CogOptions
from localcat.rasters.writing.write import overview_factors
from localcat.sharing.kit import products_of
from localcat.writing.options import layer_of

if TYPE_CHECKING:
    from localcat.sharing.cuts import Cut
    from localcat.sharing.kit import Chosen, Kit
    from localcat.sharing.packing import Recipe

SAMPLE = 64
"""Of so many images an archive is tried."""

_MOST_WORK = 128 << 20  # bytes of the pixels that are read for a trial
_MOST_COPIED = 1 << 20  # bytes of the files of an image that are copied for it
_TILE = 512  # pixels; the edge of a tile of a large file
_LEAST_EDGE, _TINY = 64, 16  # pixels of a piece from which something is learned; and of one that stands for its file
_PIECES = 4  # of a large file
_SPREAD = 0.7548776662466927, 0.5698402909980532  # by which places are spread evenly: 1/p and 1/p², with p³ = p + 1
_MANY = 1024  # images, by which a catalog grows as it does by many
_TILE_BYTES = 300  # of what an index says of an image; what else it has is there with the first one
_HEAD_BYTES = 1_000  # of the beginning of a mosaic
_SOURCE_BYTES = 450  # of what a mosaic says of a band of an image, or of its mask, where that was not tried


@dataclass(slots=True)
class Costs:
    """How many bytes an archive has, by what is in it.

    Parameters
    ----------
    empty : int
        Without the catalog and without images.
    growth : list of tuple
        (images, bytes) of the catalog, as it grows.
    listed : float
        Each image that has pixels adds to indexes, mosaics and lists.
    index : int
        A product adds with its first image of a CRS that has pixels.
    untried : set of str
        The ids of images of which `listed` says nothing; bands and files are counted instead.
    files : dict of str to int
        Of the files of an image, where they were measured.
    ratios : dict
        How much larger files are than was thought, by product.
    ratio : float
        Of all of them.
    """

    empty: int = 0
    growth: list[tuple[int, int]] = field(default_factory=list)
    listed: float = 0.0
    index: int = 0
    untried: set[str] = field(default_factory=set)
    files: dict[str, int] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    ratio: float = 1.0

    def of(self, chosen: Chosen, bands: int) -> float:
        """Return what an image with a number of bands adds beside the catalog."""
        if not chosen.has_pixels:
            return 0.0
        is_untried = str(chosen.image.id) in self.untried or not self.listed
        return ((bands + 1) * _SOURCE_BYTES if is_untried else self.listed) + self.files_of(chosen)

    def catalog_bytes(self, images: int) -> float:
        """Return how many bytes the catalog has with a number of images: those that were tried, or as these continue.

        Each of its trees has a page at first, and another one when that is full; so it grows by steps, more or less.
        """
        after = bisect.bisect_left(self.growth, (images, 0))
        if after == len(self.growth):
            settled = self.growth[len(self.growth) // 4 :]
            if len(settled) < 2:
                return self.growth[-1][1]
            each, _ = statistics.linear_regression(*zip(*settled, strict=True))
            return self.growth[-1][1] + each * (images - self.growth[-1][0])
        (few, small), (many, large) = self.growth[max(after - 1, 0)], self.growth[after]
        return large if many == few else small + (large - small) * (images - few) / (many - few)

    def files_of(self, chosen: Chosen) -> float:
        """Return how many bytes its files have."""
        if chosen.cuts is None:
            return chosen.size_bytes
        measured = self.files.get(str(chosen.image.id))
        return chosen.size_bytes * self.ratios.get(chosen.product_id, self.ratio) if measured is None else measured


class Trial:
    """A small catalog of some images, which tells how large an archive of them is, and of others like them.

    Parameters
    ----------
    recipe : Recipe
        What it is made of.
    folder : Path
        A new folder for it.
    images : sequence of Chosen
        Those in it. Of large files it has a small part each, or none; `is_whole` is False then.
    """

    def __init__(self, recipe: Recipe, folder: Path, images: Sequence[Chosen]) -> None:
        self.images = list(images)
        self.is_whole = True
        self._recipe, self._folder, self._stack = recipe, folder, ExitStack()
        self._spent, self._places = 0, _places()
        self._costs = Costs()
        try:
            self.kit: Kit = self._stack.enter_context(recipe.kit(folder, products_of(images)))
            self._make()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its catalog; what is on the disk stays."""
        self._stack.close()

    @property
    def size_bytes(self) -> int:
        """How many bytes an archive of it has."""
        return self._recipe.size_of(self.kit)

    def costs(self, *, of_others: bool) -> Costs:
        """Return what images cost: those in it, or `of_others` if an archive will have others, and more of them."""
        if of_others:
            return replace(self._costs, growth=[self._costs.growth[0], *self.kit.growth(_MANY)])
        return self._costs

    def _make(self) -> None:
        """Write all of it, and see what each part of it costs."""
        costs, catalog = self._costs, self.kit.file.path
        rows_before = catalog.stat().st_size
        costs.empty = self.size_bytes - rows_before
        share = _MOST_WORK // max(sum(len(one.cuts or ()) for one in self.images), 1)
        pixels = sum(self._add(chosen, share) for chosen in self.images)
        self._learn_ratios()
        costs.growth = [(0, rows_before), (len(self.images), catalog.stat().st_size)]
        self._recipe.complete(self.kit, self.images)
        costs.empty += catalog.with_suffix(".qgs").stat().st_size
        tried = sum(one.has_pixels and str(one.image.id) not in costs.untried for one in self.images)
        with listing_errors(self._folder):
            indexes = [path.stat().st_size for path in self._folder.glob("*.gti.gpkg")]
        costs.index = (
            round((sum(indexes) - tried * _TILE_BYTES) / len(indexes)) + _HEAD_BYTES if indexes else empty_index_bytes()
        )
        catalog_bytes = catalog.stat().st_size  # with frozen questions
        listed = self.size_bytes - costs.empty - catalog_bytes - pixels - len(indexes) * costs.index
        costs.listed = listed / tried if tried else 0.0

    def _add(self, chosen: Chosen, share: int) -> int:
        """Write an image, or what stands for it; return how many bytes its files have in it."""
        image_id = str(chosen.image.id)
        if chosen.cuts is None and chosen.size_bytes > _MOST_COPIED:
            self.is_whole = False
            self._costs.untried.add(image_id)
            self.kit.add_row(chosen)
            return 0
        is_small = all(cut.work_bytes <= share for cut in chosen.cuts or ())
        inside = (
            chosen if is_small else replace(chosen, cuts=[cut.piece(0, 0, _TINY, _TINY) for cut in chosen.cuts or ()])
        )
        size = self.kit.add_image(inside)
        self.is_whole = self.is_whole and is_small and size is not None
        if chosen.cuts is not None and is_small and size is not None:
            self._costs.files[image_id] = size
        elif chosen.cuts is not None and self._spent < _MOST_WORK:
            self._costs.files[image_id] = sum(self._measured(cut) for cut in chosen.cuts)
        return size or 0

    def _learn_ratios(self) -> None:
        thought: dict[str, int] = defaultdict(int)
        found: dict[str, int] = defaultdict(int)
        for chosen in self.images:
            measured = self._costs.files.get(str(chosen.image.id))
            if measured is not None:
                thought[chosen.product_id] += chosen.size_bytes
                found[chosen.product_id] += measured
        if found:
            self._costs.ratios = {product: found[product] / max(thought[product], 1) for product in found}
            self._costs.ratio = sum(found.values()) / max(sum(thought.values()), 1)

    def _measured(self, cut: Cut) -> int:
        """Return how many bytes a large part of a file takes, by writing some pieces of it."""
        rows, columns = cut.grid.shape
        work = cut.work_bytes / (rows * columns)  # for a pixel
        edge = min(max(math.isqrt(int(_MOST_WORK / SAMPLE / _PIECES / work)), _LEAST_EDGE), _TILE, rows, columns)
        factors = overview_factors(cut.grid.shape, CogOptions())
        base = overview = pixels = 0
        bare, halved = (self._written(cut.piece(0, 0, 2, 2), overviews) for overviews in ((), (2,)))
        for across, down in itertools.islice(self._places, _PIECES):
            # They reach over the edges, so that pixels there are as likely to be in one as those in the middle.
            (row, down_to), (column, across_to) = (
                (max(first, 0), first + edge)
                for first in (int(down * (rows + edge - 1)) - edge + 1, int(across * (columns + edge - 1)) - edge + 1)
            )
            piece = cut.piece(row, column, down_to - row, across_to - column)
            size = self._written(piece, ())
            base += size - bare
            if factors and min(piece.grid.shape) > 1:
                overview += self._written(piece, (2,)) - size - (halved - bare)
            pixels += math.prod(piece.grid.shape)
            self._spent += piece.work_bytes
        shares = sum(4 / factor**2 for factor in factors)  # of the first overview
        pieces = rows * columns / pixels
        return round(bare + (halved - bare) * len(factors) + pieces * (base + shares * overview))

    def _written(self, piece: Cut, overviews: tuple[int, ...]) -> int:
        """Return how many bytes a file of a piece has, in one tile."""
        path = self._folder.with_name(f"{self._folder.name}.tif")
        declared = {band.position + 1: layer_of(band) for band in piece.bands}
        options = CogOptions(blocksize=max(-(-max(piece.grid.shape) // 16) * 16, LEAST_BLOCKSIZE), overviews=overviews)
        digest = cut_raster(
            piece.path, path, part=piece.part, indexes=list(declared), declared=declared, options=options
        )
        path.unlink()
        return digest.size_bytes


def _places() -> Iterator[tuple[float, float]]:
    """Yield places in a square, from 0 to 1 across and down, so that any number of them is spread evenly."""
    for number in itertools.count(1):
        across, down = ((0.5 + number * by) % 1 for by in _SPREAD)
        yield across, down
