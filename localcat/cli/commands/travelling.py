"""Commands that take images along, to another machine."""

from __future__ import annotations

from pathlib import Path

import click

import localcat
from localcat.cli.choosing import Choice, takes_images
from localcat.cli.door import command, say, tell
from localcat.cli.opening import opened


@command(
    "bundle",
    examples=(
        "bundle -o kit.zip",
        "bundle --product s2 --bbox 10,47,11,48 --clip --band red --band nir -o kit.zip --max-bytes '2 GB'",
        "bundle --datetime 2024-06 --resolution 60m -o june.zip --dry-run",
    ),
)
@takes_images()
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), required=True, help="The archive, a new file: kit.zip."
)
@click.option("--clip", is_flag=True, help="Only the pixels in the box around --bbox or --intersects.")
@click.option("--band", "bands", multiple=True, metavar="NAME", help="Only this band; may be repeated.")
@click.option("--resolution", metavar="SIZE", help="A pixel as large as 30m or 0.001deg is fine enough.")
@click.option("--max-bytes", metavar="SIZE", help="How large the archive may be, such as '2 GB'.")
@click.option("--dry-run", is_flag=True, help="Only report what would be in it, and how large about.")
def bundle_command(
    chosen: Choice,
    output: Path,
    clip: bool,
    bands: tuple[str, ...],
    resolution: str | None,
    max_bytes: str | None,
    dry_run: bool,
) -> None:
    """Write images with their pixels into one archive that holds a small catalog; `unpack` opens it elsewhere.

    With --max-bytes the newest images are taken first, and of one time those with few clouds; --sort changes that.
    """
    if clip and chosen.area is None:
        raise click.UsageError("--clip keeps what is in an area; name it with --bbox or --intersects")
    with opened() as catalog:
        report = catalog.bundle(
            output,
            None if chosen.is_everything and not chosen.sort else chosen.search(catalog),
            clip=chosen.area if clip else None,
            bands=bands or None,
            resolution=resolution,
            max_bytes=max_bytes,
            dry_run=dry_run,
        )
    tell(report)
    for image in report.left_out:
        say(f"no room: {image}", err=True)


@command("unpack", examples=("unpack kit.zip", "unpack kit.zip survey/"))
@click.argument("archive", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path), required=False)
def unpack_command(archive: Path, folder: Path | None) -> None:
    """Unpack ARCHIVE, which `bundle` wrote, into a new FOLDER: beside it, with its name, if none is given.

    Every file is compared with the hash of it that the archive holds.
    """
    with localcat.Catalog.unpack(archive, folder) as catalog:
        say(f"{catalog.path}: {catalog.images.count():,} images")
