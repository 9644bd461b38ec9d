"""Values with parts: resolutions, files, processing levels, upload options (sections 3.3, 3.4, 3.6, 3.9)."""

from __future__ import annotations

import copy
import pickle
from collections.abc import MutableMapping

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
    for name, value in (("value", float("nan")), ("value", "60m"), ("value", True), ("unit", "feet"), ("unit", 5)):
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
        ({"toa": [{}]}, "^function of a ProcessingStepAttribute is not set"),
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
        ({}, "^function of a DerivedParamsAttribute is not set"),
        ({"function": "f"}, "^bands of a DerivedParamsAttribute is not set"),
        ({"bands": ["a"]}, "^function of a DerivedParamsAttribute is not set"),
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
    for name, value in (("function", 5), ("data_type", "x"), ("index", "1"), ("physical_range", 5)):
        with pytest.raises(AttributeValidationError, match=f"^{name} .*, not {value!r}"):
            setattr(step, name, value)
    derived = DerivedParamsAttribute(function="f", bands=["a"])
    with pytest.raises(AttributeValidationError, match="^bands .*, not 5"):
        derived.bands = 5
    with pytest.raises(AttributeValidationError, match="bands .*, not 5"):
        derived.bands.append(5)
    assert (step, derived.bands) == (ProcessingStepAttribute(function="f"), ["a"])


def test_a_value_may_be_shared_by_bands(catalog: Catalog) -> None:
    """3.2: an object is attached as it is, a mapping becomes one of the band's own."""
    levels, derived = ProcessingLevelsAttribute(toa=[]), DerivedParamsAttribute("f", ["a"])
    first, second = (SpectralBand(processing_levels=levels, derived_params=derived) for _ in range(2))
    first.processing_levels["default"] = "toa"
    first.derived_params.function = "g"
    assert (second.processing_levels["default"], second.derived_params.function) == ("toa", "g")


# As mappings

VALUES = [
    (Resolution(60, "m"), {"value": 60.0, "unit": "meters"}),
    (File("gs://bucket/a.tif", size_bytes=5), {"href": "gs://bucket/a.tif", "size_bytes": 5}),
    (ProcessingStepAttribute("f", data_range=(0, 1)), {"function": "f", "data_range": (0.0, 1.0)}),
    (DerivedParamsAttribute("f", ["a"]), {"function": "f", "bands": ["a"]}),
]


@pytest.mark.parametrize(("value", "entries"), VALUES, ids=lambda one: type(one).__name__)
def test_values_are_mappings_of_the_parts_that_are_set(value, entries: dict) -> None:
    """3.2: read as attributes or as entries."""
    assert isinstance(value, MutableMapping)
    assert dict(value) == dict(**value) == value.serialize() == entries
    assert (value == entries, entries == value, value == {**entries, "x": 1}) == (True, True, False)
    assert (list(value), len(value), list(value.values())) == (list(entries), len(entries), list(entries.values()))
    for name, entry in entries.items():
        assert (value[name], getattr(value, name), name in value) == (entry, entry, True)
    assert value.get("provider_id", "none") == "none"
    with pytest.raises(KeyError, match="colour"):
        value["colour"]


@pytest.mark.parametrize(("value", "entries"), VALUES, ids=lambda one: type(one).__name__)
def test_values_are_filled_as_mappings(value, entries: dict) -> None:
    """3.2: an empty one, entry by entry; what is no entry is refused as it is set."""
    kind = type(value)
    made = kind()
    assert (dict(made), bool(made), made == {}) == ({}, False, True)
    for name, entry in entries.items():
        made[name] = entry
    by_update = kind()
    by_update.update(entries)
    assert made == by_update == value
    for copied in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert (type(copied), copied == value) == (kind, True)
    last = next(reversed(entries))
    del made[last]
    assert (last in made, getattr(made, last)) == (False, None)
    with pytest.raises(AttributeValidationError, match=f"{kind.__name__} has no entry 'hreff'"):
        made["hreff"] = "x"
    with pytest.raises(AttributeError, match=f"{kind.__name__} has no attribute hreff"):
        made.hreff = "x"


def test_values_of_other_classes_are_not_equal() -> None:
    assert File() != Resolution()
    assert Resolution() != 5
    with pytest.raises(TypeError, match="unhashable"):
        hash(File("a"))


@pytest.mark.parametrize(
    ("text", "value", "unit"), [("60m", 60, "meters"), ("30 m", 30, "meters"), ("0.1degrees", 0.1, "degrees")]
)
def test_a_resolution_is_made_of_a_text(text: str, value: float, unit: str) -> None:
    """Choice 34."""
    assert Resolution(text) == Resolution(value=text) == Resolution(value, unit)


@pytest.mark.parametrize("given", [("60",), ("60 km",), ("60m", "degrees"), (b"60m",), (None, "feet")])
def test_what_a_resolution_is_not_made_of(given: tuple) -> None:
    with pytest.raises(AttributeValidationError, match="resolution is"):
        Resolution(*given)


@pytest.mark.parametrize("given", [Resolution(), Resolution(60), Resolution(unit="m")])
def test_an_incomplete_resolution_is_refused_where_it_is_used(product: Product, given: Resolution) -> None:
    """3.4: a band and a filter need both parts."""
    with pytest.raises(AttributeValidationError, match=r"^resolution: (value|unit) of a Resolution is not set"):
        SpectralBand(resolution=given)
    with pytest.raises(BadRequestError, match=r"resolution: a resolution is .*, not \{"):
        SpectralBand.search().filter(p.resolution == given)
    band = product.get_band("blue")
    del band.resolution["value"]
    assert band.state == "modified"
    with pytest.raises(AttributeValidationError, match="value of a Resolution is not set"):
        band.save()
    band.resolution["value"] = 60
    assert band.state == "saved"


def test_a_file_is_changed_in_place(product: Product) -> None:
    """3.6: the image is modified then, and saves it."""
    image = Image(product=product, name="r", storage_state="remote", files=[File(href="gs://bucket/a.tif")])
    image.save()
    image.files[0].href = "gs://bucket/b.tif"
    assert image.state == "modified"
    image.save()
    assert (image.state, Image.get(image.id).files) == ("saved", [{"href": "gs://bucket/b.tif"}])
    image.files[0]["href"] = None
    with pytest.raises(AttributeValidationError, match="a file has a href or a provider_href"):
        image.save()


def test_a_file_of_ours_is_not_changed_in_place(kept: Catalog) -> None:
    """3.6: only uploads put files into the data folder."""
    image = Image.get("guide:a", catalog=kept)
    image.files[0].href = "guide/other.tif"
    with pytest.raises(BadRequestError, match=r"'guide/other\.tif' is not a file of image 'acme:guide:a'"):
        image.save()


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
