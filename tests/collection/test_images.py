"""Where images lie: contexts of collections, coverage, nearest and intersecting images."""

from __future__ import annotations

import copy
import pickle

import numpy
import pytest
import shapely

from localcat import (
    AOI,
    BadRequestError,
    Catalog,
    DLTile,
    Image,
    ImageCollection,
    InvalidGeometryError,
    Product,
    XYZTile,
)
from localcat import properties as p
from tests.small_catalog import make_product, new_image, spectral, upload

BOX = (-75.0, 36.0, -74.9, 36.1)


def product_of(name: str, *resolutions: str | None) -> Product:
    return make_product(name, *(spectral(f"b{at}", resolution=resolution) for at, resolution in enumerate(resolutions)))


def make_image(product: Product, name: str, **attributes) -> Image:
    image = new_image(product, name, **attributes)
    image.save()
    return image


def test_without_a_context_there_is_none(catalog: Catalog) -> None:
    """3.7: ValueError where pixels are asked for."""
    image = make_image(product_of("a", "10m"), "x", cs_code="EPSG:32618")
    collection = ImageCollection([image])
    assert collection.geocontext is None
    with pytest.raises(ValueError, match=r"pass one, such as images\.covering_geocontext"):
        collection.mosaic("b0")


PIXEL_CALLS = ("mosaic", "stack", "download", "download_mosaic", "scaling_parameters")


@pytest.mark.parametrize("call", PIXEL_CALLS)
def test_an_empty_collection_has_no_pixels(catalog: Catalog, call: str) -> None:
    """3.7: ValueError "This ImageCollection is empty", with the reason."""
    with pytest.raises(ValueError, match=r"^This ImageCollection is empty: it was made without images, or they were"):
        getattr(ImageCollection(geocontext=BOX), call)("b0")


@pytest.mark.parametrize("call", PIXEL_CALLS)
def test_what_a_search_did_not_find_explains_itself(catalog: Catalog, call: str) -> None:
    """3.7, ours: also without a context."""
    make_image(product_of("a", "10m"), "x")
    search = Image.search().filter(p.product_id == "acme:a").filter(p.acquired > "2021")
    empty = pickle.loads(pickle.dumps(search.collect()))
    with pytest.raises(BadRequestError, match=r"left nothing after p\.acquired > '2021.*; search\.explain\(\)"):
        getattr(empty, call)("b0")
    with pytest.raises(BadRequestError, match=r"its search found nothing; search\.explain\(\)"):
        getattr(Image.search().limit(0).collect(), call)("b0")


def test_an_empty_collection_says_so_after_its_catalog_was_closed() -> None:
    with Catalog.temporary() as catalog:
        empty = catalog.images.collect()
    with pytest.raises(BadRequestError, match="is empty: its search found nothing"):
        empty.mosaic("b0")


def test_a_geometry_becomes_an_aoi_with_the_commonest_crs_and_the_finest_resolution(catalog: Catalog) -> None:
    """3.7: over the bands of all products."""
    first, second = product_of("a", "30m", "10m"), product_of("b", "20m", None)
    images = [
        make_image(first, "1", cs_code="EPSG:32617"),
        make_image(second, "2", cs_code="EPSG:32618"),
        make_image(second, "3", cs_code="EPSG:32618", projection="+proj=longlat"),
        make_image(second, "4"),
    ]
    context = ImageCollection(images, geocontext=BOX).geocontext
    assert isinstance(context, AOI)
    assert context.crs == "EPSG:32618"
    assert context.resolution == 10
    assert context.geometry.equals(shapely.box(*BOX))
    assert context.bounds == BOX
    assert context.align_pixels is True


@pytest.mark.parametrize(
    ("resolutions", "crs", "expected"),
    [
        (("0.05deg", "0.025deg", "10m"), "EPSG:4326", 10 / 111_111),
        (("0.05deg", "0.025deg"), "EPSG:4326", 0.025),
        (("10m", "20m"), "EPSG:4326", 10 / 111_111),
        (("0.001deg",), "EPSG:32618", 111.111),
        (("0.001deg", "10m"), "EPSG:32618", 10),
        (("12m",), "EPSG:2263", 12 / 0.30480060960121924),  # US survey feet
    ],
)
def test_resolutions_are_brought_to_the_units_of_the_crs(catalog: Catalog, resolutions, crs, expected) -> None:
    """3.7: 111,111 m per degree; the unit of most bands decides."""
    image = make_image(product_of("a", *resolutions), "x", cs_code=crs)
    context = ImageCollection([image], geocontext=BOX).geocontext
    assert context is not None
    assert context.resolution == pytest.approx(expected, rel=1e-12)


