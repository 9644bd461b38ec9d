"""Values with parts: resolutions, files, processing levels, upload options (sections 3.3, 3.4, 3.6, 3.9)."""

from __future__ import annotations

import numpy
import pytest

from localcat import (
    AttributeValidationError,
    BadRequestError,
    Catalog,
    DerivedParamsAttribute,
    File,
    Image,
    ImageUploadOptions,
    OverviewResampler,
    ProcessingLevelsAttribute,
    ProcessingStepAttribute,
    Product,
    Resolution,
    ResolutionUnit,
    SpectralBand,
)
from localcat import properties as p

# Resolutions


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("60m", 60, "meters"),
        ("60 m", 60, "meters"),
        ("60 meter", 60, "meters"),
        ("60meters.", 60, "meters"),
        ("60 Metre", 60, "meters"),
        ("  60   METRES. ", 60, "meters"),
        ("0.5°", 0.5, "degrees"),
        ("0.5 deg.", 0.5, "degrees"),
        (".5 degree", 0.5, "degrees"),
        ("1. degrees", 1, "degrees"),
        ("-5 m", -5, "meters"),
        ("+5 m", 5, "meters"),
        ("1e-3 m", 0.001, "meters"),
    ],
)
def test_spellings_of_a_resolution(catalog: Catalog, text: str, value: float, unit: str) -> None:
    """3.4: number, optional spaces, unit in any case, optional period; negatives parse."""
    assert SpectralBand(resolution=text).resolution == Resolution(value, unit)


@pytest.mark.parametrize(
    "value",
    [
        *("60", "60 km", "m", "", "60 m m", "6 0 m", "60..m", "nan m", "1e999 m", "٣ m", 60, ["60", "m"]),
        {"value": 60},
        {"unit": "m"},
        {"value": 60, "unit": "m", "x": 1},
        {"value": "sixty", "unit": "m"},
        {"value": 60, "unit": 5},
    ],
)
def test_what_is_no_resolution(catalog: Catalog, value: object) -> None:
    """3.4: no unit or an unknown one raises AttributeValidationError."""
    with pytest.raises(AttributeValidationError, match=r"^resolution: "):
        SpectralBand(resolution=value)


def test_a_resolution_can_be_made_in_several_ways(catalog: Catalog) -> None:
    """3.4: as an object, a mapping or a text; the unit reads as plain text."""
    expected = Resolution(60, "meters")
    for value in (
        Resolution(unit=ResolutionUnit.METERS, value=60),
        Resolution(numpy.float32(60), "metre"),
        {"value": 60, "unit": "meters"},
        "60m",
    ):
        resolution = SpectralBand(resolution=value).resolution
        assert resolution == expected
        assert (type(resolution.value), type(resolution.unit), resolution.unit) == (float, str, "meters")


def test_a_resolution_stays_valid_when_it_is_changed() -> None:
    """3.2: nested fields are checked, too."""
    resolution = Resolution(60, "meters")
    resolution.value, resolution.unit = "30", ResolutionUnit.DEGREES
    assert resolution == Resolution(30, "degrees")
    for name, value in (("value", float("nan")), ("value", None), ("value", True), ("unit", "feet"), ("unit", None)):
        with pytest.raises(AttributeValidationError, match=f"the {name} of a resolution is"):
            setattr(resolution, name, value)
    assert resolution == Resolution(30, "degrees")


def test_resolutions_compare_in_metres(product: Product) -> None:
    """3.3, 3.4: a plain number in a filter means metres; a degree is 111,111 m."""
    for name, resolution in (("fine", "10 m"), ("coarse", "0.001 deg")):
        SpectralBand(
            name=name, product=product, resolution=resolution, data_type="Byte", data_range=(0, 1), band_index=2
        ).save()
    search = SpectralBand.search()
    assert search.filter(p.resolution < 60).ids() == ["acme:guide:fine"]
    assert search.filter(p.resolution > "60 m").ids() == ["acme:guide:coarse"]
    assert search.filter(p.resolution == {"value": 10, "unit": "m"}).ids() == ["acme:guide:fine"]
    assert search.filter(p.resolution >= Resolution(0.001, "degrees")).ids() == ["acme:guide:coarse"]
    assert search.sort("-resolution").ids() == ["acme:guide:coarse", "acme:guide:blue", "acme:guide:fine"]
    assert Product.search().filter(p.resolution_min == 10).ids() == ["acme:guide"]
    assert Product.search().filter(p.resolution_max > 111).ids() == ["acme:guide"]
    with pytest.raises(BadRequestError, match="a plain number means metres"):
        search.filter(p.resolution == "60")


