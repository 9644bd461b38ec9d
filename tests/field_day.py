"""The story of docs/field-day.md: ``python -m tests.field_day`` lives it, and writes down what the commands print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp

from tests.scene_folders import mtl, odl

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "field-day.md"
UTM33 = "EPSG:32633"
SLOW = "slow"  # the folder of the command that stops in an ingest
LANDSAT = {
    "LC08_L2SP_193027_20240514_20240521_02_T1": 62.1,  # clouds, in percent
    "LC08_L2SP_193027_20240615_20240622_02_T1": 8.4,
    "LC08_L2SP_193027_20240717_20240724_02_T1": 2.9,
}
SENTINEL2 = (
    "S2A_33TWN_20240518_0_L2A",
    "S2B_33TWN_20240602_0_L2A",
    "S2A_33TWN_20240617_0_L2A",
    "S2B_33TWN_20240722_0_L2A",
)
SENTINEL1_DAYS = ("20240603", "20240615", "20240627", "20240709", "20240721")


@dataclass(frozen=True)
class Step:
    """One command of the story.

    Parameters
    ----------
    prose : str
        What is said before it.
    command : str
        What is typed into a shell.
    status : int
        How it ends.
    is_slow : bool
        Whether an ingest stops after its first five scenes, as `tests.slow_card` says.
    """

    prose: str
    command: str
    status: int = 0
    is_slow: bool = False


TITLE = """# A field day

A day with `localcat`, from the first folder to the stick for a colleague: 60 files of four sensors, and one command a
step. Every command is shown with what it prints. A test lives through this page; the files are small and made up, with
true names and metadata.

"""

STEPS = [
    Step("The card holds Landsat, Sentinel-2, Sentinel-1 and a drone's flight.", "find scenes -type f | wc -l"),
    Step("## Begin", "localcat init survey.gpkg --org field"),
    Step(
        "What would an ingest do? Files of one acquisition become one image; products and bands come from built-in "
        "recipes ([ingesting.md](ingesting.md)).",
        "localcat ingest scenes --dry-run",
    ),
    Step(
        "It looks right. But the card is slow, and the battery dies in the middle of it. `kill -9` does the same, here "
        "when the first scenes are in.",
        "localcat ingest scenes & until localcat search --ids | grep -q .; do :; done; kill -9 $!; "
        "wait $! 2> /dev/null; echo killed",
        is_slow=True,
    ),
    Step("The catalog is whole, with all of a batch of scenes or nothing of it.", "localcat verify"),
    Step("The same command again goes on, and takes in what is missing.", "localcat ingest scenes | head -1"),
    Step("## Look", "localcat ls"),
    Step(
        "The drone's files tell no time, and localcat guesses none. You know it.",
        'localcat set --where "acquired IS NULL" acquired=2024-06-20T09:30:00Z extra_properties.crew=north',
    ),
    Step(
        "Everything about one image:",
        "localcat show landsat-8-9-c2-l2sp:LC08_L2SP_193027_20240615_20240622_02_T1 | head -20",
    ),
    Step("## Search", "localcat search --datetime 2024-06"),
    Step(
        "June, and few clouds. `--where` takes CQL2; an image whose clouds are not known is not found by a comparison.",
        'localcat search --datetime 2024-06 --where "cloud_fraction < 0.2" -c id,cloud_fraction',
    ),
    Step(
        "Why so few? `explain` tells what each condition leaves.",
        'localcat explain --datetime 2024-06 --where "cloud_fraction < 0.2" | head -5',
    ),
    Step("How much is there of each month?", "localcat summary --interval month"),
    Step("## Cut and draw", "localcat preview --product sentinel-2-l2a-cogs -o pictures"),
    Step(
        "A part of the June scenes, as GeoTIFFs. Ids go through a pipe; a box in degrees says where to cut.",
        "localcat search --product sentinel-2-l2a-cogs --datetime 2024-06 --ids | "
        "localcat read - --bbox 16.345,47.840,16.355,47.846 --bands red,nir -o cut",
    ),
    Step(
        "One picture of all of them, the newest on top:",
        "localcat mosaic --product sentinel-2-l2a-cogs --bbox 16.345,47.840,16.355,47.846 --bands red,green,blue "
        "-o june.png",
    ),
    Step("## Put a subset aside", "localcat tag --datetime 2024-06 --add june"),
    Step(
        "The index of June for a colleague's map, as GeoJSON:",
        "localcat search --text june -o june.geojson; ls -1 june.*",
    ),
    Step(
        "And the June scenes as a catalog of their own on a stick, with their pixels. `--files` prints paths.",
        "mkdir stick && localcat init stick/june.gpkg --org field",
    ),
    Step("", "localcat search --text june --files | localcat --catalog stick/june.gpkg ingest - --copy | head -1"),
    Step("", "localcat --catalog stick/june.gpkg ls"),
    Step("## Keep", "localcat verify survey.gpkg --level full"),
    Step("In the evening the scenes move to the archive.", "mv scenes archive"),
    Step(
        "`verify` notices; its exit status is 3.",
        'localcat verify survey.gpkg > faults.txt; echo "status $?"; head -2 faults.txt',
    ),
    Step("One command says where they are now.", "localcat --catalog survey.gpkg relocate scenes archive | head -1"),
    Step("All is well again.", "localcat verify survey.gpkg"),
    Step("## Other programs", "python -c \"import pyogrio; print(pyogrio.list_layers('survey.gpkg'))\""),
    Step(
        "The file is a GeoPackage: GDAL, QGIS and geopandas read its layer of footprints.",
        "python -c \"import pyogrio; i = pyogrio.read_info('survey.gpkg', layer='footprints'); "
        "print(i['features'], 'features,', i['crs'], i['geometry_type'])\"",
    ),
]

ENDING = """
The catalog and its folder move together: `mv survey.gpkg survey.data elsewhere/`. `localcat backup` copies the two
while they are in use. [commands.md](commands.md) has every command, [keeping.md](keeping.md) what is promised.
"""


def pattern(height: int, width: int, seed: int, dtype: str, count: int = 1) -> numpy.ndarray:
    """Return a made-up landscape: waves of its own for each seed, within 1,000 to 9,000 (or 20 to 220)."""
    rng = numpy.random.default_rng(seed)
    rows, columns = numpy.mgrid[0:height, 0:width] / max(height, width)
    layers = []
    for _ in range(count):
        a, b, c = rng.uniform(2, 9, 3)
        layers.append(0.5 + 0.25 * numpy.sin(a * rows + b * columns) + 0.25 * numpy.cos(c * (rows - columns)))
    low, high = (20, 220) if dtype == "uint8" else (1000, 9000)
    return (low + (high - low) * numpy.array(layers)).astype(dtype)


def raster(
    path: Path, seed: int, dtype: str = "uint16", *, pixel: float, count: int = 1, nodata: float | None = 0
) -> None:
    """Write a raster of 1,920 by 1,440 m."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = round(1920 / pixel), round(1440 / pixel)
    grid = {"crs": UTM33, "transform": Affine(pixel, 0, 600_000, 0, -pixel, 5_300_000), "nodata": nodata}
    shape = {"height": height, "width": width, "count": count, "dtype": dtype}
    with rasterio.open(path, "w", driver="GTiff", compress="deflate", **shape, **grid) as file:
        if count == 3:
            file.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
        file.write(pattern(height, width, seed, dtype, count))


