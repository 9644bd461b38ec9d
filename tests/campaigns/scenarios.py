"""The operations that the campaigns stop half-way, each with the states that it may leave behind."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from unittest import mock

from localcat import Catalog, CatalogExistsError, Image, Product
from localcat.disk.data_folder import TEMPORARY_PREFIX
from localcat.maintenance import clustering
from localcat.models import product as product_module
from localcat.store.catalog_file import CatalogFile
from localcat.store.file import schema
from localcat.store.file.connection import Journal, OpenOptions
from localcat.store.file.database import Database
from localcat.store.file.schema import Migrations
from localcat.store.rtree.order import by_place
from tests import checker
from tests.checker import data_folder
from tests.older_files import upload_as_before
from tests.small_catalog import META, make_product, spectral
from tests.small_rasters import make_tif
from tests.survey import NAME, new_image, noise, pixels, remote_records, upload_version

State: TypeAlias = dict[str, str | None]
"""The `provider_id` of each image by its id: what says which upload it is of."""
Act: TypeAlias = Callable[[Catalog, Callable[[], None]], None]

COPIES = "copies"  # a folder beside the catalog, for its copies
QUESTION = "paper"  # a name to freeze under
KIT, UNPACKED = "kit.zip", "kit"  # a bundle in it, and what was in one
LEFT = "beside them is left"  # how a problem begins that is no more than a hidden folder
LARGE = 20_000  # images that are loaded at once: so many that indexes are built at the end, and pages go into the file
SCENES = "source/scenes"  # one with files to ingest
CHOSEN = ["eo:snow", ("view", "off")]  # keys of extra properties that an index is made for
NEWER: Migrations = (  # a schema version that does not exist yet, and touches every row
    *schema.migrations(),
    ("CREATE TABLE note (text TEXT NOT NULL) STRICT;", "UPDATE image SET cloud_fraction = 0.5;"),
)
GOING_ON = ("z", "9")  # name and version of an image that a child uploads after a fault
_PORTION = 3  # images of a product that are deleted at once
_SCENE = "S1A_IW_2021080{}T173953_DVP_RTC30_G_gpuned_6FF8"
_REMOTE = {f"acme:one:r{number}": "0" for number in range(5)}
_BEFORE: State = {"acme:one:a": "1", "acme:one:b": "1", **_REMOTE}


@dataclass(frozen=True, slots=True)
class Scenario:
    """An operation.

    Parameters
    ----------
    act : callable
        Does it, given an open catalog and what to call after each part that was acknowledged.
    history : tuple of dict
        The states between its parts, the first one before it.
    prepare : callable, optional
        Puts more into the folder of the catalog that is acted on.
    versions : sequence, optional
        The schema versions that the program knows which acts; those of localcat when left out.
    wrong : callable, optional
        Given the folder, and how many parts were acknowledged, returns what else must not be.
    """

    act: Act
    history: tuple[State, ...]
    prepare: Callable[[Path], None] = lambda folder: None
    versions: Migrations | None = None
    wrong: Callable[[Path, int], list[str]] = lambda folder, acks: []


def open_catalog(path: Path, versions: Migrations | None = None, journal: Journal = "delete") -> Catalog:
    """Open a catalog as a program does that knows other schema versions, or keeps a log with whichever SQLite."""
    options = OpenOptions(journal=journal)
    return Catalog(CatalogFile(Database(path, options=options, versions=versions, backports={sqlite3.sqlite_version})))


def _upload(catalog: Catalog, ack: Callable[[], None]) -> None:
    upload_version(catalog, "c", "1")
    ack()


def _upload_noise(catalog: Catalog, ack: Callable[[], None]) -> None:
    image = new_image(catalog, "one", "c", "1")
    image.upload_ndarray(noise(), raster_meta=META, overviews=[2, 4]).raise_for_status()
    ack()


def _upload_files(catalog: Catalog, ack: Callable[[], None]) -> None:
    source = catalog.path.parent / "source"
    image = new_image(catalog, "two", "c", "1")
    image.upload([source / "0.tif", source / "1.tif"]).raise_for_status()
    ack()


def _upload_arrays(catalog: Catalog, ack: Callable[[], None]) -> None:
    image = new_image(catalog, "two", "c", "1")
    image.upload_ndarray([pixels(1), pixels(2)], raster_meta=META).raise_for_status()
    ack()


def _replace(catalog: Catalog, ack: Callable[[], None]) -> None:
    upload_version(catalog, "a", "2", overwrite=True)
    ack()


def _delete(catalog: Catalog, ack: Callable[[], None]) -> None:
    Image.get("acme:one:b", catalog=catalog).delete()
    ack()


def _delete_and_undo(catalog: Catalog, ack: Callable[[], None]) -> None:
    with Catalog.open(catalog.path, keep_history="30 days") as keeping:
        _delete(keeping, ack)
        keeping.undo(keeping.history()[0])
        ack()


def _delete_in_portions_and_undo(catalog: Catalog, ack: Callable[[], None]) -> None:
    delete = Product._delete_related

    def acknowledged(self: Product, at_once: int | None) -> tuple[int, bool, float]:
        found = delete(self, at_once)
        ack()
        return found

    with (
        mock.patch.object(product_module, "_DELETED_AT_ONCE", _PORTION),
        mock.patch.object(product_module, "_FEWEST_AT_ONCE", _PORTION),
        mock.patch.object(product_module, "_MOST_AT_ONCE", _PORTION),
        mock.patch.object(Product, "_delete_related", acknowledged),
        Catalog.open(catalog.path, keep_history="30 days") as keeping,
    ):
        Product.get("acme:one", catalog=keeping).delete_related_objects()
        keeping.undo(keeping.history()[0], together=True)
        ack()


def _half_deleted(folder: Path, acks: int) -> list[str]:
    """Return what is wrong once the deletion has gone on to its end, and all of it was undone.

    A process that goes on after Ctrl-C has uploaded one image more, which is deleted and comes back with the others.
    """
    with Catalog.open(folder / NAME, keep_history="30 days") as catalog:
        Product.get("acme:one", catalog=catalog).delete_related_objects()
        if catalog.images.count():
            return [f"left are {catalog.images.ids()}"]
        catalog.undo(catalog.history()[0], together=True)
        found = set(catalog.images.ids())
        problems = catalog.verify("full", progress=False).problems
    return [] if _BEFORE.keys() <= found and not problems else [f"back are {found}; {problems}"]


def _replace_and_undo(catalog: Catalog, ack: Callable[[], None]) -> None:
    with Catalog.open(catalog.path, keep_history="30 days") as keeping:
        _replace(keeping, ack)
        keeping.undo(keeping.history()[0])
        ack()


def _everything(catalog: Catalog, ack: Callable[[], None]) -> None:
    _upload(catalog, ack)
    _replace(catalog, ack)
    _delete(catalog, ack)


def _ingest(catalog: Catalog, ack: Callable[[], None]) -> None:
    report = catalog.ingest(catalog.path.parent / SCENES, copy=True, workers=1, progress=False)
    assert (report.added, report.failed) == (2, [])
    ack()


def _bring_scenes(folder: Path) -> None:
    """Put scenes of two files beside, with a recipe's names; their product is there already."""
    for day in (1, 2):
        for layer in ("VV", "VH"):
            make_tif(folder / SCENES / f"{_SCENE.format(day)}_{layer}.tif", day)
    with Catalog.open(folder / NAME) as catalog:
        bands = [spectral(name, band_index=0, file_index=at) for at, name in enumerate(("vv", "vh"))]
        make_product("sentinel-1-rtc-iw-dv", *bands, catalog=catalog)


