"""How much of its past a catalog keeps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from localcat import Catalog, Image
from localcat.errors import BadRequestError, NotFoundError, ReadOnlyCatalogError
from localcat.store import states
from tests.past_moments import past_moment
from tests.small_catalog import make_product, new_image, spectral, upload


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.create(tmp_path / "survey.gpkg", org="acme") as made:
        product = make_product("p", spectral("red"), catalog=made)
        new_image(product, "i", cloud_fraction=0.1).save()
        upload(product, "pixels")
        yield made


def change(catalog: Catalog, *fractions: float) -> None:
    image = Image.get("acme:p:i", catalog=catalog)
    for fraction in fractions:
        image.cloud_fraction = fraction
        image.save()


def numbers(catalog: Catalog) -> list[int]:
    return [one.number for one in catalog.history()]


def test_a_new_catalog_keeps_a_year_and_no_files(catalog: Catalog) -> None:
    limits = catalog.keep_history()
    assert limits.to_dict() == {"changes": 365, "max_bytes": 67_108_864, "files": 0}
    assert str(limits) == "changes 365 days, 67,108,864 bytes at most; files 0 days"


def test_what_is_set_holds_for_all_who_open_it(catalog: Catalog) -> None:
    catalog.keep_history("2 years", max_bytes="256 MB")
    catalog.keep_history(files="30 days")
    with Catalog.open(catalog.path) as other:
        assert other.keep_history().to_dict() == {"changes": 730, "max_bytes": 256_000_000, "files": 30}
        Image.delete("acme:p:pixels", catalog=other)
        other.undo(1)
        assert Image.get("acme:p:pixels", catalog=other).ndarray("red").shape == (1, 64, 48)
    with Catalog.open(catalog.path, keep_history="0 days") as careless:
        Image.delete("acme:p:pixels", catalog=careless)
    assert list(catalog.data_folder.path.rglob("*.tif")) == []


def test_changes_go_when_their_time_is_over(catalog: Catalog) -> None:
    change(catalog, 0.2, 0.3)
    day = 86_400 * 1_000_000
    with catalog.writable_db() as db:
        db.execute("UPDATE history SET at = at - ? WHERE id = 1", (3 * day,))
        db.execute("UPDATE meta SET value = value - ? WHERE key = 'history_since'", (9 * day,))
    catalog.gc()
    assert numbers(catalog) == [2, 1]
    with catalog.at(datetime.now(UTC) - timedelta(days=4)) as past:
        assert past.images.count() == 0
    catalog.keep_history("2 days")
    assert numbers(catalog) == [2, 1]
    catalog.gc()
    assert numbers(catalog) == [2]
    with pytest.raises(NotFoundError, match="reaches back to"):
        catalog.at(datetime.now(UTC) - timedelta(days=4))


def test_the_oldest_changes_go_when_they_are_too_large(catalog: Catalog) -> None:
    change(catalog, 0.2, 0.3, 0.4, 0.5)
    with catalog.database.read() as connection:
        sizes = [len(str(entry.state)) for entry in states.entries(connection)]
    catalog.keep_history(max_bytes=sum(sizes[:2]))
    catalog.gc()
    assert numbers(catalog) == [4, 3]


def test_many_changes_bound_themselves(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "_BETWEEN_TRIMS", 5)
    catalog.keep_history(max_bytes=1)
    change(catalog, *(step / 20 for step in range(1, 13)))
    assert numbers(catalog) == [12, 11, 10]


def test_a_number_is_never_used_again(catalog: Catalog) -> None:
    change(catalog, 0.2, 0.3)
    assert catalog.forget_history(past_moment()) == 2
    assert catalog.history() == []
    change(catalog, 0.4)
    assert numbers(catalog) == [3]
    assert catalog.verify("full", progress=False).ok


def test_forgetting_ends_at_a_moment_and_the_past_begins_there(catalog: Catalog) -> None:
    change(catalog, 0.2)
    moment = past_moment()
    change(catalog, 0.3)
    assert catalog.forget_history(moment) == 1
    assert numbers(catalog) == [2]
    with catalog.at(moment) as past:
        assert Image.get("acme:p:i", catalog=past).cloud_fraction == 0.2
    with pytest.raises(NotFoundError, match="reaches back to"):
        catalog.at(moment - timedelta(milliseconds=1))
    with pytest.raises(BadRequestError, match="is still to come; forget_history\\(\\) takes a moment of the past"):
        catalog.forget_history(datetime.now(UTC) + timedelta(days=1))


def test_a_clock_that_was_ahead_blocks_neither_forgetting_nor_the_past(catalog: Catalog) -> None:
    change(catalog, 0.2, 0.3)
    with catalog.writable_db() as db:
        db.execute("UPDATE history SET at = at + 86400000000000 WHERE id = 1")
    moment = past_moment()
    assert catalog.forget_history(moment) == 2
    with catalog.at(past_moment()) as past:
        assert Image.get("acme:p:i", catalog=past).cloud_fraction == 0.3


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"changes": "soon"},
            "changes is a number of days such as '30 days' or '0 days', or a timedelta",
        ),
        ({"files": 30}, "files is a number of days"),
        ({"max_bytes": "much"}, "max_bytes is a number of bytes, or text such as '2 GB' or '700 MiB', not 'much'"),
        ({"max_bytes": 0}, "max_bytes is a number of bytes"),
        ({"max_bytes": 10**16}, "max_bytes is less than 1,000,000,000,000,000, not 10,000,000,000,000,000"),
    ],
)
def test_limits_that_are_none_are_refused(catalog: Catalog, given: dict[str, Any], told: str) -> None:
    with pytest.raises(BadRequestError, match=told):
        catalog.keep_history(**given)
    assert catalog.keep_history().to_dict() == {"changes": 365, "max_bytes": 67_108_864, "files": 0}


def test_a_catalog_that_is_only_read_shows_its_limits(catalog: Catalog) -> None:
    catalog.keep_history("9 days")
    with Catalog.open(catalog.path, read_only=True) as reader:
        assert reader.keep_history().changes == timedelta(days=9)
        with pytest.raises(ReadOnlyCatalogError, match="open it without read_only=True"):
            reader.keep_history("8 days")


def test_a_change_looks_at_no_more_of_the_history_than_it_has_to(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once in a thousand changes it looked at all of it, for changes from before 1970."""
    monkeypatch.setattr(states, "_BETWEEN_TRIMS", 1)
    found: list[str] = []
    catalog.database._session().connection.set_trace_callback(found.append)
    change(catalog, 0.2)
    assert [one for one in found if one.startswith("SELECT id")] == [
        "SELECT id, bytes FROM history ORDER BY id DESC LIMIT 1",
        "SELECT id, at, bytes FROM history ORDER BY id LIMIT 2000",
    ]
    assert [one for one in found if "FROM history WHERE" in one] == []
    assert numbers(catalog) == [1]
