"""Bands: ids and names, products, the five types, required values (section 3.4 of the behaviour)."""

from __future__ import annotations

import pytest

from localcat import (
    AttributeValidationError,
    BadRequestError,
    Band,
    BandType,
    Catalog,
    ClassBand,
    Colormap,
    DataType,
    GenericBand,
    Image,
    MaskBand,
    MicrowaveBand,
    NamedCatalogObject,
    NotFoundError,
    ProcessingLevelsAttribute,
    ProcessingStepAttribute,
    Product,
    Resolution,
    SpectralBand,
)
from localcat import properties as p
from localcat.models.backend import bands_of

TYPES = {
    "spectral": SpectralBand,
    "microwave": MicrowaveBand,
    "mask": MaskBand,
    "class": ClassBand,
    "generic": GenericBand,
}
NEEDED = {"data_type": "Byte", "data_range": (0, 255), "band_index": 0}


# Ids and names


def test_every_way_to_make_an_id(product: Product) -> None:
    """3.4: id, name + product, name + product_id, and redundant combinations, in any order."""
    for given in (
        {"id": "acme:guide:red"},
        {"name": "red", "product": product},
        {"product": product, "name": "red"},
        {"name": "red", "product_id": "acme:guide"},
        {"product_id": "acme:guide", "name": "red"},
        {"id": "acme:guide:red", "name": "red"},
        {"name": "red", "id": "acme:guide:red"},
        {"id": "acme:guide:red", "product": product},
        {"product": product, "id": "acme:guide:red"},
        {"id": "acme:guide:red", "name": "red", "product": product, "product_id": "acme:guide"},
    ):
        band = SpectralBand(**given)
        assert (band.id, band.name, band.product_id, band.product) == ("acme:guide:red", "red", "acme:guide", product)
        image = Image(**given)
        assert (image.id, image.name, image.product_id) == ("acme:guide:red", "red", "acme:guide")


def test_the_id_can_come_bit_by_bit(product: Product) -> None:
    """3.4."""
    band = SpectralBand(name="red")
    assert (band.id, band.product) == (None, None)
    band.product = None
    band.product = product
    assert band.id == "acme:guide:red"
    late = SpectralBand()
    late.id = "acme:guide:green"
    assert (late.name, late.product_id) == ("green", "acme:guide")


@pytest.mark.parametrize(
    "given",
    [
        {"id": "acme:guide:red", "name": "green"},
        {"name": "green", "id": "acme:guide:red"},
        {"id": "acme:guide:red", "product_id": "acme:other"},
        {"product_id": "acme:other", "id": "acme:guide:red"},
        {"product_id": "acme:other", "name": "green", "id": "acme:other:red"},
    ],
)
def test_contradictions_are_refused(catalog: Catalog, given: dict) -> None:
    """3.4."""
    with pytest.raises(AttributeValidationError, match=r"contradicts|immutable"):
        SpectralBand(**given)
    band = SpectralBand()
    with pytest.raises(AttributeValidationError, match=r"contradicts|immutable"):
        band.update(**given)
    assert (band.id, band.name, band.product_id) == (None, None, None)


def test_product_and_product_id_must_agree(product: Product) -> None:
    """3.4."""
    other = Product(id="other", name="Other")
    other.save()
    for given in ({"product": product, "product_id": "acme:other"}, {"product_id": "acme:other", "product": product}):
        with pytest.raises(AttributeValidationError, match="contradicts product_id 'acme:other'"):
            SpectralBand(**given)


@pytest.mark.parametrize(
    ("id", "shown"),
    [("red", "'red'"), (":red", "':red'"), ("acme:guide:", "''"), ("", "''"), ("acme:guide:r d", "'r d'"), (5, "5")],
)
def test_an_id_needs_a_product_and_a_name(catalog: Catalog, id: object, shown: str) -> None:
    """3.4: one without a colon is refused."""
    with pytest.raises(AttributeValidationError, match=f"not {shown}$"):
        SpectralBand(id=id)


