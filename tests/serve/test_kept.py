"""Answers that the server keeps: for as long as the catalog file is the same, and no longer."""

from __future__ import annotations

import os
import time

from localcat import Catalog, Image
from localcat.serve.kept import WhileUnchanged


def first_provider(catalog: Catalog) -> str | None:
    return Image.get("acme:guide:a", catalog=catalog).provider_id


def dated(catalog: Catalog, moment: float) -> None:
    os.utime(catalog.path, (moment, moment))


def changed(catalog: Catalog, provider_id: str) -> None:
    image = Image.get("acme:guide:a", catalog=catalog)
    image.provider_id = provider_id
    image.save()


def test_what_was_found_is_kept_till_the_file_changes(kept: Catalog) -> None:
    answers: WhileUnchanged[str | None] = WhileUnchanged()
    found = []

    def find() -> str | None:
        found.append(first_provider(kept))
        return found[-1]

    for provider_id, days in (("x", 2), ("y", 1)):
        changed(kept, provider_id)
        dated(kept, time.time() - days * 86_400)
        assert [answers.of(kept, "provider", find) for _ in range(3)] == [provider_id] * 3
    assert found == ["x", "y"]


def test_two_changes_at_one_time_of_the_disk_are_told_apart(kept: Catalog) -> None:
    """FAT counts in steps of two seconds; the clock of a share may be ahead."""
    answers: WhileUnchanged[str | None] = WhileUnchanged()
    for moment in (time.time(), time.time() + 3600):
        for provider_id in ("x", "y"):
            changed(kept, provider_id)
            dated(kept, moment)
            assert answers.of(kept, "provider", lambda: first_provider(kept)) == provider_id
