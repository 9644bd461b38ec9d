"""Archives unpacked: those that `bundle` wrote, and those that somebody changed or made up."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from localcat import Catalog
from localcat.errors import (
    CatalogExistsError,
    CatalogNotFoundError,
    LocalcatError,
    StorageError,
    UnsupportedCatalogError,
)
from tests.forged import left_by_bundles, listed, members_of, written
from tests.interrupted import steps_of, stopped_at
from tests.small_catalog import fill_guide


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no other test's archives be in the folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kit")
    with Catalog.create(folder / "survey.gpkg", org="acme") as catalog:
        fill_guide(catalog)
        catalog.bundle(folder / "kit.zip")
    return folder / "kit.zip"


@pytest.fixture
def forge(kit: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write an archive in which some members are replaced; None takes one away."""

    def made(changes: dict[str, bytes | None], *, is_listed: bool = True, **options: Any) -> Path:
        members: Any = {**members_of(kit), **changes}
        kept = {name: content for name, content in members.items() if content is not None}
        return written(tmp_path / "forged.zip", listed(kept) if is_listed else kept, **options)

    return made


DOORS: tuple[Callable[[Path], object], ...] = (Catalog.unpack, Catalog.open)


def refuse(path: Path, message: str, doors: Iterable[Callable[[Path], object]] = DOORS) -> None:
    """Check that an archive is neither unpacked nor opened where it is, and that nothing is left anywhere."""
    before = sorted(path.parent.rglob("*")), left_by_bundles()
    for door in doors:
        with pytest.raises(UnsupportedCatalogError, match=message):
            door(path)
        assert (sorted(path.parent.rglob("*")), left_by_bundles()) == before


def test_an_archive_becomes_a_folder_beside_it(kit: Path, tmp_path: Path) -> None:
    here = tmp_path / "trip.zip"
    here.write_bytes(kit.read_bytes())
    with Catalog.unpack(here) as catalog:
        assert catalog.path == tmp_path / "trip" / "kit.gpkg"
        assert catalog.images.count() == 4
        assert catalog.verify("full").ok
        catalog.images.first().delete()  # it is one's own
    with Catalog.unpack(here, tmp_path / "other") as again:
        assert again.path == tmp_path / "other" / "kit.gpkg"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "trip", "trip.zip"]


def test_nothing_that_is_there_is_written_over(kit: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(CatalogExistsError, match=r"mine' already exists; choose another name, or move it away"):
        Catalog.unpack(kit, tmp_path / "mine")
    with pytest.raises(CatalogNotFoundError, match="there is no bundle at"):
        Catalog.unpack(tmp_path / "no.zip")
    with pytest.raises(CatalogNotFoundError, match="does not exist; make it first"):
        Catalog.unpack(kit, tmp_path / "no" / "deeper")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), os.urandom(500)])
def test_another_file_is_no_bundle(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "kit.zip").write_bytes(content)
    is_archive = content.startswith(b"PK")
    refuse(tmp_path / "kit.zip", "is not a bundle of localcat", DOORS if is_archive else [Catalog.unpack])


@pytest.mark.parametrize("length", [0.1, 0.5, 0.9, 0.999])
def test_a_part_of_an_archive_is_refused(kit: Path, tmp_path: Path, length: float) -> None:
    content = kit.read_bytes()
    (tmp_path / "kit.zip").write_bytes(content[: int(len(content) * length)])
    refuse(tmp_path / "kit.zip", "is not a bundle of localcat")


def test_one_changed_byte_is_found(kit: Path, tmp_path: Path) -> None:
    content = bytearray(kit.read_bytes())
    with zipfile.ZipFile(kit) as archive:
        entry = next(one for one in archive.infolist() if one.filename.endswith(".tif"))
    content[entry.header_offset + 200] ^= 1
    (tmp_path / "kit.zip").write_bytes(content)
    refuse(tmp_path / "kit.zip", r"is refused: 'kit.data/.*\.tif'", [Catalog.unpack])
    with Catalog.open(tmp_path / "kit.zip") as catalog:  # which reads no pixels before they are asked for
        (problem,) = catalog.verify("full").problems
    assert problem.kind == "wrong content" or problem.kind == "WRONG_CONTENT", problem