def _bulk(catalog: Catalog, ack: Callable[[], None]) -> None:
    records = [*remote_records(range(40), "2"), {**remote_records(range(1), "2")[0], "id": "acme:one:b"}]
    catalog.add_images(records, on_conflict="replace", progress=False)
    ack()


def _load_much(catalog: Catalog, ack: Callable[[], None]) -> None:
    report = catalog.add_images(remote_records(range(LARGE), "2"), on_conflict="replace", progress=False)
    assert report.failed == []
    ack()


def _merge(catalog: Catalog, ack: Callable[[], None]) -> None:
    catalog.merge(catalog.path.with_name("stick.gpkg"), policy="theirs", progress=False)
    ack()


def _bring_stick(folder: Path) -> None:
    """Put another catalog beside: a newer version of one image, and one of its own."""
    with Catalog.create(folder / "stick.gpkg", org="acme") as catalog:
        make_product("one", spectral("b0", data_range=(0, 9)), catalog=catalog)
        upload_version(catalog, "a", "2")
        upload_version(catalog, "c", "1")


def _bring_copy(folder: Path) -> None:
    """Put a copy beside, in which one image was replaced since, and another one deleted."""
    with Catalog.open(folder / NAME) as catalog:
        catalog.backup(folder / "stick.gpkg", progress=False)
    with Catalog.open(folder / "stick.gpkg") as catalog:
        upload_version(catalog, "a", "2", overwrite=True)
        Image.get("acme:one:b", catalog=catalog).delete()


