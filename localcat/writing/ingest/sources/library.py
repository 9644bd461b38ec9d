"""The recipes that localcat comes with, and those of a user: listed by name, read from files."""

from __future__ import annotations

import functools
import os
from importlib import resources
from pathlib import Path
from typing import Any

from localcat.disk.paths import text_of
from localcat.errors import BadRequestError, NotFoundError, StorageError
from localcat.expressions.fields import nearest
from localcat.writing.ingest.sources.recipe import Recipe, parse_recipe

_LAST = "generic"  # knows every file, and so is asked last
_SUFFIX = ".toml"


@functools.cache
def recipes() -> tuple[Recipe, ...]:
    """Return the built-in recipes, in the order in which a file is shown to them; ``generic`` is the last."""
    folder = resources.files("localcat.writing.ingest") / "recipes"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(_SUFFIX))
    found = [parse_recipe((folder / name).read_text(encoding="utf-8"), name.removesuffix(_SUFFIX)) for name in names]
    return tuple(sorted(found, key=lambda recipe: (recipe.name == _LAST, recipe.name)))


def load_recipe(given: Recipe | str | os.PathLike[str]) -> Recipe:
    """Return a recipe by its name, or from a TOML file.

    Parameters
    ----------
    given : Recipe, str or path
        A built-in recipe's name, such as ``"landsat-c2-l2"``; or the path of a file that ends in ``.toml``.

    Raises
    ------
    NotFoundError
        If there is no such recipe or file.
    BadRequestError
        If the file is not a recipe; with the place in it.
    """
    if isinstance(given, Recipe):
        return given
    text = text_of(given)
    if text is None:
        raise BadRequestError(f"a recipe is a name or the path of a .toml file, not {given!r}")
    by_name = {recipe.name: recipe for recipe in recipes()}
    if text in by_name:
        return by_name[text]
    path = Path(text)
    if path.suffix.lower() != _SUFFIX:
        raise NotFoundError(
            f"there is no recipe '{text}'{nearest(text, by_name)}; the built-in ones are {', '.join(by_name)}"
        )
    try:
        return parse_recipe(path.read_text(encoding="utf-8"), path.stem)
    except FileNotFoundError:
        raise NotFoundError(f"there is no recipe file '{path}'; check the path") from None
    except UnicodeError as error:
        raise BadRequestError(f"recipe '{path}' is not UTF-8 text: {error}") from error
    except OSError as error:
        raise StorageError(f"recipe '{path}' cannot be read: {error.strerror}") from error


def chosen_recipes(given: Any) -> tuple[Recipe, ...]:
    """Return the recipes that an ingest asks: the one that was given, or all."""
    return recipes() if given is None else (load_recipe(given),)
