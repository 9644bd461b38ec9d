"""Searches for objects of one class, by their attributes and words."""

from __future__ import annotations

import operator
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from localcat.collection import BandCollection, Collection, ImageCollection, ProductCollection
from localcat.errors import BadRequestError
from localcat.expressions.fields import Kind
from localcat.expressions.nodes import And, Constant, Node, all_of, check_size
from localcat.expressions.properties import Expression
from localcat.expressions.properties import properties as p
from localcat.models.backend import Backend, chosen_catalog
from localcat.models.band import Band
from localcat.models.html import listing, small_map
from localcat.models.image import Image
from localcat.models.object import CatalogObjectBase, refuse_request_params
from localcat.models.product import Product
from localcat.store import rows
from localcat.store.clauses import Clause
from localcat.store.query import by_time, planner
from localcat.store.query.analysis import Condition, conditions_of
from localcat.store.query.by_property import by_property
from localcat.store.query.compiler import Scope
from localcat.store.query.planner import Products, Question
from localcat.store.rtree.ask import Reach
from localcat.store.unread import TOGETHER, Unread
from localcat.tables import Tabular
from localcat.tables.source import Source, StoredRow

if TYPE_CHECKING:
    from localcat.search.explain import Explanation
    from localcat.store.rows import Row

T = TypeVar("T", bound=CatalogObjectBase)

_COLLECTIONS: dict[type[CatalogObjectBase], type] = {
    Product: ProductCollection,
    Band: BandCollection,
    Image: ImageCollection,
}
_SCOPES: dict[type[CatalogObjectBase], Scope] = {}
_LONGEST_TEXT = 10_000  # characters; SQLite takes minutes for a million words
_TABLE_CHUNK = 10_000  # rows of a batch of a table
_MOST_SHOWN = 10  # conditions in the repr of a search
_MOST_ROWS = 20  # objects in a notebook
_TEXT_TABLES = ("product", "band", "image")