def test_the_last_colon_separates_the_name(catalog: Catalog) -> None:
    """3.4: ids of products contain colons."""
    band = SpectralBand(id="landsat:LC08:01:RT:TOAR:blue")
    assert (band.product_id, band.name) == ("landsat:LC08:01:RT:TOAR", "blue")


@pytest.mark.parametrize("name", ["a b", "a/b", "a:b", "é", "", "a" * 2001, "a\n"])
def test_names_have_few_characters(catalog: Catalog, name: str) -> None:
    """3.2: 1 to 2000 from a-z A-Z 0-9 . _ -."""
    for kind in (SpectralBand, Image):
        with pytest.raises(AttributeValidationError, match=r"^name has 1 to 2000 characters from a-z A-Z 0-9 . _ -"):
            kind(name=name)


def test_names_may_use_all_of_these(product: Product) -> None:
    """3.2."""
    for name in ("Az09._-", "-", ".", "..", "a" * 2000):
        SpectralBand(name=name, product=product, **NEEDED).save()
        assert Band.get(f"guide:{name}").name == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a b", "a_b"),
        ("a  / b", "a_b"),
        ("Größe: 5 µm!", "Gr_e_5_m_"),
        ("", ""),
        ("x.y-z_9", "x.y-z_9"),
        ("__ __", "_____"),
    ],
)
def test_make_valid_name(text: str, name: str) -> None:
    """3.4: every run of other characters becomes one underscore."""
    assert [kind.make_valid_name(text) for kind in (Band, Image, NamedCatalogObject)] == [name] * 3


def test_names_with_colons_from_the_store_load_unharmed(product: Product, catalog: Catalog) -> None:
    """3.4: imported from elsewhere."""
    with catalog.database.write() as transaction:
        transaction.connection.execute("UPDATE band SET name = 'a:b', uid = 'acme:guide:a:b' WHERE name = 'blue'")
    band = Band.get("acme:guide:a:b")
    assert (band.name, band.product_id, band.id, band.state) == ("a:b", "acme:guide", "acme:guide:a:b", "saved")
    band.description = "changed"
    band.save()
    band.reload()
    assert (band.description, product.get_band("a:b").id) == ("changed", "acme:guide:a:b")
    assert [found.name for found in product.bands()] == ["a:b", "alpha"]


# Products


def test_the_product_must_be_saved(catalog: Catalog) -> None:
    """3.4: in the original's words; the wrong class is refused too."""
    unsaved = Product(id="x", name="X")
    with pytest.raises(
        AttributeValidationError, match=r"^Can't assign unsaved related object to 'product'\. Save it first\.$"
    ):
        SpectralBand(name="red", product=unsaved)
    unsaved.save()
    unsaved.delete()
    with pytest.raises(AttributeValidationError, match="Can't assign unsaved related object"):
        SpectralBand(name="red", product=unsaved)
    for wrong in ("acme:guide", 5, SpectralBand()):
        with pytest.raises(AttributeValidationError, match=r"^product is a Product, not"):
            SpectralBand(name="red", product=wrong)


def test_a_modified_product_will_do(product: Product) -> None:
    """3.4: it is in the catalog."""
    product.name = "New"
    SpectralBand(name="red", product=product, **NEEDED).save()


def test_the_product_is_read_when_asked_for_and_kept(product: Product) -> None:
    """3.4: lazily and cached."""
    band = Band.get("guide:blue")
    assert band.product == product
    assert band.product is band.product
    assert SpectralBand(name="red", product=product).product is product
    assert SpectralBand(id="acme:nothing:red").product is None
    assert SpectralBand(id="guide:red").product is None


def test_the_product_must_be_in_the_catalog_when_saving(product: Product) -> None:
    """3.4: an error that helps, both a NotFoundError and a BadRequestError."""
    for kind in (NotFoundError, BadRequestError):
        with pytest.raises(kind, match=r"'guide' .*did you mean 'acme:guide'\?$"):
            SpectralBand(id="guide:red", **NEEDED).save()
    with pytest.raises(NotFoundError, match="'nothing' .*save it first$"):
        Image(id="nothing:a").save()


