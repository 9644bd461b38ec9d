"""Commands that keep a catalog in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import localcat
from localcat import json_text
from localcat.cli.door import DAMAGED, advise, command, say, tell
from localcat.cli.opening import catalog_path, opened, two_paths
from localcat.cli.output import print_json
from localcat.errors import CatalogError, NotFoundError

_catalog = click.argument("catalog", required=False, type=click.Path(path_type=Path))


def _end(is_well: bool) -> Any:
    click.get_current_context().exit(0 if is_well else DAMAGED)


@command("verify", examples=("verify", "verify survey.gpkg --level full", "verify --level full --sample 5%"))
@_catalog
@click.option(
    "--level",
    type=click.Choice(["quick", "files", "full"]),
    default="files",
    show_default=True,
    help="How deep: the catalog file; also that its files are there; also what is in them.",
)
@click.option("--sample", default="100%", show_default=True, help="Share of the files whose content is read.")
@click.option("--seed", default=0, show_default=True, help="Which files are in the sample.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def verify_command(catalog: Path | None, level: str, sample: str, seed: int, as_json: bool) -> None:
    """Look for faults of a catalog; nothing is changed.

    The exit status is 0 if all is well, 3 if something is damaged, and 1 if the catalog could not be looked at.
    """
    path = catalog_path() if catalog is None else catalog
    try:
        with opened(path) as found:
            report = found.verify(level, sample=sample, seed=seed)
    except CatalogError as error:
        from localcat.maintenance.verify import report_of_failure  # not needed by the other commands

        report = report_of_failure(path, level, error)
    if as_json:
        print_json(report.to_dict())
    else:
        say(report.summary)
        for problem in (*report.problems, *report.garbage):
            advise(f"  {problem}")
    _end(report.ok)


def _key(text: str) -> Any:
    try:
        return json_text.loads(text) if text.startswith("[") else text
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a JSON list of keys: {error}", param_hint="--property") from error


@command("reindex", examples=("reindex", 'reindex survey.gpkg --property eo:snow --property \'["view", "angle"]\''))
@_catalog
@click.option(
    "--property",
    "keys",
    metavar="KEY",
    multiple=True,
    help="A key of extra_properties to index, instead of the present ones; nested ones as a JSON list.",
)
@click.option("--no-properties", is_flag=True, help="Index no key of extra_properties any more.")
def reindex_command(catalog: Path | None, keys: tuple[str, ...], no_properties: bool) -> None:
    """Rebuild the indexes from the rows, and choose the keys of extra_properties that have one."""
    if keys and no_properties:
        raise click.UsageError("--no-properties takes no --property beside it; give one of the two")
    named = [_key(text) for text in keys]
    with opened(catalog) as found:
        found.reindex(properties=named if keys or no_properties else None)
        say(f"{found.path.name}: the indexes are rebuilt")


@command("gc", examples=("gc --dry-run", "gc", "gc --keep '90 days'", "gc --restore"))
@_catalog
@click.option("--dry-run", is_flag=True, help="Only report what would be removed.")
@click.option("--keep", default="30 days", show_default=True, help="How long files stay set aside.")
@click.option("--restore", is_flag=True, help="Bring back the files that were set aside.")
def gc_command(catalog: Path | None, dry_run: bool, keep: str, restore: bool) -> None:
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
    _end(not report.kept)


@command("backup", examples=("backup /media/stick/survey.gpkg", "backup survey.gpkg backups/monday.gpkg"))
@click.argument("paths", nargs=-1, required=True, metavar="[CATALOG] DEST", type=click.Path(path_type=Path))
@click.option("--copy-in-place", is_flag=True, help="Also take along the files that are indexed in place.")
def backup_command(paths: tuple[Path, ...], copy_in_place: bool) -> None:
    """Copy a catalog, file and data folder, to DEST, while other programs use it."""
    mine, dest = two_paths(paths)
    with opened(mine) as found:
        tell(found.backup(dest, copy_in_place=copy_in_place))


@command("recover", examples=("recover broken.gpkg saved.gpkg",))
@click.argument("broken", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--uncertain", is_flag=True, help="Also take images from pages that may hold deleted rows.")
def recover_command(broken: Path, new: Path, uncertain: bool) -> None:
    """Save what can be read of the damaged catalog BROKEN into a NEW one.

    BROKEN is not changed. The exit status is 3 if something is lost; the output says what.
    """
    report = localcat.Catalog.recover(broken, new, uncertain=uncertain)
    tell(report)
    _end(report.ok)


@command(
    "relocate",
    examples=(
        "relocate /data/scenes /media/disk/scenes --dry-run",
        "relocate E:/scenes /data/scenes",
        "relocate /media/disk",
    ),
)
@click.argument("old", type=click.Path())
@click.argument("new", type=click.Path(path_type=Path), required=False)
@click.option("--dry-run", is_flag=True, help="Only report what would be changed.")
def relocate_command(old: str, new: Path | None, dry_run: bool) -> None:
    """Change the paths of files that are indexed in place and were moved from the folder OLD to NEW.

    With one folder, all files that are gone are looked for below it, by their content: they may have other names.

    The exit status is 3 if a file is not in the new folder.
    """
    with opened() as found:
        report = (
            found.relocate(None, old, dry_run=dry_run) if new is None else found.relocate(old, new, dry_run=dry_run)
        )
    if new is None and not report.moved and not report.left:
        say("no file that is indexed in place is gone")
        return
    if not report.moved and not report.left:
        raise NotFoundError(
            f"no file that is indexed in place is in '{old}'; `localcat search --files` says where they are"
        )
    tell(report)
    _end(not report.left)


@command("optimize", examples=("optimize", "optimize survey.gpkg", "optimize --cluster"))
@_catalog
@click.option("--cluster", is_flag=True, help="Put the rows of images in the order of product, place and time.")
def optimize_command(catalog: Path | None, cluster: bool) -> None:
    """Give free pages back to the disk, and put indexes in order; worth it after many deletions."""
    with opened(catalog) as found:
        before = found.info().size_bytes
        report = found.optimize(cluster=cluster)
        if cluster:
            say(f"{report.moved:,} images put in order")
        after = found.info().size_bytes
        say(f"{found.path.name}: {before:,} bytes before, {after:,} now")


@command("doctor", examples=("doctor", "doctor survey.gpkg"))
@_catalog
def doctor_command(catalog: Path | None) -> None:
    """Look at the machine and at the disk of a catalog, and say what to do.

    The exit status is 3 if something keeps localcat from working.
    """
    from localcat.maintenance.doctor import examine  # brings rasterio

    if catalog is None:
        try:
            catalog = catalog_path()
        except CatalogError:  # the machine alone
            catalog = None
    report = examine(catalog)
    tell(report)
    _end(report.ok)
