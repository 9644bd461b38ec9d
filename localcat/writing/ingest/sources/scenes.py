"""Files that belong together: each file finds its recipe, and the files of one acquisition make a scene."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from localcat.models.image import Image
from localcat.writing.ingest.sources.listing import PassedOver, SourceFile
from localcat.writing.ingest.sources.recipe import ProductRecipe, Recipe, filled

_NOT_IN_IDS = re.compile(r"[^a-z0-9._-]+")
_LONGEST_ID = 100  # characters of a product's id that is made of names


@dataclass(slots=True)
class Scene:
    """The files of one acquisition.

    Parameters
    ----------
    recipe : Recipe
        That knew them.
    kind : ProductRecipe
        Which of its products they are of.
    name : str
        Of the image.
    product_key : str
        What the product's id is made of.
    product_name : str
        Of a new product.
    base : Path
        The folder from which sidecars are looked for.
    groups : dict of str
        What the groups of the pattern matched, of the first file.
    layers : dict of str to SourceFile
        The files by layer, in lower case; the one file of a scene without layers is ``""``.
    unfinished : dict of str to Path
        Files of other layers, which are empty, or downloads that have not ended.
    """

    recipe: Recipe
    kind: ProductRecipe
    name: str
    product_key: str
    product_name: str
    base: Path
    groups: dict[str, str | None]
    layers: dict[str, SourceFile] = field(default_factory=dict)
    unfinished: dict[str, Path] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"scene '{self.name}' of '{self.first.path}'"

    @property
    def files(self) -> list[SourceFile]:
        """All its files."""
        return list(self.layers.values())

    @property
    def is_one_file(self) -> bool:
        """Whether its pattern named no layer, so that one file is all of it."""
        return "" in self.layers

    @property
    def first(self) -> SourceFile:
        """Its first file."""
        return next(iter(self.layers.values()))


def group_scenes(
    files: Iterable[SourceFile], recipes: Sequence[Recipe], unfinished: Iterable[SourceFile] = ()
) -> tuple[list[Scene], list[PassedOver]]:
    """Sort files into scenes, in the order of their first files; also return those that no recipe knows."""
    scenes: dict[tuple[object, ...], Scene] = {}
    passed_over = []
    for file in files:
        found = _match(file, recipes)
        if found is None:
            names = ", ".join(f"'{recipe.name}'" for recipe in recipes)
            passed_over.append(PassedOver(file.path, "foreign", f"the name fits no pattern of recipe {names}"))
            continue
        scene, layer, key = found
        scene = scenes.setdefault(key, scene)
        if layer in scene.layers:
            kept = scene.layers[layer].path
            passed_over.append(PassedOver(file.path, "repeated", f"the same layer of the scene as '{kept}'"))
        else:
            scene.layers[layer] = file
    for file in unfinished:
        found = _match(file, recipes)
        of_scene = None if found is None else scenes.get(found[2])
        if found is not None and of_scene is not None and found[1] not in of_scene.layers:
            of_scene.unfinished[found[1]] = file.location
    return list(scenes.values()), passed_over


def single_file_scenes(scene: Scene) -> list[Scene]:
    """Return each file of a scene as a scene of its own, named after the file: for products of one file an image."""
    return [
        Scene(
            scene.recipe,
            scene.kind,
            valid_name(file.path.stem),
            scene.product_key,
            scene.product_name,
            scene.base,
            scene.groups,
            {layer: file},
        )
        for layer, file in scene.layers.items()
    ]


def _match(file: SourceFile, recipes: Sequence[Recipe]) -> tuple[Scene, str, tuple[object, ...]] | None:
    path = file.path.as_posix()
    for recipe in recipes:
        for kind in recipe.products:
            match = kind.pattern.fullmatch(path)
            if match is None:
                continue
            groups: dict[str, str | None] = {**match.groupdict(), "folder": file.root.name or "images"}
            base = Path(groups.pop("base__") or ".")
            layer = (groups.pop("layer", None) or "").lower()
            name = valid_name(filled(kind.image, groups) or file.path.stem)
            product_key = as_id(filled(kind.id, groups) or recipe.name)
            product_name = filled(kind.name, groups) or product_key
            scene = Scene(recipe, kind, name, product_key, product_name, base, groups)
            key = (recipe.name, product_key, base, name, None if kind.has_layers else file.path)
            return scene, layer, key
    return None


def valid_name(text: str) -> str:
    """Return a text as an image or a band can be called."""
    return Image.make_valid_name(text)[:2000] or "_"


def as_id(text: str) -> str:
    """Return a text as the id of a product is written: lower-case letters, digits, ``.``, ``_`` and ``-``."""
    return _NOT_IN_IDS.sub("-", text.lower()).strip("-._")[:_LONGEST_ID] or "images"
