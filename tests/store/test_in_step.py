"""Random histories of images: rows, R-tree, texts, tags and properties stay in step, and agree with a model."""

from __future__ import annotations

from typing import Any

import pytest
import shapely
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from localcat import Catalog, Image, Product
from localcat import properties as p
from tests import checker

WORDS = ["lake", "river", "snow", "größe"]
names = st.sampled_from(["a", "b", "c", "d", "e", "f"])
scalars = st.sampled_from([None, True, 0, 1, 1.5, "a", "1", [1], {}])
values = st.fixed_dictionaries(
    {
        "geometry": st.none() | st.tuples(st.integers(-175, 174), st.integers(-85, 84)),
        "tags": st.lists(st.sampled_from(WORDS), unique=True, max_size=3),
        "extra_properties": st.fixed_dictionaries(
            {}, optional={"n": scalars, "o": st.fixed_dictionaries({"m": scalars})}
        ),
        "acquired": st.sampled_from(["1950-06-01", "2020-01-01", "2100-12-31"]),
    }
)


class Histories(RuleBasedStateMachine):
    """Images of one product, beside a dictionary of what they should be."""

    @initialize()
    def begin(self) -> None:
        self.catalog = Catalog.temporary(org="acme")
        Product(id="x", name="X", catalog=self.catalog).save()
        self.catalog.reindex(properties=["n", ("o", "m")])
        self.images: dict[str, dict[str, Any]] = {}

    def attributes(self, drawn: dict[str, Any]) -> dict[str, Any]:
        corner = drawn["geometry"]
        box = None if corner is None else shapely.box(*corner, corner[0] + 1, corner[1] + 1)
        return {**drawn, "geometry": box}

    def put(self, name: str, drawn: dict[str, Any]) -> None:
        image = Image.get(f"acme:x:{name}", catalog=self.catalog)
        if image is None:
            image = Image(id=f"acme:x:{name}", catalog=self.catalog)
        for key, value in self.attributes(drawn).items():
            setattr(image, key, value)
        image.save()

    @rule(name=names, drawn=values)
    def save(self, name: str, drawn: dict[str, Any]) -> None:
        self.put(name, drawn)
        self.images[name] = drawn

    @rule(name=names)
    def delete(self, name: str) -> None:
        image = Image.get(f"acme:x:{name}", catalog=self.catalog)
        assert (image is not None) == (name in self.images)
        if image is not None:
            image.delete()
            del self.images[name]

    @rule(drawn=st.dictionaries(names, values, max_size=4), conflict=st.sampled_from(["skip", "replace"]))
    def load(self, drawn: dict[str, dict[str, Any]], conflict: str) -> None:
        records = [{"id": f"acme:x:{name}", **self.attributes(value)} for name, value in drawn.items()]
        self.catalog.add_images(records, on_conflict=conflict, progress=False)
        self.images = {**self.images, **drawn} if conflict == "replace" else {**drawn, **self.images}

    @rule(name=names, drawn=values, other=names)
    def roll_back(self, name: str, drawn: dict[str, Any], other: str) -> None:
        with pytest.raises(KeyboardInterrupt), self.catalog.transaction():
            self.put(name, drawn)
            image = Image.get(f"acme:x:{other}", catalog=self.catalog)
            if image is not None:
                image.delete()
            raise KeyboardInterrupt

    @rule()
    def delete_all(self) -> None:
        Product.get("acme:x", catalog=self.catalog).delete_related_objects()
        self.images.clear()

    @rule(word=st.sampled_from(WORDS), corner=st.tuples(st.integers(-175, 174), st.integers(-85, 84)))
    def search(self, word: str, corner: tuple[int, int]) -> None:
        def found(search: Any) -> list[str]:
            return sorted(uid.rpartition(":")[2] for uid in search.ids())

        images = self.catalog.images
        tagged = sorted(name for name, image in self.images.items() if word in image["tags"])
        assert found(images.find_text(word)) == found(images.filter(p.tags.any_of([word]))) == tagged
        here = sorted(name for name, image in self.images.items() if image["geometry"] == corner)
        assert set(here) <= set(found(images.intersects(shapely.box(*corner, corner[0] + 1, corner[1] + 1))))
        inside = shapely.box(corner[0] + 0.4, corner[1] + 0.4, corner[0] + 0.6, corner[1] + 0.6)
        assert found(images.intersects(inside)) == here

    @rule(number=st.sampled_from([0, 1, 1.5]))
    def search_inside(self, number: float) -> None:
        def is_wanted(value: object) -> bool:
            return isinstance(value, int | float) and not isinstance(value, bool) and value >= number

        found = self.catalog.images.filter(p.extra_properties["n"] >= number).ids()
        extra = {name: image["extra_properties"] for name, image in self.images.items()}
        assert [uid.rpartition(":")[2] for uid in found] == sorted(
            name for name in extra if is_wanted(extra[name].get("n"))
        )
        deep = self.catalog.images.filter(p.extra_properties["o"]["m"] == "a").ids()
        wanted = sorted(name for name in extra if extra[name].get("o", {}).get("m") == "a")
        assert [uid.rpartition(":")[2] for uid in deep] == wanted

    def teardown(self) -> None:
        if hasattr(self, "catalog"):
            assert checker.look(self.catalog.path).problems == []
            assert self.catalog.images.count() == len(self.images)
            self.catalog.close()


def test_rows_and_indexes_stay_in_step_for_a_thousand_steps() -> None:
    run_state_machine_as_test(Histories, settings=settings(max_examples=25, stateful_step_count=40))