@pytest.mark.parametrize(
    "name",
    [
        "../up.txt",
        "/etc/x",
        "kit.data/../../up.txt",
        "a\\b",
        "C:/x",
        "a//b",
        "./x",
        "con",
        "a/aux.txt",
        "trailing.",
        "x\x01y",
        f"kit.data/{'x' * 256}",
        "..",
        "a/..",
        "nul.tif",
        "kit.data/com1",
        "a:b",
        "a?b",
        "a*b",
        'a"b',
        "a|b",
        "a<b",
        "trailing ",
    ],
)
def test_names_that_lead_elsewhere_are_refused(forge: Callable[..., Path], name: str) -> None:
    refuse(forge({name: b"x"}), "is refused: .* (leads out of it|is no name of a file on every system)")


def test_two_members_that_some_system_takes_for_one_are_refused(forge: Callable[..., Path]) -> None:
    refuse(forge({"Kit.GPKG": b"x"}), "'Kit.GPKG' is there twice")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(kit: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "kit.zip", "w") as archive:
        for name, content in members_of(kit).items():
            archive.writestr(name, content)
        archive.writestr("kit.gpkg", b"another one")
    refuse(tmp_path / "kit.zip", "'kit.gpkg' is there twice")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_are_refused(kit: Path, tmp_path: Path, kind: int) -> None:
    members = listed({**members_of(kit), "kit.data/link": b"/etc/passwd"})
    with zipfile.ZipFile(tmp_path / "kit.zip", "w") as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (kind if name == "kit.data/link" else stat.S_IFREG) << 16
            archive.writestr(entry, content)
    refuse(tmp_path / "kit.zip", "'kit.data/link' is a link, a folder or a device")


def test_a_bomb_is_refused_before_it_is_unpacked(forge: Callable[..., Path]) -> None:
    refuse(forge({"kit.data/bomb": bytes(50_000_000)}, compression=zipfile.ZIP_DEFLATED), "is compressed or encrypted")


def test_a_manifest_longer_than_its_members_need_is_refused_unread(forge: Callable[..., Path]) -> None:
    manifest = b'{"x": [' + b"[]," * 1_000_000 + b"[]]}"
    refuse(
        forge({"manifest.json": manifest}, is_listed=False), "its manifest.json has 3,000,011 bytes, too many for 8 "
    )


@pytest.mark.parametrize("name", ["kit.gpkg/x", "kit.data", "KIT.DATA/acme-guide"])
def test_a_member_inside_of_another_one_is_refused(forge: Callable[..., Path], name: str) -> None:
    refuse(forge({name: b"x"}), r"'kit\.(gpkg|data|data/acme-guide)' is a file and a folder")


def test_what_the_manifest_does_not_name_is_refused(forge: Callable[..., Path], kit: Path) -> None:
    refuse(forge({"extra.txt": b"x"}, is_listed=False), "'extra.txt' is not in its manifest.json")


def test_what_is_missing_is_named(forge: Callable[..., Path], kit: Path) -> None:
    name = next(name for name in members_of(kit) if name.endswith(".tif"))
    refuse(forge({name: None}, is_listed=False), "'kit.data/.*' is missing")


def test_content_of_another_hash_or_size_is_refused(forge: Callable[..., Path], kit: Path) -> None:
    content = members_of(kit)["kit.gpkg"]
    refuse(forge({"kit.gpkg": content[:-1] + b"x"}, is_listed=False), "'kit.gpkg' is not what its manifest.json says")
    refuse(forge({"kit.gpkg": content + b"x"}, is_listed=False), "'kit.gpkg' has .* bytes and should have")


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (None, "it has no manifest.json"),
        (b"", "its manifest.json is damaged"),
        (b"[]", "its manifest.json is damaged"),
        (b"{}", "its manifest.json is damaged"),
        (b"[" * 100_000, "its manifest.json is damaged"),
        (b'{"localcat-bundle": 1, "catalog": "kit.gpkg", "members": []}', "its manifest.json is damaged"),
        (b'{"localcat-bundle": 9, "catalog": "kit.gpkg", "members": {}}', "is a bundle of a newer localcat"),
        (b'{"localcat-bundle": 1, "catalog": "../x", "members": {}}', "names no catalog in it"),
        (b'{"localcat-bundle": 1, "catalog": 7, "members": {}}', "names no catalog in it"),
        (
            b'{"localcat-bundle": 1, "catalog": "kit.gpkg", "members": {"kit.gpkg": {"size": -1, "sha256": "x"}}}',
            "has no size or no hash of 'kit.gpkg'",
        ),
        (
            b'{"localcat-bundle": 1, "catalog": "kit.gpkg", "members": {"kit.gpkg": {"size": 1e400, "sha256": "x"}}}',
            "has no size or no hash of 'kit.gpkg'",
        ),
        (b"\xff\xfe", "its manifest.json is damaged"),
    ],
)
def test_a_manifest_that_nobody_wrote_is_refused(
    forge: Callable[..., Path], manifest: bytes | None, message: str
) -> None:
    refuse(forge({"manifest.json": manifest}, is_listed=False), message)


