"""Maps: the land, footprints in their places and colours, counts."""

from __future__ import annotations

import numpy
import pytest
import shapely

from localcat import BadRequestError, Catalog, Image, UnknownPropertyError
from localcat import properties as p
from localcat.plot.land import land
from tests.small_catalog import make_product


def colors_drawn(axes) -> tuple[list, list, list]:
    """Return the colours of the footprints of a map that are drawn as areas, as lines and as dots."""
    found: dict[float, list] = {3: [], 4: [], 5: []}
    for collection in axes.collections:
        if collection.get_zorder() in found:
            found[collection.get_zorder()] += [tuple(color) for color in collection.get_edgecolor()]
    return found[3], found[4], found[5]


def areas_drawn(axes) -> list[shapely.Geometry]:
    """Return the areas of a map, as they are drawn."""
    found = [one for one in axes.collections if one.get_zorder() == 3]
    return [shapely.Polygon(path.vertices) for one in found for path in one.get_paths()]


@pytest.mark.parametrize(
    ("place", "is_land"),
    [
        ((10, 50), True),
        ((-60, -10), True),
        ((135, -25), True),
        ((0, -85), True),
        ((-179, 67), True),
        ((-30, 40), False),
        ((0, 0), False),
        ((51, 42), False),
        ((175, -55), False),
    ],
)
def test_the_land_is_where_it_is(place: tuple[float, float], is_land: bool) -> None:
    """The Caspian Sea is a lake, Antarctica reaches the pole, Chukotka reaches beyond 180°."""
    rings = [shapely.Polygon(ring) for ring in land()]
    inside = sum(
        (1 if shapely.LinearRing(ring.exterior).is_ccw else -1) for ring in rings if ring.covers(shapely.Point(place))
    )
    assert (inside > 0) == is_land


def test_the_land_stays_within_the_map() -> None:
    points = numpy.concatenate(land())
    assert (points.min(axis=0).tolist(), points.max(axis=0).tolist()) == ([-180, -90], [180, 83.65])
    assert 4000 < len(points) < 6000
    assert max(numpy.abs(numpy.diff(ring[:, 0])).max() for ring in land()) < 180 or any(
        (ring[:, 1] == -90).any() for ring in land()
    ), "only the edge of the map below Antarctica is so long"


def test_small_footprints_are_dots_and_others_areas(planet: Catalog) -> None:
    axes = planet.images.filter(p.name.like("nairobi%") | (p.name == "pacific")).plot().figure.axes[0]
    areas, _, dots = colors_drawn(axes)
    assert (len(areas), len(dots)) == (1, 4), "the Pacific in one part"
    assert axes.get_title() == "5 images"
    assert (axes.get_xlim(), axes.get_ylim()) != ((0, 1), (0, 1))


def test_colours_follow_the_attribute(planet: Catalog) -> None:
    search = planet.images.filter(p.name.like("lisbon-%")).sort("name")
    figure = search.plot("cloud_fraction").figure
    areas, _, _ = colors_drawn(figure.axes[0])
    assert len(set(areas)) == 3
    assert figure.axes[1].get_ylabel() == "cloud_fraction"
    assert figure.axes[1].get_yticklabels()[0].get_text() == "0.0"


def test_times_have_a_bar_of_dates_and_kinds_a_legend(planet: Catalog) -> None:
    bar = planet.images.filter(p.product_id == "tiny:landcover").plot().figure.axes[1]
    assert bar.get_ylabel() == "acquired"
    assert {"2018", "2021"} <= {text.get_text() for text in bar.get_yticklabels()}
    axes = planet.images.plot("product_id").figure.axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "tiny:landcover",
        "tiny:optical",
        "tiny:radar",
        "tiny:temperature",
    ]


def test_what_is_not_known_is_grey(planet: Catalog) -> None:
    found = planet.images.filter((p.name == "alps-4") | (p.name == "lisbon-1"))
    axes = found.plot("cloud_fraction").figure.axes[0]
    colors = [color for kind in colors_drawn(axes) for color in kind]
    assert any(numpy.allclose(color[:3], [0.6, 0.6, 0.6]) for color in colors)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["cloud_fraction not set"]
    axes = planet.images.filter(p.product_id == "tiny:optical").plot("satellite_id").figure.axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["tiny-a", "tiny-b", "not set"]


