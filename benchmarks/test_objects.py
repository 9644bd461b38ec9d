"""What catalog objects cost beside a plain property and beside a pydantic model of the same fields."""

from __future__ import annotations

import datetime
import itertools
from typing import Any

import pytest

from localcat import Catalog, Image, Product

FIELDS: dict[str, Any] = {
    "name": "LC08_0001",
    "acquired": "2024-05-06T10:00:00Z",
    "cloud_fraction": 0.1,
    "fill_fraction": 0.9,
    "satellite_id": "LANDSAT_8",
    "provider_id": "LC08_L2SP_0001",
    "cs_code": "EPSG:32632",
    "geotrans": (600_000, 30, 0, 5_300_000, 0, -30),
    "x_pixels": 7000,
    "y_pixels": 7000,
    "tags": ["a", "b"],
    "extra_properties": {"key": 1.5},
}


def test_making_an_image_of_twelve_attributes(in_turns) -> None:
    pydantic = pytest.importorskip("pydantic", reason="comes with the extra [bench]")

    class Model(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(extra="forbid")
        name: str = pydantic.Field(pattern=r"^[a-zA-Z0-9._-]{1,2000}$")
        acquired: datetime.datetime
        cloud_fraction: float = pydantic.Field(allow_inf_nan=False)
        fill_fraction: float = pydantic.Field(allow_inf_nan=False)
        satellite_id: str
        provider_id: str
        cs_code: str
        geotrans: tuple[float, float, float, float, float, float]
        x_pixels: int = pydantic.Field(ge=1)
        y_pixels: int = pydantic.Field(ge=1)
        tags: list[str] = pydantic.Field(max_length=32)
        extra_properties: dict[str, str | int | float] = pydantic.Field(max_length=50)

    with Catalog.temporary(org="a") as catalog:
        product = Product(id="x", name="X", catalog=catalog)
        product.save()
        assert Image(product=product, **FIELDS).cloud_fraction == Model(**FIELDS).cloud_fraction
        # No two have the same name and time, so that nothing is remembered from the one before.
        moment = datetime.datetime(2024, 5, 6, tzinfo=datetime.UTC)
        records = itertools.cycle(
            {
                **FIELDS,
                "name": f"LC08_{number}",
                "acquired": (moment + datetime.timedelta(minutes=number)).isoformat(),
            }
            for number in range(10_000)
        )
        in_turns(
            "make and check an image of 12 attributes (floor: a pydantic model of the same fields)",
            lambda record: Image(product=product, **record),
            lambda record: Model(**record),
            prepare=lambda: next(records),
        )


class Plain:
    def __init__(self, value: float) -> None:
        self._value = value

    @property
    def cloud_fraction(self) -> float:
        return self._value


def test_reading_an_attribute_again(in_turns) -> None:
    with Catalog.temporary(org="a") as catalog:
        product = Product(id="x", name="X", catalog=catalog)
        product.save()
        Image(product=product, **FIELDS).save()
        image = Image.get("a:x:LC08_0001", catalog=catalog)
        plain = Plain(0.1)
        assert image.cloud_fraction == plain.cloud_fraction

        def read(thing: Image | Plain) -> None:
            for _ in range(1000):
                thing.cloud_fraction  # noqa: B018  # reading is what is measured

        in_turns("read an attribute 1,000 times more (floor: a property)", lambda: read(image), lambda: read(plain))
