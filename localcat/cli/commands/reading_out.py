"""Commands that write pixels of a catalog to files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import localcat
from localcat.cli import completing
from localcat.cli.choosing import Choice, require_choice, takes_images
from localcat.cli.door import command, complain
from localcat.cli.opening import opened
from localcat.errors import BadRequestError, LocalcatError, NotFoundError
from localcat.progress import shown

if TYPE_CHECKING:
    from localcat import Image, ImageCollection

_FILES = {".tif": "tif", ".tiff": "tif", ".png": "png", ".jpg": "jpg", ".jpeg": "jpg"}
_RESAMPLERS = [str(one) for one in localcat.ResampleAlgorithm]
_MODES = ("raw", "auto", "display", "physical")
_TYPES = [str(one) for one in localcat.DataType]

_GRID: Sequence[Callable[[Any], Any]] = (
    click.option("--bands", metavar="NAMES", shell_complete=completing.bands, help="With commas between them."),
    click.option("--resolution", type=click.FloatRange(min=0, min_open=True), metavar="N", help="In units of the CRS."),
    click.option("--crs", metavar="CODE", help="Such as EPSG:32632; the image's own without it."),
    click.option(
        "--resampler",
        type=click.Choice(_RESAMPLERS),
        default="near",
        metavar="NAME",
        help=f"How pixels come to another grid: {', '.join(_RESAMPLERS)}.",
    ),
    click.option("--scaling", metavar="MODE", help="raw, auto, display (as in pictures), physical, 0,4000 or 2%,98%."),
    click.option("--data-type", type=click.Choice(_TYPES), help="Of the pixels in the file."),
    click.option("--nodata", type=float, metavar="N", help="What marks masked pixels in a GeoTIFF."),
)


def _takes_grid(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_GRID):
        function = option(function)
    return function


@command(
    "read",
    examples=(
        "read acme:s2:monday -o monday.tif",
        "read --product s2 --datetime 2024-06 --bbox 10,47,11,48 --bands red,nir --resolution 20 -o cut/",
        "read acme:s2:monday --bands red,green,blue --intersects field.geojson -o field.png",
        "search --datetime 2024 --ids | localcat read - --bbox 10,47,11,48 -o out/",
    ),
)
@takes_images()
@_takes_grid
@click.option("--format", "-f", "suffix", type=click.Choice(["tif", "png", "jpg"]), help="Of the files in a folder.")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="A file for one image, or a folder.")
@click.option("--all", "everything", is_flag=True, help="All images of the catalog.")
def read_command(chosen: Choice, suffix: str | None, output: Path | None, everything: bool, **grid: Any) -> None:
    """Write each image to a file: as it is, or cut to --bbox or --intersects, on the grid that is asked for.

    The names of the files are printed. What cannot be read is told, and the others are written.
    """
    require_choice(chosen, everything)
    with opened() as catalog:
        images = chosen.images(catalog)
        _require_some(images)
        as_file = output is not None and output.suffix.lower() in _FILES and not output.is_dir()
        if as_file and len(images) > 1:
            raise click.UsageError(f"'{output}' is one file, for {len(images)} images; name a folder, or use mosaic")
        made = _FILES[output.suffix.lower()] if as_file and output is not None else suffix or "tif"
        if output is not None and not as_file:
            output.mkdir(parents=True, exist_ok=True)
        failed = 0
        bar = shown(images, "reading images", "images", None, total=len(images))
        for image in bar:
            try:
                bar.write(_written(image, chosen, output, made, grid))  # above the bar
            except LocalcatError as error:
                failed += 1
                complain(f"{image.id}: {error}")
        if failed:
            raise BadRequestError(f"{failed} of {len(images)} images could not be written")


def _written(image: Image, chosen: Choice, output: Path | None, suffix: str, grid: dict[str, Any]) -> str:
    """Write an image, in its own CRS unless another is asked for; return where."""
    options = _options_of([image], suffix, grid)
    if chosen.area is None:
        return image.download(dest=output, format=suffix, progress=False, **options)
    alone = localcat.ImageCollection([image], geocontext=chosen.area)
    dest: Any = output or Path()
    if dest.suffix.lower() in _FILES and not dest.is_dir():
        dest = [dest]
    return alone.download(dest=dest, format=suffix, progress=False, **options)[0]


@command(
    "mosaic",
    examples=(
        "mosaic --product s2 --datetime 2024-06 --bbox 10,47,11,48 --bands red,nir -o june.tif",
        "mosaic --product s2 --intersects county.geojson --resolution 60 --sort cloud_fraction -o county.png",
    ),
)
@takes_images()
@_takes_grid
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), required=True, help="A file.")
@click.option("--all", "everything", is_flag=True, help="All images of the catalog.")
def mosaic_command(chosen: Choice, output: Path, everything: bool, **grid: Any) -> None:
    """Write one file of all images on one grid: the last one is on top, so by time the newest.

    The area is that of --bbox or --intersects; --sort says the order.
    """
    require_choice(chosen, everything)
    if chosen.area is None:
        raise click.UsageError("name the area of the mosaic, with --bbox or --intersects")
    if output.suffix.lower() not in _FILES:
        raise click.UsageError(f"'{output}' names no format; end it with {', '.join(_FILES)}")
    with opened() as catalog:
        images = chosen.images(catalog)
        _require_some(images)
        if not chosen.sort and chosen.ids is None:
            images = images.sort("acquired")
        options = _options_of(images, _FILES[output.suffix.lower()], grid)
        click.echo(images.download_mosaic(dest=output, **options))


@command("preview", examples=("preview acme:s2:monday", "preview --product s2 --limit 20 -o pictures/ --size 256"))
@takes_images()
@click.option("--bands", metavar="NAMES", shell_complete=completing.bands, help="One or three, with commas.")
@click.option("--size", type=click.IntRange(1, 16384), default=512, show_default=True, help="Longer side in pixels.")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="A file for one image, or a folder.")
@click.option("--all", "everything", is_flag=True, help="All images of the catalog.")
def preview_command(chosen: Choice, bands: str | None, size: int, output: Path | None, everything: bool) -> None:
    """Write a small picture of each image, as PNG; the names of the files are printed."""
    require_choice(chosen, everything)
    with opened() as catalog:
        images = chosen.images(catalog)
        _require_some(images)
        as_file = output is not None and output.suffix.lower() == ".png" and not output.is_dir()
        if as_file and len(images) > 1:
            raise click.UsageError(f"'{output}' is one file, for {len(images)} images; name a folder")
        folder = output or Path()
        if not as_file:
            folder.mkdir(parents=True, exist_ok=True)
        bar = shown(images, "drawing images", "images", None, total=len(images))
        for image in bar:
            name = f"{localcat.Image.make_valid_name(str(image.id))}.png"
            path = output if as_file and output is not None else folder / name
            picture = image.preview(size, bands=None if bands is None else _names_of(bands))
            path.write_bytes(picture)
            bar.write(str(path))


def _require_some(images: ImageCollection) -> None:
    if not images:
        raise NotFoundError("no image fits; `localcat explain` with the same options tells why")


def _names_of(bands: str) -> list[str]:
    return bands.replace(",", " ").split()


def _options_of(images: Sequence[Image], suffix: str, grid: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a download that the options of a grid mean."""
    options = dict(grid)
    names = _names_of(options["bands"]) if options["bands"] else _bands_of(images[0], suffix)
    scaling = options.pop("scaling") or (None if suffix == "tif" else "display")
    if scaling not in (None, *_MODES):
        scaling = [_range(scaling)] * len(names)
    return {**options, "bands": names, "scaling": scaling}


def _bands_of(image: Image, suffix: str) -> list[str]:
    """Return the bands to write if none are named: all that measure; in a picture those that the product shows."""
    product = image.product
    if product is None:
        raise NotFoundError(f"the product of image '{image.id}' is not in the catalog")
    if suffix != "tif" and product.default_display_bands:
        return list(product.default_display_bands)
    names = [str(band.name) for band in product.bands() if band.type != localcat.BandType.MASK]
    if suffix != "tif" and len(names) not in (1, 3):
        raise click.UsageError(f"a picture shows 1 or 3 bands; choose them with --bands, from {', '.join(names)}")
    return names


def _range(text: str) -> tuple[Any, ...]:
    """Return a range such as ``0,4000`` or ``2%,98%``."""
    try:
        return tuple(part.strip() if part.strip().endswith("%") else float(part) for part in text.split(","))
    except ValueError as error:
        raise click.UsageError(
            f"{text!r} is not a scaling; it is one of {', '.join(_MODES)} or a range such as 0,4000"
        ) from error
