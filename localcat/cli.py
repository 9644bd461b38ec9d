"""The ``localcat`` command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from localcat import __version__
from localcat.catalog import Catalog
from localcat.errors import CatalogError, LocalcatError

if TYPE_CHECKING:
    from localcat.sharing.merge import Policy

DAMAGED = 3  # exit status: the command did its work, and found or left something that is wrong

_catalog = click.argument("catalog", required=False, type=click.Path(path_type=Path))
_level = click.option("--level", type=click.Choice(["quick", "files", "full"]), default="files", show_default=True)


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


@cli.command()
@_catalog
@_level
@click.option("--sample", default="100%", show_default=True, help="Share of the files whose content is read.")
@click.option("--seed", default=0, show_default=True, help="Which files are in the sample.")
def verify(catalog: Path | None, level: str, sample: str, seed: int) -> None:
    """Look for what is wrong with a catalog; nothing is changed.

    The exit status is 0 if all is well, 3 if something is damaged, and 1 if the catalog could not be looked at.
    """
    try:
        with _opened(catalog) as found:
            report = found.verify(level, sample=sample, seed=seed)
    except CatalogError as error:
        from localcat.maintenance.verify import report_of_failure  # not needed by the other commands

        if catalog is None:
            raise
        report = report_of_failure(catalog, level, error)
    click.echo(report.summary)
    for problem in (*report.problems, *report.garbage):
        click.echo(f"  {problem}")
    sys.exit(0 if report.ok else DAMAGED)


@cli.command()
@_catalog
def reindex(catalog: Path | None) -> None:
    """Build the indexes anew from the rows."""
    with _opened(catalog) as found:
        found.reindex()
        click.echo(f"{found.path.name}: the indexes are built anew")


@cli.command()
@_catalog
@click.option("--dry-run", is_flag=True, help="Only tell what would be removed.")
def gc(catalog: Path | None, dry_run: bool) -> None:
    """Remove the files in the data folder that no image refers to.

    The exit status is 3 if a file had to stay, because another program reads it for one.
    """
    with _opened(catalog) as found:
        report = found.gc(dry_run=dry_run)
    for href in report.removed:
        click.echo(href)
    click.echo(f"{'to remove' if dry_run else 'removed'}: {len(report.removed):,}, with {report.size_bytes:,} bytes")
    for href in report.kept:
        click.echo(f"'{href}' could not be removed; try again later", err=True)
    sys.exit(DAMAGED if report.kept else 0)


@cli.command()
@click.argument("catalog", type=click.Path(path_type=Path))
@click.argument("dest", type=click.Path(path_type=Path))
def backup(catalog: Path, dest: Path) -> None:
    """Copy a catalog, file and data folder, to DEST, while other programs use it."""
    with Catalog.open(catalog) as found:
        click.echo(str(found.backup(dest)))


@cli.command()
@click.argument("catalog", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path))
@click.option("--policy", type=click.Choice(["newer", "ours", "theirs"]), default="newer", show_default=True)
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
def merge(catalog: Path, other: Path, policy: Policy, dry_run: bool) -> None:
    """Take all objects and files of the catalog OTHER into CATALOG: all or nothing.

    The policy says whose object is taken where both have one of the same id and they are not alike.
    """
    with Catalog.open(catalog) as found:
        report = found.merge(other, policy=policy, dry_run=dry_run)
    for conflict in report.conflicts:
        click.echo(f"{conflict.kind} {conflict.id} differs; taken: {conflict.taken}")
    click.echo(str(report))


@cli.command()
@click.argument("broken", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--uncertain", is_flag=True, help="Also take images from pages that may hold deleted rows.")
def recover(broken: Path, new: Path, uncertain: bool) -> None:
    """Save what can be read of the damaged catalog BROKEN into a NEW one.

    BROKEN is not changed. The exit status is 3 if something is lost; the output says what.
    """
    report = Catalog.recover(broken, new, uncertain=uncertain)
    click.echo(str(report))
    sys.exit(0 if report.ok else DAMAGED)


@cli.command()
@_catalog
def doctor(catalog: Path | None) -> None:
    """Look at the machine and at the place of a catalog, and say what to do.

    The exit status is 3 if something keeps localcat from working.
    """
    from localcat.maintenance.doctor import examine  # brings rasterio

    default = Catalog.default().path  # looked at only if it was made already
    report = examine(catalog or (default if default.exists() else None))
    click.echo(str(report))
    sys.exit(0 if report.ok else DAMAGED)


def _opened(path: Path | None) -> Catalog:
    """Open the catalog that was named, or else the default one."""
    return Catalog.default() if path is None else Catalog.open(path)


def main() -> None:
    """Run the command; an error of localcat ends it with one line and status 1."""
    try:
        cli()
    except LocalcatError as error:
        click.echo(f"localcat: {error}", err=True)
        sys.exit(1)
