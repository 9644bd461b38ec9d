"""Commands that search for images."""

from __future__ import annotations

import shutil
import sys
from typing import Any

import click

import localcat
from localcat.cli.choosing import Choice, takes_images
from localcat.cli.commands.looking import IMAGE_COLUMNS
from localcat.cli.door import NOT_ALIKE, command, say, tell
from localcat.cli.opening import opened
from localcat.cli.output import FORMATS, Output, prints
from localcat.reading.layers import require_pixels


@command(
    "search",
    examples=(
        "search --product landsat --datetime 2024-06/2024-08",
        'search --bbox 10,47,11,48 --where "cloud_fraction < 0.2" --sort -acquired --limit 10',
        "search --intersects area.geojson --geojson -o found.geojson",
        "search --text june --files | tar -czf june.tar.gz -T -",
        "search --datetime 2024 --ids | localcat read - --bbox 10,47,11,48 -o out/",
    ),
)
@takes_images()
@prints(formats=(*FORMATS, "files"))
def search_command(chosen: Choice, out: Output) -> None:
    """Find images by product, time, place and attributes."""
    with opened() as catalog:
        found = chosen.search(catalog) if chosen.ids is None else chosen.images(catalog)
        if out.format == "files":
            with_files = (image for image in found if image.files)
            number = out.lines(str(catalog.path_of(file)) for image in with_files for file in require_pixels(image))
        else:
            number = out.objects(found, [localcat.Image], IMAGE_COLUMNS)
    if not number and sys.stderr.isatty():
        say("nothing is found; `localcat explain` with the same options tells why", err=True)


@command(
    "summary",
    examples=("summary", "summary --product landsat --interval month", "summary --interval year --include-empty --csv"),
)
@takes_images()
@click.option(
    "--interval",
    type=click.Choice(["year", "quarter", "month", "week", "day", "hour", "minute"]),
    help="A line for each.",
)
@click.option(
    "--field",
    type=click.Choice(["acquired", "created", "modified", "published"]),
    default="acquired",
    show_default=True,
    help="The time that the intervals are about.",
)
@click.option("--include-empty", is_flag=True, help="Also the intervals without images.")
@prints(formats=("table", "json", "nl", "csv", "tsv"))
def summary_command(chosen: Choice, interval: str | None, field: str, include_empty: bool, out: Output) -> None:
    """Count images and bytes: by product, or by interval of time."""
    with opened() as catalog:
        search = chosen.search(catalog).limit(None)
        if interval is None:
            p = localcat.properties
            rows: Any = [
                {"product": uid, "images": part.count, "bytes": part.bytes}
                for uid in search.summary().products
                for part in [search.filter(p.product_id == uid).summary()]
            ]
            out.rows(rows, ("product", "images", "bytes"))
            return
        found = search.summary_interval(field, interval, include_empty=include_empty)
        rows = ({interval: one.interval_start, "images": one.count, "bytes": one.bytes} for one in found)
        out.rows(rows, (interval, "images", "bytes"))


@command("explain", examples=('explain --product landsat --where "cloud_fraction < 0.05" --bbox 10,47,11,48',))
@takes_images()
def explain_command(chosen: Choice) -> None:
    """Tell why a search finds what it finds: what each condition leaves, and what was just missed."""
    with opened() as catalog:
        width = {"width": shutil.get_terminal_size().columns} if sys.stdout.isatty() else {}
        tell(chosen.search(catalog).explain().to_where_text(**width))


@command(
    "freeze",
    examples=('freeze paper-2026 --product landsat --where "cloud_fraction < 0.2"',),
)
@click.argument("name")
@takes_images()
@click.option("--replace", is_flag=True, help="Forget a question of that name.")
def freeze_command(name: str, chosen: Choice, replace: bool) -> None:
    """Keep a search and its answer under NAME, with hashes of the rows and files of its images.

    `localcat frozen NAME` gives the same images again, and `localcat frozen NAME --changes` what became of them since.
    """
    with opened() as catalog:
        found = chosen.search(catalog).freeze(name, replace=replace)
        say(f"frozen: '{found.name}', {len(found):,} images")


@command("frozen", examples=("frozen", "frozen paper-2026 --changes", "frozen paper-2026 --ids", "frozen old --delete"))
@click.argument("name", required=False)
@click.option("--changes", is_flag=True, help="What became of the images since, and what the question finds now.")
@click.option("--delete", is_flag=True, help="Forget the question.")
@prints(formats=(*FORMATS, "files"))
def frozen_command(name: str | None, changes: bool, delete: bool, out: Output) -> None:
    """List the questions that are frozen, or the images of the one with NAME, in its order.

    With --changes the status is 3 where something changed.
    """
    if name is None and (changes or delete):
        raise click.UsageError("name the question, as `localcat frozen` lists them")
    with opened() as catalog:
        if name is None:
            rows: Any = (
                {"name": one.name, "frozen": one.frozen, "images": len(one), "cql2": one.cql2}
                for one in catalog.frozen.values()
            )
            out.rows(rows, ("name", "frozen", "images", "cql2"))
        elif delete:
            del catalog.frozen[name]
            say(f"forgotten: '{name}'")
        elif changes:
            found = catalog.frozen[name].changes()
            out.rows(({"change": what, "id": uid} for what, ids in found.to_dict().items() for uid in ids), _CHANGE)
            click.get_current_context().exit(NOT_ALIKE if found else 0)
        elif out.format == "files":
            out.lines(
                str(catalog.path_of(file)) for image in catalog.frozen[name].collect() for file in image.files or []
            )
        else:
            out.objects(catalog.frozen[name].collect(), [localcat.Image], IMAGE_COLUMNS)


_CHANGE = ("change", "id")
