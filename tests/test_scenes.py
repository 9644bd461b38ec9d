"""The older client of the guide, on top of images."""

from __future__ import annotations

import datetime
import pickle
from typing import Any

import numpy
import pytest

from localcat import BadRequestError, Catalog, Image, NotFoundError, Product, scenes
from localcat import properties as p
from localcat.geo import AOI
from localcat.scenes import Scene, SceneCollection
from tests.small_catalog import alpha, make_product, spectral, upload


@pytest.fixture
def image(product: Product, pixels, meta) -> Image:
    """Image ``guide:scene1`` of 48 by 64 pixels of 60 m, with alpha 0 in its first 48 pixels."""
    image = Image(product=product, name="scene1", acquired="2018-10-25T12:30:00Z", cloud_fraction=0.1)
    image.upload_ndarray(pixels, raster_meta=meta).raise_for_status()
    return image


def later(product: Product, name: str, acquired: str, pixels, meta, **attributes) -> Image:
    image = Image(product=product, name=name, acquired=acquired, **attributes)
    image.upload_ndarray(pixels, raster_meta=meta).raise_for_status()
    return image


def test_a_scene_comes_with_the_context_of_its_own_grid(image: Image) -> None:
    """3.10: geometry None, with resolution, align_pixels False."""
    scene, context = Scene.from_id("guide:scene1")

    assert isinstance(context, AOI)
    assert context.geometry is None
    assert context.resolution == 60
    assert context.shape is None
    assert context.align_pixels is False
    assert context.crs == "EPSG:32618"
    assert context.grid().geotransform == image.geotrans
    assert context.grid().shape == (64, 48)
    assert scene.geometry.equals(image.geometry)
    assert scene.__geo_interface__["type"] == "Polygon"
    assert scene.coverage(image.geometry) == pytest.approx(1, abs=1e-12)


def test_a_missing_scene_is_not_found(catalog: Catalog) -> None:
    """3.10: NotFoundError."""
    with pytest.raises(NotFoundError, match="there is no image 'nope:nothing' in the catalog"):
        Scene.from_id("nope:nothing")


def test_the_guides_call_reads_one_band_at_another_resolution(image: Image) -> None:
    """3.10, 3.12: (1, rows, columns), masked."""
    scene, context = Scene.from_id("acme:guide:scene1")

    array, info = scene.ndarray("blue", context.assign(resolution=120), raster_info=True)

    assert isinstance(array, numpy.ma.MaskedArray)
    assert array.shape == (1, 32, 24)
    assert info["geoTransform"] == [500_000, 120, 0, 4_000_000, 0, -120]
    assert info["coordinateSystem"]["epsg"] == 32618
    assert info["size"] == [24, 32]

    same, meta = scene.ndarray("blue", context.assign(resolution=60), raster_info=True)
    copy = Image(product=image.product, name="copy", acquired="2020-01-01")
    copy.upload_ndarray(same, raster_meta=meta).raise_for_status()
    assert copy.geotrans == image.geotrans
    assert (copy.y_pixels, copy.x_pixels) == (64, 48)
    numpy.testing.assert_array_equal(copy.ndarray("blue").filled(0), image.ndarray("blue").filled(0))


def test_a_context_is_required(image: Image) -> None:
    """3.10."""
    scene, _ = Scene.from_id("guide:scene1")
    with pytest.raises(TypeError, match="ctx"):
        scene.ndarray("blue")  # type: ignore[call-arg]
    with pytest.raises(BadRequestError, match="ctx is an AOI, a DLTile or an XYZTile, not None"):
        scene.ndarray("blue", None)  # type: ignore[arg-type]


