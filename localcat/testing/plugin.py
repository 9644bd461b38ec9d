"""The plugin of pytest: fixtures with catalogs, and no accident with the user's own one.

pytest loads it wherever localcat is installed, so that it is light: nothing but names is imported before a fixture is
used, and it changes nothing but the environment variable below. ``-p no:localcat.testing.plugin`` leaves it out.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from localcat.catalog import Catalog
    from localcat.models.image import Image

# As `store.catalog_file.NO_HOME_VARIABLE`, which would have to be imported with all that is around it, for every run of
# pytest. In the environment, so that other processes which the tests start obey, too.
_NO_HOME = "LOCALCAT_NO_HOME"
_before: list[str | None] = []  # what the variable was, for each run of pytest in this process


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting ``localcat_home``."""
    parser.addini(
        "localcat_home", "let tests use the user's own localcat catalog, as programs do", type="bool", default=False
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Forbid the user's own catalog before any file of the tests is imported."""
    _forbid_home(early_config)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Forbid it here where the plugin was loaded by a ``conftest.py``."""
    _forbid_home(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave the environment as it was."""
    if config.stash.get(_DONE, False):
        config.stash[_DONE] = False
        _put(_before.pop())


_DONE = pytest.StashKey[bool]()


def _forbid_home(config: pytest.Config) -> None:
    if not config.stash.get(_DONE, False):
        config.stash[_DONE] = True
        _before.append(os.environ.get(_NO_HOME))
        _put(None if config.getini("localcat_home") else "1")


def _put(value: str | None) -> None:
    if value is None:
        os.environ.pop(_NO_HOME, None)
    else:
        os.environ[_NO_HOME] = value


@pytest.fixture
def localcat_catalog() -> Iterator[Catalog]:
    """An empty catalog, which is the default one while the test runs, and gone afterwards."""
    from localcat.catalog import Catalog

    with Catalog.temporary(org="test", user="test") as catalog, catalog.as_default():
        yield catalog


@pytest.fixture
def localcat_earth() -> Iterator[Catalog]:
    """A fresh copy of the tiny Earth, which is the default catalog while the test runs, and gone afterwards."""
    from localcat.testing.copies import earth

    with earth() as catalog, catalog.as_default():
        yield catalog


@pytest.fixture
def make_image() -> Callable[..., Image]:
    """`localcat.testing.make_image`: saves an image with pixels in the default catalog, or in ``catalog=``."""
    from localcat.testing.making import make_image

    return make_image


@pytest.fixture
def make_raster(tmp_path: Path) -> Callable[..., Path]:
    """`localcat.testing.make_raster`, in the folder `tmp_path`; a path is optional: ``raster-1.tif``, and so on."""
    from localcat.testing.making import make_raster

    numbers = itertools.count(1)

    def make(path: str | os.PathLike[str] | None = None, array: Any = None, **options: Any) -> Path:
        return make_raster(tmp_path / (f"raster-{next(numbers)}.tif" if path is None else path), array, **options)

    return make
