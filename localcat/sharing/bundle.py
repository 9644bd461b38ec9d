"""Chosen images as one archive with a small catalog, to be taken along; and such an archive unpacked."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shapely import count_coordinates

from localcat.disk.archive import opened_archive
from localcat.disk.data_folder import DataFolder
from localcat.disk.faults import write_errors
from localcat.disk.filesystem import bytes_of
from localcat.disk.names import is_inside, require_usable
from localcat.disk.paths import absolute
from localcat.disk.staging import remove_leftovers, staged
from localcat.disk.system import flush_folder, name_new, rename
from localcat.earth.contexts.aoi import AOI
from localcat.earth.geometry import as_geometry
from localcat.errors import (
    BadRequestError,
    CatalogExistsError,
    CatalogNotFoundError,
    NotFoundError,
    printable,
)
from localcat.models.attributes.scalars import real
from localcat.models.attributes.values import Resolution
from localcat.models.html import Printed
from localcat.progress import shown
from localcat.sharing.cuts import Wish
from localcat.sharing.kit import Chosen, Kit, Layouts, products_of
from localcat.sharing.packing import Facade, Recipe
from localcat.sharing.trial import SAMPLE, Costs, Trial
from localcat.store.packed import check_catalog

if TYPE_CHECKING:
    from localcat.models.backend import Backend
    from localcat.models.image import Image
    from localcat.search import ImageSearch

_SUFFIX = ".zip"
_TRIALS = "localcat-trial"  # how the temporary folders of dry runs are named
_MOST_CORNERS = 20_000  # of an area that the manifest names; a box around it is enough to say which one it was


@dataclass(frozen=True, slots=True)
class BundleReport(Printed):
    """What `Catalog.bundle` wrote; with ``dry_run`` what it would write, as far as can be told.

    Parameters
    ----------
    path : Path
        The archive.
    images : tuple of str
        The ids of the images in it, in the order in which they were chosen.
    files : int
        How many files of images are in it.
    size_bytes : int or None
        Of the archive; None with ``dry_run``.
    estimated_bytes : int
        What was expected of it before.
    left_out : tuple of str
        The ids of images for which ``max_bytes`` had no room.
    outside : tuple of str
        The ids of images that have no pixel in the area, though their footprint touches it, or none of the bands.
    """

    path: Path
    images: tuple[str, ...]
    files: int
    size_bytes: int | None
    estimated_bytes: int
    left_out: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()

    def __str__(self) -> str:
        size = f"about {self.estimated_bytes:,}" if self.size_bytes is None else f"{self.size_bytes:,}"
        text = f"{self.path.name}: {len(self.images):,} images, {self.files:,} files, {size} bytes"
        if self.left_out:
            text += f"; no room for {len(self.left_out):,} images"
        if self.outside:
            text += f"; {len(self.outside):,} images have no pixel in the area or none of the bands"
        return printable(text)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be in a bundle; `Catalog.bundle` explains each."""

    search: ImageSearch | None
    clip: Any
    bands: Sequence[str] | None
    resolution: Any
    max_bytes: int | str | None