# Files


def test_files_are_given_as_objects_or_mappings(product: Product) -> None:
    """3.6."""
    image = Image(name="x", product=product)
    image.files = [
        File(href="s3://bucket/key.tif", size_bytes=5, hash="ab", provider_id="p"),
        {"provider_href": "http://example.org/x.tif"},
    ]
    image.save()
    assert Image.get("guide:x").files == [
        File("s3://bucket/key.tif", 5, "ab", "p", None),
        File(provider_href="http://example.org/x.tif"),
    ]


@pytest.mark.parametrize(
    "file",
    [
        {},
        {"href": ""},
        {"href": 5},
        {"href": "a\x00b"},
        {"href": "\ud800"},
        {"href": "a", "size_bytes": -1},
        {"href": "a", "size_bytes": 1.5},
        {"href": "a", "size_bytes": 2**63},
        {"href": "a", "size_bytes": True},
        {"href": "a", "owned": 1},
        {"href": "a", "owned": True},
        {"href": "a", "colour": "red"},
        {5: "a"},
        "a.tif",
        None,
    ],
)
def test_what_is_no_file(catalog: Catalog, file: object) -> None:
    """3.6: an href or a provider_href, a size in bytes; our own need href, size and hash."""
    with pytest.raises(AttributeValidationError, match=r"^files"):
        Image(files=[file])


@pytest.mark.parametrize("files", ["a.tif", b"a", 5, {"href": "a"}, File("a")])
def test_files_are_a_list(catalog: Catalog, files: object) -> None:
    """3.6."""
    with pytest.raises(AttributeValidationError, match=r"^files is a list of files"):
        Image(files=files)


# Processing


def test_aliases_of_processing_levels_are_followed() -> None:
    """3.4: up to 10 deep, then an infinite loop; dangling ones are a ValueError."""
    chain = {f"a{n}": f"a{n + 1}" for n in range(10)}
    levels = ProcessingLevelsAttribute({**chain, "a10": [{"function": "f"}], "loop": "loop", "lost": "nowhere"})
    assert levels.steps("a10") == levels.steps("a0") == [ProcessingStepAttribute(function="f")]
    levels["a"] = "a0"
    with pytest.raises(ValueError, match="infinite loop"):
        levels.steps("a")
    with pytest.raises(ValueError, match="infinite loop"):
        levels.steps("loop")
    with pytest.raises(ValueError, match=r"^there is no processing level 'nowhere'"):
        levels.steps("lost")


@pytest.mark.parametrize("name", ["default", "toa", "surface"])
def test_standard_processing_levels_need_no_entry(name: str) -> None:
    """3.4: an absent level is an error for the others only."""
    assert ProcessingLevelsAttribute().steps(name) == []
    with pytest.raises(BadRequestError, match="there is no processing level 'cellar'; there are none"):
        ProcessingLevelsAttribute().steps("cellar")


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        (5, "not 5"),
        (["toa"], r"not \['toa'\]"),
        ({"toa": 5}, "'toa' .*, not 5"),
        ({"toa": None}, "'toa' .*, not None"),
        ({5: "toa"}, "not 5"),
        ({"toa": [5]}, "^5 "),
        ({"toa": [{}]}, "^function .*, not None"),
        ({"toa": [{"function": 5}]}, "^function .*, not 5"),
        ({"toa": [{"function": "f", "colour": "red"}]}, "'colour'"),
        ({"toa": [{"function": "f", "data_type": "uint8"}]}, "^data_type .*, not 'uint8'"),
        ({"toa": [{"function": "f", "data_range": (0, 1, 2)}]}, r"^data_range .*, not \(0, 1, 2\)"),
        ({"toa": [{"function": "f", "data_range": (0, float("nan"))}]}, r"^data_range .*, not \(0, nan\)"),
        ({"toa": [{"function": "f", "index": 1.5}]}, "^index .*, not 1.5"),
        ({"toa": "\ud800"}, r"'toa' .*, not '\\ud800'"),
        ({"\ud800": "toa"}, r", not '\\ud800'"),
    ],
)
def test_what_is_no_processing_level(catalog: Catalog, levels: object, words: str) -> None:
    """3.4: the name of a level or a list of steps."""
    with pytest.raises(AttributeValidationError, match=words):
        SpectralBand(processing_levels=levels)


