"""The commands that take images along."""

from __future__ import annotations

from pathlib import Path

import rasterio

from localcat import Catalog, Image
from tests.shell import complaint, invoke, run


def test_bundle_and_unpack_take_a_choice_along(kept: Catalog, tmp_path: Path) -> None:
    words = ["bundle", "--where", "name IN ('a', 'b')", "--band", "blue", "--resolution", "120m"]
    dry = run(*words, "-o", tmp_path / "kit.zip", "--dry-run", catalog=kept)
    assert dry.startswith("kit.zip: 2 images, 2 files, about ")
    assert run(*words, "-o", tmp_path / "kit.zip", catalog=kept).startswith("kit.zip: 2 images, 2 files, ")
    assert run("unpack", tmp_path / "kit.zip") == f"{tmp_path / 'kit' / 'kit.gpkg'}: 2 images\n"
    assert run("unpack", tmp_path / "kit.zip", tmp_path / "b") == f"{tmp_path / 'b' / 'kit.gpkg'}: 2 images\n"
    with Catalog.open(tmp_path / "kit" / "kit.gpkg") as kit:
        assert kit.images.first().ndarray("blue").shape == (1, 32, 24)


def test_images_without_room_are_named(kept: Catalog, tmp_path: Path) -> None:
    room = kept.bundle(tmp_path / "all.zip", kept.images.sort("name"), dry_run=True).estimated_bytes - 2_500
    words = [
        "bundle",
        "acme:guide:a",
        "acme:guide:b",
        "--sort",
        "name",
        "-o",
        tmp_path / "kit.zip",
        "--max-bytes",
        room,
    ]
    done = invoke(*words, catalog=kept)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.endswith("; no room for 1 images\n")
    assert done.stderr == "no room: acme:guide:b\n"


def test_clip_needs_an_area_and_keeps_what_is_in_it(kept: Catalog, tmp_path: Path) -> None:
    told = complaint("bundle", "--clip", "-o", tmp_path / "kit.zip", catalog=kept, status=2)
    assert told.startswith("--clip keeps what is in an area; name it with --bbox or --intersects")
    west, south, east, north = Image.get("acme:guide:a", catalog=kept).geometry.bounds
    box = f"{west},{south},{(west + east) / 2},{north}"
    run("bundle", "acme:guide:a", "--bbox", box, "--clip", "-o", tmp_path / "kit.zip", catalog=kept)
    run("unpack", tmp_path / "kit.zip")
    with Catalog.open(tmp_path / "kit" / "kit.gpkg") as kit:
        assert kit.images.first().x_pixels in (24, 25)


def test_what_is_no_bundle_is_told(kept: Catalog, tmp_path: Path) -> None:
    assert complaint("unpack", kept.path) == f"'{kept.path}' is not a bundle of localcat: File is not a zip file"
    (tmp_path / "kit.zip").write_bytes(b"PK")
    told = complaint("ls", catalog=tmp_path / "kit.zip")
    assert told == f"'{tmp_path / 'kit.zip'}' is not a SQLite file; open a catalog that localcat created"
    assert complaint("unpack", tmp_path / "no.zip") == f"there is no bundle at '{tmp_path / 'no.zip'}'"


def test_commands_that_read_take_an_archive(kept: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "kit.zip"
    run("bundle", "-o", path, catalog=kept)
    words = ("-C", str(path))
    assert run(*words, "search", "--ids") == run("search", "--ids", catalog=kept)
    assert run(*words, "verify", "--level", "full").startswith("kit.zip (full): ok; ")
    assert "is a bundle, which is only read" in run(*words, "info")
    assert "can be read where they are" in run(*words, "doctor")
    assert run(*words, "ls", "images", "--ids") == run("ls", "images", "--ids", catalog=kept)
    run(*words, "read", "guide:a", "-o", tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as read:
        assert (read.count, read.shape) == (1, (64, 48))
    run(*words, "export", "html", "-o", tmp_path / "all.html")
    run(*words, "export", "stac", "--copy", "-o", tmp_path / "stac")
    assert len(list((tmp_path / "stac").rglob("*.tif"))) == 2
    told = complaint(*words, "gc")
    assert "unpack it with `localcat unpack` to get a catalog" in told
