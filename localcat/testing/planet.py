"""What is on the tiny Earth: products, bands and images, as tables. docs/testing.md shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

from affine import Affine

from localcat.models.attributes.values import Resolution
from localcat.models.band import Band, ClassBand, GenericBand, MaskBand, MicrowaveBand, SpectralBand

ORG = "tiny"
CLASSES = ("water", "forest", "cropland", "built-up", "bare")  # of the values 1 to 5
COLORS = ((0, 100, 200, 255), (0, 100, 0, 255), (240, 150, 255, 255), (250, 0, 0, 255), (180, 180, 180, 255))

Masked: TypeAlias = Literal[
    "",
    "nodata",
    "nodata of one band",
    "nodata of the file",
    "alpha",
    "alpha everywhere",
    "internal mask",
    "NaN",
    "NaN of one band",
]
"""How pixels are marked as invalid: the first three rows of the image, or all."""

Kept: TypeAlias = Literal["uploaded", "in place", "remote", "without time", "without footprint"]
"""Where the pixels are, and what is taken from the record afterwards."""


@dataclass(frozen=True)
class Place:
    """A grid of pixels."""

    crs: str
    transform: Affine
    shape: tuple[int, int] = (32, 48)  # rows, columns


@dataclass(frozen=True)
class ProductOf:
    """A product and its bands; each band is made with ``product=`` added."""

    id: str
    bands: tuple[Callable[..., Band], ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class ImageOf:
    """An image; its pixels are those of `pattern` with its position in `IMAGES` as the seed, see filling.py."""

    product: str
    name: str
    acquired: str
    place: Place
    masked: Masked
    kept: Kept
    attributes: Mapping[str, Any]


def _spectral(name: str, index: int, center: float) -> Callable[..., Band]:
    return partial(
        SpectralBand,
        name=name,
        band_index=index,
        data_type="UInt16",
        nodata=0,
        data_range=(0, 10_000),
        display_range=(0, 6000),
        physical_range=(0.0, 1.0),
        physical_range_unit="reflectance",
        resolution=Resolution(300, "meters"),
        wavelength_nm_center=center,
        wavelength_nm_min=center - 20,
        wavelength_nm_max=center + 20,
        tags=["visible"] if center < 700 else ["infrared"],
    )


def _radar(name: str, file_index: int) -> Callable[..., Band]:
    return partial(
        MicrowaveBand,
        name=name,
        band_index=0,
        file_index=file_index,
        data_type="Float32",
        data_range=(-50, 10),
        display_range=(-26, 0),
        physical_range_unit="dB",
        resolution=Resolution(300, "meters"),
        frequency=5.405,
    )


PRODUCTS = (
    ProductOf(
        "optical",
        (
            _spectral("blue", 0, 490),
            _spectral("green", 1, 560),
            _spectral("red", 2, 665),
            _spectral("nir", 3, 842),
            partial(MaskBand, name="clouds", band_index=4, data_type="UInt16", resolution=Resolution(300, "meters")),
            partial(
                MaskBand,
                name="alpha",
                band_index=5,
                data_type="UInt16",
                is_alpha=True,
                resolution=Resolution(300, "meters"),
            ),
        ),
        attributes={
            "name": "Tiny optical reflectance",
            "description": "Four spectral bands, a mask of clouds and opacity, in one file.",
            "start_datetime": "2022-12-31",
            "revisit_period_minutes_min": 1440,
            "default_display_bands": ["red", "green", "blue", "alpha"],
            "tags": ["optical"],
            "extra_properties": {"license": "CC0-1.0"},
        },
    ),
    ProductOf(
        "radar",
        (_radar("vv", 0), _radar("vh", 1)),
        attributes={
            "name": "Tiny radar backscatter",
            "description": "Two polarizations, each in a file of its own. What is not a number is invalid.",
            "tags": ["radar"],
        },
    ),
    ProductOf(
        "landcover",
        (
            partial(
                ClassBand,
                name="class",
                band_index=0,
                data_type="Byte",
                nodata=0,
                data_range=(0, 255),
                colormap=[(0, 0, 0, 0), *COLORS],
                class_labels=[None, *CLASSES],
                resolution=Resolution(0.001, "degrees"),
            ),
        ),
        attributes={"name": "Tiny land cover", "description": "A class map a year.", "tags": ["map", "yearly"]},
    ),
    ProductOf(
        "temperature",
        (
            partial(
                GenericBand,
                name="temperature",
                band_index=0,
                data_type="Int16",
                nodata=-32768,
                data_range=(-10_000, 10_000),
                display_range=(-5000, 5000),
                physical_range=(-100.0, 100.0),
                physical_range_unit="°C",
                resolution=Resolution(10, "degrees"),
            ),
        ),
        attributes={
            "name": "Tiny temperature of the air",
            "description": "The whole globe, 10° a pixel.",
            "is_core": True,
            "tags": ["global"],
        },
    ),
)

ALPS = Place("EPSG:32632", Affine(300, 0, 492_800, 0, -300, 5_200_000))  # 9° E, 46.9° N in UTM zone 32 N
SINAI = Place("EPSG:32636", Affine(300, 0, 492_800, 0, -300, 3_300_000))  # 33° E, 29.8° N
ATACAMA = Place("EPSG:32719", Affine(300, 0, 492_800, 0, -300, 7_600_000))  # 69° W, 21.7° S
ATACAMA_SOUTH_UP = Place("EPSG:32719", Affine(300, 0, 492_800, 0, 300, 7_590_400))  # the same, from south to north
TAVEUNI_EAST = Place("EPSG:32701", Affine(300, 0, 176_000, 0, -300, 8_137_000))  # across 180° at 16.8° S, in zone 1 S
TAVEUNI_WEST = Place("EPSG:32760", Affine(300, 0, 809_600, 0, -300, 8_137_000))  # the same island in zone 60 S
LOMBARDY = Place("EPSG:32632", Affine(240, 180, 495_000, 180, -240, 5_003_000))  # turned by 37°; 9° E, 45.2° N
NORTH_POLE = Place("EPSG:3413", Affine(300, 0, -7200, 0, -300, 4800))  # in the middle
SOUTH_POLE = Place("EPSG:3031", Affine(300, 0, -7200, 0, -300, 4800))
LISBON = Place("EPSG:32629", Affine(300, 0, 484_000, 0, -300, 4_290_000))  # 9.2° W, 38.7° N
STYRIA = Place("EPSG:32633", Affine(300, 0, 492_800, 0, -300, 5_300_000))  # 15° E, 47.8° N
ETNA = Place("EPSG:32633", Affine(300, 0, 492_800, 0, -300, 4_179_800))  # 15° E, 37.7° N
ETNA_IN_DEGREES = Place("EPSG:4326", Affine(0.003, 0, 14.95, 0, -0.003, 37.77))
NAIROBI = Place("EPSG:4326", Affine(0.001, 0, 36.8, 0, -0.001, -1.27))
BRUSSELS = Place("EPSG:3035", Affine(100, 0, 3_920_000, 0, -100, 3_100_000))  # 4.3° E, 50.9° N in an equal-area CRS
GLOBE = Place("EPSG:4326", Affine(10, 0, -180, 0, -10, 90), (18, 36))
GLOBE_FROM_0 = Place("EPSG:4326", Affine(10, 0, 0, 0, -10, 90), (18, 36))  # longitudes from 0° to 360°
GLOBE_SOUTH_UP = Place("EPSG:4326", Affine(10, 0, -180, 0, 10, -90), (18, 36))
PACIFIC = Place("EPSG:4326", Affine(10, 0, 150, 0, -10, 30), (5, 6))  # from 150° E to 150° W


def _image(
    product: str,
    name: str,
    acquired: str,
    place: Place,
    masked: Masked = "",
    *,
    kept: Kept = "uploaded",
    clouds: float | None = None,
    tags: str = "",
    **attributes: Any,
) -> ImageOf:
    attributes |= {"cloud_fraction": clouds, "tags": tags.split()}
    return ImageOf(product, name, acquired, place, masked, kept, attributes)


_optical = partial(_image, "optical")
_radar_image = partial(_image, "radar")
_map = partial(_image, "landcover", masked="nodata")
_globe = partial(_image, "temperature")

IMAGES = (
    _optical("alps-1", "2023-01-15T10:20:00Z", ALPS, "nodata", clouds=0.9, tags="snow", satellite_id="tiny-a"),
    _optical("alps-2", "2023-02-14T10:20:00Z", ALPS, "alpha", clouds=0.5, tags="snow", satellite_id="tiny-b"),
    _optical("alps-3", "2023-03-16T10:20:00Z", ALPS, clouds=0.0, tags="snow best", satellite_id="tiny-a"),
    _optical("alps-4", "2023-04-15T10:20:00Z", ALPS, "alpha everywhere", satellite_id="tiny-b"),
    _optical("alps-5", "2023-05-15T10:20:00Z", ALPS, "nodata of one band", clouds=0.2, satellite_id="tiny-a"),
    _optical(
        "alps-6", "2023-06-14T10:20:00Z", ALPS, "nodata of the file", kept="in place", clouds=0.1, satellite_id="tiny-b"
    ),
    _optical("sinai-1", "2022-12-31T23:59:59.999999Z", SINAI, clouds=0.0, satellite_id="tiny-a"),
    _optical("sinai-2", "2023-01-01T00:00:00Z", SINAI, clouds=0.0, satellite_id="tiny-a"),
    _optical("sinai-3", "2024-02-29T12:00:00Z", SINAI, clouds=0.05, extra_properties={"orbit": {"number": 21}}),
    _optical("atacama", "2023-07-01T14:00:00Z", ATACAMA, clouds=0.0),
    _optical("atacama-south-up", "2023-07-02T14:00:00Z", ATACAMA_SOUTH_UP, clouds=0.0),
    _optical("taveuni-east", "2023-09-01T22:10:00Z", TAVEUNI_EAST, "nodata", clouds=0.6, tags="coast"),
    _optical("taveuni-west", "2023-09-01T22:10:30Z", TAVEUNI_WEST, clouds=0.6, tags="coast"),
    _optical("north-pole", "2023-06-21T00:00:00Z", NORTH_POLE, tags="pole snow"),
    _optical("south-pole", "2023-12-22T00:00:00Z", SOUTH_POLE, tags="pole snow"),
    _optical("lombardy-turned", "2023-05-15T10:21:00Z", LOMBARDY, clouds=0.2),
    _optical("no-time", "2023-01-01", ALPS, kept="without time", clouds=0.3),
    _optical("no-footprint", "2023-10-01T10:20:00Z", ALPS, kept="without footprint", clouds=0.4),
    _optical("lisbon-1", "2023-08-11T11:21:00Z", LISBON, kept="remote", clouds=0.0, tags="coast"),
    _optical("lisbon-2", "2023-08-12T11:21:00Z", LISBON, kept="remote", clouds=0.7, tags="coast"),
    _optical("lisbon-3", "2023-08-13T11:21:00Z", LISBON, kept="remote", clouds=1.0, tags="coast"),
    _radar_image("styria-1", "2023-01-03T05:00:00Z", STYRIA, "NaN", kept="in place", tags="descending"),
    _radar_image("styria-2", "2023-01-03T16:45:00Z", STYRIA, kept="in place", tags="ascending"),
    _radar_image("styria-3", "2023-01-15T05:00:00Z", STYRIA, "internal mask", kept="in place", tags="descending"),
    _radar_image("styria-4", "2023-01-15T16:45:00Z", STYRIA, "NaN of one band", tags="ascending"),
    _radar_image("styria-5", "2023-01-27T05:00:00Z", STYRIA, tags="descending", incidence_angle=38.5),
    _radar_image("styria-6", "2023-01-27T16:45:00Z", STYRIA, tags="ascending", incidence_angle=33.25),
    _radar_image("etna", "2023-02-01T05:01:00Z", ETNA, tags="descending volcano"),
    _radar_image("etna-in-degrees", "2023-02-01T05:01:00Z", ETNA_IN_DEGREES, tags="volcano"),
    _map("nairobi-2018", "2018-01-01", NAIROBI, acquired_end="2018-12-31T23:59:59Z"),
    _map("nairobi-2019", "2019-01-01", NAIROBI, acquired_end="2019-12-31T23:59:59Z"),
    _map("nairobi-2020", "2020-01-01", NAIROBI, acquired_end="2020-12-31T23:59:59Z"),
    _map("nairobi-2021", "2021-01-01", NAIROBI, acquired_end="2021-12-31T23:59:59Z"),
    _map("brussels-2020", "2020-01-01", BRUSSELS, acquired_end="2020-12-31T23:59:59Z"),
    _globe("globe-1", "2023-01-01", GLOBE),
    _globe("globe-2", "2023-02-01", GLOBE, "nodata"),
    _globe("globe-3", "2023-03-01", GLOBE),
    _globe("globe-from-0", "2023-04-01", GLOBE_FROM_0),
    _globe("globe-south-up", "2023-05-01", GLOBE_SOUTH_UP),
    _globe("pacific", "2023-06-01", PACIFIC),
)
