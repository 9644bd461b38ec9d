"""Arrays as pictures: stretch, masks, arrangement."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy
import pytest
from rasterio.io import MemoryFile

from localcat.errors import BadRequestError
from localcat.plot.arrays import _arrangement, _pixels, _stretched, display, save_image
from localcat.rasters.files.opening import quiet_georeferencing

matplotlib = pytest.importorskip("matplotlib", reason="pictures need the extra plot")
matplotlib.use("Agg")

GREY = numpy.ma.masked_equal(numpy.arange(12, dtype="uint16").reshape(1, 3, 4), 0)
COLOR = numpy.ma.masked_equal(numpy.arange(36, dtype="uint8").reshape(3, 3, 4), 0)


def rgba(path: Path) -> numpy.ndarray:
    with quiet_georeferencing(), MemoryFile(path.read_bytes()) as file, file.open() as dataset:
        return dataset.read()


def test_a_band_is_stretched_between_its_smallest_and_largest_valid_value() -> None:
    shown = _stretched(_pixels(GREY, 0), robust=False)
    assert shown.shape == (3, 4)
    assert shown.mask.tolist() == [[True, False, False, False], [False] * 4, [False] * 4]
    assert shown[0, 1] == 0
    assert shown[2, 3] == 1
    assert shown[1, 2] == 0.5


def test_a_robust_stretch_clips_outliers() -> None:
    values = numpy.r_[numpy.zeros(1), numpy.full(98, 50.0), numpy.full(1, 1e9)].reshape(10, 10)
    shown = _stretched(_pixels(values, 0), robust=True)
    assert shown.max() == 1
    assert numpy.unique(shown).tolist() == [0.0, 1.0]


def test_three_bands_keep_their_balance_and_become_transparent_under_any_mask() -> None:
    shown = _stretched(_pixels(COLOR, 0), robust=False)
    assert shown.shape == (3, 4, 4)
    assert shown[0, 0, 3] == 0
    assert (shown[..., 3].sum(), shown[2, 3, 2]) == (11, 1)
    numpy.testing.assert_allclose(shown[0, 1, :3], [0, 12 / 34, 24 / 34])


def test_what_is_no_number_is_masked() -> None:
    assert _pixels(numpy.array([[1.0, numpy.nan], [numpy.inf, 2.0]]), 0).mask.tolist() == [[False, True], [True, False]]


def test_bands_may_come_last() -> None:
    last = numpy.ma.asarray(numpy.moveaxis(COLOR, 0, -1))
    assert numpy.ma.allequal(_pixels(last, -1), _pixels(COLOR, 0))


def test_arrays_without_valid_or_different_values_are_drawn(tmp_path: Path) -> None:
    save_image(tmp_path / "a.png", numpy.ma.masked_all((3, 4)), numpy.zeros((3, 4)), robust=False, size=1)
    assert (tmp_path / "a.png").stat().st_size > 0


def test_arrangements() -> None:
    assert _arrangement(3, None, None) == (3, 1)
    assert _arrangement(3, None, 2) == (2, 2)
    assert _arrangement(3, 1, None) == (1, 3)
    assert _arrangement(3, 2, 2) == (2, 2)
    with pytest.raises(BadRequestError, match="1 rows of 2 pictures are too few for 3 arrays"):
        _arrangement(3, 1, 2)
    with pytest.raises(BadRequestError, match="there is nothing to show"):
        _arrangement(0, None, None)


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4), (4, 3, 4), (1, 1, 3, 4), (0, 4)])
def test_other_shapes_are_no_pictures(shape, tmp_path: Path) -> None:
    with pytest.raises(BadRequestError, match="is not a picture"):
        save_image(tmp_path / "x.png", numpy.zeros(shape))


def test_titles_must_fit(tmp_path: Path) -> None:
    with pytest.raises(BadRequestError, match="2 titles do not fit 1 arrays"):
        save_image(tmp_path / "x.png", GREY, title=["a", "b"])


def test_pictures_are_saved(tmp_path: Path) -> None:
    save_image(tmp_path / "grey.png", GREY, title="Grey", size=2, robust=False)
    save_image(tmp_path / "color", COLOR, GREY, title=["c", "g"], size=2, ncols=2, extension=".png", colormap="viridis")
    grey, color = rgba(tmp_path / "grey.png"), rgba(tmp_path / "color.png")
    assert grey.shape[0] == 4
    assert color.shape[2] > color.shape[1]
    colors = grey[:3].reshape(3, -1).T.astype(int)
    for end in ((0, 0, 4), (252, 253, 191)):  # of magma
        assert (numpy.abs(colors - end).max(axis=1) <= 1).any()


def test_display_shows_and_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import pyplot

    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.warns(UserWarning, match="non-interactive") if sys.platform != "linux" else nullcontext():
        display(GREY, COLOR, title=["a", "b"], size=1, bands_axis=0)
    assert pyplot.get_fignums() == []


def test_matplotlib_is_imported_only_when_something_is_drawn() -> None:
    code = "import sys, localcat.plot, localcat.scenes; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