def _merge_kit(catalog: Catalog, ack: Callable[[], None]) -> None:
    catalog.merge(catalog.path.with_name("stick.zip"), policy="theirs", progress=False)
    ack()


def _bring_kit(folder: Path) -> None:
    """Put a bundle beside, of the catalog of `_bring_stick`."""
    _bring_stick(folder)
    stick = folder / "stick.gpkg"
    with Catalog.open(stick) as catalog:
        catalog.bundle(folder / "stick.zip", progress=False)
    stick.unlink()
    shutil.rmtree(data_folder(stick))


def _change(catalog: Catalog, ack: Callable[[], None]) -> None:
    image = Image.get("acme:one:a", catalog=catalog)
    image.provider_id, image.tags = "2", ["v2"]
    image.save()
    ack()


def _gc(catalog: Catalog, ack: Callable[[], None]) -> None:
    catalog.gc()
    ack()


def _reindex(catalog: Catalog, ack: Callable[[], None]) -> None:
    catalog.reindex()
    ack()


def _choose(catalog: Catalog, ack: Callable[[], None]) -> None:
    catalog.reindex(properties=CHOSEN)
    ack()


def _choose_before(folder: Path) -> None:
    with Catalog.open(folder / NAME) as catalog:
        catalog.reindex(properties=CHOSEN)


def _half_chosen(folder: Path, acks: int) -> list[str]:
    """Return what is wrong where some keys have an index and others have none; the entries are looked at elsewhere."""
    with closing(sqlite3.connect(folder / NAME)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM property_key").fetchone()
    return [] if count in (0, len(CHOSEN)) else [f"{count} of {len(CHOSEN)} keys have an index"]


def _optimize(catalog: Catalog, ack: Callable[[], None]) -> None:
    catalog.optimize()
    ack()


def _put_out_of_order(folder: Path) -> None:
    with Catalog.open(folder / NAME) as catalog, mock.patch.object(clustering, "by_place", _backwards):
        assert catalog.optimize(cluster=True, progress=False).moved


def _backwards(*arguments: Any, **options: Any) -> list[tuple[str, Any]]:
    return [(product, row_ids[::-1]) for product, row_ids in reversed(by_place(*arguments, **options))]


def _cluster(catalog: Catalog, ack: Callable[[], None]) -> None:
    if not catalog.optimize(cluster=True, progress=False).moved:
        raise AssertionError("its images were in order already")
    ack()


def _rewrite(catalog: Catalog, ack: Callable[[], None]) -> None:
    catalog.optimize(rewrite_masks=True, progress=False)
    ack()


def _write_as_before(folder: Path) -> None:
    with Catalog.open(folder / NAME) as catalog:
        upload_as_before(catalog, provider_id="1")


def _backup(catalog: Catalog, ack: Callable[[], None]) -> None:
    catalog.backup(catalog.path.parent / COPIES / "copy.gpkg", progress=False)
    ack()


def _recover(catalog: Catalog, ack: Callable[[], None]) -> None:
    home = catalog.path.parent
    Catalog.recover(home / "stick.gpkg", home / COPIES / "copy.gpkg", progress=False)
    ack()


def _break_stick(folder: Path) -> None:
    """Put a copy beside that lacks the root of an index, and make room for what is saved of it."""
    (folder / COPIES).mkdir()
    stick = folder / "stick.gpkg"
    shutil.copyfile(folder / NAME, stick)
    shutil.copytree(data_folder(folder / NAME), data_folder(stick))
    with closing(sqlite3.connect(stick)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'image_by_time'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with stick.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))


def _bundle(catalog: Catalog, ack: Callable[[], None]) -> None:
    catalog.bundle(catalog.path.parent / COPIES / KIT, progress=False)
    ack()


def _unpack(catalog: Catalog, ack: Callable[[], None]) -> None:
    copies = catalog.path.parent / COPIES
    Catalog.unpack(copies / KIT, copies / UNPACKED, progress=False).close()
    ack()


def _bring_bundle(folder: Path) -> None:
    (folder / COPIES).mkdir()
    with Catalog.open(folder / NAME) as catalog:
        catalog.bundle(folder / COPIES / KIT, progress=False)


def _half_bundled(folder: Path, acks: int) -> list[str]:
    """Return what is wrong with a bundle, once it was made again if it is not there."""
    archive = folder / COPIES / KIT
    if acks and not archive.exists():
        return [f"there is no {KIT}"]
    with Catalog.open(folder / NAME) as catalog, suppress(CatalogExistsError):
        catalog.bundle(archive, progress=False)  # which clears up what was left beside it, too
    return [*_left_among_copies(folder, KIT), *_half_unpacked(folder, acks=0)]


