"""Images with axes, and side by side: what is in the drawing, not its pixels."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from matplotlib.colors import to_hex
from numpy.testing import assert_array_equal

from localcat import (
    BadRequestError,
    Catalog,
    ClassBand,
    GeoContextWarning,
    Image,
    ImageCollection,
    MissingLibraryError,
    StorageError,
)
from localcat import properties as p
from localcat.testing import make_image, pattern
from tests.small_catalog import make_product


def image(planet: Catalog, name: str) -> Image:
    found = Image.get(name, catalog=planet)
    assert found is not None
    return found


def test_an_image_is_drawn_where_it_is(planet: Catalog) -> None:
    (axes,) = image(planet, "optical:alps-2").plot().figure.axes
    assert axes.get_title() == "alps-2 · 2023-02-14"
    assert axes.get_xlabel() == "x, EPSG:32632"
    (drawn,) = axes.get_images()
    assert drawn.get_extent() == [492_800, 507_200, 5_190_400, 5_200_000]
    assert_array_equal(drawn.get_array(), image(planet, "optical:alps-2").preview_array(1024))
    assert (drawn.get_array()[:3, :, 3] == 0).all(), "alpha is transparent"
    assert axes.get_legend() is None


def test_rows_from_south_to_north_are_drawn_upright(planet: Catalog) -> None:
    (axes,) = image(planet, "optical:atacama-south-up").plot("nir").figure.axes
    (drawn,) = axes.get_images()
    assert drawn.get_extent() == [492_800, 507_200, 7_590_400, 7_600_000]
    stored = image(planet, "optical:atacama-south-up").ndarray("nir")[0]  # the first row is in the south
    assert_array_equal(drawn.get_array()[..., 0], numpy.rint(stored[::-1] / 6000 * 255))


def test_a_turned_image_is_drawn_in_the_box_around_it(planet: Catalog) -> None:
    with pytest.warns(GeoContextWarning, match="rotated"):
        (axes,) = image(planet, "optical:lombardy-turned").plot().figure.axes
    (drawn,) = axes.get_images()
    assert drawn.get_extent() == [495_000, 512_280, 4_995_320, 5_011_640]
    assert drawn.get_array()[0, 0, 3] == 0


def test_a_class_map_has_its_colours_and_a_legend(planet: Catalog) -> None:
    (axes,) = image(planet, "landcover:nairobi-2020").plot().figure.axes
    legend = axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["water", "forest", "cropland", "built-up", "bare"]
    assert [to_hex(patch.get_facecolor()) for patch in legend.get_patches()] == [
        "#0064c8",
        "#006400",
        "#f096ff",
        "#fa0000",
        "#b4b4b4",
    ]
    drawn = axes.get_images()[0].get_array()
    assert {to_hex([part / 255 for part in color[:3]]) for color in drawn[3:].reshape(-1, 4)} == {
        to_hex(patch.get_facecolor()) for patch in legend.get_patches()
    }


def test_images_side_by_side_have_their_dates(planet: Catalog) -> None:
    found = planet.images.filter(p.name.like("alps-%") | (p.name == "no-time")).sort("acquired").collect()
    axes = found.plot(columns=numpy.int64(3)).figure.axes
    assert [one.get_title() for one in axes] == [
        *("2023-01-15", "2023-02-14", "2023-03-16", "2023-04-15", "2023-05-15", "2023-06-14"),
        "no-time",
    ]
    assert all(len(one.get_images()) == 1 for one in axes)
    assert {one.get_subplotspec().get_gridspec().get_geometry() for one in axes} == {(3, 3)}


def test_an_image_without_pixels_here_leaves_its_place_free(planet: Catalog) -> None:
    axes = planet.images.filter(p.tags == "coast").sort("name").collect().plot().figure.axes
    assert [len(one.get_images()) for one in axes] == [0, 0, 0, 1, 1]
    assert axes[0].texts[0].get_text() == "lisbon-1\nRasterError"


def test_an_image_without_a_valid_pixel_says_so(planet: Catalog) -> None:
    (axes,) = image(planet, "optical:alps-4").plot().figure.axes
    assert [text.get_text() for text in axes.texts] == ["no valid pixels"]
    (axes,) = image(planet, "optical:alps-3").plot().figure.axes
    assert [text.get_text() for text in axes.texts] == []


def test_of_many_classes_the_first_have_an_entry_and_long_names_are_cut(catalog: Catalog) -> None:
    product = make_product("many", catalog=catalog)
    band = ClassBand(name="class", product=product, band_index=0, data_type="Byte", data_range=(0, 255))
    band.class_labels = [f"class {number}{' and more' * number}" for number in range(30)]
    band.colormap = [(number, 100, 200, 255) for number in range(30)]
    band.save()
    made = make_image("one", pattern((1, 20, 30), "uint8") % 30, product=product, catalog=catalog)
    (axes,) = made.plot().figure.axes
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert (len(texts), texts[0], texts[-1]) == (25, "class 0", "… and 6 more")
    assert texts[3] == "class 3 and more and more and m…"


@pytest.mark.filterwarnings("ignore:an array of shape:localcat.UploadOptionWarning")
@pytest.mark.parametrize("shape", [(1, 1), (1, 100), (100, 1), (64, 48)])
def test_images_of_any_shape_have_labels_beside_each_other(catalog: Catalog, shape: tuple[int, int]) -> None:
    figure = make_image("one", pattern((1, *shape)), catalog=catalog).plot().figure
    figure.canvas.draw()
    (axes,) = figure.axes
    boxes = [label.get_window_extent() for label in axes.get_yticklabels() if label.get_text()]
    assert boxes
    assert not any(one.y0 < other.y1 and other.y0 < one.y1 for one, other in itertools.combinations(boxes, 2))


def test_of_very_many_the_first_are_drawn(planet: Catalog) -> None:
    one = image(planet, "landcover:nairobi-2020")
    figure = ImageCollection([one] * 103).plot(columns=20).figure
    assert len(figure.axes) == 100
    assert figure.get_suptitle() == "the first 100 of 103 images"


@pytest.mark.parametrize("columns", [0, -1, 2.5, True, "2"])
def test_columns_are_a_number(planet: Catalog, columns: object) -> None:
    with pytest.raises(BadRequestError, match="columns is a whole number from 1, not"):
        planet.images.limit(1).collect().plot(columns=columns)


def test_a_picture_is_shown_and_saved(planet: Catalog, tmp_path: Path) -> None:
    picture = image(planet, "optical:alps-3").plot()
    assert picture._repr_png_().startswith(b"\x89PNG")
    assert repr(picture) == "<Picture: alps-3 · 2023-03-16; save(path) writes it to a file>"
    for name, start in (("a.png", b"\x89PNG"), ("a.pdf", b"%PDF"), ("a.svg", b"<?xml")):
        picture.save(tmp_path / name, dpi=40)
        assert (tmp_path / name).read_bytes().startswith(start)
    with pytest.raises(BadRequestError, match=r"the suffix of '.*a\.bmp' is none of"):
        picture.save(tmp_path / "a.bmp")
    with pytest.raises(StorageError, match="cannot be written"):
        picture.save(tmp_path / "missing" / "a.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "a.png", "a.svg"]


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        (None, {}, "a picture is saved to a path such as 'map.png', not to None"),
        ("a.png", {"dpi": -1}, "matplotlib does not save a picture with dpi=-1: dpi must be positive"),
        ("a.png", {"colour": 1}, "matplotlib does not save a picture with colour=1: "),
    ],
)
def test_what_matplotlib_refuses_is_an_error_of_ours(
    planet: Catalog, tmp_path: Path, path: str | None, options: dict[str, int], message: str
) -> None:
    picture = image(planet, "optical:alps-3").plot()
    with pytest.raises(BadRequestError, match=message):
        picture.save(path if path is None else tmp_path / path, **options)


def test_pictures_leave_no_trace_in_matplotlib(planet: Catalog) -> None:
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    image(planet, "optical:alps-3").plot()
    assert pyplot.get_fignums() == before


def test_without_matplotlib_the_extra_is_named(planet: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for draw in (image(planet, "optical:alps-3").plot, planet.images.limit(2).collect().plot, planet.images.plot):
        with pytest.raises(MissingLibraryError, match=r"matplotlib is not installed, .* pip install '\.\[plot\]'"):
            draw()


def test_the_room_loads_no_matplotlib_until_it_draws() -> None:
    code = "import sys, localcat.plot; print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