def bundle(
    catalog: Backend,
    dest: str | os.PathLike[str],
    wanted: Wanted,
    *,
    dry_run: bool,
    progress: bool | None,
    facade: Facade,
) -> BundleReport:
    """Write an archive; `Catalog.bundle` says how."""
    target = _new_archive(dest, outside=catalog.file.home().path)
    wish = _wish(catalog, wanted)
    room = None if wanted.max_bytes is None else bytes_of(wanted.max_bytes, "max_bytes")
    if catalog.database.in_transaction:
        raise BadRequestError("a bundle holds what is committed; make it outside of the transaction")
    recipe = Recipe(catalog, wish, Layouts(catalog, wish), f"{target.stem}.gpkg", _about(catalog, wish), facade)
    choice = _Choice(recipe, room)
    with staged(Path(tempfile.gettempdir()) / _TRIALS if dry_run else target) as staging, ExitStack() as stack:
        choice.choose(_searched(catalog, wanted.search, wish), staging, stack, progress)
        if not choice.taken:
            raise NotFoundError(_why_nothing(choice, room))
        if dry_run:
            return choice.report(target, choice.taken, None)
        archive, written = staging / target.name, choice.taken
        if choice.trial is not None:
            kit = choice.trial.kit
        else:
            DataFolder(staging).require_space(2 * choice.estimate)
            kit = stack.enter_context(recipe.kit(staging / "kit", products_of(choice.taken)))
            written = list(_written(kit, choice, progress))
            recipe.complete(kit, written)
            while room is not None and (excess := recipe.size_of(kit) - room) > 0:
                _drop(kit, choice, written, excess)
                recipe.complete(kit, written)
        size = recipe.pack(kit, archive, progress)
        stack.close()
        shutil.rmtree(kit.file.path.parent, ignore_errors=True)  # a kill from here on leaves no pixels behind
        with write_errors(target):
            try:
                name_new(archive, target)
            except FileExistsError:
                raise _exists(target) from None
            flush_folder(target.parent)
    return choice.report(target, written, size)


def _new_archive(dest: str | os.PathLike[str], *, outside: Path) -> Path:
    """Return the absolute path of an archive that is to be made; `new_pair` does the same for a catalog."""
    target = absolute(dest)
    if target.suffix.lower() != _SUFFIX:
        raise BadRequestError(f"a bundle is a file such as 'kit{_SUFFIX}', not '{dest}'")
    if not target.parent.is_dir():
        raise CatalogNotFoundError(f"the folder '{target.parent}' does not exist; make it first")
    if is_inside(target, outside):
        raise BadRequestError(f"'{target}' is in the data folder '{outside}' itself; choose another place")
    require_usable(target)
    if os.path.lexists(target):
        remove_leftovers(target)  # of a process that was killed when it had given it its name
        raise _exists(target)
    return target


def _exists(target: Path) -> CatalogExistsError:
    return CatalogExistsError(f"'{target}' already exists; choose another name, or move it away")


def _wish(catalog: Backend, wanted: Wanted) -> Wish:
    """Check what is to be done to files."""
    clip, bands, resolution = wanted.clip, wanted.bands, wanted.resolution
    area = None if clip is None else as_geometry(clip, of="the area of a bundle")
    if (
        isinstance(clip, AOI)
        and clip.geometry is not None
        and clip.bounds is not None
        and clip.bounds_crs == "EPSG:4326"
    ):
        area = clip.geometry.intersection(as_geometry(clip.bounds))
        if area.is_empty:
            raise BadRequestError("the geometry and the bounds of the area of a bundle have nothing in common")
    names = None
    if bands is not None:
        if isinstance(bands, str) or not all(isinstance(name, str) for name in bands) or not list(bands):
            raise BadRequestError(f"bands is a list of names such as ['red', 'nir'], not {bands!r}")
        names = tuple(dict.fromkeys(bands))
        known = {str(band.name) for band in catalog.bands}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise BadRequestError(f"there is no band '{unknown[0]}' in the catalog; `localcat ls` lists products")
    return Wish(area, names, None if resolution is None else _metres(resolution))


def _metres(resolution: Any) -> float:
    number = real(resolution)
    if number is not None:
        resolution = {"value": number, "unit": "meters"}
    metres = resolution.metres if isinstance(resolution, Resolution) else Resolution._of_mapping(resolution).metres
    if not metres > 0:
        raise BadRequestError(f"resolution is more than nothing, such as 30 or '30m', not {resolution!r}")
    return float(metres)


