"""Commands that write what a catalog holds in the formats of other programs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from localcat.cli.choosing import Choice, product_id, takes_images
from localcat.cli.door import CommandGroup, advise, command, complain, say
from localcat.cli.opening import opened
from localcat.cli.piping import PIPE
from localcat.cli.words import in_words_of_the_shell
from localcat.errors import BadRequestError, NotFoundError

if TYPE_CHECKING:
    from localcat import Catalog, ImageSearch


@click.group("export", cls=CommandGroup, subcommand_metavar="FORMAT [ARGS]...")
def export_command() -> None:
    """Write images in the format of another program: all of the catalog, or those that are chosen.

    What cannot be written is told, and leaves nothing half done.
    """


_column = click.option("--column", "-c", multiple=True, metavar="NAME", help="Only this attribute; may be repeated.")


def _output(help: str) -> Callable[[Any], Any]:
    return click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help=help)


def _asked(chosen: Choice, catalog: Catalog) -> ImageSearch | None:
    """Return the search for the images; None for all of the catalog.

    Raises
    ------
    NotFoundError
        If no image is found.
    """
    if chosen.is_everything and not chosen.sort:
        return None
    search = chosen.search(catalog)
    if search.first() is None:
        raise NotFoundError("no image fits; `localcat explain` with the same options tells why")
    return search


@command(
    "stac",
    short_help="A folder of Collections and Items.",
    examples=("export stac -o stac/", "export stac --product s2 --datetime 2024-06 --copy -o june/"),
)
@takes_images()
@_output("The folder, which must not exist.")
@click.option("--copy/--link", default=False, help="Copy the pixels beside the Items, or name them where they are.")
def export_stac(chosen: Choice, output: Path, copy: bool) -> None:
    """Write a static STAC catalog: a folder of JSON files with relative links, which can be moved."""
    with opened() as catalog:
        say(repr(catalog.to_stac(output, search=_asked(chosen, catalog), copy=copy)))


@command(
    "gti",
    short_help="Mosaics for GDAL and QGIS.",
    examples=("export gti --product s2", "export gti --product s2 --where 'cloud_fraction < 0.2' -o mosaics/"),
)
@takes_images()
@click.option(
    "--output",
    "-o",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder; that of the catalog without it, so that both can be moved together.",
)
def export_gti(chosen: Choice, output: Path | None) -> None:
    """Write each product as a tile index, which GDAL (3.9 or newer) and QGIS open as one mosaic.

    The newest image is on top, or by --sort the last one. The names of the files are printed. Without --product all
    products are written that can be mosaics.
    """
    with opened() as catalog:
        catalog.file.require_paths("an index names files")
        search, failed = _asked(chosen, catalog), None
        ids = [product_id(catalog, name) for name in chosen.product] or catalog.products.sort("id").ids()
        is_new = output is not None and not output.exists()
        if output is not None:
            output.mkdir(parents=True, exist_ok=True)
        written = 0
        for uid in ids:
            try:
                for path in catalog.to_gti(uid, output, search=search):
                    click.echo(path)
                    written += 1
            except BadRequestError as error:
                failed = error
                if chosen.product:
                    complain(f"{uid}: {in_words_of_the_shell(str(error))}")
                else:
                    advise(f"{uid} is left out: {error}", err=True)
        if is_new and output is not None and not written:
            output.rmdir()
        if failed is not None and (chosen.product or not written):
            raise BadRequestError("not all tile indexes could be written" if written else "no tile index was written")


@command(
    "qgis",
    short_help="A project for QGIS and QField.",
    examples=("export qgis -o survey.qgs",),
)
@_output("The project, which is replaced if it is there: survey.qgs.")
def export_qgis(output: Path) -> None:
    """Write a project that shows the footprints, and each product as a mosaic in its colours.

    It is of all of the catalog. The mosaics are files beside it; they do not follow the catalog.
    """
    with opened() as catalog:
        say(catalog.to_qgis(output))


@command(
    "html",
    short_help="A page with a map and small pictures.",
    examples=("export html -o survey.html", "export html --where 'cloud_fraction < 0.2' --thumbnails 20 -o clear.html"),
)
@takes_images()
@_output("The page, which is replaced if it is there.")
@click.option(
    "--thumbnails", type=click.IntRange(min=0), default=100, show_default=True, help="How many images get a picture."
)
def export_html(chosen: Choice, output: Path, thumbnails: int) -> None:
    """Write one HTML file to look around in the images, which a browser opens from the disk.

    It holds at most 5,000 of them, those first found.
    """
    with opened() as catalog:
        search = _asked(chosen, catalog)
        say((catalog.images if search is None else search).explore(output, thumbnails=thumbnails))


@command(
    "pgstac",
    short_help="STAC on PostgreSQL: files for pypgstac.",
    examples=("export pgstac -o for-pgstac/", "export pgstac --product s2 -o postgresql://me@db.example/stac"),
)
@takes_images()
@click.option(
    "--output", "-o", required=True, metavar="FOLDER|ADDRESS", help="A folder, which must not exist, or postgresql://…"
)
def export_pgstac(chosen: Choice, output: str) -> None:
    """Write files that pypgstac loads, or load them into a database with pgstac, which needs the extra [pgstac].

    Images without a footprint are left out, since pgstac demands one.
    """
    with opened() as catalog:
        say(repr(catalog.to_pgstac(output, search=_asked(chosen, catalog))))


@command(
    "geoparquet",
    short_help="STAC Items as GeoParquet, for DuckDB and others.",
    examples=("export geoparquet -o all.parquet", "export geoparquet --partition-by product -o survey-parquet/"),
)
@takes_images()
@_output("The file, which is replaced if it is there; with --partition-by a folder, which must not exist.")
@click.option("--partition-by", type=click.Choice(["product"]), help="A file for each product.")
def export_geoparquet(chosen: Choice, output: Path, partition_by: str | None) -> None:
    """Write images as GeoParquet, a STAC Item a row; it needs the extra [arrow]."""
    with opened() as catalog:
        say(repr(catalog.to_geoparquet(output, search=_asked(chosen, catalog), partition_by=partition_by)))


_FILE = "The file, which is replaced if it is there; - for a pipe."


@command(
    "geojson",
    short_help="Footprints with all attributes.",
    examples=("export geojson -o all.geojson", "export geojson --product s2 -c acquired,cloud_fraction -o s2.geojson"),
)
@takes_images()
@_output(_FILE)
@_column
@click.option("--lines", is_flag=True, help="A Feature a line, for programs that read it piece by piece.")
def export_geojson(chosen: Choice, output: Path, column: tuple[str, ...], lines: bool) -> None:
    """Write images as GeoJSON: footprints with all attributes."""
    _write(chosen, output, column, "geojsonl" if lines else "geojson")


@command(
    "csv",
    short_help="An attribute a column, footprints as WKT.",
    examples=("export csv -o all.csv", "export csv --datetime 2024 -c id,acquired,geometry -o 2024.csv"),
)
@takes_images()
@_output(_FILE)
@_column
@click.option("--tabs", is_flag=True, help="With tabs in place of commas.")
def export_csv(chosen: Choice, output: Path, column: tuple[str, ...], tabs: bool) -> None:
    """Write images as CSV: an attribute a column, footprints as WKT.

    Times are ISO 8601 in UTC; lists and nested values are JSON.
    """
    _write(chosen, output, column, "tsv" if tabs else "csv")


@command(
    "arrow",
    short_help="Typed columns, for data frames and DuckDB.",
    examples=("export arrow -o all.arrow", "export arrow --where 'cloud_fraction < 0.2' -o clear.arrow"),
)
@takes_images()
@_output(_FILE)
@_column
@click.option("--stream", is_flag=True, help="As a stream, which can be read before its end is there.")
def export_arrow(chosen: Choice, output: Path, column: tuple[str, ...], stream: bool) -> None:
    """Write images as a file of Arrow's IPC format, also called Feather; it needs the extra [arrow]."""
    _write(chosen, output, column, "arrows" if stream else "arrow")


def _write(chosen: Choice, output: Path, column: tuple[str, ...], format: str) -> None:
    """Write images as one file, or into the pipe."""
    columns = [name for names in column for name in names.split(",") if name] or None
    with opened() as catalog:
        search = _asked(chosen, catalog)
        if str(output) != PIPE:
            say(repr(catalog.to_file(output, search=search, columns=columns, format=format)))
        elif sys.stdout.isatty():
            raise click.UsageError("a terminal is no place for it; name a file, or let a program read it by a pipe")
        else:
            catalog.to_file(sys.stdout.buffer, search=search, columns=columns, format=format)


for _one in (
    export_stac,
    export_geoparquet,
    export_geojson,
    export_csv,
    export_arrow,
    export_html,
    export_gti,
    export_qgis,
    export_pgstac,
):
    export_command.add_command(_one)