def _half_unpacked(folder: Path, acks: int) -> list[str]:
    """Return what is wrong with what was unpacked, once that was done again if it is not there."""
    copies = folder / COPIES
    if acks and not (copies / UNPACKED).exists():
        return [f"there is no {UNPACKED}"]
    with suppress(CatalogExistsError):
        Catalog.unpack(copies / KIT, copies / UNPACKED, progress=False).close()  # it clears up, too
    seen = checker.look(copies / UNPACKED / "kit.gpkg")
    found = [f"unpacked: {problem}" for problem in seen.problems]
    further = {f"acme:one:{GOING_ON[0]}": GOING_ON[1]}  # if the process could go on, and the bundle was made after that
    if seen.versions not in (_BEFORE, {**_BEFORE, **further}) or len(seen.owned) != len(seen.versions) - len(_REMOTE):
        found.append(f"unpacked are {seen.versions} and {seen.owned}")
    return found + _left_among_copies(folder, KIT, UNPACKED)


def _left_among_copies(folder: Path, *expected: str) -> list[str]:
    left = {path.name for path in (folder / COPIES).iterdir()} - {*expected}
    return [f"{LEFT}: {sorted(left)}"] if left else []


def _freeze(catalog: Catalog, ack: Callable[[], None]) -> None:
    catalog.images.freeze(QUESTION)
    ack()


def _half_frozen(folder: Path, acks: int) -> list[str]:
    """Return what is wrong with the answer that was frozen, if it is there."""
    with Catalog.open(folder / NAME) as catalog:
        if QUESTION not in catalog.frozen:
            return ["the question is not frozen"] if acks else []
        found = set(catalog.frozen[QUESTION].ids())
    return [] if found == _BEFORE.keys() else [f"the frozen answer is {found}"]


def _open_bundle(catalog: Catalog, ack: Callable[[], None]) -> None:
    with Catalog.open(catalog.path.parent / COPIES / KIT) as kit:
        assert kit.images.count() == len(_BEFORE)
        assert Image.get("acme:one:a", catalog=kit).ndarray("b0").shape[0] == 1
    ack()


def _relocate(catalog: Catalog, ack: Callable[[], None]) -> None:
    home = catalog.path.parent
    catalog.relocate(home / "source", home / "source moved")
    ack()


def _move_source(folder: Path) -> None:
    """Index two files in place, and move them away."""
    with Catalog.open(folder / NAME) as catalog:
        for number in (0, 1):
            image = new_image(catalog, "one", f"here{number}", "1")
            image.upload(folder / "source" / f"{number}.tif", copy=False).raise_for_status()
    (folder / "source").rename(folder / "source moved")


def _half_moved(folder: Path, acks: int) -> list[str]:
    with closing(sqlite3.connect(folder / NAME)) as connection:
        hrefs = [href for (href,) in connection.execute("SELECT href FROM image_file WHERE NOT owned AND href NOTNULL")]
    found = [(folder / href).exists() for href in hrefs]
    return [] if len(found) == 2 and len(set(found)) == 1 else [f"of the files in place are there: {found}"]


def _open(catalog: Catalog, ack: Callable[[], None]) -> None:
    assert catalog.images.count() == len(_BEFORE)
    ack()


def _make_room_for_copies(folder: Path) -> None:
    (folder / COPIES).mkdir()


def _litter(folder: Path) -> None:
    """Leave what crashes leave: a file without a row, one in the trash, and those of dead uploads."""
    data = data_folder(folder / NAME)
    (data / "acme-one" / "lost-0123456789abcdef.tif").write_bytes(b"1")
    (data / "acme-gone").mkdir()
    (data / "acme-gone" / "lost-0123456789abcdef.tif").write_bytes(b"22")
    (data / f"{TEMPORARY_PREFIX}{'0' * 32}.tif").write_bytes(b"333")
    (data / f"{TEMPORARY_PREFIX}{'1' * 32}.tif.{'2' * 32}.tif").write_bytes(b"4444")
    with Catalog.open(folder / NAME) as catalog:
        catalog.delete_files = lambda hrefs: None  # type: ignore[method-assign]  # a crash right behind the commit
        Image.get("acme:one:b", catalog=catalog).delete()