def test_a_band_belongs_to_the_catalog_of_its_product(catalog: Catalog) -> None:
    """Ours: several catalogs can be open."""
    with Catalog.temporary(org="other") as other:
        there = Product(id="p", name="P", catalog=other)
        there.save()
        band = SpectralBand(name="red", product=there, **NEEDED)
        band.save()
        assert (other.bands.ids(), catalog.bands.ids()) == (["other:p:red"], [])
        with pytest.raises(AttributeValidationError, match="product 'other:p' belongs to another catalog"):
            SpectralBand(name="red", product=there, catalog=catalog)


# Types


@pytest.mark.parametrize("name", TYPES)
def test_the_type_follows_from_the_class(product: Product, name: str) -> None:
    """3.4: read as plain text; a search of the class finds it, those of others do not."""
    band = TYPES[name](name="new", product=product, **{**NEEDED, "data_range": (0, 1)})
    assert (band.type, type(band.type)) == (name, str)
    band.save()
    found = Band.get("guide:new")
    assert (type(found), found.type) == (TYPES[name], BandType(name))
    assert {kind.__name__ for kind in TYPES.values() if "acme:guide:new" in kind.search().ids()} == {
        TYPES[name].__name__
    }
    assert Band.search().filter(p.type == BandType(name)).filter(p.name == "new").count() == 1


OWN = {
    "spectral": {
        "wavelength_nm_center": 480.5,
        "wavelength_nm_min": 452.0,
        "wavelength_nm_max": 512.0,
        "wavelength_nm_fwhm": 60.0,
        "physical_range": (0.0, 1.0),
        "physical_range_unit": "reflectance",
    },
    "microwave": {
        "frequency": 5.405,
        "bandwidth": 56.5,
        "physical_range": (-30.0, 10.0),
        "physical_range_unit": "dB",
    },
    "mask": {"is_alpha": True},
    "class": {
        "colormap_name": "cdl",
        "colormap": [(0, 0, 0, 0), (255, 0, 10, 255)],
        "class_labels": ["water", None, "", "forêt"],
    },
    "generic": {
        "colormap_name": "plasma",
        "colormap": [(1, 2, 3, 4)],
        "physical_range": (-273.15, 100.0),
        "physical_range_unit": "°C",
    },
}
COMMON = {
    "description": "d" * 80_000,
    "sort_order": -3,
    "vendor_order": 7,
    "data_type": "Float32",
    "nodata": -9999.5,
    "data_range": (-1.5, 1e10),
    "display_range": (0.0, 1.0),
    "resolution": Resolution(0.00027, "degrees"),
    "band_index": 0,
    "file_index": 2,
    "jpx_layer_index": 3,
    "vendor_band_name": "B02",
    "tags": ["a"],
    "extra_properties": {"k": 0.5},
}


@pytest.mark.parametrize("name", TYPES)
def test_all_attributes_come_back(product: Product, name: str) -> None:
    """3.4: those of the type and the common ones, through save and a fresh get."""
    values = {**COMMON, **OWN[name]}
    TYPES[name](name="new", product=product, **values).save()
    found = Band.get("guide:new")
    assert {key: getattr(found, key) for key in values} == values
    assert found.state == "saved"


@pytest.mark.parametrize("name", TYPES)
def test_attributes_of_other_types_are_unknown(product: Product, name: str) -> None:
    """3.4: asking for them raises AttributeError."""
    band = TYPES[name](name="new", product=product)
    for other in {key for values in OWN.values() for key in values} - set(OWN[name]):
        with pytest.raises(AttributeError, match=f"^{TYPES[name].__name__} has no attribute {other}"):
            getattr(band, other)
        with pytest.raises(AttributeError, match=f"has no attribute {other}"):
            setattr(band, other, None)


def test_attributes_of_all_types_can_be_filtered_on_band(product: Product) -> None:
    """3.4: on other types they are unset."""
    blue = Band.get("guide:blue")
    blue.wavelength_nm_min = 452
    blue.save()
    assert Band.search().filter(p.wavelength_nm_min > 400).ids() == ["acme:guide:blue"]
    assert Band.search().filter(p.is_alpha == True).ids() == ["acme:guide:alpha"]  # noqa: E712  # a filter
    assert Band.search().filter(p.is_alpha.isnull).ids() == ["acme:guide:blue"]
    assert SpectralBand.search().filter(p.wavelength_nm_min > 400).count() == 1


