"""Commands that take in folders of scenes, and show how scenes are recognised."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

import localcat
from localcat.cli import completing
from localcat.cli.choosing import product_id
from localcat.cli.door import CommandGroup, advise, command, say, tell
from localcat.cli.opening import opened
from localcat.cli.output import Output, print_json, prints
from localcat.cli.piping import PIPE, text_of_pipe
from localcat.errors import BadRequestError

if TYPE_CHECKING:
    from localcat.writing.ingest.outcome import IngestReport


@command(
    "ingest",
    examples=(
        "ingest scenes/ --dry-run",
        "ingest scenes/",
        "ingest /media/stick/landsat --product landsat --copy",
        "ingest scenes/ --recipe my.toml",
        "ingest - --workers 4",
    ),
)
@click.argument("sources", nargs=-1, required=True, type=click.Path(), metavar="FOLDER|FILE|-...")
@click.option(
    "--product", metavar="ID", shell_complete=completing.products, help="An existing product for all of them."
)
@click.option(
    "--recipe", type=click.Path(), metavar="NAME|FILE", help="Only this recipe; `localcat recipes` lists them."
)
@click.option("--dry-run", is_flag=True, help="Change nothing, and tell what would be done, and why.")
@click.option("--copy", is_flag=True, help="Copy the files into the data folder; else they are indexed in place.")
@click.option("--cog", is_flag=True, help="Rewrite them there as Cloud-Optimized GeoTIFFs.")
@click.option("--date-from", type=click.Choice(["mtime"]), help="Date by a file's last change if nothing else does.")
@click.option(
    "--follow-links/--no-follow-links", default=True, show_default=True, help="What to do with symbolic links."
)
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Threads that check and copy files.")
@click.option(
    "--on-conflict",
    type=click.Choice(["rename", "skip", "replace"]),
    default="rename",
    show_default=True,
    help="What to do with a scene whose name is taken.",
)
@click.option("--verbose", "-v", is_flag=True, help="Tell of every scene and file, not of the first ones.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def ingest_command(sources: tuple[str, ...], product: str | None, verbose: bool, as_json: bool, **options: Any) -> None:
    """Take in folders of scenes, one image a scene; again, only what is new or was changed.

    Products and bands are made as the recipes say. Files that are no scenes are told, and stop nothing; the exit status
    is 1 if a scene was refused. A dash reads names of files from the pipe, one a line.
    """
    with opened() as catalog:
        uid = None if product is None else product_id(catalog, product)
        report = catalog.ingest(_paths_of(sources), product=uid, **options)
    _print(report, verbose=verbose, as_json=as_json)


def _paths_of(words: Iterable[str]) -> list[str]:
    return [path for word in words for path in (text_of_pipe().splitlines() if word == PIPE else [word]) if path]


def _print(report: IngestReport, *, verbose: bool, as_json: bool) -> None:
    if as_json:
        print_json(report.to_dict())
    elif verbose:
        for line in (*report.products, *report.items, *report.passed_over):
            advise(line)
        say(repr(report))
    else:
        tell(report)
    if report.failed:
        raise BadRequestError(f"{len(report.failed):,} of {len(report.items):,} scenes were refused")


@click.group("recipes", cls=CommandGroup, invoke_without_command=True)
@prints(formats=("table", "json", "nl", "csv", "tsv"))
@click.pass_context
def recipes_command(ctx: click.Context, out: Output) -> None:
    """List the recipes by which scenes are recognised; `show` one, or `test` one on a folder."""
    if ctx.invoked_subcommand is None:
        from localcat.writing.ingest.sources.library import recipes  # reads all of them

        if out.format in ("json", "nl"):
            out.rows((recipe.to_dict() for recipe in recipes()), ())
        else:
            columns = ("name", "title", "bands")
            out.rows(
                ({"name": one.name, "title": one.title, "bands": " ".join(one.bands)} for one in recipes()), columns
            )


@command("show", examples=("recipes show landsat-c2-l2-oli", "recipes show sentinel-2-l2a > my.toml"))
@click.argument("name", type=click.Path(), metavar="NAME|FILE")
def show_recipe(name: str) -> None:
    """Print a recipe, as the TOML that a recipe of your own begins with."""
    from localcat.writing.ingest.sources.library import load_recipe  # reads all of them

    click.echo(load_recipe(name).text, nl=False)


@command("test", examples=("recipes test my.toml scenes/", "recipes test sentinel-2-l2a scenes/ --verbose"))
@click.argument("name", type=click.Path(), metavar="NAME|FILE")
@click.argument("sources", nargs=-1, required=True, type=click.Path(), metavar="FOLDER|FILE|-...")
@click.option("--verbose", "-v", is_flag=True, help="Tell of every scene and file, not of the first ones.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def test_recipe(name: str, sources: tuple[str, ...], verbose: bool, as_json: bool) -> None:
    """Tell what an ingest by this recipe alone would do with a folder; no catalog is needed or changed."""
    with localcat.Catalog.temporary() as catalog:
        report = catalog.ingest(_paths_of(sources), recipe=name, dry_run=True)
    _print(report, verbose=verbose, as_json=as_json)


recipes_command.add_command(show_recipe)
recipes_command.add_command(test_recipe)