def test_of_many_kinds_the_most_frequent_have_a_colour_of_their_own(catalog: Catalog) -> None:
    product = make_product("a", catalog=catalog)
    kinds = ["B", *"abcdefgh", "B", "a" * 40]
    records = [
        {"name": f"i{n}", "product": product, "satellite_id": kind, "geometry": (n, 0, n + 0.5, 1)}
        for n, kind in enumerate(kinds)
    ]
    catalog.add_images(records, progress=False)
    axes = catalog.images.plot("satellite_id").figure.axes[0]
    legend = axes.get_legend()
    shown = ["B", "a", f"{'a' * 31}…", "b", "c", "d", "4 others"]
    assert [text.get_text() for text in legend.get_texts()] == shown
    colors = [patch.get_facecolor() for patch in legend.get_patches()]
    assert len(set(colors)) == 7
    areas, _, _ = colors_drawn(axes)
    assert areas.count(colors[0]) == 2, "B"
    assert areas.count(colors[-1]) == 4, "what has no colour of its own"


def test_across_the_antimeridian_the_map_goes_on(planet: Catalog) -> None:
    axes = planet.images.filter(p.name.like("taveuni-%")).plot().figure.axes[0]
    west, east = axes.get_xlim()
    assert 179 < west < 180 < east < 181
    assert {"180°"} <= {text.get_text() for text in axes.get_xticklabels()}
    areas = areas_drawn(axes)
    assert len(areas) == 2, "each in one part, without a seam"
    assert all(area.bounds[0] < 180 < area.bounds[2] for area in areas)
    axes.figure.canvas.draw()
    assert any(text.get_text().endswith("W") for text in axes.get_xticklabels())


def test_a_map_of_counts(planet: Catalog) -> None:
    figure = planet.images.filter(p.name.like("etna%")).plot("count").figure
    (shown,) = figure.axes[0].get_images()
    assert int(shown.get_array().max()) == 2
    assert figure.axes[1].get_ylabel() == "images"
    assert figure.axes[1].get_yticks().tolist() == [1.0, 2.0]
    assert figure.axes[0].get_title() == "images in cells of 0.001°, at most 2"


def test_a_map_of_counts_of_nothing_has_no_bar(catalog: Catalog) -> None:
    (axes,) = catalog.images.plot("count").figure.axes
    assert axes.get_title() == "images in cells of 1°, at most 0"


def test_of_many_footprints_the_first_are_shown(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localcat.search.images._MOST_PLOTTED", 3)
    product = make_product("a", catalog=catalog)
    records = [{"name": f"i{n}", "product": product, "geometry": (n, 0, n + 1, 1)} for n in range(5)]
    catalog.add_images(records, progress=False)
    axes = catalog.images.plot("name").figure.axes[0]
    assert axes.get_title() == "3 of 5 images"
    assert len(colors_drawn(axes)[0]) == 3
    assert catalog.images.limit(4).plot("name").figure.axes[0].get_title() == "3 of 4 images"
    assert catalog.images.limit(2).plot("name").figure.axes[0].get_title() == "2 images"


def test_an_empty_search_shows_the_world(catalog: Catalog) -> None:
    axes = catalog.images.plot().figure.axes[0]
    assert axes.get_title() == "0 images"
    assert axes.get_xlim() == (-180, 180)


def test_points_and_lines_are_drawn_too(catalog: Catalog) -> None:
    product = make_product("a", catalog=catalog)
    for name, geometry in (("point", "POINT (10 50)"), ("line", "LINESTRING (10 50, 12 52)")):
        Image(product=product, name=name, geometry=shapely.from_wkt(geometry)).save()
    areas, lines, dots = colors_drawn(catalog.images.plot("name").figure.axes[0])
    assert (len(areas), len(lines), len(dots)) == (0, 1, 1)


def test_what_has_no_colour_is_refused(planet: Catalog) -> None:
    with pytest.raises(UnknownPropertyError, match="cloud_fraction"):
        planet.images.plot("clouds")
    with pytest.raises(BadRequestError, match="'tags' is neither a number, a time nor a text"):
        planet.images.plot("tags")
    with pytest.raises(
        BadRequestError, match="color is the name of an attribute such as 'acquired', or 'count', not 5"
    ):
        planet.images.plot(5)