def test_properties_are_not_written(image: Image) -> None:
    """3.10: they are what the image said when the scene was made; every way to write is a TypeError."""
    scene, _ = Scene.from_id("guide:scene1")
    properties: Any = scene.properties
    for write in (
        lambda: setattr(scene, "properties", {}),
        lambda: setattr(properties, "cloud_fraction", 0.5),
        lambda: properties.__setitem__("cloud_fraction", 0.5),
        lambda: properties.__delitem__("id"),
        lambda: delattr(properties, "id"),
    ):
        with pytest.raises(TypeError, match="the properties of a scene are read-only"):
            write()
    assert properties.id == "acme:guide:scene1"


def test_properties_are_read_by_attribute_and_by_item(image: Image) -> None:
    """3.10."""
    properties = Scene(image).properties

    assert properties.id == "acme:guide:scene1"
    assert properties.key == "acme:guide:scene1"
    assert properties["product"] == "acme:guide"
    assert properties.crs == "EPSG:32618"
    assert properties.date == datetime.datetime(2018, 10, 25, 12, 30, tzinfo=datetime.UTC)
    assert properties.cloud_fraction == 0.1
    assert properties.view_angle is None
    assert list(properties.bands) == ["blue", "alpha"]
    assert properties.bands.blue.dtype == "UInt16"
    assert properties.bands["blue"]["data_range"] == (0, 10000)
    assert (properties.bands.blue.resolution, properties.bands.blue.resolution_unit) == (60, "meters")
    assert properties.bands.blue.wavelength_nm_min is None
    assert properties.bands.alpha.physical_range is None
    assert properties.get("nothing", 5) == 5
    assert "id" in properties.keys()  # noqa: SIM118  # programs ask for keys()
    assert dict(properties.items())["id"] == "acme:guide:scene1"
    assert pickle.loads(pickle.dumps(properties)) == properties
    with pytest.raises(AttributeError, match="there is no property 'nothing'; there are id, key, product, crs"):
        properties.nothing  # noqa: B018  # reading is the test


@pytest.mark.parametrize("change", [
    lambda properties: setattr(properties, "date", None),
    lambda properties: properties.__setitem__("date", None),
    lambda properties: delattr(properties, "date"),
    lambda properties: setattr(properties.bands.blue, "dtype", "Byte"),
])  # fmt: skip
def test_properties_are_read_only(image: Image, change) -> None:
    """3.10: TypeError."""
    with pytest.raises((TypeError, AttributeError)) as raised:
        change(Scene(image).properties)
    if raised.type is AttributeError:
        assert "__setitem__" in str(raised.value)


def test_item_assignment_is_a_type_error(image: Image) -> None:
    """3.10."""
    with pytest.raises(TypeError, match="the properties of a scene are read-only; 'date' cannot be set"):
        Scene(image).properties["date"] = None  # type: ignore[index]


def test_repr_of_a_scene_and_of_scenes(image: Image) -> None:
    """3.10."""
    scene = Scene(image)
    assert repr(scene) == (
        'Scene "acme:guide:scene1"\n'
        '  * Product: "acme:guide"\n'
        '  * CRS: "EPSG:32618"\n'
        "  * Date: 2018-10-25 12:30:00+00:00\n"
        "  * Cloud fraction: 0.10\n"
        "  * Bands:\n"
        "    * blue: 60 m, UInt16, [0, 10000]\n"
        "    * alpha: 60 m, UInt16, [0, 1]"
    )
    assert repr(SceneCollection([scene])) == (
        "SceneCollection of 1 scene\n  * Dates: Oct 25, 2018 to Oct 25, 2018\n  * Products: acme:guide: 1"
    )


def test_repr_of_a_scene_of_which_little_is_known(catalog: Catalog) -> None:
    """3.10: of the bands what is set, with the physical range behind the data range."""
    product = make_product("x", spectral("red", resolution="0.5 deg", physical_range=(0, 1)), spectral("nir"))
    scene = Scene(Image(product=product, name="s"))
    assert repr(scene) == (
        'Scene "acme:x:s"\n'
        '  * Product: "acme:x"\n'
        '  * CRS: "None"\n'
        "  * Bands:\n"
        "    * red: 0.5 deg, UInt16, [0, 10000] -> [0, 1]\n"
        "    * nir: UInt16, [0, 10000]"
    )


