"""Where a table keeps an attribute: the only source of identifiers for the SQL that is made at run time."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")

PRODUCT_REFERENCES = (("band", "product_id"), ("image", "product_id"))
"""Tables and columns that name a product by its row id; an upload, which may outlive its product, has the public id."""


# The files of an image as JSON, in order; NULL when it has none.
_FILES = (
    "(SELECT nullif(json_group_array(json_object('href', f.href, 'size_bytes', f.size_bytes, 'hash', f.hash, "
    "'provider_id', f.provider_id, 'provider_href', f.provider_href, 'owned', f.owned)), '[]') "
    "FROM (SELECT * FROM image_file WHERE image_file.image_id = image.id ORDER BY position) AS f)"
)


@dataclass(frozen=True, slots=True)
class Column:
    """How a table keeps one attribute.

    Parameters
    ----------
    name : str
        The column that an insert or update names.
    select : str
        SQL for the stored value.
    compare : str
        SQL for the value that filters and sorting compare.
    may_be_nan : bool
        Whether, among numbers, it may hold the text ``nan``, since SQLite stores NaN as NULL.
    """

    name: str
    select: str
    compare: str
    may_be_nan: bool = False


@functools.cache
def column(table: str, attribute: str) -> Column:
    """Return where `table` keeps `attribute`.

    Both come from the declarations of the models, never from a user; anything but a plain lower-case name is a fault.
    """
    if not (_IDENTIFIER.fullmatch(table) and _IDENTIFIER.fullmatch(attribute)):
        raise ValueError(f"{table}.{attribute} is not a column name")
    plain = f"{table}.{attribute}"
    if attribute == "id":
        return Column("uid", f"{table}.uid", f"{table}.uid")
    if (table, attribute) in PRODUCT_REFERENCES:
        public = f"(SELECT product.uid FROM product WHERE product.id = {plain})"
        return Column("product_id", public, public)
    if (table, attribute) == ("image", "files"):
        return Column(attribute, _FILES, _FILES)
    if attribute in ("resolution", "resolution_min", "resolution_max"):
        return Column(attribute, plain, f"{plain}_metres")
    return Column(attribute, plain, plain, may_be_nan=(table, attribute) == ("band", "nodata"))
