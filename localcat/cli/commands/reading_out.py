"""Commands that write pixels of a catalog to files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import localcat
from localcat.cli import completing
from localcat.cli.choosing import Choice, require_choice, takes_images
from localcat.cli.door import command, complain
from localcat.cli.opening import opened
from localcat.cli.words import in_words_of_the_shell
from localcat.errors import BadRequestError, LocalcatError, NotFoundError
from localcat.progress import shown

if TYPE_CHECKING:
    from localcat import AOI, Image, ImageCollection

_MOST_PIXELS = 2**28  # of a mosaic whose area nobody named: 16,384 by 16,384
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
        type=click.Choice(_RESAMPLERS, case_sensitive=False),
        default="near",
        metavar="NAME",
        help=f"How pixels come to another grid: {', '.join(_RESAMPLERS)}.",
    ),
    click.option("--scaling", metavar="MODE", help="raw, auto, display (as in pictures), physical, 0,4000 or 2%,98%."),
    click.option("--data-type", type=click.Choice(_TYPES, case_sensitive=False), help="Of the pixels in the file."),
    click.option("--nodata", type=float, metavar="N", help="What marks masked pixels in a GeoTIFF."),
    click.option("--all-touched", is_flag=True, default=None, help="Also pixels that the area only touches."),
)


def _takes_grid(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_GRID):
        function = option(function)
    return function


@dataclass(frozen=True)
class Destination:
    """Where files go: to one of a name, or into a folder.

    Parameters
    ----------
    path : Path
        The file, or the folder.
    suffix : str, optional
        The format that the file's name ends with, as in ``"tif"``; None for a folder.
    """

    path: Path
    suffix: str | None

    @classmethod
    def of(cls, output: str | None, formats: Collection[str], number: int) -> Destination:
        """Read ``--output``: a known suffix is that of a file, and a folder is there, has no suffix or ends with /."""
        path = Path(output or "")
        suffix = path.suffix.lower()
        if not output or output.endswith(("/", "\\")) or path.is_dir() or not suffix:
            return cls(path, None)
        if suffix not in formats:
            ends = ", ".join(formats)
            raise click.UsageError(f"'{output}' names no format; end it with {ends}, or with / if it is a folder")
        if number > 1:
            raise click.UsageError(f"'{output}' is one file, for {number} images; name a folder, or use mosaic")
        return cls(path, _FILES[suffix])

    def prepare(self) -> None:
        """Make the folder, if it is one."""
        if self.suffix is None:
            self.path.mkdir(parents=True, exist_ok=True)


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
@click.option("--output", "-o", type=click.Path(), help="A file for one image, or a folder.")
@click.option("--all", "everything", is_flag=True, help="All images of the catalog.")
def read_command(chosen: Choice, suffix: str | None, output: str | None, everything: bool, **grid: Any) -> None:
    """Write each image to a file: as it is, or cut to --bbox or --intersects, on the grid that is asked for.

    The names of the files are printed. What cannot be read is told, and the others are written.
    """
    require_choice(chosen, everything)
    with opened() as catalog:
        images = chosen.images(catalog)
        _require_some(images)
        dest = Destination.of(output, _FILES, len(images))
        made = dest.suffix or suffix or "tif"
        if suffix not in (None, made):
            raise click.UsageError(f"'{output}' is a {made} and --format asks for {suffix}; leave one of them out")
        _scaling_of(grid, made)  # wrong words stop it before the first image
        dest.prepare()
        _each(images, "reading images", lambda image: _written(image, chosen.area, dest, made, grid))


def _each(images: ImageCollection, what: str, write: Callable[[Image], str]) -> None:
    """Write each image and print where; those that cannot be written are told, and the others are."""
    failed = 0
    bar = shown(images, what, "images", None, total=len(images))
    for image in bar:
        try:
            bar.write(write(image))  # above the bar
        except LocalcatError as error:
            if len(images) == 1:
                raise
            failed += 1
            complain(f"{image.id}: {in_words_of_the_shell(str(error))}")
    if failed:
        raise BadRequestError(f"{failed} of {len(images)} images could not be written")


def _written(image: Image, area: AOI | None, dest: Destination, suffix: str, grid: dict[str, Any]) -> str:
    """Write an image, in its own CRS unless another is asked for; return where."""
    options = _options_of([image], suffix, grid)
    if area is None:
        return image.download(dest=dest.path, format=suffix, progress=False, **options)
    alone = localcat.ImageCollection([image], geocontext=area)
    path: Any = dest.path if dest.suffix is None else [dest.path]
    return alone.download(dest=path, format=suffix, progress=False, **options)[0]


@command(
    "mosaic",
    examples=(
        "mosaic --product s2 --datetime 2024-06 --bbox 10,47,11,48 --bands red,nir -o june.tif",
        "mosaic --product s2 --intersects county.geojson --resolution 60 --sort cloud_fraction -o county.png",
        "mosaic --product drone -o flight.tif",
    ),
)
@takes_images()
@_takes_grid
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), required=True, help="A file.")
@click.option("--all", "everything", is_flag=True, help="All images of the catalog.")
def mosaic_command(chosen: Choice, output: Path, everything: bool, **grid: Any) -> None:
    """Write one file of all images on one grid: the last one is on top, so by time the newest.

    The area is that of --bbox or --intersects, else that of all the images; --sort says the order. Without --bands it
    has those that all their products have.
    """
    require_choice(chosen, everything)
    suffix = output.suffix.lower()
    if suffix not in _FILES:
        raise click.UsageError(f"'{output}' names no format; end it with {', '.join(_FILES)}")
    with opened() as catalog:
        images = chosen.images(catalog)
        _require_some(images)
        if not chosen.sort and chosen.ids is None:
            images = images.sort("acquired")
        if chosen.area is None:
            grid["geocontext"] = _around(images, grid["crs"], grid["resolution"])
        click.echo(images.download_mosaic(dest=output, **_options_of(images, _FILES[suffix], grid)))


def _around(images: ImageCollection, crs: str | None, resolution: float | None) -> AOI:
    """Return the grid around all images, unless it is so large that it was hardly meant."""
    advice = "name an area with --bbox or --intersects"
    try:
        context = images.covering_geocontext(crs, resolution)
    except BadRequestError as error:  # they are in several parts of the Earth, say
        raise BadRequestError(f"{error}; {advice}") from error
    rows, columns = context.grid().shape
    if rows * columns > _MOST_PIXELS:
        told = f"the {len(images):,} images together are {columns:,} by {rows:,} pixels"
        raise BadRequestError(f"{told}; {advice}, or a coarser --resolution")
    return context


@command("preview", examples=("preview acme:s2:monday", "preview --product s2 --limit 20 -o pictures/ --size 256"))
@takes_images()
@click.option("--bands", metavar="NAMES", shell_complete=completing.bands, help="One or three, with commas.")
@click.option(
    "--size", type=click.IntRange(1, 16384), default=512, metavar="N", show_default=True, help="Longer side in pixels."
)
@click.option("--output", "-o", type=click.Path(), help="A file for one image, or a folder.")
@click.option("--all", "everything", is_flag=True, help="All images of the catalog.")
def preview_command(chosen: Choice, bands: str | None, size: int, output: str | None, everything: bool) -> None:
    """Write a small picture of each image, as PNG; the names of the files are printed.

    What cannot be drawn is told, and the others are written.
    """
    require_choice(chosen, everything)
    from localcat.reading.files import require_outside  # brings rasterio, which other commands may not need

    names = None if bands is None else _names_of(bands)
    with opened() as catalog:
        images = chosen.images(catalog)
        _require_some(images)
        dest = Destination.of(output, (".png",), len(images))
        dest.prepare()

        def drawn(image: Image) -> str:
            path = dest.path
            if dest.suffix is None:
                path /= f"{localcat.Image.make_valid_name(str(image.id))}.png"
            require_outside([image], [path])
            path.write_bytes(image.preview(size, bands=names))
            return str(path)

        _each(images, "drawing images", drawn)


def _require_some(images: ImageCollection) -> None:
    if not images:
        raise NotFoundError("no image fits; `localcat explain` with the same options tells why")


def _names_of(bands: str) -> list[str]:
    names = bands.replace(",", " ").split()
    if not names:
        raise click.UsageError("--bands is empty; name bands, such as red,nir")
    return names


def _options_of(images: Sequence[Image], suffix: str, grid: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a download that the options of a grid mean."""
    names = _bands_of(images, suffix) if grid["bands"] is None else _names_of(grid["bands"])
    scaling = _scaling_of(grid, suffix)
    return {**grid, "bands": names, "scaling": [scaling] * len(names) if isinstance(scaling, tuple) else scaling}


