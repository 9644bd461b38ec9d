"""Commands that show what a catalog holds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import localcat
from localcat.cli import completing
from localcat.cli.choosing import filtered, product_id
from localcat.cli.door import command, say, styled, tell
from localcat.cli.opening import object_of, opened
from localcat.cli.output import Output, cell, clipped, print_json, prints, require_attribute
from localcat.cli.piping import PIPE, ids_of, text_of_pipe
from localcat.errors import printable

if TYPE_CHECKING:
    from localcat import Catalog, Product, Search

IMAGE_COLUMNS = ("id", "acquired", "cloud_fraction", "storage_state")
_FIGURES = ("id", "name", "bands", "images", "first", "last")
_TIMES = ("acquired", "acquired_end", "created", "modified", "published", "start_datetime", "end_datetime")
_CLASSES = {  # by name: they are imported when they are used
    "products": ("Product",),
    "bands": ("SpectralBand", "MicrowaveBand", "ClassBand", "MaskBand", "GenericBand"),
    "images": ("Image",),
    "uploads": ("ImageUpload",),
}
_COLUMNS = {
    "bands": ("id", "type", "data_type", "resolution", "nodata", "data_range"),
    "images": IMAGE_COLUMNS,
    "uploads": ("id", "status", "image_id", "created"),
}


@command("info", examples=("info", "info survey.gpkg --json"))
@click.argument("catalog", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def info_command(catalog: Path | None, as_json: bool) -> None:
    """Show what the catalog is, where it is, and how much it holds."""
    with opened(catalog) as found:
        info = found.info()
    if as_json:
        print_json(info.to_dict())
    else:
        tell(info)


@command("ls", examples=("ls", "ls bands --product landsat", "ls images --limit 5 --json", "ls products --text water"))
@click.argument(
    "what",
    type=click.Choice(["products", "bands", "images", "uploads"]),
    default="products",
    metavar="[products|bands|images|uploads]",
)
@click.option("--product", metavar="ID", shell_complete=completing.products, help="Only those of this product.")
@click.option("--where", metavar="CQL2", help="A condition, as in search.")
@click.option("--text", metavar="WORDS", help="With these words in name, description or tags.")
@click.option("--sort", metavar="NAME", help="By an attribute; with a minus, the largest first.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="At most so many.")
@prints()
def ls_command(
    what: str,
    product: str | None,
    where: str | None,
    text: str | None,
    sort: str | None,
    limit: int | None,
    out: Output,
) -> None:
    """List the products, or the bands, images or uploads."""
    with opened() as catalog:
        searches: dict[str, Search[Any]] = {
            "products": catalog.products,
            "bands": catalog.bands,
            "images": catalog.images,
            "uploads": catalog.image_uploads,
        }
        search = searches[what]
        if product is not None:
            uid = product_id(catalog, product)
            p = localcat.properties
            search = search.filter((p.id if what == "products" else p.product_id) == uid)
        if where is not None:
            search = filtered(search, where)
        if text is not None:
            search = search.find_text(text)
        search = search.limit(limit)
        if sort is not None:
            search = search.sort(*sort.split(","))
        elif what == "bands":
            search = search.sort("product_id", "sort_order", "name")
        if what == "products" and out.format in ("table", "csv", "tsv") and set(out.columns) <= set(_FIGURES):
            number = out.rows((_figures(catalog, one) for one in search), _FIGURES)
        else:
            kinds = [getattr(localcat, name) for name in _CLASSES[what]]
            number = out.objects(search, kinds, _COLUMNS.get(what, ("id", "name")))
    if not number and sys.stderr.isatty():
        is_all = product is None and where is None and text is None and limit is None
        say(
            f"there are no {what}{' yet; `localcat ingest FOLDER` takes in scenes' if is_all else ' of that kind'}",
            err=True,
        )


def _figures(catalog: Catalog, product: Product) -> dict[str, Any]:
    """Return a product with how many bands and images it has, and their first and last day."""
    images = product.images()
    p = localcat.properties
    dated = images.filter(p.acquired.isnotnull)
    first, last = dated.sort("acquired").first(), dated.sort("-acquired").first()
    return {
        "id": product.id,
        "name": product.name,
        "bands": product.bands().count(),
        "images": images.count(),
        "first": None if first is None or first.acquired is None else first.acquired.date(),
        "last": None if last is None or last.acquired is None else last.acquired.date(),
    }


@command(
    "show",
    examples=("show acme:landsat", "show acme:landsat:LC08_20210508", "search --limit 1 --ids | localcat show -"),
)
@click.argument("ids", nargs=-1, required=True, metavar="ID|-...", shell_complete=completing.any_ids)
@prints(formats=("json", "nl"))
def show_command(ids: tuple[str, ...], out: Output) -> None:
    """Show all that is known of a product, a band, an image or an upload."""
    with opened() as catalog:
        found = [object_of(catalog, uid) for uid in ids_of(ids)]
        if out.format in ("json", "nl"):
            out.objects(found, [type(item) for item in found], ())
            return
        for name in out.columns:
            require_attribute(name.partition(".")[0], [type(item) for item in found])
        out.lines((line for item in found for line in _shown(item, found[0], out)), is_safe=True)


def _shown(item: Any, first: Any, out: Output) -> Iterator[str]:
    """Yield the lines about an object, or about those of its attributes that were asked for."""
    if item is not first:
        yield ""
    yield styled(f"{type(item).__name__} {cell(item.id)}", bold=True)
    document = {name: value for name, value in item.serialize().items() if value != []}
    geometry = getattr(item, "geometry", None)
    if geometry is not None:
        west, south, east, north = (f"{number:.6g}" for number in geometry.bounds)
        document["geometry"] = f"{geometry.geom_type} in {west},{south},{east},{north}"
    if "files" in document:
        document["files"] = [{"href": f"{one['href']}", "size_bytes": one["size_bytes"]} for one in document["files"]]
    wanted = {name.partition(".")[0] for name in out.columns}
    names = [name for name in document if not wanted or name in wanted]
    room = max(map(len, names), default=0)
    for name in names:
        value = document[name]
        for number, line in enumerate(_lines_of(getattr(item, name) if name in _TIMES else value)):
            text = f"  {name if number == 0 else '':<{room}}  {line}"
            yield text if out.width is None else clipped(text, out.width)
    if isinstance(item, localcat.Product) and not wanted:
        yield printable(f"  bands: {', '.join(str(band.name) for band in item.bands()) or 'none'}")
        yield f"  images: {item.images().count():,}"


def _lines_of(value: Any) -> list[str]:
    """Return a value in lines: one for each entry of a mapping or of a list of mappings."""
    if isinstance(value, dict) and list(value) != ["value", "unit"]:
        return [f"{cell(key)}: {cell(inner)}" for key, inner in value.items()]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [
            ", ".join(f"{key} {cell(inner)}" for key, inner in entry.items() if inner is not None) for entry in value
        ]
    if isinstance(value, list) and all(isinstance(inner, str) for inner in value):
        return [", ".join(map(cell, value))]
    return [cell(value)]


@command(
    "sql",
    examples=(
        'sql "SELECT product_id, count(*) FROM footprints GROUP BY product_id"',
        'sql "SELECT image_id FROM footprints WHERE name = :name" -p name monday --csv',
        'sql --spatialite "SELECT image_id, ST_Area(ST_Transform(geometry, 6933)) FROM footprints"',
    ),
)
@click.argument("query")
@click.option(
    "--param", "-p", "params", type=(str, str), multiple=True, metavar="NAME VALUE", help="A :NAME of the query."
)
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Stop it after so long."
)
@click.option("--spatialite", is_flag=True, help="With the functions of SpatiaLite, if the machine has it.")
@prints(formats=("table", "json", "nl", "csv", "tsv"))
def sql_command(
    query: str, params: tuple[tuple[str, str], ...], timeout: float | None, spatialite: bool, out: Output
) -> None:
    """Answer one SELECT of your own; it can change nothing.

    The views 'products', 'bands', 'images', 'files' and 'footprints' are meant for it and stay as they are. A dash
    reads the query from the pipe.
    """
    with opened(spatialite=spatialite) as catalog:
        out.rows(catalog.sql(text_of_pipe() if query == PIPE else query, dict(params), timeout=timeout), ())