def test_a_catalog_that_is_none_is_refused(forge: Callable[..., Path]) -> None:
    refuse(forge({"kit.gpkg": b"no catalog"}), "is refused: its catalog .* is not a SQLite file")


def changed(content: bytes, folder: Path, sql: str) -> bytes:
    """Return a catalog file in which a stranger changed something."""
    path = folder / "changed.gpkg"
    path.write_bytes(content)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)
    content = path.read_bytes()
    path.unlink()
    return content


def test_a_catalog_with_a_trigger_of_its_own_is_refused(forge: Callable[..., Path], kit: Path, tmp_path: Path) -> None:
    sql = "CREATE TRIGGER mine AFTER UPDATE ON product BEGIN DELETE FROM image; END"
    content = changed(members_of(kit)["kit.gpkg"], tmp_path, sql)
    refuse(forge({"kit.gpkg": content}), "is refused: its catalog .*mine")


def test_rows_that_name_files_elsewhere_are_refused(forge: Callable[..., Path], kit: Path, tmp_path: Path) -> None:
    first = "(SELECT min(id) FROM image_file WHERE owned)"
    sql = f"UPDATE image_file SET owned = 0, href = '/etc/secret.tif' WHERE id = {first}"
    content = changed(members_of(kit)["kit.gpkg"], tmp_path, sql)
    refuse(forge({"kit.gpkg": content}), "is refused: its catalog names the file '/etc/secret.tif', which is not in it")


def test_rows_that_name_no_member_are_refused(forge: Callable[..., Path], kit: Path) -> None:
    name = next(name for name in members_of(kit) if name.endswith(".tif"))
    refuse(forge({name: None}), "is refused: its catalog names the file 'acme-guide/.*tif', which is not in it")


def test_two_catalogs_are_one_too_many(forge: Callable[..., Path], kit: Path) -> None:
    refuse(forge({"other.gpkg": members_of(kit)["kit.gpkg"]}), "it has two catalogs, 'kit.gpkg' and 'other.gpkg'")


def test_a_data_folder_of_another_catalog_is_refused(forge: Callable[..., Path]) -> None:
    marker = b'{"catalog": "00000000000000000000000000000000", "file": "kit.gpkg"}'
    refuse(forge({"kit.data/.localcat.json": marker}), "its folder 'kit.data' belongs to another catalog")


@pytest.mark.parametrize(
    ("place", "format", "value"),
    [(0, "<4s", b"PK\x03\x05"), (6, "<H", 1), (8, "<H", 8), (26, "<H", 3), (28, "<H", 60_000), (30, "<1s", b"z")],
    ids=["signature", "encrypted", "deflated", "a short name", "a long extra field", "another name"],
)
def test_a_member_whose_own_header_says_something_else_is_refused(
    kit: Path, tmp_path: Path, place: int, format: str, value: Any
) -> None:
    content = bytearray(kit.read_bytes())
    with zipfile.ZipFile(kit) as archive:
        entry = next(one for one in archive.infolist() if one.filename.endswith(".tif"))
    struct.pack_into(format, content, entry.header_offset + place, value)
    (tmp_path / "kit.zip").write_bytes(content)
    with Catalog.open(tmp_path / "kit.zip") as catalog:
        image = next(image for image in catalog.images if (image.files or [])[0].href in entry.filename)
        with pytest.raises(UnsupportedCatalogError, match="is refused: .* is damaged: its header is not that of"):
            image.ndarray("blue")
        assert not catalog.verify("full").ok


@pytest.mark.parametrize(("place", "value"), [(6, 1), (8, 8)], ids=["encrypted", "deflated"])
def test_a_catalog_whose_own_header_says_something_else_is_refused(
    kit: Path, tmp_path: Path, place: int, value: int
) -> None:
    content = bytearray(kit.read_bytes())
    with zipfile.ZipFile(kit) as archive:
        struct.pack_into("<H", content, archive.getinfo("kit.gpkg").header_offset + place, value)
    (tmp_path / "kit.zip").write_bytes(content)
    refuse(tmp_path / "kit.zip", "'kit.gpkg' in it is damaged: its header is not that of the list of members")


