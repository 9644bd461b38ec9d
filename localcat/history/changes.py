"""The changes of a catalog, as values."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from localcat.errors import BadRequestError, CorruptCatalogError, printable
from localcat.models.band import Band
from localcat.models.html import Printed
from localcat.models.image import Image
from localcat.models.product import Product
from localcat.models.state import DAMAGE
from localcat.store import states
from localcat.timestamps import from_microseconds, to_microseconds

if TYPE_CHECKING:
    from datetime import datetime

    from localcat.models.object import CatalogObjectBase
    from localcat.store.catalog_file import CatalogFile

KINDS: Final[dict[str, type[CatalogObjectBase]]] = {"product": Product, "band": Band, "image": Image}


@dataclass(frozen=True, slots=True)
class Change(Printed):
    """A change of an object that was there before, or came back; `Catalog.history` lists them.

    Parameters
    ----------
    number : int
        Its number; a later change has a higher one.
    kind : str
        ``"product"``, ``"band"`` or ``"image"``.
    id : str
        The id of the object.
    what : str
        ``"changed"``, ``"deleted"``, or ``"restored"`` for one that was made again after it was deleted, or that
        `Catalog.merge` brought.
    at : datetime
        When; aware UTC.
    by : str, optional
        The user of the system who did it.
    transaction : str
        The same for all that one transaction changed.
    """

    number: int
    kind: str
    id: str
    what: str
    at: datetime
    by: str | None
    transaction: str
    _state: str | None = field(repr=False)

    @property
    def before(self) -> dict[str, Any] | None:
        """The attributes that the object had before, as `serialize` writes them; None for one that was not there.

        Raises
        ------
        CorruptCatalogError
            If what is stored of it is damaged.
        """
        state = self.state()
        if state is None:
            return None
        kind = KINDS[self.kind]
        if kind is Band:
            kind = Band._classes.get(str(state.get("type")), Band)
        values: dict[str, Any] = {}
        for name, attribute in kind._attributes.items():
            stored = state.get(name)
            if stored is not None:
                try:
                    loaded = attribute.load(bytes.fromhex(stored) if name == "geometry" else stored)
                    values[name] = attribute.to_json(loaded)
                except DAMAGE as error:
                    raise self.damaged(error) from error
        return values

    def to_dict(self, *, before: bool = True) -> dict[str, Any]:
        """Return the change as JSON has it, with or without what the object was before."""
        told = {
            "number": self.number,
            "at": self.at.isoformat(),
            "what": self.what,
            "kind": self.kind,
            "id": self.id,
            "by": self.by,
            "transaction": self.transaction,
        }
        return {**told, "before": self.before} if before else told

    def state(self) -> states.State | None:
        """Return the row as it was, as it is stored; None for an object that was not there."""
        if self._state is None:
            return None
        try:
            state = json.loads(self._state)
        except ValueError as error:
            raise self.damaged(error) from error
        if not isinstance(state, dict):
            raise self.damaged("it is no object of JSON")
        return state

    def damaged(self, why: object) -> CorruptCatalogError:
        """Return the error for a state that cannot be used."""
        return CorruptCatalogError(
            f"change {self.number} of {self.kind} '{self.id}' is damaged ({why}) and cannot be used; take the object "
            "from a backup"
        )

    def __str__(self) -> str:
        when = self.at.strftime("%Y-%m-%d %H:%M:%S")
        by = f" by {self.by}" if self.by else ""
        return printable(f"{self.number:>6}  {when}  {self.what:<8}  {self.kind:<7}  {self.id}{by}")


def history(
    catalog: CatalogFile,
    *,
    since: object = None,
    id: str | None = None,
    kind: str | None = None,
    limit: int | None = None,
) -> list[Change]:
    """Return changes, the last one first; `Catalog.history` says how."""
    if kind is not None and kind not in KINDS:
        raise BadRequestError(f"kind is 'product', 'band' or 'image', not {kind!r}")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 0):
        raise BadRequestError(f"limit is a number of changes, not {limit!r}")
    moment = None if since is None else to_microseconds(since)
    with catalog.database.read() as connection:
        found = states.entries(connection, since=moment, kind=kind, uid=id, most=limit)
    return [change_of(entry) for entry in found]


def change_of(entry: states.Entry) -> Change:
    """Return an entry of the history as a change."""
    transaction = f"{entry.replica or 0}.{entry.counter or 0}"
    when = from_microseconds(entry.at)
    return Change(entry.number, entry.kind, entry.uid, entry.what, when, entry.by, transaction, entry.state)
