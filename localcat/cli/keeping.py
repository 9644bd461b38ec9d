"""Commands that keep a catalog in order."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from localcat.catalog import Catalog
from localcat.cli.shared import DAMAGED, catalog_argument, opened, say
from localcat.errors import CatalogError

_level = click.option("--level", type=click.Choice(["quick", "files", "full"]), default="files", show_default=True)


@click.command()
@catalog_argument
@_level
@click.option("--sample", default="100%", show_default=True, help="Share of the files whose content is read.")
@click.option("--seed", default=0, show_default=True, help="Which files are in the sample.")
def verify(catalog: Path | None, level: str, sample: str, seed: int) -> None:
    """Look for faults of a catalog; nothing is changed.

    The exit status is 0 if all is well, 3 if something is damaged, and 1 if the catalog could not be looked at.
    """
    try:
        with opened(catalog) as found:
            report = found.verify(level, sample=sample, seed=seed)
    except CatalogError as error:
        from localcat.maintenance.verify import report_of_failure  # not needed by the other commands

        if catalog is None:
            raise
        report = report_of_failure(catalog, level, error)
    say(report.summary)
    for problem in (*report.problems, *report.garbage):
        say(f"  {problem}")
    sys.exit(0 if report.ok else DAMAGED)


@click.command()
@catalog_argument
def reindex(catalog: Path | None) -> None:
    """Rebuild the indexes from the rows."""
    with opened(catalog) as found:
        found.reindex()
        say(f"{found.path.name}: the indexes are rebuilt")


@click.command()
@catalog_argument
@click.option("--dry-run", is_flag=True, help="Only report what would be removed.")
@click.option("--keep", default="30 days", show_default=True, help="How long files stay set aside.")
@click.option("--restore", is_flag=True, help="Bring back the files that were set aside.")
def gc(catalog: Path | None, dry_run: bool, keep: str, restore: bool) -> None:
    """Remove the files of deleted images, and set aside those that no image refers to.

    The exit status is 3 if a file had to stay, for example because another program reads it.
    """
    with opened(catalog) as found:
        report = found.gc(dry_run=dry_run, keep=keep, restore=restore)
    for href in report.removed:
        say(href)
    say(f"{'to remove' if dry_run else 'removed'}: {len(report.removed):,}, with {report.size_bytes:,} bytes")
    before = "to set aside", "to bring back"
    after = "set aside", "brought back"
    for what, hrefs in zip(before if dry_run else after, (report.set_aside, report.restored), strict=True):
        for href in hrefs:
            say(f"{what}: {href}")
    for href in report.kept:
        say(f"'{href}' could not be removed; try again later", err=True)
    sys.exit(DAMAGED if report.kept else 0)


@click.command()
@click.argument("catalog", type=click.Path(path_type=Path))
@click.argument("dest", type=click.Path(path_type=Path))
def backup(catalog: Path, dest: Path) -> None:
    """Copy a catalog, file and data folder, to DEST, while other programs use it."""
    with Catalog.open(catalog) as found:
        say(found.backup(dest))


@click.command()
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


@click.command()
@catalog_argument
def doctor(catalog: Path | None) -> None:
    """Look at the machine and at the disk of a catalog, and say what to do.

    The exit status is 3 if something keeps localcat from working.
    """
    from localcat.maintenance.doctor import examine  # brings rasterio

    default = Catalog.default().path  # looked at only if it was made already
    report = examine(catalog or (default if default.exists() else None))
    click.echo(str(report))
    sys.exit(0 if report.ok else DAMAGED)
