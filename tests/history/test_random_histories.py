"""Random histories: each past moment is what was there then, and what is undone is what was before."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy
import pytest

from localcat import Band, Catalog, Image, Product
from localcat import properties as p
from localcat.errors import ConflictError
from tests.past_moments import past_moment
from tests.small_catalog import PIXELS, make_product, new_image, spectral, upload

KINDS = {"product": Product, "band": Band, "image": Image}
NAMES = "abcdef"


@dataclass(frozen=True)
class Moment:
    """What was in the catalog, without times of saving, and the pixels by id."""

    when: datetime
    objects: dict[tuple[str, str], dict[str, Any]]
    pixels: dict[str, Any]


def contents(catalog: Catalog) -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    for kind, search in (("product", catalog.products), ("band", catalog.bands), ("image", catalog.images)):
        for one in search:
            found[kind, str(one.id)] = {name: part for name, part in one.serialize().items() if name != "modified"}
    return found


def pixels(catalog: Catalog) -> dict[str, Any]:
    bands = {str(band.product_id) for band in catalog.bands}  # without the band they are there, and not read
    return {
        str(one.id): one.ndarray("red").sum()
        for one in catalog.images
        if one.storage_state == "available" and one.product_id in bands
    }


@dataclass
class Story:
    """A catalog that is changed at random, and all that it ever was."""

    catalog: Catalog
    random: random.Random
    moments: list[Moment] = field(default_factory=list)
    before: dict[int, Moment] = field(default_factory=dict)  # by the number of a change
    undone: int = 0

    def look(self) -> None:
        last = self.moments[-1] if self.moments else None
        for change in self.catalog.history():
            if last is None or change.number in self.before:
                break
            self.before[change.number] = last
        self.moments.append(Moment(past_moment(), contents(self.catalog), pixels(self.catalog)))

    def step(self) -> None:
        steps: list[Callable[[], None]] = [
            *(
                self.add,
                self.change,
                self.change,
                self.change,
                self.delete,
                self.replace,
                self.load,
                self.change_product,
            ),
            *(self.change_band, self.delete_product, self.merge, self.undo, self.undo, self.undo, self.undo_together),
            *(self.put_in_order, self.clean, self.fail),
        ]
        self.random.choice(steps)()
        self.look()

    def product(self) -> Product:
        found = self.catalog.products.first()
        return found or make_product("p", spectral("red"), catalog=self.catalog)

    def image(self) -> Image | None:
        found = list(self.catalog.images)
        return self.random.choice(found) if found else None

    def values(self) -> dict[str, Any]:
        edge = self.random.randrange(-179, 178)
        values = {
            "cloud_fraction": self.random.choice([None, 0.0, 0.25, 1 / 3]),
            "tags": self.random.choice([None, ["x"], ["y", "z"]]),
            "geometry": self.random.choice([None, (edge, 0, edge + 1, 2)]),
            "acquired": self.random.choice([None, "2020-01-01", "2021-06-30T12:00:00.25"]),
            "extra_properties": self.random.choice([{}, {"eo:snow": 1, "k": [1, {"a": None}]}]),
        }
        return {name: values[name] for name in self.random.sample(sorted(values), 2)}

    def add(self) -> None:
        name = self.random.choice(NAMES)
        if Image.get(f"acme:p:{name}", catalog=self.catalog) is None:
            new_image(self.product(), name, **self.values()).save()

    def change(self) -> None:
        with self.catalog.transaction():
            for _ in range(self.random.randrange(1, 4)):
                image = self.image()
                if image is not None:
                    image.update(**self.values())
                    image.save()

    def delete(self) -> None:
        image = self.image()
        if image is not None:
            image.delete()

    def replace(self) -> None:
        array = PIXELS + numpy.uint16(self.random.randrange(9))
        self.product()  # with its band, if it is made
        if Band.get("acme:p:red", catalog=self.catalog) is None:
            self.change_band()
        upload(self.product(), self.random.choice(NAMES), array, options={"overwrite": True})

    def load(self) -> None:
        self.product()
        names = self.random.sample(NAMES, 3)
        records = [{"id": f"acme:p:{name}", "cloud_fraction": self.random.choice([0.1, 0.9])} for name in names]
        self.catalog.add_images(records, on_conflict="replace", progress=False)

    def change_product(self) -> None:
        product = self.product()
        product.update(description=self.random.choice(["d", "e", None]), tags=self.random.choice([[], ["t"]]))
        product.save()

    def change_band(self) -> None:
        product, band = self.product(), Band.get("acme:p:red", catalog=self.catalog)
        if band is None:
            spectral("red", data_type="UInt16", band_index=0)(product=product).save()
        elif self.random.random() < 0.5:
            band.delete()
        else:
            band.update(description=self.random.choice(["d", "e", None]))
            band.save()

    def delete_product(self) -> None:
        if self.random.random() < 0.3:
            with self.catalog.transaction():
                product = self.product()
                product.delete_related_objects()
                product.delete()

    def merge(self) -> None:
        path = self.catalog.path.with_name(f"other{len(self.moments)}.gpkg")
        self.catalog.backup(path, progress=False)
        with Catalog.open(path) as copy:
            other = Story(copy, self.random)
            for one in self.random.sample([other.add, other.change, other.delete, other.replace], 2):
                one()
            self.catalog.merge(copy, progress=False)

    def undo(self) -> None:
        changes = self.catalog.history(limit=12)
        if not changes:
            return
        change = self.random.choice(changes)
        others = [one for one in changes if (one.kind, one.id) == (change.kind, change.id)]
        is_last = others[0] == change
        here = contents(self.catalog)
        try:
            self.catalog.undo(change)
        except ConflictError:
            product = ("product", change.id.rpartition(":")[0])
            has_parts = change.kind == "product" and any(uid.startswith(f"{change.id}:") for _, uid in here)
            assert not is_last or (change.kind != "product" and product not in here) or has_parts
            return
        self.undone += 1
        seen = {number for number in self.before if any(one.number == number for one in others)}
        then = self.before[change.number]
        alone = [number for number in seen if self.before[number] is then] == [change.number]
        if alone:
            key = (change.kind, change.id)
            now, was = contents(self.catalog).get(key), then.objects.get(key)
            if change.kind == "product" and now is not None and was is not None:  # which follow from its bands
                now, was = ({**one, "resolution_min": 0, "resolution_max": 0} for one in (now, was))
            assert now == was

    def undo_together(self) -> None:
        changes = self.catalog.history(limit=1)
        if changes:
            self.catalog.undo(changes[0], together=True)

    def put_in_order(self) -> None:
        self.catalog.optimize(cluster=True, progress=False)

    def clean(self) -> None:
        self.catalog.gc()

    def fail(self) -> None:
        with pytest.raises(ZeroDivisionError, match="by zero"), self.catalog.transaction():
            self.change()
            self.delete()
            raise ZeroDivisionError("by zero")

    def require_past(self, moment: Moment) -> None:
        with self.catalog.at(moment.when) as past:
            assert contents(past) == moment.objects
            assert set(past.images.filter(p.cloud_fraction < 0.3).ids()) == {
                uid
                for (kind, uid), one in moment.objects.items()
                if kind == "image" and one.get("cloud_fraction") is not None and one["cloud_fraction"] < 0.3
            }
            assert pixels(past) == moment.pixels
            report = past.verify("quick", progress=False)
            assert report.problems == []


def tell(tmp_path: Path, seed: int, steps: int, looks: int) -> Story:
    path = tmp_path / f"survey{seed}.gpkg"
    Catalog.create(path, org="acme").close()
    with Catalog.open(path, keep_history="30 days") as catalog:
        story = Story(catalog, random.Random(seed))  # no secret
        story.product()
        story.look()
        for _ in range(steps):
            story.step()
        report = catalog.verify("full", progress=False)
        assert report.problems == []
        for moment in story.random.sample(story.moments, min(looks, len(story.moments))):
            story.require_past(moment)
    return story


def test_the_past_is_what_it_was_and_what_is_undone_what_was_before(tmp_path: Path) -> None:
    assert tell(tmp_path, 6, steps=16, looks=3).undone > 2


@pytest.mark.campaign
def test_long_histories(tmp_path: Path, seeds: range) -> None:
    for seed in seeds:
        tell(tmp_path, seed, steps=120, looks=12)