@dataclass(frozen=True, repr=False, init=False)  # no slots: a copy is that of a dictionary, with some parts changed
class Search(Tabular, Generic[T]):
    """A search for objects of one class; made by ``Class.search()`` or by a catalog.

    Iterating over it runs the search and yields the objects found; iterating again runs it again.

    Parameters
    ----------
    model : class
        `Product`, `Image`, `ImageUpload`, `Band` or one of the bands.
    client : Catalog, optional
        Where to search; the default catalog when left out. ``catalog`` is the same.
    request_params, headers
        Accepted for programs written for the original; parameters other than None are refused.

    Raises
    ------
    TypeError
        If nothing can be searched for by that class.

    Examples
    --------
    >>> import localcat
    >>> from localcat import properties as p
    >>> with localcat.Catalog.temporary() as catalog:
    ...     catalog.products.filter(p.name.prefix("Land")).sort("name").limit(3).count()
    0
    """

    _kind: type[T]
    _catalog: Backend
    _where: Node | None = None  # the filter as it was given
    _conditions: tuple[Condition, ...] = ()  # and as it was read
    _order: tuple[tuple[str, bool], ...] = ()
    _limit: int | None = None
    _text: str | None = None
    _made: dict[str, Any] = field(default_factory=dict, compare=False)  # statements by columns, tests by reach

    def __init__(
        self,
        model: type[T],
        client: Backend | None = None,
        request_params: Any = None,
        headers: Any = None,
        *,
        catalog: Backend | None = None,
    ) -> None:
        if request_params:
            refuse_request_params(request_params)
        if not (isinstance(model, type) and issubclass(model, CatalogObjectBase) and model.table):
            raise TypeError(f"a search is for a class such as Product, Band or Image, not for {model!r}")
        vars(self).update(_kind=model, _catalog=chosen_catalog(client if catalog is None else catalog), _made={})
        band_type = model.band_type() if issubclass(model, Band) else None
        if band_type is not None:  # one table has the bands of all types
            where = (p.type == band_type).node
            vars(self).update(_where=where, _conditions=conditions_of(where, _scope_of(model)))

    def _with(self, **changed: Any) -> Self:
        """Return a search that differs in some parts; what was made for this one is made again for it."""
        search = object.__new__(type(self))
        vars(search).update(vars(self), _made={}, **changed)
        return search

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_made": {}}

    def __repr__(self) -> str:
        from localcat.expressions.python_text import shortened  # for people, whom other searches do not meet

        nodes = self._given()
        parts = [shortened(node) for node in nodes[:_MOST_SHOWN]]
        if len(nodes) > _MOST_SHOWN:
            parts.append(f"{len(nodes) - _MOST_SHOWN:,} more conditions")
        if self._text is not None:
            parts.append(f"the words {self._text!r}")
        if self._order:
            parts.append(f"by {', '.join(name if ascending else f'-{name}' for name, ascending in self._order)}")
        if self._limit is not None:
            parts.append(f"at most {self._limit:,}")
        return f"<{type(self).__name__}: {'; '.join(parts) or 'all'}>"

    def _repr_html_(self) -> str:
        """Return the number of objects found and the first ones as a table, for notebooks."""
        names: tuple[str, ...] = self._collection()._columns_shown or ("id",)
        first = list(self.limit(_MOST_ROWS if self._limit is None else min(self._limit, _MOST_ROWS)))
        shapes = [shape for found in first if (shape := getattr(found, "geometry", None)) is not None]
        number = self.number_found()
        title = f"{number:,} found by {repr(self)[1:-1]}"
        rows = (tuple(getattr(found, name, None) for name in names) for found in first)
        drawn = small_map(shapes, self._catalog.pictures.land_within) if shapes else ""
        return listing(title, names, rows, number, drawn)

    def _collection(self) -> Any:
        """Return the class of what is collected from it."""
        return next((made for kind, made in _COLLECTIONS.items() if issubclass(self._kind, kind)), Collection)

    # Building

    def filter(self, properties: Expression) -> Self:
        """Return a search that also asks for a condition; several are joined by AND.

        Parameters
        ----------
        properties : Expression
            Made of ``properties as p``: ``p.cloud_fraction < 0.2``. An attribute that is unset matches no comparison.

        Raises
        ------
        UnknownPropertyError
            If the class has no such attribute; the message names the nearest ones.
        BadRequestError
            If a value does not fit its attribute.
        """
        if not isinstance(properties, Expression):
            raise BadRequestError(
                f"a filter is an expression such as p.name == 'x', not {properties!r}; "
                "join conditions with & and |, each in parentheses"
            )
        where = properties.node if self._where is None else all_of(self._where, properties.node)
        check_size(where)
        conditions = (*self._conditions, *conditions_of(properties.node, self._scope))
        return self._with(_where=where, _conditions=conditions)

    def sort(self, field: str, *more: str | bool, ascending: bool = True) -> Self:
        """Return a search sorted by one or more attributes; it replaces an earlier sort.

        Unset values come last in both directions; ties are broken by id.

        Parameters
        ----------
        field, *more : str
            Names of attributes; a leading minus turns the order around.
        ascending : bool
            Whether small values come first. The original's second positional argument; it stays accepted there.

        Raises
        ------
        UnknownPropertyError
            If the class has no such attribute.
        BadRequestError
            If the attribute has no order.
        """
        names: list[Any] = [field, *more]
        if len(names) == 2 and isinstance(names[1], bool):
            ascending = names.pop()
        order = []
        for given in names:
            if not isinstance(given, str):
                raise BadRequestError(f"a search is sorted by names of attributes, not by {given!r}")
            name = given.removeprefix("-")
            if not self._kind.fields()[name].sortable:
                raise BadRequestError(f"{self._kind.__name__} cannot be sorted by {name}: its values have no order")
            order.append((name, ascending != given.startswith("-")))
        return self._with(_order=tuple(order))

    def limit(self, limit: int | None) -> Self:
        """Return a search for at most `limit` objects; it replaces an earlier limit, and None removes the limit."""
        if limit is not None:
            try:
                number = operator.index(limit)
            except TypeError:
                number = -1
            if isinstance(limit, bool) or not 0 <= number < 2**63:
                raise BadRequestError(f"a limit is a whole number from 0, or None, not {limit!r}")
            limit = number
        return self._with(_limit=limit)

    def find_text(self, text: str) -> Self:
        """Return a search for objects that have all the words of a string; it replaces an earlier one.

        Words are compared without case and accents; in tags they are separated by spaces and punctuation, not by
        control characters. Products and bands are searched in name, description and tags; images in name and tags.
        Without a sort the best matches come first.
        """
        if self._kind.table not in _TEXT_TABLES:
            raise BadRequestError(f"{self._kind.__name__} has no text to search; filter by an attribute")
        if not isinstance(text, str) or not text.split() or "\x00" in text:
            raise BadRequestError(f"find_text takes at least one word, not {text!r}")
        if len(text) > _LONGEST_TEXT:
            raise BadRequestError(f"find_text takes at most {_LONGEST_TEXT:,} characters, not {len(text):,}")
        return self._with(_text=text)

    # Asking

    def __iter__(self) -> Iterator[T]:
        columns = self._columns()
        first, values, others = self._found(columns)
        yield from self._objects(columns, first, values)
        if others:
            yield from self._hydrated(others)

    def _found(self, columns: tuple[str, ...]) -> tuple[Sequence[Row], Sequence[dict[str, Any]], Sequence[int]]:
        """Return what is found, in order: rows with some of their values, and the row ids of all others.

        Of many the row ids alone are kept, which take no memory to speak of.
        """
        with self._catalog.database.read():  # one for all that has to be asked
            if not self._finds_few():
                return (), (), self._row_ids()
            found = self._matches(rows.selected(self._kind.table, columns))
        return found, [{} for _ in found], ()

    def _finds_few(self) -> bool:
        """Return whether it is known beforehand that all that is found can be read in one go."""
        if self._limit is not None:
            return self._limit <= rows.HYDRATION_CHUNK
        with self._catalog.database.read() as connection:
            return by_time.is_few(self._question(), connection, rows.HYDRATION_CHUNK)

    def _hydrated(self, found: Sequence[int]) -> Iterator[T]:
        """Yield the objects of rows, reading them in chunks."""
        columns = self._columns()
        for start in range(0, len(found), rows.HYDRATION_CHUNK):
            with self._catalog.database.read() as connection:
                chunk = found[start : start + rows.HYDRATION_CHUNK]
                hydrated = list(rows.hydrate(connection, self._kind.table, columns, chunk))
            yield from self._objects(columns, hydrated, [{} for _ in hydrated])

    def _columns(self) -> tuple[str, ...]:
        """Return the attributes that are read at once: inside a transaction, which may be rolled back, all of them."""
        kind = self._kind
        return kind._columns() if self._catalog.database.in_transaction else kind._in_brief or kind._columns()

    def _objects(self, columns: tuple[str, ...], found: Sequence[Row], values: Sequence[dict[str, Any]]) -> Iterator[T]:
        """Yield the objects of rows that have these columns, and of which some values are known already."""
        kind, catalog = self._kind, self._catalog
        if columns == kind._columns():
            yield from [kind._from_row(catalog, row) for row in found]
            return
        for start in range(0, len(found), TOGETHER):
            some, known = found[start : start + TOGETHER], values[start : start + TOGETHER]
            unread = Unread(catalog.database, kind.table, kind._columns(), some, known)
            yield from kind._from_rows(catalog, some, known, unread)

    @overload
    def collect(self: Search[Product]) -> ProductCollection: ...
    @overload
    def collect(self: Search[Band]) -> BandCollection: ...
    @overload
    def collect(self) -> Collection[T]: ...
    def collect(self) -> Collection[Any]:
        """Return the objects found, in memory: a ProductCollection, a BandCollection, an ImageCollection."""
        made = self._collection()
        collection: Collection[T] = made(self)
        return collection

    def count(self) -> int:
        """Return how many objects match, whatever the limit; exact, with and without a geometry."""
        statement = self._select("count(*)")
        with self._catalog.database.read() as connection:
            (number,) = connection.execute(statement.sql, statement.params).fetchone()
        return int(number)

    def number_found(self) -> int:
        """Return how many objects come out: as many as match, but no more than the limit."""
        return self.count() if self._limit is None else min(self.count(), self._limit)

    def ids(self) -> list[str]:
        """Return the ids of the objects found, in order."""
        return [row[0] for row in self._matches(f"{self._kind.table}.uid")]

    def first(self) -> T | None:
        """Return the first object found, or None."""
        return next(iter(self if self._limit == 0 else self.limit(1)), None)

    def to_sql(self) -> tuple[str, tuple[Any, ...]]:
        """Return the statement, with its parameters, that decides which rows are found.

        Behind a condition on a place it gives candidates, whose footprints are tested exactly afterwards.
        """
        statement = self._statement(f"{self._kind.table}.id")
        return statement.sql, statement.params

    def to_cql2_json(self) -> dict[str, Any]:
        """Return the conditions of this search, area and time included, as CQL2 JSON: the same question elsewhere.

        The names are those of STAC Items where these have one: ``collection``, ``id``, ``datetime``,
        ``eo:cloud_cover``. A list that has an element is ``a_contains``. Order and limit are no part of a filter.

        Raises
        ------
        BadRequestError
            If a condition has no form there: words of `find_text`, an empty `any_of`, `covered_by`.

        Examples
        --------
        >>> import localcat
        >>> from localcat import properties as p
        >>> with localcat.Catalog.temporary() as catalog:
        ...     catalog.images.filter(p.product_id == "acme:s2").to_cql2_json()
        {'op': '=', 'args': [{'property': 'collection'}, 'acme:s2']}
        """
        return self._as_expression().to_cql2_json()

    def to_cql2_text(self) -> str:
        """Return the conditions of this search as CQL2 text; see `to_cql2_json`."""
        return self._as_expression().to_cql2_text()

    def _as_expression(self) -> Expression:
        if self._text is not None:
            raise BadRequestError(f"the words {self._text!r} of find_text have no CQL2 form; search without them")
        from localcat.expressions.cql2.list_conditions import with_list_tests  # filters are seldom exchanged

        fields = self._scope.fields
        lists = {name for name in fields if fields[name].kind is Kind.LIST}
        conditions = [with_list_tests(node, lists) for node in self._given()]
        return Expression(all_of(*conditions) if conditions else Constant(True))

    def explain(self) -> Explanation:
        """Return why this search finds what it finds: what each condition leaves, what was missed, and how it is asked.

        The answer prints as text, and shows as a table in a notebook. It asks the catalog several times over, so it
        takes longer than the search itself.

        Examples
        --------
        >>> import localcat
        >>> with localcat.Catalog.temporary() as catalog:
        ...     catalog.products.filter(localcat.properties.name == "x").explain().found
        0
        """
        from localcat.search.explain import explain  # a face of its own, which other searches do not need

        return explain(self)

    def _source(self) -> Source:
        is_alone = self._catalog.database.in_transaction  # what it wrote so far, no other thread sees
        return Source(self._kind.__name__, self._kind._filterable(), self._stored_rows, is_at_hand=is_alone)

    def _stored_rows(self, attributes: tuple[str, ...]) -> Iterator[Sequence[StoredRow]]:
        found = self._row_ids()
        for start in range(0, len(found), _TABLE_CHUNK):
            with self._catalog.database.read() as connection:
                chunk = rows.values_of(connection, self._kind.table, attributes, found[start : start + _TABLE_CHUNK])
            yield chunk

    @property
    def _scope(self) -> Scope:
        """The table and the attributes of the class: the same object each time, which is looked up by the fastest."""
        return _SCOPES.get(self._kind) or _scope_of(self._kind)

    def _only(self, conditions: Sequence[Condition] = (), text: str | None = None) -> Self:
        """Return a search of the same class for this alone, without an order or a limit."""
        return self._with(_conditions=tuple(conditions), _text=text, _order=(), _limit=None)

    def _also(self, condition: Node) -> Self:
        """Return a search for those of its objects that fulfil a condition too, whatever the size of its filter."""
        return self._with(_conditions=(*self._conditions, *conditions_of(condition, self._scope)))

    def _given(self) -> tuple[Node, ...]:
        """Return the conditions as they were given."""
        if self._where is None:
            return ()
        return self._where.parts if isinstance(self._where, And) else (self._where,)

    def _all_conditions(self) -> tuple[Condition, ...]:
        """Return what every object fulfils that is found."""
        return self._conditions

    def _question(self, reach: Reach = Reach.MEETING) -> Question:
        return Question(self._scope, self._all_conditions(), self._order, self._text, reach=reach)

    def _select(self, columns: str, *, ordered: bool = False, tail: Clause | None = None) -> Clause:
        """Return the statement for columns of the rows found."""
        question = self._question()
        with self._catalog.database.read() as connection:
            question = by_property(question, connection)
            if question.indexed is None and by_time.is_brief(question, connection):
                question = question._replace(products=Products.EVERY)
        return planner.select(question, columns, ordered=ordered, tail=tail)

    def _statement(self, columns: str) -> Clause:
        statement: Clause | None = self._made.get(columns)
        if statement is None:
            question, limit = self._question(), self._limit
            if limit is not None and by_time.comes_by_product(question, limit):
                statement = by_time.select_by_product(question, columns, limit)
            else:
                tail = None if limit is None else Clause("LIMIT ?", (limit,))
                statement = self._select(columns, ordered=True, tail=tail)
            self._made[columns] = statement
        return statement

    def _matches(self, columns: str) -> list[tuple[Any, ...]]:
        """Return columns of all rows found, in order, as one state of the catalog has them."""
        statement = self._statement(columns)
        with self._catalog.database.read() as connection:
            return connection.execute(statement.sql, statement.params).fetchall()

    def _goes_by_windows(self) -> bool:
        """Return whether matches are looked for window by window of time."""
        return False

    def _row_ids(self) -> array[int]:
        return array("q", (row[0] for row in self._matches(f"{self._kind.table}.id")))


def _scope_of(kind: type[CatalogObjectBase]) -> Scope:
    return _SCOPES.setdefault(kind, Scope(kind.table, kind.fields()))
