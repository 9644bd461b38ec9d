"""Three catalogs as before, and bundles of them that are unpacked, changed elsewhere, and merged home."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from localcat import Catalog, Image
from localcat import properties as p
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

packing = st.tuples(st.just("pack"), laptops, st.sampled_from(["all", "a", "b"]))
kit_steps = st.one_of(
    packing,
    st.tuples(st.just("write_in_kit"), st.sampled_from([*PRODUCTS, *BANDS, *IMAGES]), st.integers(0, 3)),
    st.tuples(st.just("write_in_kit"), st.sampled_from(IMAGES), st.integers(0, 3)),
    st.tuples(st.just("delete_in_kit"), st.sampled_from(IMAGES)),
    st.tuples(st.just("come_home")),
    st.tuples(st.just("come_home")),
)
changes = st.lists(st.one_of(laptop_steps, kit_steps), min_size=8, max_size=24)
histories = st.builds(lambda first, later: [first, *later, ("come_home",)], packing, changes)


class WorldWithKit(World):
    """As `World`; of the catalog that was packed last, a bundle that is unpacked is changed too."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        super().__init__(folder, clock)
        self.known.append(set())
        self.kits = self.home = 0
        self.kit: Catalog | None = None

    def close(self) -> None:
        super().close()
        if self.kit is not None:
            self.kit.close()

    def _pack(self, at: int, chosen: str) -> None:
        """Begin a new kit; what was not brought home of the last one is given up."""
        catalog = self.catalogs[at]
        search = catalog.images if chosen == "all" else catalog.images.filter(p.name == chosen)
        if search.count() == 0:
            return
        if self.kit is not None:
            self.kit.close()
        self.kits += 1
        archive = catalog.bundle(self.folder / f"kit-{self.kits}.zip", search, progress=False).path
        self.kit, self.home = Catalog.unpack(archive, progress=False), at
        there = state(self.kit)
        self.known[KIT] = {one for one in self.known[at] if self.events[one].uid in there}

    def _write_in_kit(self, uid: str, value: int) -> None:
        if self.kit is not None:
            self.catalogs.append(self.kit)
            self._write(KIT, uid, value)
            self.catalogs.pop()

    def _delete_in_kit(self, uid: str) -> None:
        """A deletion in a kit supersedes nothing: it is listed as a conflict, and the later change counts."""
        if self.kit is not None and Image.delete(uid, catalog=self.kit):
            self.events.append(Event(uid, None))
            self.known[KIT].add(len(self.events) - 1)

    def _come_home(self) -> None:
        if self.kit is not None:
            report = self.catalogs[self.home].merge(self.kit, progress=False)
            self.listed |= {conflict.id for conflict in report.conflicts}
            self.known[self.home] |= self.known[KIT]

    def heads(self) -> dict[str, list[int | None]]:
        """As before; what was changed in a kit and not brought home is nowhere."""
        kit = self.known.pop()
        found = super().heads()
        self.known.append(kit)
        return found


@given(histories)
@settings(max_examples=20, deadline=None)
def test_kits_come_home_to_laptops_that_meet(history: list[tuple[Any, ...]]) -> None:
    """20, bundles that were unpacked."""
    run_history(WorldWithKit, history)
