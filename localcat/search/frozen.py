"""Questions whose answers are kept under a name: the same images again, and what became of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcat.collection import ImageCollection
from localcat.errors import BadRequestError, ConflictError, CorruptCatalogError, FrozenNotFoundError, printable
from localcat.expressions.nodes import all_of
from localcat.expressions.properties import Expression
from localcat.expressions.properties import properties as p
from localcat.models.html import Printed
from localcat.models.image import Image
from localcat.store import frozen, rows
from localcat.store.damage.past import FREEZE_AGAIN
from localcat.store.damage.problem_kinds import Problem, ProblemKind
from localcat.store.frozen import FrozenHead, FrozenImage
from localcat.timestamps import from_microseconds, now_microseconds, to_microseconds

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from localcat.models.backend import Backend
    from localcat.search.images import ImageSearch

FIELD = "localcat:frozen"
"""The field of an ItemCollection that has a frozen question: see `FrozenQuestion.to_item_collection`."""

_LONGEST_NAME = 200  # characters
_CHUNK = 1000  # images looked at together
_HASH = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FrozenChanges(Printed):
    """What differs between the answer of a frozen question then and now; `FrozenQuestion.changes` makes it.

    Parameters
    ----------
    added : tuple of str
        Ids of images that the question finds now and did not find then.
    no_longer : tuple of str
        Ids of images of the answer that are here, and that the question does not find any more.
    changed : tuple of str
        Ids of images of the answer of which an attribute is another one; when they were saved does not count.
    deleted : tuple of str
        Ids of images of the answer that are not here.
    other_pixels : tuple of str
        Ids of images of the answer whose files have another size or sha256.
    """

    added: tuple[str, ...] = ()
    no_longer: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    other_pixels: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any((self.added, self.no_longer, self.changed, self.deleted, self.other_pixels))

    def to_dict(self) -> dict[str, list[str]]:
        """Return the ids by what became of them, as `json.dumps` takes them."""
        return {name: list(getattr(self, name)) for name in self.__slots__}

    def __str__(self) -> str:
        parts = [f"{name.replace('_', ' ')}: {len(ids):,}" for name, ids in self.to_dict().items() if ids]
        return "; ".join(parts) or "nothing changed"


@dataclass(frozen=True)
class FrozenQuestion:
    """A search and its answer, as `ImageSearch.freeze` kept them.

    Parameters
    ----------
    name : str
        Its name.
    frozen : datetime
        When; aware UTC.
    question : dict
        ``where``, the conditions as `Expression.serialize` writes them; ``text``, the words of `find_text`; ``sort``,
        fields with ``-`` before those that descend; ``limit``. Each may be None.
    cql2 : str or None
        The conditions as CQL2 text; None if they have no such form.
    """

    name: str
    frozen: datetime
    question: dict[str, Any]
    cql2: str | None
    _catalog: Backend

    def __repr__(self) -> str:
        return f"<FrozenQuestion {self.name!r}: {len(self):,} images, {self.frozen:%Y-%m-%d}>"

    def __len__(self) -> int:
        """Return how many images the answer had."""
        with self._catalog.database.read() as connection:
            return frozen.count(connection, self.name)

    def __bool__(self) -> bool:
        return True  # also with an empty answer

    def ids(self) -> list[str]:
        """Return the ids of the images of the answer, in its order; also of those that are not here any more."""
        return [image.uid for image in self._images()]

    def _images(self) -> list[FrozenImage]:
        with self._catalog.database.read() as connection:
            return list(frozen.images(connection, self.name))

    def search(self) -> ImageSearch:
        """Return a search for the images of the answer that are here, by id; order and filter it as any other."""
        return self._catalog.images.filter(p.id.any_of(self.ids()))

    def collect(self) -> ImageCollection:
        """Return the images of the answer that are here, in its order."""
        by_id = {str(image.id): image for image in self.search()}
        return ImageCollection(by_id[uid] for uid in self.ids() if uid in by_id)

    def asked_again(self) -> ImageSearch:
        """Return the search that was frozen, which finds what it finds now.

        Raises
        ------
        CorruptCatalogError
            If it is not what `freeze` wrote.
        """
        try:
            return _search_of(self._catalog.images, self.question)
        except (LookupError, TypeError, ValueError) as error:
            raise CorruptCatalogError(
                f"the frozen question {self.name!r} cannot be read: {error}; its ids are still there"
            ) from error

    def changes(self) -> FrozenChanges:
        """Say what differs between the answer then and now; pixels are compared by the hashes in the rows.

        `verify` compares these with the files themselves. Images are looked at in portions, so that others can write
        meanwhile: what they change is seen or not.
        """
        then, now_found = self._images(), self.asked_again().ids()
        now: dict[str, FrozenImage] = {}
        for start in range(0, len(then), _CHUNK):
            with self._catalog.database.read() as connection:
                row_ids = rows.row_ids(connection, "image", [image.uid for image in then[start : start + _CHUNK]])
                now |= {image.uid: image for image in frozen.hashed(connection, _ATTRIBUTES, list(row_ids.values()))}
        before, found = {image.uid for image in then}, set(now_found)
        here = [image for image in then if image.uid in now]
        return FrozenChanges(
            added=tuple(uid for uid in now_found if uid not in before),
            no_longer=tuple(image.uid for image in here if image.uid not in found),
            changed=tuple(image.uid for image in here if image.row_hash != now[image.uid].row_hash),
            deleted=tuple(image.uid for image in then if image.uid not in now),
            other_pixels=tuple(image.uid for image in here if image.files_hash != now[image.uid].files_hash),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as a dictionary that `json.dumps` takes, and `FrozenQuestions.take` reads."""
        return {
            "name": self.name,
            "frozen": self.frozen.isoformat(),
            "question": self.question,
            "cql2": self.cql2,
            "images": [image._asdict() for image in self._images()],
        }

    def to_item_collection(self) -> dict[str, Any]:
        """Return the images of the answer that are here as a STAC ItemCollection; `to_dict` is in its field `FIELD`."""
        return {**self.search().to_item_collection(), FIELD: self.to_dict()}


