"""Commands that take in what other catalogs hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from localcat.cli import completing
from localcat.cli.door import CommandGroup, command, say, tell
from localcat.cli.opening import opened
from localcat.cli.output import print_json
from localcat.cli.piping import PIPE, records_of, text_of_pipe
from localcat.errors import BadRequestError

if TYPE_CHECKING:
    from localcat.interop.original.outcome import OriginalReport
    from localcat.interop.stac.report import StacReport


@click.group("import", cls=CommandGroup, subcommand_metavar="FORMAT [ARGS]...")
def import_command() -> None:
    """Take in what another catalog holds: products, bands and images, with their ids.

    What cannot be taken in is told, and does not stop the rest; the exit status is 1 then.
    """


_dry_run = click.option("--dry-run", is_flag=True, help="Change nothing, and tell what would be done.")
_as_json = click.option("--json", "as_json", is_flag=True, help="The report as JSON.")

_within = click.option(
    "--within", type=click.Path(file_okay=False, path_type=Path), help="Where files may be that Items name."
)

_ITEMS: Sequence[Callable[[Any], Any]] = (
    click.option(
        "--product", metavar="ID", shell_complete=completing.products, help="Of all Items, for their Collections."
    ),
    click.option("--copy/--link", default=False, help="Copy files that are here, or index them where they are."),
    _within,
    click.option(
        "--on-conflict",
        type=click.Choice(["error", "skip", "replace"]),
        default="error",
        show_default=True,
        help="What to do with an Item whose image is there already.",
    ),
    _dry_run,
    _as_json,
)


def _takes_items(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of those that take Items in."""
    for option in reversed(_ITEMS):
        function = option(function)
    return function


@command(
    "stac",
    short_help="Catalogs, ItemCollections and Items.",
    examples=(
        "import stac stac/",
        "import stac items.ndjson --product s2 --dry-run",
        "import stac /media/stick/june/catalog.json --copy --on-conflict skip",
    ),
)
@click.argument("sources", nargs=-1, required=True, metavar="FOLDER|FILE|-...", type=click.Path())
@_takes_items
def import_stac(sources: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Take in STAC: a static catalog, an ItemCollection, Items line by line, or folders of them.

    A Collection becomes a product with its bands, an Item an image. No network is asked. A dash reads an ItemCollection
    or lines of Items from the pipe.
    """
    given = _given(sources)
    with opened() as catalog:
        report = catalog.from_stac(given[0] if len(given) == 1 else given, **options)
    _print(report, as_json=as_json)


@command(
    "geoparquet",
    short_help="STAC Items as GeoParquet.",
    examples=("import geoparquet items.parquet", "import geoparquet survey-parquet/ --dry-run"),
)
@click.argument("sources", nargs=-1, required=True, metavar="FOLDER|FILE...", type=click.Path())
@_takes_items
def import_geoparquet(sources: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Take in GeoParquet files of STAC Items, as localcat, stac-geoparquet and rustac write them."""
    with opened() as catalog:
        report = catalog.from_geoparquet(sources, **options)
    _print(report, as_json=as_json)


@command(
    "original",
    short_help="Metadata of the original's online catalog.",
    examples=(
        "import original metadata/",
        "import original products.json bands.json images.ndjson --dry-run",
        "import original images.ndjson --on-conflict replace",
    ),
)
@click.argument("sources", nargs=-1, required=True, metavar="FOLDER|FILE|-...", type=click.Path())
@click.option(
    "--on-conflict",
    type=click.Choice(["skip", "replace", "error"]),
    default="skip",
    show_default=True,
    help="What to do with an object that is there already.",
)
@_dry_run
@_as_json
def import_original(sources: tuple[str, ...], on_conflict: str, dry_run: bool, as_json: bool) -> None:
    """Take in metadata of the original's online catalog: what its objects' serialize() returned, saved as JSON.

    Ids, times and owners stay as they are, and files keep their addresses. A source is a JSON file, a file of JSON
    lines, or a folder of them. A dash reads JSON or JSON lines from the pipe.
    """
    with opened() as catalog:
        report = catalog.from_original(_given(sources), on_conflict=on_conflict, dry_run=dry_run)
    _print(report, as_json=as_json)


@command(
    "index",
    examples=(
        "index items.parquet",
        "index stac/catalog.json -o stac.gpkg",
        "index items.ndjson --within /media/stick",
    ),
)
@click.argument("source", metavar="FOLDER|FILE", type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The new catalog; beside the source, with its name, when left out.",
)
@_within
@_as_json
def index_command(source: Path, output: Path | None, within: Path | None, as_json: bool) -> None:
    """Make a catalog over STAC Items that others keep, to search them; pixels stay where they are.

    The source is a GeoParquet file or a folder of them, a static catalog, an ItemCollection, or Items line by line.
    Files that are here are read where they are, others stay remote.
    """
    from localcat.catalog import Catalog  # other commands may not need it

    catalog, report = Catalog.index(source, output, within=within)
    with catalog:
        if not as_json:
            say(f"made {catalog.path}")
        _print(report, as_json=as_json)


def _given(sources: tuple[str, ...]) -> list[Any]:
    """Return the sources that words name, with the documents of the pipe in place of a dash."""
    given: list[Any] = []
    for word in sources:
        given += records_of(text_of_pipe()) if word == PIPE else [word]
    return given


def _print(report: StacReport | OriginalReport, *, as_json: bool) -> None:
    if as_json:
        print_json(report.to_dict())
    else:
        tell(report)
    if report.failed:
        raise BadRequestError(f"{len(report.failed):,} of what was found could not be taken in")


for _one in (import_stac, import_geoparquet, import_original):
    import_command.add_command(_one)