_UPLOADED: State = {**_BEFORE, "acme:one:c": "1"}
_REPLACED: State = {**_UPLOADED, "acme:one:a": "2"}
_DELETED: State = {uid: version for uid, version in _REPLACED.items() if uid != "acme:one:b"}
_TWO_FILES: State = {**_BEFORE, "acme:two:c": "1"}
_WITHOUT_B: State = {uid: version for uid, version in _BEFORE.items() if uid != "acme:one:b"}
_IN_ORDER = [*_REMOTE.items(), ("acme:one:a", "1"), ("acme:one:b", "1")]  # in which they were made
_FEWER = tuple(dict(_IN_ORDER[gone:]) for gone in range(0, len(_IN_ORDER) + _PORTION, _PORTION))
_IN_PLACE: State = {**_BEFORE, "acme:one:here0": "1", "acme:one:here1": "1"}
_OLDER: State = {**_BEFORE, "acme:older:x": "1"}
_LOADED: State = {**_BEFORE, "acme:one:b": "2", **{f"acme:one:r{number}": "2" for number in range(40)}}

_FULL: State = {**_BEFORE, **{f"acme:one:r{number}": "2" for number in range(LARGE)}}
_INGESTED: State = {
    **_BEFORE,
    **{f"acme:sentinel-1-rtc-iw-dv:{name}": name for day in (1, 2) for name in [_SCENE.format(day)]},
}

SCENARIOS = {
    "upload": Scenario(_upload, (_BEFORE, _UPLOADED)),
    "upload of two files": Scenario(_upload_files, (_BEFORE, _TWO_FILES)),
    "upload of two arrays": Scenario(_upload_arrays, (_BEFORE, _TWO_FILES)),
    "upload of noise": Scenario(_upload_noise, (_BEFORE, _UPLOADED)),
    "replace": Scenario(_replace, (_BEFORE, {**_BEFORE, "acme:one:a": "2"})),
    "delete": Scenario(_delete, (_BEFORE, _WITHOUT_B)),
    "delete, undo": Scenario(_delete_and_undo, (_BEFORE, _WITHOUT_B, _BEFORE)),
    "deletion in portions, undo": Scenario(_delete_in_portions_and_undo, (*_FEWER, _BEFORE), wrong=_half_deleted),
    "replace, undo": Scenario(_replace_and_undo, (_BEFORE, {**_BEFORE, "acme:one:a": "2"}, _BEFORE)),
    "upload, replace, delete": Scenario(_everything, (_BEFORE, _UPLOADED, _REPLACED, _DELETED)),
    "bulk load": Scenario(_bulk, (_BEFORE, _LOADED)),
    "load of chosen properties": Scenario(_bulk, (_BEFORE, _LOADED), _choose_before, wrong=_half_chosen),
    "load of 20,000": Scenario(_load_much, (_BEFORE, _FULL)),
    "ingest": Scenario(_ingest, (_BEFORE, _INGESTED), _bring_scenes),
    "merge": Scenario(_merge, (_BEFORE, {**_UPLOADED, "acme:one:a": "2"}), _bring_stick),
    "merge with deletions": Scenario(_merge, (_BEFORE, {**_WITHOUT_B, "acme:one:a": "2"}), _bring_copy),
    "merge of a kit": Scenario(_merge_kit, (_BEFORE, {**_UPLOADED, "acme:one:a": "2"}), _bring_kit),
    "change": Scenario(_change, (_BEFORE, {**_BEFORE, "acme:one:a": "2"})),
    "reindex": Scenario(_reindex, (_BEFORE, _BEFORE)),
    "choice of properties": Scenario(_choose, (_BEFORE, _BEFORE), wrong=_half_chosen),
    "backup": Scenario(_backup, (_BEFORE, _BEFORE), _make_room_for_copies),
    "recover": Scenario(_recover, (_BEFORE, _BEFORE), _break_stick),
    "bundle": Scenario(_bundle, (_BEFORE, _BEFORE), _make_room_for_copies, wrong=_half_bundled),
    "unpack": Scenario(_unpack, (_BEFORE, _BEFORE), _bring_bundle, wrong=_half_unpacked),
    "freeze": Scenario(_freeze, (_BEFORE, _BEFORE), wrong=_half_frozen),
    "bundle in place": Scenario(_open_bundle, (_BEFORE, _BEFORE), _bring_bundle, wrong=_half_bundled),
    "relocate": Scenario(_relocate, (_IN_PLACE, _IN_PLACE), _move_source, wrong=_half_moved),
    "migration": Scenario(_open, (_BEFORE, _BEFORE), versions=NEWER),
    "gc": Scenario(_gc, (_WITHOUT_B, _WITHOUT_B), _litter),
    "optimize": Scenario(_optimize, (_BEFORE, _BEFORE)),
    "order of place": Scenario(_cluster, (_BEFORE, _BEFORE), _put_out_of_order),
    "rewriting of masks": Scenario(_rewrite, (_OLDER, _OLDER), _write_as_before),
}
