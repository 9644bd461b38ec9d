"""Images like those of Landsat and Sentinel: seeded, so that every run asks the same questions of the same catalog."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy
import shapely

if TYPE_CHECKING:
    import pyarrow
    from numpy.typing import NDArray

SEED = 20260101
PRODUCTS = 20
SHARE_OF_LARGEST = 0.5  # of all images, in product p00
START, END = 1_325_376_000, 1_767_225_600  # seconds since 1970: 2012-01-01 to 2026-01-01
CHUNK = 10_000


def product_name(number: int) -> str:
    return f"p{number:02d}"


@dataclass(frozen=True, slots=True)
class Drawn:
    """Some of the images, attribute by attribute; of an image without footprint or clouds these are to be left out."""

    first: int
    products: NDArray[Any]
    acquired: NDArray[Any]  # seconds since 1970
    latitudes: NDArray[Any]
    shapes: NDArray[Any]
    has_shape: NDArray[Any]
    clouds: NDArray[Any]
    has_clouds: NDArray[Any]
    sizes: NDArray[Any]

    @property
    def numbers(self) -> NDArray[Any]:
        return numpy.arange(self.first, self.first + len(self.sizes))


def drawn(count: int) -> Iterator[Drawn]:
    """Yield images: tilted footprints of about 2°, 0.3 % across the antimeridian, 0.5 % without a footprint.

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
        missing = random.random(size) < 0.005
        sizes = random.integers(10_000_000, 1_000_000_000, size)
        yield Drawn(start, products, acquired, lat, shapely.polygons(corners), ~missing, clouds, has_clouds, sizes)


def records(count: int) -> Iterator[dict[str, Any]]:
    """Yield the images as dictionaries."""
    for some in drawn(count):
        shapes: list[Any] = some.shapes.tolist()
        for position, number in enumerate(some.numbers.tolist()):
            record: dict[str, Any] = {
                "product_id": f"bench:{product_name(int(some.products[position]))}",
                "name": f"LC08_{number:07d}",
                "acquired": f"{numpy.datetime64(int(some.acquired[position]), 's')}Z",
                "geometry": shapes[position] if some.has_shape[position] else None,
                "satellite_id": "LANDSAT_8" if number % 2 else "LANDSAT_9",
                "solar_elevation_angle": float(some.latitudes[position]) / 2 + 40,
                "x_pixels": 7000 + number % 500,
                "y_pixels": 7000 + number % 400,
                "files": [{"href": f"https://example.org/{number}.tif", "size_bytes": int(some.sizes[position])}],
            }
            if some.has_clouds[position]:
                record["cloud_fraction"] = float(some.clouds[position])
            yield record


def table(count: int) -> pyarrow.RecordBatchReader:
    """Return the same images as a table of Arrow, which is made batch by batch."""
    import pyarrow  # the other benchmarks do without

    def batch(some: Drawn) -> pyarrow.RecordBatch:
        numbers = some.numbers
        files = pyarrow.StructArray.from_arrays(
            [pyarrow.array([f"https://example.org/{number}.tif" for number in numbers]), pyarrow.array(some.sizes)],
            ["href", "size_bytes"],
        )
        columns = {
            "product_id": pyarrow.array([f"bench:{product_name(product)}" for product in some.products.tolist()]),
            "name": pyarrow.array([f"LC08_{number:07d}" for number in numbers]),
            "acquired": pyarrow.array(some.acquired).cast(pyarrow.timestamp("s", "UTC")),
            "geometry": pyarrow.array(shapely.to_wkb(some.shapes), mask=~some.has_shape),
            "satellite_id": pyarrow.array(numpy.where(numbers % 2, "LANDSAT_8", "LANDSAT_9").tolist()),
            "solar_elevation_angle": pyarrow.array(some.latitudes / 2 + 40),
            "x_pixels": pyarrow.array(7000 + numbers % 500),
            "y_pixels": pyarrow.array(7000 + numbers % 400),
            "files": pyarrow.ListArray.from_arrays(numpy.arange(len(numbers) + 1, dtype=numpy.int32), files),
            "cloud_fraction": pyarrow.array(some.clouds, mask=~some.has_clouds),
        }
        return pyarrow.RecordBatch.from_pydict(columns)

    batches = map(batch, drawn(count))
    first = next(batches)
    return pyarrow.RecordBatchReader.from_batches(first.schema, itertools.chain([first], batches))