def test_what_a_context_says_stays(catalog: Catalog) -> None:
    """3.7: only what is missing is filled in."""
    images = [make_image(product_of("a", "10m"), "x", cs_code="EPSG:32618")]
    for given in (
        AOI(BOX, crs="EPSG:3857", resolution=50),
        AOI(BOX, crs="EPSG:3857", shape=(5, 6)),
        DLTile.from_latlon(36, -75, 10, 64, 0),
        XYZTile(4, 5, 4),
    ):
        assert ImageCollection(images, geocontext=given).geocontext == given
    partly = ImageCollection(images, geocontext=AOI(BOX, crs="EPSG:3857")).geocontext
    assert partly == AOI(BOX, crs="EPSG:3857", resolution=10)
    assert ImageCollection(images, geocontext=AOI(BOX, shape=(5, 6))).geocontext == AOI(
        BOX, crs="EPSG:32618", shape=(5, 6)
    )


def test_without_facts_the_context_stays_incomplete(catalog: Catalog) -> None:
    """3.7, 3.8: using it is a ValueError."""
    image = make_image(product_of("a", None), "x", cs_code="EPSG:32618")
    context = ImageCollection([image], geocontext=BOX).geocontext
    assert (context.crs, context.resolution) == ("EPSG:32618", None)
    with pytest.raises(BadRequestError, match="this AOI has no resolution or shape"):
        context.grid()


def test_an_empty_collection_completes_its_context_once_it_has_images(catalog: Catalog) -> None:
    """3.7, ours."""
    collection = ImageCollection(geocontext=BOX)
    assert collection.geocontext == AOI(BOX)
    collection.append(make_image(product_of("a", "10m"), "x", cs_code="EPSG:32618"))
    assert collection.geocontext == AOI(BOX, crs="EPSG:32618", resolution=10)


def test_derived_collections_keep_the_context(catalog: Catalog) -> None:
    """3.7: however they are derived."""
    product = product_of("a", "10m")
    images = [make_image(product, str(zone), cs_code=f"EPSG:326{zone}") for zone in (17, 18)]
    images.append(make_image(product, "third", cs_code="EPSG:32618"))
    collection = ImageCollection(images, geocontext=BOX)
    expected = AOI(BOX, crs="EPSG:32618", resolution=10)
    first = collection[:1]  # whose only image has another CRS
    assert first.geocontext == expected
    for derived in (
        collection.filter(lambda image: image.name == "17"),
        collection[[0]],
        collection.sorted("name")[:1],
        next(iter(collection.groupby("name")))[1],
        collection.map(lambda image: image)[:1],
        collection.each.pipe(lambda image: image).collect()[:1],
    ):
        assert [image.name for image in derived] == ["17"]
        assert derived.geocontext == expected


def test_a_context_that_cannot_be_completed_fails_only_when_it_is_used(catalog: Catalog) -> None:
    """3.7, ours."""
    image = make_image(product_of("a", "1deg"), "x", cs_code="EPSG:4326")
    collection = ImageCollection([image], geocontext=(-75.0, 36.0, -74.9, 36.1))
    assert len(collection[:1]) == 1
    with pytest.raises(BadRequestError, match="smaller than one pixel"):
        collection.geocontext  # noqa: B018  # reading is the test


def test_collect_takes_the_searched_area_as_context(catalog: Catalog) -> None:
    """3.5: the geometry of intersects, unless collect(geocontext) names another."""
    make_image(product_of("a", "10m"), "x", cs_code="EPSG:32618", geometry=BOX)
    search = Image.search().intersects(BOX)
    assert search.collect().geocontext == AOI(BOX, crs="EPSG:32618", resolution=10)
    tile = XYZTile(4, 5, 4)
    assert search.collect(geocontext=tile).geocontext == tile
    assert search.collect(tile).geocontext == tile
    assert Image.search().collect().geocontext is None
    assert Image.search().filter(p.name == "nothing").intersects(BOX).collect().geocontext == AOI(BOX)


