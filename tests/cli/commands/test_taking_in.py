"""The commands that make a catalog and bring images into it."""

from __future__ import annotations

from pathlib import Path

from localcat import Catalog, Image
from tests.damage import file_of
from tests.shell import complaint, invoke, run


def test_init_makes_a_catalog_and_refuses_an_existing_file(tmp_path: Path) -> None:
    path = tmp_path / "survey.gpkg"
    assert run("init", path, "--org", "acme") == (f"made {path}, namespace acme; pixels will go to survey.data\n")
    with Catalog.open(path) as made:
        assert (made.namespace, made.images.count()) == ("acme", 0)
    assert complaint("init", path) == f"'{path}' already exists; open it with --catalog, or choose another name"
    odd = invoke("init", tmp_path / "survey.db")
    assert odd.stderr == "other programs know a GeoPackage by the suffix .gpkg, which this file does not have\n"


def test_upload_brings_files_in_as_one_image(kept: Catalog, tmp_path: Path) -> None:
    source = tmp_path / "Monday flight.tif"
    source.write_bytes(file_of(kept, "a").read_bytes())
    words = ["upload", source, "--product", "guide", "--acquired", "2024-05-06T10:00:00Z"]
    assert (
        run(*words, "cloud_fraction=0.25", "extra_properties.crew=north", catalog=kept) == "acme:guide:Monday_flight\n"
    )
    image = Image.get("acme:guide:Monday_flight", catalog=kept)
    assert (image.acquired.isoformat(), image.cloud_fraction) == ("2024-05-06T10:00:00+00:00", 0.25)
    assert image.extra_properties == {"crew": "north"}
    assert "already exists in the catalog" in complaint(*words, catalog=kept)
    assert run(*words, "--overwrite", "--in-place", catalog=kept) == "acme:guide:Monday_flight\n"
    assert Image.get("acme:guide:Monday_flight", catalog=kept).files[0].href == "Monday flight.tif"


def test_an_upload_that_fails_says_why_and_leaves_nothing(kept: Catalog, tmp_path: Path) -> None:
    (tmp_path / "text.tif").write_text("not a raster")
    told = complaint("upload", tmp_path / "text.tif", "--product", "guide", "--acquired", "2024", catalog=kept)
    assert "text.tif" in told
    assert not Image.exists("acme:guide:text", catalog=kept)


def test_diff_lists_what_another_catalog_has_otherwise(kept: Catalog, tmp_path: Path) -> None:
    kept.backup(tmp_path / "copy.gpkg", progress=False)
    alike = invoke("diff", kept.path, tmp_path / "copy.gpkg")
    assert (alike.exit_code, alike.stdout) == (0, "")
    assert alike.stderr == "copy.gpkg: alike: 1 product, 2 bands, 4 images\n"
    with Catalog.open(tmp_path / "copy.gpkg") as copy:
        image = Image.get("acme:guide:a", catalog=copy)
        image.cloud_fraction = 0.5
        image.tags = ["red"]
        image.save()
        Image.delete("acme:guide:far", catalog=copy)
    assert run("diff", tmp_path / "copy.gpkg", "--csv", catalog=kept, status=3).splitlines() == [
        "id,kind,change,attribute,ours,theirs,reason",
        'acme:guide:a,image,changed,tags,"[""red"", ""green""]","[""red""]",',
        "acme:guide:a,image,changed,cloud_fraction,,0.5,",
        "acme:guide:far,image,deleted,,,,deleted there",
    ]
    assert run("diff", tmp_path / "copy.gpkg", "--ids", catalog=kept, status=3) == "acme:guide:a\nacme:guide:far\n"
    assert run("diff", tmp_path / "copy.gpkg", catalog=kept, status=3).splitlines()[0].split() == [
        "id",
        "kind",
        "change",
        "attribute",
        "ours",
        "theirs",
        "reason",
    ]
    assert "there is no catalog" in complaint("diff", kept.path, tmp_path / "none.gpkg")


def test_merge_tells_what_it_took(kept: Catalog, tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "new.gpkg", org="acme") as new:
        planned = run("merge", new.path, kept.path, "--dry-run")
        assert planned.startswith("added: 1 product, 2 bands, 4 images; copied: 2 files, ")
        assert new.images.count() == 0
        assert run("merge", new.path, kept.path) == planned
        assert new.images.count() == 4
        for catalog, clouds in ((kept, 0.5), (new, 0.25)):
            image = Image.get("acme:guide:a", catalog=catalog)
            image.cloud_fraction = clouds
            image.save()
        told = run("merge", new.path, kept.path, "--policy", "ours")
        assert told.splitlines()[0] == "image acme:guide:a was changed on both sides; taken: ours"
        Image.delete("acme:guide:far", catalog=new)
        assert run("merge", new.path, kept.path).startswith("kept: 1 image; left out: 1 image; unchanged: ")
        told = run("merge", new.path, kept.path, "--no-deletions")
        assert told.splitlines()[0] == "image acme:guide:far was deleted here; taken: theirs"
    assert "there is no catalog" in complaint("merge", kept.path, tmp_path / "none.gpkg")
