"""Which catalog a command is about, and what it holds under an id."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import localcat
from localcat.cli.door import CATALOG

if TYPE_CHECKING:
    from localcat import Catalog

VARIABLE = "LOCALCAT"


def catalog_path() -> Path:
    """Return the path of the catalog that is meant.

    Raises
    ------
    CatalogNotFoundError
        If none is named and there is none, or there are several in the current folder.
    """
    from localcat.store.catalog_file import catalogs_in  # each command opens a catalog, ``--help`` does not

    named = click.get_current_context().meta.get(CATALOG) or os.environ.get(VARIABLE)
    if named:
        return Path(named)
    here = catalogs_in(Path())
    if len(here) > 1:
        names = ", ".join(f"'{path}'" for path in here)
        told = f"there are {len(here)} catalogs here: {names}"
        raise localcat.CatalogNotFoundError(f"{told}; choose one with --catalog, or with ${VARIABLE} for all commands")
    if here:
        return here[0]
    own = localcat.Catalog.default().path
    if own.exists():
        return own
    raise localcat.CatalogNotFoundError(
        "there is no catalog in this folder; name one with --catalog, or make one: localcat init survey.gpkg"
    )


def opened(path: Path | None = None, *, spatialite: bool = False) -> Catalog:
    """Open the catalog that is meant, or that of a path."""
    return localcat.Catalog.open(catalog_path() if path is None else path, spatialite=spatialite)


def object_of(catalog: Catalog, uid: str) -> Any:
    """Return the product, image, band or upload with an id; with the namespace before it, if the id lacks it.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    for kind in (localcat.Product, localcat.Image, localcat.Band, localcat.ImageUpload):
        found = kind.get(uid, catalog=catalog)
        if found is not None:
            return found
    raise localcat.errors.NotFoundError(f"there is no product, image, band or upload '{uid}'; `localcat ls` lists them")


def two_paths(paths: tuple[Path, ...]) -> tuple[Path | None, Path]:
    """Return the catalog that was named, if one was, and the path behind it.

    Raises
    ------
    UsageError
        If there are more than two.
    """
    if len(paths) > 2:
        raise click.UsageError(f"there are {len(paths)} paths; name a catalog, if need be, and one more")
    return (paths[0] if len(paths) == 2 else None), paths[-1]
