"""The ``localcat`` command."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from localcat import __version__
from localcat.errors import LocalcatError


@click.group()
@click.version_option(__version__, prog_name="localcat")
def cli() -> None:
    """Keep satellite images in one file and one folder, with no network and no server."""


@cli.command()
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


def main() -> None:
    """Run the command; an error of localcat ends it with one line and status 1."""
    try:
        cli()
    except LocalcatError as error:
        click.echo(f"localcat: {error}", err=True)
        sys.exit(1)