def test_search_takes_the_first_moment_and_leaves_out_the_last(image: Image, product: Product, pixels, meta) -> None:
    """3.10: start inclusive, end exclusive, cloud filter strict."""
    later(product, "scene2", "2019-01-01", pixels, meta, cloud_fraction=0.5)
    later(product, "scene3", "2020-01-01", pixels, meta)
    area = image.geometry

    def names(**options) -> list[str]:
        found, _ = scenes.search(area, "guide", **options)
        return found.each.properties.name.combine()

    assert names() == ["scene1", "scene2", "scene3"]
    assert names(start_datetime="2019-01-01") == ["scene2", "scene3"]
    assert names(start_datetime="2018-01-01", end_datetime="2019-01-01") == ["scene1"]
    assert names(cloud_fraction=0.5) == ["scene1"]
    assert names(cloud_fraction=0.51, sort_order="desc") == ["scene2", "scene1"]
    assert names(limit=1) == ["scene1"]
    assert names(limit=None) == ["scene1", "scene2", "scene3"]
    assert names(storage_state="remote") == []
    assert names(query=[p.name != "scene2", p.cloud_fraction.isnull]) == ["scene3"]
    assert names(sort_field="name", sort_order="desc", query=p.cloud_fraction > 0) == ["scene2", "scene1"]
    assert names(date_field="created", end_datetime="2000-01-01") == []


def test_search_returns_a_context_with_the_scenes_crs_and_resolution(image: Image) -> None:
    """3.10."""
    found, context = scenes.search(image.geometry, ["acme:guide"])
    assert context.crs == "EPSG:32618"
    assert context.resolution == 60
    assert context.geometry.equals(image.geometry)
    assert found.mosaic("blue", context).shape == (1, *context.grid().shape)

    _, given = scenes.search(image.geocontext, "guide")
    assert given == image.geocontext


def test_products_are_named_by_id_or_given(image: Image, product: Product) -> None:
    """3.10: an id with or without the namespace, a Product, or several."""
    for products in ("guide", "acme:guide", product, [product], ["guide", product]):
        found, _ = scenes.search(image.geometry, products)
        assert found.each.properties.id.combine() == ["acme:guide:scene1"]


def test_search_without_products_searches_all(image: Image) -> None:
    """3.10: None, or left out; an empty list is no product."""
    other = make_product("other", spectral("blue"), alpha())
    upload(other, "scene2", geometry=image.geometry)
    found, context = scenes.search(image.geometry)
    assert sorted(scene.properties.product for scene in found) == ["acme:guide", "acme:other"]
    assert isinstance(context, AOI)
    assert len(scenes.search(image.geometry, None)[0]) == 2
    for nothing in ([], "", "unknown"):
        assert scenes.search(image.geometry, nothing)[0] == []


def test_search_needs_a_known_order(image: Image) -> None:
    """3.10: ValueError."""
    with pytest.raises(ValueError, match="sort_order is 'asc' or 'desc', not 'up'"):
        scenes.search(image.geometry, "guide", sort_order="up")