def test_a_program_may_subclass_a_type(product: Product) -> None:
    """Ours: what is read from the catalog has the type's own class."""

    class Reflectance(SpectralBand):
        def centre(self) -> float:
            return (self.wavelength_nm_min + self.wavelength_nm_max) / 2

    band = Reflectance(name="red", product=product, wavelength_nm_min=600, wavelength_nm_max=700, **NEEDED)
    band.save()
    assert (band.centre(), band.type, type(Band.get("guide:red"))) == (650.0, "spectral", SpectralBand)


# Values


def test_sort_order_is_the_next_free_one(product: Product) -> None:
    """3.4: the current maximum + 1 in the product; one that is given stays."""
    assert [(band.name, band.sort_order) for band in product.bands()] == [("blue", 1), ("alpha", 2)]
    SpectralBand(name="ten", product=product, sort_order=10, **NEEDED).save()
    band = SpectralBand(name="next", product=product, **NEEDED)
    assert band.sort_order is None
    band.save()
    assert band.sort_order == 11


def test_indexes_default_to_zero(product: Product) -> None:
    """3.4: file_index and jpx_layer_index; band_index has no default."""
    blue = Band.get("guide:blue")
    assert (blue.file_index, blue.jpx_layer_index, blue.band_index) == (0, 0, 0)
    for name in ("band_index", "file_index", "jpx_layer_index"):
        with pytest.raises(AttributeValidationError, match=f"^{name} is a whole number from 0 of at most 64 bits"):
            SpectralBand(**{name: -1})


def test_ranges_of_a_mask_are_implied(product: Product) -> None:
    """3.4: (0, 1), set once at most; none are needed to save it."""
    alpha = Band.get("guide:alpha")
    assert (alpha.data_range, alpha.display_range, alpha.is_alpha) == ((0.0, 1.0), (0.0, 1.0), True)
    mask = MaskBand(name="m", product=product)
    assert (mask.data_range, mask.display_range) == ((0.0, 1.0), (0.0, 1.0))
    mask.data_range = [0, 1]
    for name in ("data_range", "display_range"):
        with pytest.raises(AttributeValidationError, match=f"'{name}' item because it is an immutable attribute"):
            setattr(mask, name, (0, 255))
        with pytest.raises(AttributeValidationError, match="immutable"):
            delattr(mask, name)
    wide = MaskBand(name="wide", product=product, data_range=(0, 255), data_type="Byte", band_index=3)
    wide.save()
    assert (Band.get("guide:wide").data_range, Band.get("guide:wide").display_range) == ((0.0, 255.0), (0.0, 1.0))


def test_nodata_may_be_nan(product: Product) -> None:
    """3.4: a NaN is not a change of itself."""
    band = SpectralBand(name="x", product=product, nodata=float("nan"), **{**NEEDED, "data_type": "Float32"})
    band.save()
    found = Band.get("guide:x")
    assert found.nodata != found.nodata
    assert (found.state, found == band, found.serialize()["nodata"]) == ("saved", True, "nan")
    found.nodata = float("nan")
    assert found.state == "saved"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("data_range", (0,)),
        ("data_range", (0, 1, 2)),
        ("data_range", "01"),
        ("data_range", 5),
        ("data_range", (0, "x")),
        ("data_range", (0, float("inf"))),
        ("data_range", (0, None)),
        ("display_range", {"a": 1, "b": 2}),
        ("data_type", "uint8"),
        ("data_type", 8),
        ("colormap_name", "jet"),
        ("colormap", [(0, 0, 0)]),
        ("colormap", [(0, 0, 0, 256)]),
        ("colormap", [(0, 0, 0, 0.5)]),
        ("colormap", "viridis"),
        ("colormap", [5]),
        ("class_labels", "water"),
        ("class_labels", ["a", 5]),
        ("class_labels", ["a\x00"]),
        ("description", 5),
        ("sort_order", 1.5),
        ("sort_order", "1"),
        ("sort_order", 2**63),
        ("sort_order", True),
        ("nodata", "x"),
        ("nodata", float("inf")),
        ("resolution", 60),
        ("resolution", "60"),
    ],
)
def test_values_that_do_not_fit_are_refused(catalog: Catalog, name: str, value: object) -> None:
    """3.2, 3.4: AttributeValidationError that names the attribute."""
    with pytest.raises(AttributeValidationError, match=name):
        ClassBand(**{name: value})