@pytest.mark.parametrize("flag", [0x1, 0x20, 0x40, 0x2000])
def test_a_member_that_is_encrypted_or_a_patch_is_refused(kit: Path, tmp_path: Path, flag: int) -> None:
    content = bytearray(kit.read_bytes())
    struct.pack_into("<H", content, content.index(b"PK\x01\x02") + 8, flag)
    (tmp_path / "kit.zip").write_bytes(content)
    refuse(tmp_path / "kit.zip", "is compressed or encrypted")


@pytest.mark.parametrize("before", [b"PK\x03\x04 and a program", None], ids=["a program", "another bundle"])
def test_what_is_in_front_of_the_members_is_refused(kit: Path, tmp_path: Path, before: bytes | None) -> None:
    content = kit.read_bytes()
    (tmp_path / "kit.zip").write_bytes((content if before is None else before) + content)
    refuse(tmp_path / "kit.zip", "something else is in front of its first member")


@pytest.mark.parametrize("place", [2**63 + 5, 2**64 - 1, 2**62])
def test_a_list_of_members_that_is_nowhere_is_refused(kit: Path, tmp_path: Path, place: int) -> None:
    content = kit.read_bytes()
    end = content.rindex(b"PK\x05\x06")
    with zipfile.ZipFile(kit) as archive:
        count, begins = len(archive.infolist()), archive.start_dir
    record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, end - begins, place)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    last = struct.pack("<4sHHHHIIH", b"PK\x05\x06", *(4 * [0xFFFF]), 0xFFFFFFFF, 0xFFFFFFFF, 0)
    (tmp_path / "kit.zip").write_bytes(content[:end] + record + locator + last)
    refuse(tmp_path / "kit.zip", "is (not a bundle of localcat|refused)")


@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-SHM"])
def test_a_journal_beside_the_catalog_is_refused(forge: Callable[..., Path], suffix: str) -> None:
    refuse(forge({f"kit.gpkg{suffix}": b"x"}), f"SQLite would play 'kit.gpkg{suffix}' back into its catalog")


def test_members_that_share_bytes_are_refused(kit: Path, tmp_path: Path) -> None:
    """Of which a small archive would make large files: every member holds some of the next one."""
    names = [f"kit.data/{number}.bin" for number in range(3)]
    members = listed({**members_of(kit), **dict.fromkeys(names, b"x" * 5000)})
    members["manifest.json"] = members["manifest.json"].replace(b'"size": 5000', b'"size": 5050')
    with zipfile.ZipFile(tmp_path / "kit.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
        for name in names:
            entry = archive.getinfo(name)
            entry.file_size = entry.compress_size = 5050
    refuse(tmp_path / "kit.zip", "shares bytes with another member")


def test_two_entries_of_one_member_are_refused(kit: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "kit.zip", "w") as archive:
        for name, content in listed({**members_of(kit), "kit.data/a": b"x", "kit.data/b": b"x"}).items():
            archive.writestr(zipfile.ZipInfo(name), content)
        archive.getinfo("kit.data/b").header_offset = archive.getinfo("kit.data/a").header_offset
    refuse(tmp_path / "kit.zip", "shares bytes with another member")


@pytest.mark.parametrize("failing", [1, 2])
def test_an_archive_that_the_disk_does_not_read_is_no_error_of_the_system(
    kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """Its manifest, and the marker of the data folder in it."""
    real, count = zipfile.ZipFile.read, 0

    def read(*given: Any, **options: Any) -> bytes:
        nonlocal count
        count += 1
        if count == failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(*given, **options)

    monkeypatch.setattr(zipfile.ZipFile, "read", read)
    with pytest.raises(StorageError, match="kit.zip' cannot be read: .*; check the disk and its permissions"):
        Catalog.unpack(kit, tmp_path / "here", progress=False)
    assert list(tmp_path.iterdir()) == []


def test_wherever_it_is_interrupted_nothing_half_is_left(kit: Path, tmp_path: Path) -> None:
    def unpack() -> None:
        Catalog.unpack(kit, tmp_path / "here", progress=False).close()

    def clear() -> None:
        for path in sorted(tmp_path.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()

    steps = steps_of(unpack, tmp_path)
    clear()
    for step in range(1, steps + 1):
        with suppress(KeyboardInterrupt, LocalcatError):
            stopped_at(
                step, unpack, tmp_path, OSError(28, "No space left on device") if step % 2 else KeyboardInterrupt()
            )
        if (tmp_path / "here").exists():
            with Catalog.open(tmp_path / "here" / "kit.gpkg") as catalog:
                assert catalog.verify("full").ok
        else:
            assert list(tmp_path.iterdir()) == []
        clear()