class FrozenQuestions(Mapping[str, FrozenQuestion]):
    """The frozen questions of a catalog by name; ``del`` forgets one.

    Parameters
    ----------
    catalog : Catalog
        Whose.
    """

    def __init__(self, catalog: Backend) -> None:
        self._catalog = catalog

    def __repr__(self) -> str:
        return f"<FrozenQuestions: {', '.join(self) or 'none'}>"

    def __getitem__(self, name: str) -> FrozenQuestion:
        with self._catalog.database.read() as connection:
            found = frozen.head(connection, name) if isinstance(name, str) else None
        if found is None:
            raise self._missing(name)
        return FrozenQuestion(
            found.name, from_microseconds(found.frozen), _question_of(found), found.cql2, self._catalog
        )

    def __iter__(self) -> Iterator[str]:
        with self._catalog.database.read() as connection:
            return iter(frozen.names(connection))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __delitem__(self, name: str) -> None:
        with self._catalog.database.write() as transaction:
            if not frozen.remove(transaction.connection, name):
                raise self._missing(name)

    def take(self, document: Mapping[str, Any], *, replace: bool = False) -> FrozenQuestion:
        """Keep a question that another catalog froze: an ItemCollection with the field `FIELD`, or what is in it.

        Images that are not here count as deleted until they come.

        Parameters
        ----------
        document : mapping
            Of JSON.
        replace : bool
            Whether to take it in place of one of the same name.

        Raises
        ------
        BadRequestError
            If it is none.
        ConflictError
            If the name is taken.
        """
        try:
            head, images = _read(document)
            FrozenQuestion(head.name, from_microseconds(head.frozen), _question_of(head), head.cql2, self._catalog)
        except (LookupError, TypeError, ValueError, AttributeError, CorruptCatalogError) as error:
            raise BadRequestError(f"the document has no frozen question in {FIELD!r}: {error}") from error
        with self._catalog.database.write(creates=True) as transaction:
            _require_free(head.name, frozen.names(transaction.connection), replace=replace)
            frozen.put(transaction.connection, head, images)
        return self[head.name]

    def _missing(self, name: object) -> FrozenNotFoundError:
        known = ", ".join(repr(one) for one in self) or "none"
        return FrozenNotFoundError(f"no question is frozen as {name!r}; there are: {known}")


_QUESTION = ("where", "text", "sort", "limit")
_ATTRIBUTES = tuple(Image._attributes)