def _searched(catalog: Backend, search: ImageSearch | None, wish: Wish) -> ImageSearch:
    """Return the images in the order in which they are chosen: the newest first, then those with few clouds."""
    images = catalog.images if search is None else search
    if wish.area is not None:
        images = images.intersects(wish.area)
    return images if images._order else images.sort("-acquired", "cloud_fraction")


def _why_nothing(choice: _Choice, room: int | None) -> str:
    if choice.left_out:
        return f"not one image fits into {room:,} bytes: the first would take about {choice.first_bytes:,}"
    if choice.outside:
        return (
            f"none of the {len(choice.outside):,} images has a pixel in the area, of these bands; nothing was bundled"
        )
    return "the search finds no image; nothing was bundled"


class _Choice:
    """The images that fit, and how large an archive of them is.

    Parameters
    ----------
    recipe : Recipe
        What the archive is made of.
    room : int or None
        How many bytes it may have.
    """

    def __init__(self, recipe: Recipe, room: int | None) -> None:
        self._recipe, self._room = recipe, room
        self._indexes: set[tuple[str, str | None]] = set()
        self._beside = 0.0  # the catalog
        self._exact = 0
        self.costs = Costs()
        self.taken: list[Chosen] = []
        self.left_out: list[str] = []
        self.outside: list[str] = []
        self.first_bytes = 0
        self.trial: Trial | None = None  # of all that is taken, if that is few and small

    @property
    def estimate(self) -> int:
        """How many bytes the archive has, about; exactly, if there is a trial of all of it."""
        return round(self._exact or self._size_with(0))

    def _size_with(self, others: int) -> float:
        """Return how many bytes an archive has of what is taken and others, but for what these add beside rows."""
        return self._beside + self.costs.catalog_bytes(len(self.taken) + others)

    def choose(self, images: ImageSearch, staging: Path, stack: ExitStack, progress: bool | None) -> None:
        """Take those that fit, in the order in which they come.

        Parameters
        ----------
        images : ImageSearch
            Those wanted.
        staging : Path
            A folder for trials.
        stack : ExitStack
            Closes them.
        progress : bool, optional
            See `Catalog.bundle`.
        """
        found = self._inside(shown(images, "choosing", "images", progress, total=images.number_found))
        first = list(found if self._room is None else itertools.islice(found, SAMPLE))
        sample = first[:: -(-len(first) // SAMPLE)] if first else []
        if not first:
            return
        trial = stack.enter_context(Trial(self._recipe, staging / "trial", sample))
        rest = next(found, None)
        self.costs = trial.costs(of_others=rest is not None or len(first) > len(sample))
        self._beside = self.costs.empty
        for chosen in itertools.chain(first, () if rest is None else [rest], found):
            self._add(chosen)
        number = 0
        while self.taken and len(self.taken) <= SAMPLE and trial.is_whole:
            if [id(one) for one in trial.images] != [id(one) for one in self.taken]:
                number += 1
                trial.close()
                trial = stack.enter_context(Trial(self._recipe, staging / f"trial-{number}", self.taken))
            if not trial.is_whole:
                break
            size = trial.size_bytes
            if self._room is None or size <= self._room:
                self.trial, self._exact = trial, size
                return
            self._leave_out(size - self._room)

    def _inside(self, images: Iterable[Image]) -> Iterator[Chosen]:
        for image in images:
            chosen = self._recipe.layouts.chosen(image)
            if chosen is None:
                self.outside.append(str(image.id))
            else:
                yield chosen

    def _add(self, chosen: Chosen) -> None:
        """Take an image, or note that there is no room for it."""
        needed = self.costs.of(chosen, len(self._recipe.layouts.bands(chosen.product_id)))
        index = (chosen.product_id, chosen.image.cs_code or chosen.image.projection)
        if chosen.has_pixels and index not in self._indexes:
            needed += self.costs.index
        size = self._size_with(1) + needed
        self.first_bytes = self.first_bytes or round(size)
        if self._room is not None and size > self._room:
            self.left_out.append(str(chosen.image.id))
            return
        if chosen.has_pixels:
            self._indexes.add(index)
        self._beside += needed
        self.taken.append(chosen)

    def _leave_out(self, excess: float) -> None:
        """Take back the last images, of so many bytes."""
        while excess > 0 and self.taken:
            last = self.taken.pop()
            freed = self.costs.of(last, len(self._recipe.layouts.bands(last.product_id)))
            self._beside -= freed
            excess -= freed
            self.left_out.append(str(last.image.id))

    def report(self, path: Path, written: Sequence[Chosen], size: int | None) -> BundleReport:
        """Return what became of it."""
        files = sum(len(one.files) if one.cuts is None else len(one.cuts) for one in written)
        ids = tuple(str(one.image.id) for one in written)
        left_out, outside = tuple(self.left_out), tuple(self.outside)
        return BundleReport(path, ids, files, size, self.estimate, left_out, outside)


def _written(kit: Kit, choice: _Choice, progress: bool | None) -> Iterator[Chosen]:
    """Write what was chosen into the small catalog; yield the images that are in it."""
    for chosen in shown(choice.taken, "writing", "images", progress):
        if kit.add_image(chosen) is None:
            choice.left_out.append(str(chosen.image.id))
        else:
            yield chosen


def _drop(kit: Kit, choice: _Choice, written: list[Chosen], excess: int) -> None:
    """Take the last images out again, for which there is no room after all.

    Raises
    ------
    NotFoundError
        If none would be left.
    """
    while excess > 0:
        dropped = written.pop()
        if not written:
            raise NotFoundError(f"not one image fits: the archive would have {excess:,} bytes more than max_bytes")
        excess -= kit.drop(dropped)
        choice.left_out.append(str(dropped.image.id))


def _about(catalog: Backend, wish: Wish) -> dict[str, Any]:
    """Return what the manifest says of where an archive came from."""
    about: dict[str, Any] = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "source": {"uuid": catalog.file.setting("uuid"), "file": catalog.file.path.name},
    }
    if wish.area is not None:
        area = wish.area
        about["clip"] = area.wkt if count_coordinates(area) <= _MOST_CORNERS else area.envelope.wkt
    if wish.bands is not None:
        about["bands"] = list(wish.bands)
    if wish.metres is not None:
        about["resolution_metres"] = wish.metres
    return about


def unpack(path: str | os.PathLike[str], dest: str | os.PathLike[str] | None, progress: bool | None) -> Path:
    """Unpack an archive; `Catalog.unpack` says how."""
    with opened_archive(path) as archive:
        folder = archive.path.with_suffix("") if dest is None else absolute(dest)
        if os.path.lexists(folder):
            remove_leftovers(folder)
            raise _exists(folder)
        if not folder.parent.is_dir():
            raise CatalogNotFoundError(f"the folder '{folder.parent}' does not exist; make it first")
        require_usable(folder)
        with staged(folder) as staging:
            inside = staging / "kit"
            with write_errors(inside):
                inside.mkdir()
            DataFolder(staging).require_space(sum(size for size, _ in archive.manifest.members.values()))
            for name in shown(sorted(archive.manifest.members), "unpacking", "files", progress):
                archive.extract(name, inside / name)
            check_catalog(archive, inside / archive.manifest.catalog)
            with write_errors(folder):
                for one in (*(path for path in inside.rglob("*") if path.is_dir()), inside):
                    flush_folder(one)
                _name_folder(inside, folder)
                flush_folder(folder.parent)
    return folder / archive.manifest.catalog


def _name_folder(inside: Path, folder: Path) -> None:
    """Give a folder its final name, which another process may have taken meanwhile."""
    if os.path.lexists(folder):
        raise _exists(folder)  # an empty folder would be replaced
    try:
        rename(inside, folder)
    except OSError:
        if os.path.lexists(folder):
            raise _exists(folder) from None
        raise
