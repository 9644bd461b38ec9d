"""Tidying up gives room back and changes no answer."""

from __future__ import annotations

import sqlite3

import pytest

from localcat import BadRequestError, Catalog
from localcat import properties as p
from tests.damage import raw


def test_optimize_gives_room_back_and_changes_no_answer(kept: Catalog) -> None:
    records = [
        {"id": f"acme:guide:i{n}", "acquired": "2020-02-02", "geometry": (n, 0, n + 1, 1), "tags": [f"t{n % 7}"]}
        for n in range(150)
    ]
    kept.add_images(records, progress=False)
    for image in list(kept.images)[100:]:
        image.delete()
    searches = [
        kept.images.intersects((5, 0, 9, 1)),
        kept.images.sort("-acquired").limit(5),
        kept.images.find_text("t3"),
    ]
    before = [(search.ids(), search.explain().plan) for search in searches]
    size = kept.path.stat().st_size
    kept.optimize()
    assert kept.path.stat().st_size < size
    assert [(search.ids(), search.explain().plan) for search in searches] == before
    assert kept.verify("full", progress=False).problems == []
    with pytest.raises(BadRequestError, match="after the transaction"), kept.transaction():
        kept.optimize()
    with Catalog.open(kept.path) as reopened:
        assert reopened.images.count() == kept.images.count()


def test_optimize_tidies_up_a_stranger_s_catalog(kept: Catalog) -> None:
    kept.add_images([{"id": f"acme:guide:i{n}", "provider_id": "x" * 3000} for n in range(50)], progress=False)
    for image in kept.images.filter(p.name.prefix("i")):
        image.delete()
    kept.close()
    size = kept.path.stat().st_size
    with Catalog.open(kept.path, trusted=False) as stranger:
        stranger.optimize()
        assert stranger.verify("full", progress=False).problems == []
        for reach in (f"ATTACH '{kept.path.parent / 'other'}' AS other", "PRAGMA writable_schema = ON"):
            with stranger.database.separate() as connection, pytest.raises(sqlite3.DatabaseError, match="authorized"):
                connection.execute(reach)
    assert kept.path.stat().st_size < size


def test_optimize_renews_the_statistics_of_another_program(kept: Catalog) -> None:
    statistics = "SELECT stat FROM sqlite_stat1 WHERE tbl = 'image' AND idx = 'image_by_time'"
    raw(kept, "ANALYZE")
    assert kept.sql(statistics)[0]["stat"].split()[0] == "4"
    kept.add_images([{"id": f"acme:guide:i{n}"} for n in range(50)], progress=False)
    kept.optimize()
    assert kept.sql(statistics)[0]["stat"].split()[0] == "54"