def test_tuples_must_have_their_length() -> None:
    """3.2: in the original's words."""
    with (
        Catalog.temporary() as catalog,
        pytest.raises(AttributeValidationError, match=r"^Tuple must contain exactly 2 items for data_range, not 3$"),
    ):
        SpectralBand(data_range=(0, 1, 2), catalog=catalog)


def test_ranges_become_tuples_of_floats(catalog: Catalog) -> None:
    """3.2: lists and iterables too."""
    for value in ([0, 10000], (0, 10000), iter(["0", "1e4"]), range(0, 10001, 10000)):
        band = SpectralBand(data_range=value)
        assert band.data_range == (0.0, 10000.0)
        assert [type(number) for number in band.data_range] == [float, float]


def test_colours_and_labels_go_by_pixel_value(catalog: Catalog) -> None:
    """3.4: colours come back as tuples, labels may be None."""
    band = ClassBand(colormap=[[1, 2, 3, 4]], colormap_name=Colormap.GIST_EARTH, class_labels=(None, "a"))
    assert (band.colormap, band.colormap_name, band.class_labels) == ([(1, 2, 3, 4)], "gist_earth", [None, "a"])


@pytest.mark.parametrize("data_type", list(DataType))
def test_all_data_types_are_stored(product: Product, data_type: DataType) -> None:
    """3.4."""
    SpectralBand(name="x", product=product, data_type=data_type, data_range=(0, 1), band_index=0).save()
    assert Band.get("guide:x").data_type == data_type


# Processing


def test_processing_levels_come_back(product: Product) -> None:
    """3.4: names of other levels, or lists of steps."""
    step = {
        "function": "to_reflectance",
        "parameter": "reflectance_gain_bias",
        "index": 0,
        "data_type": DataType.FLOAT32,
        "data_range": (0, 1),
        "display_range": [0, 0.4],
        "physical_range": (0.0, 1.0),
        "physical_range_unit": "reflectance",
    }
    band = SpectralBand(name="x", product=product, processing_levels={"default": "toa", "toa": [step]}, **NEEDED)
    band.save()
    levels = Band.get("guide:x").processing_levels
    assert type(levels) is ProcessingLevelsAttribute
    assert levels["default"] == "toa"
    assert levels["toa"] == [ProcessingStepAttribute(**step)] == levels.steps("default")
    assert (levels["toa"][0].data_range, levels["toa"][0].data_type) == ((0.0, 1.0), "Float32")


def test_processing_levels_changed_in_place_are_saved(product: Product) -> None:
    """3.2, 3.4: levels, steps and entries of steps."""
    band = Band.get("guide:blue")
    band.processing_levels = {"toa": [{"function": "f"}]}
    band.save()
    for change in (
        lambda levels: levels.update(surface="toa"),
        lambda levels: levels["toa"].append({"function": "g"}),
        lambda levels: setattr(levels["toa"][0], "index", 3),
    ):
        change(band.processing_levels)
        assert band.state == "modified"
        band.save()
    levels = Band.get("guide:blue").processing_levels
    assert levels["surface"] == "toa"
    assert levels["toa"] == [ProcessingStepAttribute(function="f", index=3), ProcessingStepAttribute(function="g")]


def test_derived_params_come_back(product: Product) -> None:
    """3.4: function and bands are needed."""
    band = Band.get("guide:blue")
    band.derived_params = {"function": "ndvi", "bands": ("nir", "red"), "source_type": "UInt16"}
    band.save()
    found = Band.get("guide:blue").derived_params
    assert (found.function, found.bands, found.source_type) == ("ndvi", ["nir", "red"], "UInt16")
    band.derived_params.bands.append("blue")
    assert band.state == "modified"
    band.save()
    assert Band.get("guide:blue").derived_params.bands == ["nir", "red", "blue"]