def _scaling_of(grid: dict[str, Any], suffix: str) -> str | tuple[Any, ...] | None:
    scaling = grid["scaling"] or (None if suffix == "tif" else "display")
    return scaling if scaling in (None, *_MODES) else _range(scaling)


def _bands_of(images: Sequence[Image], suffix: str) -> list[str]:
    """Return the bands to write if none are named: all that measure; in a picture those that the product shows."""
    products = list({image.product_id: image.product for image in images}.values())
    bands = [[] if product is None else list(product.bands()) for product in products]
    shared = set.intersection(*({str(band.name) for band in one} for one in bands))
    first = products[0]
    if first is None:
        raise NotFoundError(f"the product of image '{images[0].id}' is not in the catalog")
    if suffix != "tif" and first.default_display_bands and shared >= set(first.default_display_bands):
        return list(first.default_display_bands)
    names = [str(one.name) for one in bands[0] if one.type != localcat.BandType.MASK and one.name in shared]
    if not names:
        told = ", ".join(f"'{product.id}'" for product in products if product is not None)
        raise BadRequestError(f"{told} have no band in common; choose one of them with --product")
    if suffix != "tif" and len(names) not in (1, 3):
        raise BadRequestError(f"a picture shows 1 or 3 bands; choose them with --bands, from {', '.join(names)}")
    return names


def _range(text: str) -> tuple[Any, ...]:
    """Return a range such as ``0,4000`` or ``2%,98%``."""
    try:
        return tuple(part.strip() if part.strip().endswith("%") else float(part) for part in text.split(","))
    except ValueError as error:
        raise click.UsageError(
            f"{text!r} is not a scaling; it is one of {', '.join(_MODES)} or a range such as 0,4000"
        ) from error