def make_scenes(folder: Path) -> None:
    """Write 60 files of four sensors."""
    for number, (scene, clouds) in enumerate(LANDSAT.items()):
        for layer in (*(f"SR_B{band}" for band in range(1, 8)), "QA_PIXEL"):
            raster(folder / "landsat" / f"{scene}_{layer}.TIF", number, pixel=30)
        groups = mtl(scene, "09:51:02.1234560Z", clouds, "LANDSAT_8", "LEVEL2_PROCESSING_RECORD")
        (folder / "landsat" / f"{scene}_MTL.txt").write_text(odl(groups))
    for number, scene in enumerate(SENTINEL2):
        for layer, pixel in {"B02": 10, "B03": 10, "B04": 10, "B08": 10, "B11": 20}.items():
            raster(folder / "sentinel-2" / scene / f"{layer}.tif", number + 10, pixel=pixel)
    for number, day in enumerate(SENTINEL1_DAYS):
        name = f"S1A_IW_GRDH_1SDV_{day}T165133_{day}T165158_05{number}161_06961F_8D3B_rtc"
        for layer in ("vv", "vh"):
            path = folder / "sentinel-1" / name / "measurement" / f"iw-{layer}.rtc.tiff"
            raster(path, number + 20, "float32", pixel=20, nodata=-32768)
    raster(folder / "north-meadow" / "odm_orthophoto" / "odm_orthophoto.tif", 30, "uint8", pixel=5, count=3)
    for number, model in enumerate(("dsm", "dtm")):
        raster(folder / "north-meadow" / "odm_dem" / f"{model}.tif", 31 + number, "float32", pixel=5, nodata=-9999)


def prepare(folder: Path) -> dict[str, str]:
    """Write the scenes, and a command ``localcat`` and ``python`` of this environment; return the environment."""
    make_scenes(folder / "day" / "scenes")
    tools = folder / "tools"
    commands = {"localcat": "-m localcat ", "python": "", f"{SLOW}/localcat": "-m tests.slow_card "}
    for name, words in commands.items():
        (tools / name).parent.mkdir(exist_ok=True)
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}"$@"\n')
        (tools / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name not in ("LOCALCAT", "COLUMNS", "NO_COLOR")}
    return {**kept, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}


def live(step: Step, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run a step in the folder of the day; return its exit status and what it printed."""
    if step.is_slow:
        slow = folder / "tools" / SLOW
        environment = {**environment, "PATH": f"{slow}{os.pathsep}{environment['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", step.command],
        cwd=folder / "day",
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.replace(f"{folder / 'day'}{os.sep}", "")


def steps_of(page: str) -> list[tuple[str, str]]:
    """Return the commands of a page, each with its output."""
    return re.findall(r"^```console\n\$ ([^\n]*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def render() -> str:
    """Live the day; return the page."""
    parts = [TITLE]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        environment = prepare(folder)
        for step in STEPS:
            status, output = live(step, folder, environment)
            assert status == step.status, f"{step.command}: status {status}\n{output}"
            prose = step.prose if step.prose.startswith("#") else textwrap.fill(step.prose, 118)
            parts.append(f"{prose}\n\n```console\n$ {step.command}\n{output}```\n\n".lstrip("\n"))
    return "".join(parts).rstrip("\n") + "\n" + ENDING


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