TILE = DLTile.from_latlon(36.05, -74.95, 20.0, 64, 0)
CONTEXTS = [
    TILE,
    XYZTile(1195, 1607, 12),
    AOI(BOX, crs="EPSG:3857", resolution=30),
    AOI(BOX, crs="EPSG:32618", shape=(7, 5), all_touched=True),
    AOI(crs="EPSG:32618", resolution=60, bounds=TILE.bounds, bounds_crs=TILE.crs),
]


@pytest.mark.parametrize("context", CONTEXTS, ids=lambda context: type(context).__name__)
def test_a_context_that_was_searched_in_is_kept(catalog: Catalog, context) -> None:
    """Choice 28: as it is, whatever the search is told afterwards."""
    make_image(product_of("a", "10m"), "x", cs_code="EPSG:32618", geometry=shapely.box(*BOX))
    for method in ("intersects", "covered_by", "within", "contains"):
        search = getattr(Image.search(), method)(context)
        assert search.collect().geocontext == context
        later = search.filter(p.acquired > "2019").sort("acquired").limit(3)
        assert pickle.loads(pickle.dumps(later)).collect().geocontext == context
    found = Image.search().intersects(context)
    assert found.ids() == ["acme:a:x"]
    assert found.collect(geocontext=TILE).geocontext == TILE
    assert found.intersects(BOX).collect().geocontext == AOI(BOX, crs="EPSG:32618", resolution=10)


def test_an_incomplete_context_that_was_searched_in_is_completed(catalog: Catalog) -> None:
    """Choice 28: what an AOI leaves open comes from the images; what it says stays."""
    make_image(product_of("a", "10m"), "x", cs_code="EPSG:32618", geometry=shapely.box(*BOX))
    asked = AOI(BOX, crs="EPSG:3857", all_touched=True)
    assert Image.search().intersects(asked).collect().geocontext == asked.assign(resolution=10)


def test_mosaics_and_stacks_are_on_the_grid_that_was_searched_in(catalog: Catalog) -> None:
    """Choice 28."""
    product = make_product("a", spectral("red", resolution="10m"))
    west, _, _, north = TILE.bounds
    meta = {"geoTransform": (west - 200, 10, 0, north + 200, 0, -10), "coordinateSystem": {"epsg": 32618}}
    upload(product, array=numpy.full((1, 180, 190), 7, "uint16"), meta=meta)
    images = product.images().intersects(TILE).collect()
    array, info = images.mosaic("red", raster_info=True)
    assert (array.shape, array.tolist()) == ((1, 64, 64), [[[7] * 64] * 64])
    assert info["geoTransform"] == list(TILE.geotrans)
    assert images.stack("red").shape == (1, 1, 64, 64)


# Places


@pytest.fixture
def row(catalog: Catalog) -> ImageCollection:
    """Footprints of one degree at longitudes 0, 2, 4, 6, 8 and latitudes 0 to 1, the last of them without one."""
    product = product_of("row")
    images = [make_image(product, f"x{west}", geometry=(west, 0, west + 1, 1)) for west in (0, 2, 4, 6)]
    return ImageCollection([*images, make_image(product, "nowhere")], geocontext=BOX)


def names(collection: ImageCollection) -> list[str]:
    return collection.each.name.combine()


def test_intersecting_images_keep_their_order(row: ImageCollection) -> None:
    """3.7, ours."""
    assert names(row.intersecting((0.5, 0.5, 4, 0.6))) == ["x0", "x2", "x4"]
    assert names(row[::-1].intersecting((0.5, 0.5, 4, 0.6))) == ["x4", "x2", "x0"]
    triangle = shapely.Polygon([(1.1, 0), (2.5, 3), (1.1, 3)])  # its box meets x2, it does not
    assert names(row.intersecting(triangle)) == []
    assert names(row.intersecting(shapely.Point(3, 1))) == ["x2"]
    assert names(row.intersecting(AOI((5.9, 0, 7, 1)))) == ["x6"]
    assert row.intersecting(BOX).geocontext == row.geocontext
    with pytest.raises(InvalidGeometryError, match="'here'"):
        row.intersecting("here")


def test_many_areas_are_asked_at_once(row: ImageCollection) -> None:
    """3.7, ours: each gets its own images, in their order."""
    areas = [(0.5, 0.5, 4, 0.6), shapely.Point(3, 1), AOI((5.9, 0, 7, 1)), (50, 0, 51, 1)]
    found = row.intersecting_each(iter(areas))
    assert [names(images) for images in found] == [["x0", "x2", "x4"], ["x2"], ["x6"], []]
    assert found == [row.intersecting(area) for area in areas]
    assert all(images.geocontext == row.geocontext for images in found)
    assert row.intersecting_each([]) == []
    with pytest.raises(InvalidGeometryError, match="'here'"):
        row.intersecting_each([areas[0], "here"])


