"""What an import did not take in, and what it has to say beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localcat.errors import ClientError, printable

_MOST_NOTES = 100


@dataclass(frozen=True, slots=True)
class Refused:
    """A document, an Item or a Collection that was not taken in.

    Parameters
    ----------
    where : str
        Its file, its line, or its position in a list.
    id : str or None
        Its own id, if that is known.
    error : ClientError
        Why.
    """

    where: str
    id: str | None
    error: ClientError

    def to_dict(self) -> dict[str, Any]:
        """Return it as a dictionary that `json.dumps` takes."""
        return {"where": self.where, "id": self.id, "error": str(self.error)}

    def __str__(self) -> str:
        return f"{printable(self.where)}: {self.error}"


def add_note(notes: list[str], text: str) -> None:
    """Add a note to those of a report, unless there are many already."""
    if len(notes) < _MOST_NOTES:
        notes.append(text)
    elif len(notes) == _MOST_NOTES:
        notes.append("… and more of the same")