COMMON_SCALARS = {
    "name": "x",
    "description": "words",
    "sort_order": 7,
    "vendor_order": 3,
    "data_type": "UInt16",
    "nodata": 5.0,
    "resolution": "10m",
    "band_index": 4,
    "file_index": 2,
    "jpx_layer_index": 1,
    "vendor_band_name": "B8A",
    "product_id": "acme:guide",
}
OWN_SCALARS = {
    SpectralBand: {
        "wavelength_nm_center": 480.0,
        "wavelength_nm_min": 450.0,
        "wavelength_nm_max": 510.0,
        "wavelength_nm_fwhm": 60.0,
        "physical_range_unit": "reflectance",
    },
    MicrowaveBand: {"frequency": 5.4, "bandwidth": 100.0, "physical_range_unit": "dB"},
    MaskBand: {"is_alpha": True},
    ClassBand: {"colormap_name": "cdl"},
    GenericBand: {"colormap_name": "viridis", "physical_range_unit": "K"},
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind, own in OWN_SCALARS.items() for name in {**COMMON_SCALARS, **own}],
)
def test_scalars_filter_and_sort(product: Product, kind: type[Band], name: str) -> None:
    """3.4, choice 5: on the class, and on Band itself."""
    needed = {"product": product, "name": "x", "data_type": "UInt16", "band_index": 2}
    if kind is not MaskBand:
        needed["data_range"] = (0, 10)
    value = {**COMMON_SCALARS, **OWN_SCALARS[kind]}[name]
    kind(**{**needed, **({} if name == "product_id" else {name: value})}).save()
    for cls in (kind, Band):
        condition = (getattr(p, name) == value) & (p.type == kind.band_type()) & (p.name == "x")
        assert cls.search().filter(condition).sort(name).ids() == ["acme:guide:x"]


def test_bands_are_filtered_by_their_product(product: Product) -> None:
    """3.4, 3.5: by the object, by its id."""
    other = Product(id="other", name="Other")
    other.save()
    assert Band.search().filter(p.product == product).count() == 2
    assert Band.search().filter(p.product == "acme:guide").count() == 2
    assert Band.search().filter(p.product.any_of([other, product])).count() == 2
    assert Band.search().filter(p.product != product).count() == 0


def test_text_is_found_in_name_description_and_tags(product: Product) -> None:
    """3.4, choice 6."""
    band = product.get_band("blue")
    band.update(description="Coastal aerosol", tags=["visible"])
    band.save()
    for words in ("blue", "AEROSOL coastal", "visible"):
        assert Band.search().find_text(words).ids() == ["acme:guide:blue"]
    assert MaskBand.search().find_text("visible").ids() == []


def test_descriptions_have_a_limit(product: Product) -> None:
    """3.2: 80,000 characters."""
    band = product.get_band("blue")
    band.description = "é" * 80_000
    band.save()
    with pytest.raises(AttributeValidationError, match="^description has at most 80,000 characters, not 80,001"):
        band.description = "é" * 80_001


def test_the_bands_that_a_read_asks_for_are_those_of_the_search_in_its_order(catalog: Catalog) -> None:
    with catalog.as_default():
        for product_id, names in (("one", "red nir class"), ("two", "green")):
            Product(id=product_id, name=product_id).save()
            for name in names.split():
                kind = ClassBand if name == "class" else SpectralBand
                kind(name=name, product_id=f"acme:{product_id}", **NEEDED).save()
        first = Band.get("acme:one:class")
        first.sort_order = -1
        first.save()
        for product_id, expected in (("acme:one", ["class", "red", "nir"]), ("acme:two", ["green"]), ("acme:none", [])):
            found = Band._of_product(catalog, product_id)
            assert [band.name for band in found] == expected
            assert found == list(bands_of(catalog, product_id))
            assert [type(band) for band in found] == [type(band) for band in bands_of(catalog, product_id)]
        with catalog.transaction():
            Band.get("acme:two:green").delete()
            assert Band._of_product(catalog, "acme:two") == []