@pytest.mark.parametrize(
    ("derived", "words"),
    [
        ({}, "^function .*, not None"),
        ({"function": "f"}, "^bands .*, not None"),
        ({"bands": ["a"]}, "^function .*, not None"),
        ({"function": "f", "bands": "ab"}, "^bands .*, not 'ab'"),
        ({"function": "f", "bands": [5]}, "bands .*, not 5"),
        ({"function": "f", "bands": ["a"], "x": 1}, "'x'"),
        ("f", "^'f' "),
    ],
)
def test_what_are_no_derived_params(catalog: Catalog, derived: object, words: str) -> None:
    """3.4: function and bands are needed."""
    with pytest.raises(AttributeValidationError, match=words):
        SpectralBand(derived_params=derived)


def test_values_stay_valid_when_they_are_changed() -> None:
    """3.2: nested fields are checked, too."""
    step = ProcessingStepAttribute(function="f")
    for name, value in (("function", None), ("data_type", "x"), ("index", "1"), ("physical_range", 5)):
        with pytest.raises(AttributeValidationError, match=f"^{name} .*, not {value!r}"):
            setattr(step, name, value)
    derived = DerivedParamsAttribute(function="f", bands=["a"])
    with pytest.raises(AttributeValidationError, match="^bands .*, not None"):
        derived.bands = None
    assert (step, derived.bands) == (ProcessingStepAttribute(function="f"), ["a"])


def test_a_value_may_be_shared_by_bands(catalog: Catalog) -> None:
    """3.2: an object is attached as it is, a mapping becomes one of the band's own."""
    levels, derived = ProcessingLevelsAttribute(toa=[]), DerivedParamsAttribute("f", ["a"])
    first, second = (SpectralBand(processing_levels=levels, derived_params=derived) for _ in range(2))
    first.processing_levels["default"] = "toa"
    first.derived_params.function = "g"
    assert (second.processing_levels["default"], second.derived_params.function) == ("toa", "g")


# Upload options


def test_upload_options_take_members_or_text() -> None:
    """3.9: overviews are whole numbers from 2, at most 16."""
    options = ImageUploadOptions(
        upload_type="ndarray",
        overviews=(4, numpy.int64(2)),
        overview_resampler=OverviewResampler.AVERAGE,
        image_files=["a.tif"],
        upload_size=5,
    )
    assert (options.upload_type, options.overviews, options.overview_resampler) == ("ndarray", [2, 4], "average")
    assert ImageUploadOptions(overviews=list(range(2, 18))).overviews == list(range(2, 18))
    assert ImageUploadOptions(overviews=[]).overviews == []
    assert ImageUploadOptions().overviews is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"upload_type": "carrier pigeon"},
        {"overview_resampler": "magic"},
        {"overviews": "2,4"},
        {"overviews": 2},
        {"overviews": [1]},
        {"overviews": [2.0]},
        {"overviews": [True]},
        {"overviews": [2, 2]},
        {"overviews": list(range(2, 19))},
        {"image_files": "a.tif"},
        {"image_files": [5]},
        {"upload_size": -1},
        {"upload_size": "5"},
    ],
)
def test_upload_options_are_checked(wrong: dict) -> None:
    """3.9."""
    with pytest.raises(AttributeValidationError, match=next(iter(wrong)).rstrip("s")):
        ImageUploadOptions(**wrong)


def test_numbers_of_numpy_are_kept_as_pythons_own(product: Product) -> None:
    """3.2: values of extra_properties are text and numbers."""
    image = Image(product=product, name="n", extra_properties={"a": numpy.int64(3), "b": numpy.float32(0.5)})
    image.save()
    assert image.extra_properties == {"a": 3, "b": 0.5}
    assert [type(value) for value in image.extra_properties.values()] == [int, float]
    assert Image.search().limit(numpy.int64(1)).ids() == ["acme:guide:n"]
    with pytest.raises(BadRequestError, match="a limit is a whole number"):
        Image.search().limit(10**30)
