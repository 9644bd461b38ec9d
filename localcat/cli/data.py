"""Commands that bring images into a catalog."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from localcat.catalog import Catalog
from localcat.cli.shared import say

if TYPE_CHECKING:
    from localcat.sharing.merge import Policy


@click.command()
@click.option(
    "--raster",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A GeoTIFF of your own, in place of the generated scene.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder to keep the catalog in, in place of a temporary one.",
)
def demo(raster: Path | None, keep: Path | None) -> None:
    """Run the guide's flow on real pixels: create, upload, search, read back."""
    from localcat.demo import run_demo  # brings numpy and rasterio, which other commands may not need

    run_demo(raster, keep, click.echo)


@click.command()
@click.argument("catalog", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path))
@click.option("--policy", type=click.Choice(["newer", "ours", "theirs"]), default="newer", show_default=True)
@click.option("--dry-run", is_flag=True, help="Only report what would be done.")
def merge(catalog: Path, other: Path, policy: Policy, dry_run: bool) -> None:
    """Take all objects and files of the catalog OTHER into CATALOG: all or nothing.

    The policy says whose object is taken where both have one of the same id and they are not alike.
    """
    with Catalog.open(catalog) as found:
        report = found.merge(other, policy=policy, dry_run=dry_run)
    for conflict in report.conflicts:
        say(f"{conflict.kind} {conflict.id} differs; taken: {conflict.taken}")
    click.echo(str(report))
