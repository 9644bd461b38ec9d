"""Three catalogs as before, and bundles of them, whole or cut, that are unpacked, changed elsewhere, and merged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from localcat import Catalog, GenericBand, Image, Product
from localcat import properties as p
from localcat.errors import NotFoundError
from tests.laptops import (
    BANDS,
    IMAGES,
    PRODUCTS,
    Clock,
    Event,
    World,
    laptop_steps,
    laptops,
    run_history,
    state,
)

KIT = 3  # its number among the catalogs that a step may change
PIXELS = numpy.arange(32 * 24, dtype="uint8").reshape(1, 32, 24) % 200 + 1
GEOTRANS = (500_000, 60, 0, 4_000_000, 0, -60)  # in UTM 31 N
CUTS: dict[str, dict[str, Any]] = {
    "clip": {"clip": (3.0, 36.135, 3.005, 36.14)},
    "bands": {"bands": ["red"]},
    "resolution": {"resolution": "120m"},
}

packing = st.tuples(
    st.just("pack"), laptops, st.sampled_from(["all", "a", "b"]), st.sampled_from(["whole", "whole", *CUTS])
)
kit_steps = st.one_of(
    packing,
    st.tuples(st.just("write_in_kit"), st.sampled_from([*PRODUCTS, *BANDS, *IMAGES]), st.integers(0, 3)),
    st.tuples(st.just("write_in_kit"), st.sampled_from(IMAGES), st.integers(0, 3)),
    st.tuples(st.just("delete_in_kit"), st.sampled_from([*PRODUCTS, *BANDS, *IMAGES])),
    st.tuples(st.just("come_home")),
    st.tuples(st.just("come_home")),
    st.tuples(st.just("come_to"), laptops),
)
changes = st.lists(st.one_of(laptop_steps, kit_steps), min_size=8, max_size=24)
histories = st.builds(lambda first, later: [first, *later, ("come_home",)], packing, changes)


class WorldWithKit(World):
    """As `World`; of the catalog that was packed last, a bundle that is unpacked is changed too.

    The images that are in all three from the beginning have pixels.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        super().__init__(folder, clock)
        self.known.append(set())
        self.kits = self.home = 0
        self.is_cut = False
        self.made_in_kit: set[int] = set()  # writes
        self.with_pixels: dict[str, int] = {}  # values of images whose pixels nobody wrote again
        self.kit: Catalog | None = None

    def close(self) -> None:
        super().close()
        if self.kit is not None:
            self.kit.close()

    def _write(self, at: int, uid: str, value: int) -> None:
        if self.known[1] or uid not in IMAGES:
            super()._write(at, uid, value)
            return
        image = Image(id=uid, catalog=self.catalogs[at], acquired="2024-05-06", cloud_fraction=value / 10)
        image.update(cs_code="EPSG:32631", geotrans=GEOTRANS)
        image.upload_ndarray(PIXELS).raise_for_status()
        self._note(at, uid, value)
        self.with_pixels[uid] = value

    def _pack(self, at: int, chosen: str, cut: str) -> None:
        """Begin a new kit; what was not brought home of the last one is given up."""
        catalog = self.catalogs[at]
        search = catalog.images if chosen == "all" else catalog.images.filter(p.name == chosen)
        if search.count() == 0 or (cut == "bands" and catalog.bands.count() == 0):
            return
        archive = self.folder / f"kit-{self.kits + 1}.zip"
        try:
            catalog.bundle(archive, search, progress=False, **CUTS.get(cut, {}))
        except NotFoundError:  # nothing is in the area, or has the band
            return
        if self.kit is not None:
            self.kit.close()
        self.kits += 1
        self.kit, self.home = Catalog.unpack(archive, progress=False), at
        there = state(self.kit)
        self.known[KIT] = {one for one in self.known[at] if self.events[one].uid in there}
        self.is_cut, self.made_in_kit = cut != "whole", set()

    def _write_in_kit(self, uid: str, value: int) -> None:
        """Write in the kit; if it is cut, that supersedes nothing at home, and is listed there."""
        if self.kit is None:
            return
        before = len(self.events)
        self.catalogs.append(self.kit)
        self._write(KIT, uid, value)
        self.catalogs.pop()
        for one in range(before, len(self.events)):
            if self.is_cut:
                self.events[one].superseded &= self.made_in_kit
            self.made_in_kit.add(one)

    def _delete_in_kit(self, uid: str) -> None:
        """A deletion in a kit supersedes nothing at home: it is listed as a conflict, and the later change counts."""
        if self.kit is None:
            return
        gone = [uid]
        product = Product.get(uid, catalog=self.kit)
        if product is not None:
            gone += [str(thing.id) for search in (product.bands(), product.images()) for thing in search]
            product.delete_related_objects()
            product.delete()
        elif not (GenericBand if uid in BANDS else Image).delete(uid, catalog=self.kit):
            return
        for one in gone:
            own = {event for event in self.made_in_kit if self.events[event].uid == one}
            self.known[KIT] = {event for event in self.known[KIT] if self.events[event].uid != one} | own
            self.events.append(Event(one, None, own))
            self.known[KIT].add(len(self.events) - 1)
            self.made_in_kit.add(len(self.events) - 1)

    def _come_home(self) -> None:
        self._come_to(self.home)

    def _come_to(self, at: int) -> None:
        if self.kit is not None:
            report = self.catalogs[at].merge(self.kit, progress=False)
            self.listed |= {conflict.id for conflict in report.conflicts}
            self.known[at] |= self.known[KIT]

    def heads(self) -> dict[str, list[int | None]]:
        """As before; what was changed in a kit and not brought home is nowhere.

        An image that was made again without pixels does not replace one with pixels: that is listed, and either counts.
        """
        kit = self.known.pop()
        found = super().heads()
        self.known.append(kit)
        for uid in {*self.with_pixels} & self.listed:
            found[uid].append(self.with_pixels[uid])
        return found

    def require_whole_pixels(self) -> None:
        """Refuse pixels that were lost, unless somebody deleted their image."""
        deleted = {event.uid for event in self.events if event.value is None}
        for catalog in self.catalogs:
            for image in catalog.images.filter(p.product_id == "x"):
                if image.id not in deleted:
                    assert (image.x_pixels, image.y_pixels) == (24, 32)
                    assert [catalog.path_of(file).name.endswith(".cut.tif") for file in image.files] == [False]


class Checked(WorldWithKit):
    def step(self, what: str, *words: Any) -> None:
        super().step(what, *words)
        if self.known[1]:
            self.require_whole_pixels()


@given(histories)
@settings(max_examples=20, deadline=None)
def test_kits_come_home_to_laptops_that_meet(history: list[tuple[Any, ...]]) -> None:
    """20, bundles that were unpacked."""
    run_history(Checked, history)
