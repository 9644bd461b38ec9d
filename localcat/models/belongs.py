"""Objects that belong to a product and have a name there: bands and images."""

from __future__ import annotations

import functools
import re
import sqlite3
from collections.abc import Mapping
from typing import Any

from localcat.errors import AttributeValidationError, ProductNotFoundError
from localcat.models.attributes.scalars import Attribute, Identifier, Text
from localcat.models.backend import Backend
from localcat.models.object import CatalogObject
from localcat.models.product import Product
from localcat.store import rows
from localcat.store.file.transaction import Transaction

_LONGEST_NAME = 2000  # characters
_NAME = re.compile(rf"[a-zA-Z0-9_.-]{{1,{_LONGEST_NAME}}}")
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_.-]+")


class Name(Identifier):
    """The name of a band or an image."""

    def coerce(self, value: Any) -> str:
        if isinstance(value, str) and _NAME.fullmatch(value):
            return str(value)
        Text.coerce(self, value)  # which refuses what is not text, or cannot be stored
        raise self.refuse(
            value, f"has 1 to {_LONGEST_NAME} characters from a-z A-Z 0-9 . _ - (make_valid_name makes one)"
        )


class NamedCatalogObject(CatalogObject, abstract=True):
    """An object that belongs to a product and has a name there; abstract.

    Its id is ``"<product id>:<name>"``. Any of the id, the name with the product, or the name with the product's id
    makes the others.
    """

    _related = ("product",)
    _product: Product | None

    product_id = Text("The id of its product.", immutable=True, filterable=True, sortable=True, required=True)
    name = Name("The name within the product.", immutable=True, filterable=True, sortable=True, required=True)

    @classmethod
    def _home(cls, given: Backend | None, attributes: Mapping[str, Any]) -> Backend:
        product = attributes.get("product")
        if given is None and isinstance(product, Product):
            return product._catalog
        return super()._home(given, attributes)

    def _fill(self, attributes: dict[str, Any]) -> None:
        product = attributes.pop("product", None)
        super()._fill(attributes)
        values = self._values
        if product is not None:
            self._require_usable(product)
            product_id = product.id
            if values.setdefault("product_id", product_id) not in (None, product_id):
                raise AttributeValidationError(
                    f"product '{product_id}' contradicts product_id {values['product_id']!r}"
                )
            values["product_id"] = product_id
            self.__dict__["_product"] = product
        self._complete_identity("id" if values.get("id") is not None else "name")

    @staticmethod
    def make_valid_name(name: str) -> str:
        """Return a string with each run of characters that a name cannot have replaced by one underscore."""
        return _NOT_IN_NAMES.sub("_", name)

    @classmethod
    def _identity(cls) -> tuple[str, ...]:
        return ("id", "name", "product_id", "product")

    @property
    def product(self) -> Product | None:
        """The product it belongs to; read from the catalog when first asked for."""
        cached: Product | None = self.__dict__.get("_product")
        if cached is not None and cached.id == self.product_id:
            return cached
        if self.product_id is None:
            return None
        found = Product.get(self.product_id, catalog=self._catalog)
        self._product = found if found is not None and found.id == self.product_id else None
        return self._product

    @product.setter
    def product(self, value: Product | None) -> None:
        if value is None:
            self.product_id = None
            return
        self._require_usable(value)
        self._assign(self._attributes["product_id"], value.id)
        self.__dict__["_product"] = value

    @product.deleter
    def product(self) -> None:
        self.product_id = None

    def _require_usable(self, value: Any) -> None:
        """Refuse what is not a product, was never saved, or is in another catalog."""
        if not isinstance(value, Product):
            raise AttributeValidationError(f"product is a Product, not {value!r}")
        if value._row is None or value._is_deleted:
            raise AttributeValidationError("Can't assign unsaved related object to 'product'. Save it first.")
        if value._catalog is not self._catalog and value._catalog != self._catalog:
            raise AttributeValidationError(f"product '{value.id}' belongs to another catalog")

    def _assign(self, attribute: Attribute[Any], value: Any) -> None:
        if self._row is not None or attribute.name not in ("id", "name", "product_id"):
            super()._assign(attribute, value)
            return
        before = dict(self._values)
        super()._assign(attribute, value)
        try:
            self._complete_identity(attribute.name)
        except AttributeValidationError:
            self._values = before
            raise

    def _complete_identity(self, assigned: str) -> None:
        """Make the id of product and name, or these of the id; refuse what contradicts."""
        values = self._values
        if assigned == "id" and values.get("id") is not None:
            product_id, colon, name = str(values["id"]).rpartition(":")
            if not (colon and product_id):
                raise AttributeValidationError(
                    f"the id of {type(self).__name__} is '<product id>:<name>', not {values['id']!r}"
                )
            for attribute, part in ((self._attributes["product_id"], product_id), (self._attributes["name"], name)):
                known = values.get(attribute.name)
                if known is not None and known != part:
                    raise AttributeValidationError(f"id {values['id']!r} contradicts {attribute.name} {known!r}")
                values[attribute.name] = attribute.coerce(part)
        elif values.get("name") is not None and values.get("product_id") is not None:
            made = f"{values['product_id']}:{values['name']}"
            if values.get("id") not in (None, made):
                raise AttributeValidationError(f"{assigned} {values[assigned]!r} contradicts id {values['id']!r}")
            values["id"] = made

    @classmethod
    @functools.cache
    def _required(cls) -> list[str]:
        return [name for name in super()._required() if name != "id"]  # which follows from the others

    def _references(self) -> list[str]:
        return [f"  product: {self.product_id}"]

    def _insert(self, transaction: Transaction, values: Any) -> int:
        return super()._insert(transaction, {**values, "product_id": self._product_row_id(transaction.connection)})

    def _require_creatable(self) -> None:
        super()._require_creatable()
        if self._catalog.database.is_missing:
            with self._catalog.database.read() as connection:
                self._product_row_id(connection)

    def _product_row_id(self, connection: sqlite3.Connection) -> int:
        row_id = rows.product_row_id(connection, str(self.product_id))
        if row_id is None:
            prefixed = Product.namespace_id(str(self.product_id), catalog=self._catalog)
            hint = "save it first"
            if rows.product_row_id(connection, prefixed) is not None:
                hint = f"did you mean '{prefixed}'?"
            raise ProductNotFoundError(f"there is no product '{self.product_id}' in the catalog; {hint}")
        return row_id
