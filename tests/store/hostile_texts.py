"""Texts that try to become SQL, and what must be the same after them."""

from __future__ import annotations

import itertools

from localcat import Catalog

OPENINGS = ["'", '"', "`", "]", ")", "')", "'))", '")', "\\", "%", "*/", "\n", "'||'", "x' OR '1'='1", '" OR 1=1', "$."]
STATEMENTS = [
    "; DROP TABLE image",
    "; DELETE FROM product",
    "; UPDATE image SET name = 'x'",
    "; ATTACH DATABASE 'x.db' AS x",
    "; PRAGMA writable_schema = 1",
    " UNION SELECT sql FROM sqlite_schema",
    " OR 1 = 1",
    " AND (SELECT load_extension('x'))",
    " NEAR(a b) OR name : *",
    "; CREATE TRIGGER t AFTER INSERT ON image BEGIN DELETE FROM product; END",
    " RETURNING *",
    " LIMIT -1",
]
CLOSINGS = ["", "--", " --", "/*", ";", "'", '"', "')--", " #", "* ", " COLLATE NOCASE", "\x1a"]
PAYLOADS = ["".join(parts) for parts in itertools.product(OPENINGS, STATEMENTS, CLOSINGS)]


def snapshot(catalog: Catalog) -> list[object]:
    """Return the schema, all rows of products, bands and images, and the attached databases."""
    with catalog.database.read() as connection:
        schema = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
        rows = [
            connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()
            for table in ("product", "band", "image")
        ]
        databases = [row[1] for row in connection.execute("PRAGMA database_list")]
    return [schema, rows, databases]