def freeze(search: ImageSearch, name: str, *, replace: bool) -> FrozenQuestion:
    """Keep a search and its answer; `ImageSearch.freeze` says how."""
    catalog, checked = search._catalog, _checked_name(name)
    given = search._given()
    question = {
        "where": Expression(all_of(*given)).serialize() if given else None,
        "text": search._text,
        "sort": [field if ascending else f"-{field}" for field, ascending in search._order],
        "limit": search._limit,
    }
    cql2 = None
    with suppress(BadRequestError):  # not every condition has such a form
        cql2 = search.to_cql2_text()
    head = FrozenHead(checked, now_microseconds(), json.dumps(question, ensure_ascii=False, allow_nan=False), cql2)
    with catalog.database.read() as connection:
        _require_free(checked, frozen.names(connection), replace=replace)
    answer: list[FrozenImage] = []
    row_ids = search._row_ids()
    for start in range(0, len(row_ids), _CHUNK):  # so that nobody who writes has to wait for all of it
        chunk = row_ids[start : start + _CHUNK]
        with catalog.database.read() as connection:
            found = list(frozen.hashed(connection, _ATTRIBUTES, chunk))
            if len(found) < len(chunk) and rows.was_renumbered(connection, min(chunk)):
                raise ConflictError("the images of the catalog were put in another order meanwhile; freeze again")
            answer += found
    with catalog.database.write(creates=True) as transaction:
        _require_free(checked, frozen.names(transaction.connection), replace=replace)
        frozen.put(transaction.connection, head, answer)
    return FrozenQuestions(catalog)[checked]


def _read(document: Mapping[str, Any]) -> tuple[FrozenHead, list[FrozenImage]]:
    """Return the question and the answer of a document.

    Raises
    ------
    LookupError, TypeError, ValueError, AttributeError
        If it has none.
    """
    stated = document.get(FIELD, document)
    images = [FrozenImage(*(one[name] for name in FrozenImage._fields)) for one in stated["images"]]
    question, cql2 = {name: stated["question"][name] for name in _QUESTION}, stated["cql2"]
    if question["where"] is not None:
        Expression.parse(question["where"])
    if not isinstance(cql2, str | None):
        raise TypeError(f"cql2 is text or null, not {cql2!r:.100}")
    for image in images:
        if not isinstance(image.uid, str) or not all(_HASH.fullmatch(part) for part in image[1:]):
            raise ValueError(f"an image without an id or a sha256: {image!r:.200}")
    text = json.dumps(question, ensure_ascii=False, allow_nan=False)
    return FrozenHead(_checked_name(stated["name"]), to_microseconds(stated["frozen"]), text, cql2), images


def _require_free(name: str, taken: Iterable[str], *, replace: bool) -> None:
    if not replace and name in taken:
        raise ConflictError(
            f"a question is frozen as {name!r} already; choose another name, or pass replace=True to forget it"
        )


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME or printable(name) != name:
        raise BadRequestError(
            f"a question is frozen under a name of 1 to {_LONGEST_NAME} printable characters, not {name!r:.300}"
        )
    return name


def check_questions(connection: sqlite3.Connection) -> Iterator[Problem]:
    """Yield the questions that no search can be made of."""
    for name in frozen.names(connection):
        found = frozen.head(connection, name)
        try:
            if found is not None:
                from_microseconds(found.frozen)
                _search_of(Image.search(), _question_of(found))
        except (LookupError, TypeError, ValueError, CorruptCatalogError) as error:
            yield Problem(ProblemKind.FROZEN, FREEZE_AGAIN, name, expected="a search", found=str(error))


def _search_of(images: ImageSearch, asked: Mapping[str, Any]) -> ImageSearch:
    """Return the search of a question.

    Raises
    ------
    LookupError, TypeError, ValueError
        If it has none.
    """
    if asked["where"] is not None:
        images = images.filter(Expression.parse(asked["where"]))
    if asked["text"] is not None:
        images = images.find_text(asked["text"])
    if asked["sort"]:
        images = images.sort(*asked["sort"])
    return images.limit(asked["limit"])


def _question_of(found: FrozenHead) -> dict[str, Any]:
    try:
        return dict(json.loads(found.question))
    except (ValueError, TypeError) as error:
        raise CorruptCatalogError(f"the frozen question {found.name!r} is damaged: {error}; delete it") from error
