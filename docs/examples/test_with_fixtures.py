"""Tests of a program of your own, on the fixtures that localcat brings; run them with pytest."""

from localcat import Image, properties as p


def clear_images(before: str) -> list[str]:
    """The program that is tested."""
    search = Image.search().filter((p.cloud_fraction < 0.1) & (p.acquired < before))
    return [image.name for image in search.sort("acquired")]


def test_clouds_are_left_out(localcat_earth):
    assert clear_images("2023-04-01") == ["sinai-1", "sinai-2", "alps-3"]


def test_an_empty_catalog_has_none(localcat_catalog):
    assert clear_images("2023-04-01") == []


def test_an_image_of_its_own(localcat_catalog, make_image):
    make_image("mine", acquired="2020-02-02", cloud_fraction=0.0)
    assert clear_images("2023-04-01") == ["mine"]
