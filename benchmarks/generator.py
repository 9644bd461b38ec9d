"""Images like those of Landsat and Sentinel: seeded, so that every run asks the same questions of the same catalog."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy
import shapely

SEED = 20260101
PRODUCTS = 20
SHARE_OF_LARGEST = 0.5  # of all images, in product p00
START, END = 1_325_376_000, 1_767_225_600  # seconds since 1970: 2012-01-01 to 2026-01-01
CHUNK = 10_000


def product_name(number: int) -> str:
    return f"p{number:02d}"


def records(count: int) -> Iterator[dict[str, Any]]:
    """Yield image records: tilted footprints of about 2°, 0.3 % across the antimeridian, 0.5 % without a footprint.

    A tenth has no cloud_fraction. Times are spread over 14 years, places over the land-like band from 60° S to 75° N.
    """
    random = numpy.random.default_rng(SEED)
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        largest = random.random(size) < SHARE_OF_LARGEST
        products = numpy.where(largest, 0, random.integers(1, PRODUCTS, size))
        acquired = random.integers(START, END, size)
        lon, lat = random.uniform(-178.5, 178.5, size), random.uniform(-60, 75, size)
        clouds = random.beta(0.5, 0.8, size)
        has_clouds = random.random(size) >= 0.1
        crosses = random.random(size) < 0.003
        lon = numpy.where(crosses, 180.0, lon)
        half_width, half_height, tilt = random.uniform(0.5, 1.2, size), random.uniform(0.5, 1.0, size), 0.25
        corners = numpy.stack(
            [
                numpy.stack((lon - half_width + tilt, lat + half_height), axis=1),
                numpy.stack((lon + half_width + tilt, lat + half_height * 0.8), axis=1),
                numpy.stack((lon + half_width - tilt, lat - half_height), axis=1),
                numpy.stack((lon - half_width - tilt, lat - half_height * 0.8), axis=1),
            ],
            axis=1,
        )
        shapes: list[Any] = shapely.polygons(corners).tolist()
        missing = random.random(size) < 0.005
        sizes = random.integers(10_000_000, 1_000_000_000, size)
        for position in range(size):
            number = start + position
            record: dict[str, Any] = {
                "product_id": f"bench:{product_name(int(products[position]))}",
                "name": f"LC08_{number:07d}",
                "acquired": f"{numpy.datetime64(int(acquired[position]), 's')}Z",
                "geometry": None if missing[position] else shapes[position],
                "satellite_id": "LANDSAT_8" if number % 2 else "LANDSAT_9",
                "solar_elevation_angle": float(lat[position]) / 2 + 40,
                "x_pixels": 7000 + number % 500,
                "y_pixels": 7000 + number % 400,
                "files": [{"href": f"https://example.org/{number}.tif", "size_bytes": int(sizes[position])}],
            }
            if has_clouds[position]:
                record["cloud_fraction"] = float(clouds[position])
            yield record
