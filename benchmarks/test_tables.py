"""Tables beside a bare read of the same columns with SQL."""

from __future__ import annotations

import sqlite3

import pytest

from localcat import Catalog

pytest.importorskip("pyarrow")

COLUMNS = {
    "four columns": (
        ["id", "acquired", "cloud_fraction", "geometry"],
        "SELECT uid, acquired, cloud_fraction, geometry FROM image",
    ),
    "nine columns with the product": (
        [
            "id",
            "product_id",
            "name",
            "acquired",
            "cloud_fraction",
            "satellite_id",
            "solar_elevation_angle",
            "x_pixels",
            "geometry",
        ],
        "SELECT uid, (SELECT uid FROM product WHERE id = product_id), name, acquired, cloud_fraction, satellite_id, "
        "solar_elevation_angle, x_pixels, geometry FROM image",
    ),
}


@pytest.mark.parametrize("which", COLUMNS)
def test_all_images_to_arrow(in_turns, big: Catalog, plain: sqlite3.Connection, which: str) -> None:
    columns, sql = COLUMNS[which]
    expected = plain.execute("SELECT count(*) FROM image").fetchone()[0]

    def ours() -> None:
        assert sum(batch.num_rows for batch in big.images.to_arrow(columns)) == expected

    def floor() -> None:
        assert len(plain.execute(sql).fetchall()) == expected

    in_turns(f"all images to Arrow, {which}", ours, floor, rounds=3)
