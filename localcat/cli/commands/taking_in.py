"""Commands that make a catalog and bring images into it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

import localcat
from localcat.cli import completing
from localcat.cli.choosing import product_id
from localcat.cli.commands.changing import Assignment, assigned
from localcat.cli.door import NOT_ALIKE, advise, command, say, tell
from localcat.cli.opening import opened, two_paths
from localcat.cli.output import Output, prints

if TYPE_CHECKING:
    from localcat.sharing.deciding import Policy


DIFF_COLUMNS = ("id", "kind", "change", "attribute", "ours", "theirs", "reason")


@command("init", examples=("init survey.gpkg", "init survey.gpkg --org acme"))
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--org", help="Put before the ids of new products; without it your login name, and '' for nothing.")
@click.option("--user", help="Who makes it; your login name without it.")
def init_command(path: Path, org: str | None, user: str | None) -> None:
    """Make a new, empty catalog: a file, and at the first upload a folder for the pixels beside it."""
    with localcat.Catalog.create(path, org=org, user=user) as catalog:
        info = catalog.info()
    say(f"made {path}, namespace {info.namespace or '(none)'}; pixels will go to {info.data_folder.name}")
    if path.suffix.lower() != ".gpkg":
        say("other programs know a GeoPackage by the suffix .gpkg, which this file does not have", err=True)


@command(
    "upload",
    examples=(
        "upload monday.tif --product drone --acquired 2024-05-06",
        "upload B04.tif B08.tif --product s2 --name S2A_20240506 --acquired 2024-05-06T10:20:31Z cloud_fraction=0.1",
    ),
)
@click.argument("words", nargs=-1, required=True, type=click.Path(), metavar="FILE|NAME=VALUE...")
@click.option("--product", required=True, metavar="ID", shell_complete=completing.products, help="Of which product.")
@click.option("--name", metavar="NAME", help="The name of the image; that of the first file without it.")
@click.option("--acquired", required=True, metavar="TIME", help="When the sensor captured it.")
@click.option("--in-place", is_flag=True, help="Leave the files where they are, and only index them.")
@click.option("--cog", is_flag=True, help="Rewrite the files as Cloud-Optimized GeoTIFFs.")
@click.option("--overwrite", is_flag=True, help="Replace an image of the same id.")
def upload_command(
    words: tuple[str, ...], product: str, name: str | None, acquired: str, in_place: bool, cog: bool, overwrite: bool
) -> None:
    """Bring files in as one image, in the order of the bands' file_index; NAME=VALUE sets its attributes."""
    assignments = [Assignment.of(word) for word in words if Assignment.is_one(word)]
    files = [word for word in words if not Assignment.is_one(word)]
    if not files:
        raise click.UsageError("name at least one file")
    with opened() as catalog:
        image = localcat.Image(
            product_id=product_id(catalog, product),
            name=localcat.Image.make_valid_name(Path(files[0]).stem) if name is None else name,
            acquired=acquired,
            catalog=catalog,
        )
        assigned(image, assignments)
        uploaded = image.upload(files, copy=not in_place, cog=cog, overwrite=overwrite)
        uploaded.raise_for_status()
        for event in uploaded.events:
            if event.severity == "WARNING":
                advise(event.message, err=True)
        say(image.id)


@command("diff", examples=("diff ../colleague/survey.gpkg", "diff survey.gpkg monday.gpkg --csv -o differences.csv"))
@click.argument("paths", nargs=-1, required=True, metavar="[CATALOG] OTHER", type=click.Path(path_type=Path))
@prints(formats=("table", "json", "nl", "csv", "tsv", "ids"))
def diff_command(paths: tuple[Path, ...], out: Output) -> None:
    """Show in what the catalog OTHER differs from CATALOG; neither is changed.

    A row is an object that only one of them has, or an attribute of an object that both have. Files differ if their
    size or sha256 does. The exit status is 0 if they are alike, 3 if they differ, and 1 if they could not be compared.
    """
    mine, other = two_paths(paths)
    with opened(mine) as found:
        report = found.diff(other)
    if out.format == "ids":
        out.lines(dict.fromkeys(one.id for one in report.differences))
    else:
        out.rows(report.rows(), DIFF_COLUMNS)
    say(report.summary, err=True)
    click.get_current_context().exit(NOT_ALIKE if report else 0)


@command("merge", examples=("merge ../colleague/survey.gpkg", "merge survey.gpkg other.gpkg --policy ours --dry-run"))
@click.argument("paths", nargs=-1, required=True, metavar="[CATALOG] OTHER", type=click.Path(path_type=Path))
@click.option("--policy", type=click.Choice(["newer", "ours", "theirs"]), default="newer", show_default=True)
@click.option("--allowed-root", type=click.Path(), multiple=True, help="Where files indexed in place by OTHER may be.")
@click.option("--no-deletions", is_flag=True, help="Delete nothing, and take back what was deleted here.")
@click.option("--dry-run", is_flag=True, help="Only report what would be done.")
def merge_command(
    paths: tuple[Path, ...], policy: Policy, allowed_root: tuple[str, ...], no_deletions: bool, dry_run: bool
) -> None:
    """Take what was added, changed and deleted in the catalog OTHER into CATALOG: all or nothing.

    The policy decides where both sides changed an object, or one side changed what the other deleted.
    """
    mine, other = two_paths(paths)
    with contextlib.ExitStack() as stack:
        found = stack.enter_context(opened(mine))
        foreign: Path | localcat.Catalog = other
        if allowed_root:
            foreign = stack.enter_context(
                localcat.Catalog.open(other, read_only=True, trusted=False, allowed_roots=allowed_root)
            )
        report = found.merge(foreign, policy=policy, deletions=not no_deletions, dry_run=dry_run)
    for conflict in report.conflicts:
        say(conflict)
    tell(report)
