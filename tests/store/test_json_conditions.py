"""Conditions on JSON values in SQL: the answers of the table in tests/json_conditions.py, from a real catalog."""

import pytest

from localcat import Catalog, Image, Product
from localcat.store.query.compiler import Scope, compile_where
from tests.json_conditions import CONDITIONS


@pytest.fixture(scope="module")
def catalog():
    with Catalog.temporary(org="") as catalog:
        Product(id="x", name="x", catalog=catalog).save()
        records = [
            {"product_id": "x", "name": f"{number:02d}", "extra_properties": stored}
            for number, (stored, _, _) in enumerate(CONDITIONS)
        ]
        assert catalog.add_images(records).added == len(CONDITIONS)
        yield catalog


@pytest.mark.parametrize("number", range(len(CONDITIONS)))
def test_sql_gives_the_answer_of_the_table(catalog, number):
    """Choice 23."""
    _, expression, wanted = CONDITIONS[number]
    where = compile_where(expression.node, Scope("image", Image.fields()))
    sql = f"SELECT {where.sql} FROM image WHERE uid = ?"
    with catalog.database.read() as connection:
        ((found,),) = connection.execute(sql, (*where.params, f"x:{number:02d}")).fetchall()
    assert (None if found is None else bool(found)) is wanted


def test_a_search_finds_what_the_filter_in_memory_keeps(catalog):
    images = catalog.images.collect()
    for _, expression, _ in CONDITIONS:
        assert catalog.images.filter(expression).ids() == [image.id for image in images.filter(expression)]