def test_nearest_images_come_nearest_first(row: ImageCollection) -> None:
    """3.7, ours."""
    assert names(row.nearest((4.9, 0.5))) == ["x4"]
    assert names(row.nearest((1.9, 0.5), 3)) == ["x2", "x0", "x4"]
    assert names(row.nearest(shapely.Point(100, -40), 2)) == ["x6", "x4"]
    assert names(row.nearest({"type": "Point", "coordinates": [0, 0]}, 99)) == ["x0", "x2", "x4", "x6"]
    assert names(row.nearest((1.5, 0.5), 2)) == ["x0", "x2"]  # a tie
    assert ImageCollection().nearest((0, 0)) == []
    for k in (0, -1, 1.5, True):
        with pytest.raises(BadRequestError, match="k is a whole number from 1"):
            row.nearest((0, 0), k)
    assert names(row.nearest((3.5, 0, 4.4, 1), 2)) == ["x4", "x2"]  # a place may be an area
    for place, words in ((None, "'None'"), ("here", "'here'"), ((0, 91), "latitude 91"), (5, "'5'")):
        with pytest.raises(InvalidGeometryError, match=words):
            row.nearest(place)


def test_the_index_follows_what_is_added_and_removed(row: ImageCollection) -> None:
    """3.7, ours."""
    assert names(row.nearest((20, 0))) == ["x6"]
    removed = row.pop(3)
    assert names(row.nearest((20, 0))) == ["x4"]
    row.append(removed)
    assert names(row.nearest((20, 0))) == ["x6"]
    assert names(pickle.loads(pickle.dumps(row)).nearest((20, 0))) == ["x6"]
    assert names(copy.deepcopy(row).nearest((20, 0))) == ["x6"]


def test_images_across_the_antimeridian_are_found_from_both_sides(catalog: Catalog) -> None:
    """Choice 14."""
    product = product_of("pacific")
    fiji = make_image(product, "fiji", geometry=(179, -18, -179, -17))
    west = make_image(product, "west", geometry=(-178, -18, -177, -17))
    images = ImageCollection([fiji, west])
    assert names(images.intersecting((179.5, -17.5, 179.6, -17.4))) == ["fiji"]
    assert names(images.intersecting((-179.6, -17.5, -179.5, -17.4))) == ["fiji"]
    assert names(images.intersecting((178, -17.5, -177.5, -17.4))) == ["fiji", "west"]
    assert names(images.nearest((178.9, -17.5), 2)) == ["fiji", "west"]
    assert names(images.nearest((-178.1, -17.5), 2)) == ["west", "fiji"]
    assert names(images.nearest((170, -17.5), 2)) == ["fiji", "west"]
    assert names(images.nearest((-170, -17.5), 2)) == ["west", "fiji"]


def test_nearest_agrees_with_the_search_over_the_same_images(catalog: Catalog) -> None:
    """3.7, ours."""
    random = numpy.random.default_rng(7)
    product = product_of("many")
    for number in range(60):
        west, south = random.uniform(-180, 178), random.uniform(-85, 83)
        width, height = random.uniform(0.1, 2, 2)
        make_image(product, f"{number:02}", geometry=(west, south, west + width, south + height))
    collection = product.images().collect()
    for longitude, latitude in random.uniform((-180, -89), (180, 89), (30, 2)):
        point = (longitude, latitude)
        assert names(collection.nearest(point, 5)) == names(product.images().nearest(point, 5))


def test_coverage_filters_images(row: ImageCollection) -> None:
    """3.7: filter_coverage, of all of the geometry by default."""
    area = (0.5, 0, 2.5, 1)
    assert names(row.filter_coverage(area, 0.2)) == ["x0", "x2"]
    assert names(row.filter_coverage(area, 0.25)) == ["x0", "x2"]
    assert names(row.filter_coverage(area, 0.26)) == []
    assert names(row.filter_coverage((0, 0, 1, 1))) == ["x0"]
    assert names(row.filter_coverage(AOI((2.1, 0, 2.9, 1)))) == ["x2"]
    assert names(row.filter_coverage(shapely.Point(4.5, 0.5))) == ["x4"]
    assert row.filter_coverage(area).geocontext == row.geocontext
