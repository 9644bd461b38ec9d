"""What the commands share: arguments, exit statuses, and opening the catalog that was named."""

from __future__ import annotations

from pathlib import Path

import click

from localcat.catalog import Catalog
from localcat.errors import CatalogNotFoundError, printable

DAMAGED = 3  # exit status: the command did its work, and found or left something that is wrong

catalog_argument = click.argument("catalog", required=False, type=click.Path(path_type=Path))


def say(text: object, *, err: bool = False) -> None:
    """Print one line, in which nothing of a catalog's own text can move the cursor or begin another line."""
    click.echo(printable(str(text)), err=err)


def opened(path: Path | None) -> Catalog:
    """Open the catalog that was named, or else the default one."""
    if path is not None:
        return Catalog.open(path)
    default = Catalog.default()
    if not default.path.exists():
        raise CatalogNotFoundError(
            f"there is no catalog at '{default.path}'; name one, or make one with Catalog.create"
        )
    return default