def test_scenes_are_laid_over_each_other_by_year(image: Image, product: Product, pixels, meta) -> None:
    """3.10: flatten by "properties.date.year"."""
    later(product, "scene2", "2018-12-01", numpy.ma.masked_equal(pixels.data * 0 + 7, 0), meta)
    later(product, "scene3", "2019-12-01", numpy.ma.masked_equal(pixels.data * 0 + 9, 0), meta)
    found, _ = scenes.search(image.geometry, "guide")
    _, context = Scene.from_id("guide:scene1")

    stack, infos = found.stack("blue", context, flatten="properties.date.year", raster_info=True)
    assert stack.shape == (2, 1, 64, 48)
    assert (stack[0] == 7).all()
    assert (stack[1] == 9).all()
    assert [info["metadata"] for info in infos] == [
        {"ids": ["acme:guide:scene1", "acme:guide:scene2"]},
        {"id": "acme:guide:scene3"},
    ]
    assert found.stack("blue", context, flatten=["properties.date.year", "properties.date.month"]).shape[0] == 3
    assert found.stack("blue", context, flatten=lambda scene: 1).shape[0] == 1
    assert [(year, len(group)) for year, group in found.groupby("properties.date.year")] == [(2018, 2), (2019, 1)]
    assert (found.mosaic("blue", context) == 9).all()
    plain = found.mosaic("blue", context, False, False, -1)  # by position, as the original takes them
    assert (type(plain), plain.shape) == (numpy.ndarray, (64, 48, 1))
    assert found.stack("blue", context, None, False, False, -1, True)[0].shape == (3, 64, 48, 1)
    assert found.scaling_parameters("blue", scaling="raw") == (None, "UInt16")


def test_coverage_filters_scenes(image: Image) -> None:
    """3.10."""
    found = SceneCollection([Scene(image)])
    assert len(found.filter_coverage(image.geometry)) == 1
    assert len(found.filter_coverage((0, 0, 1, 1))) == 0


def test_scenes_are_downloaded(image: Image, tmp_path) -> None:
    """3.10."""
    scene, context = Scene.from_id("guide:scene1")
    assert scene.download("blue", context, dest=tmp_path / "one.tif") == str(tmp_path / "one.tif")
    found = SceneCollection([scene])
    assert found.download("blue", context, dest=tmp_path) == [str(tmp_path / "acme_guide_scene1-blue.tif")]
    assert found.download_mosaic("blue", context, dest=tmp_path / "all.tif") == str(tmp_path / "all.tif")
    assert scene.scaling_parameters("blue", scaling="display") == ([(0.0, 10000.0, 0, 255)], "Byte")


def test_products_and_bands_are_looked_up(product: Product) -> None:
    """3.1."""
    assert scenes.get_product("guide") == product
    assert scenes.get_band("guide:blue").name == "blue"
    with pytest.raises(NotFoundError, match="there is no product 'x'"):
        scenes.get_product("x")
    with pytest.raises(NotFoundError, match="there is no band 'x:y'"):
        scenes.get_band("x:y")

    other = Product(id="other", name="Other words")
    other.save()
    assert scenes.search_products().each.id.combine() == ["acme:guide", "acme:other"]
    assert scenes.search_products(bands="blue alpha").each.id.combine() == ["acme:guide"]
    assert scenes.search_products(bands=["blue", "nir"]) == []
    assert scenes.search_products(text="words").each.id.combine() == ["acme:other"]
    assert scenes.search_products(owner="org:nobody") == []
    assert scenes.search_products(owner="org:acme", limit=1).each.id.combine() == ["acme:guide"]

    blue = scenes.get_band("guide:blue")
    blue.update(wavelength_nm_min=450, wavelength_nm_max=510, tags=["visible"])
    blue.save()
    assert scenes.search_bands("acme:guide").each.name.combine() == ["blue", "alpha"]
    assert scenes.search_bands(wavelength=500).each.name.combine() == ["blue"]
    assert scenes.search_bands(wavelength=600) == []
    assert scenes.search_bands(resolution="60m", limit=1).each.name.combine() == ["blue"]
    assert scenes.search_bands(tags="visible").each.name.combine() == ["blue"]
    assert scenes.search_bands(bands="alpha").each.name.combine() == ["alpha"]


def test_names_of_the_older_client_are_all_there() -> None:
    """3.1."""
    names = "Scene SceneCollection search get_product get_band search_products search_bands display save_image"
    assert set(scenes.__all__) == {*names.split(), "AOI", "DLTile", "XYZTile", "GeoContext"}
    for name in scenes.__all__:
        assert getattr(scenes, name) is not None
