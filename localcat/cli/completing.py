"""Completion of what a user types: ids, products and bands, from the catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

import localcat
from localcat.cli.opening import opened
from localcat.errors import LocalcatError

if TYPE_CHECKING:
    from localcat import Catalog, Search

_MOST = 100  # proposals; more cannot be read

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completer(find: Callable[[Catalog, str], Iterable[str]]) -> Completer:
    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            with ctx, opened() as catalog:
                return [CompletionItem(found) for found in islice(find(catalog, incomplete), _MOST)]
        except (LocalcatError, OSError):  # a user who presses Tab is not in need of an error
            return []

    return complete


def _begun(catalog: Catalog, search: Search[Any], text: str) -> list[str]:
    """Return the ids that begin with a text; without the namespace where they do so without it."""
    found = _with_prefix(search, text)
    space = f"{catalog.namespace}:"
    return found or [uid.removeprefix(space) for uid in _with_prefix(search, f"{space}{text}")]


def _with_prefix(search: Search[Any], text: str) -> list[str]:
    return search.filter(localcat.properties.id.prefix(text)).sort("id").limit(_MOST).ids()


def _bands(catalog: Catalog, text: str) -> Iterable[str]:
    *done, last = text.split(",")
    before = "".join(f"{name}," for name in done)
    found = catalog.bands.filter(localcat.properties.name.prefix(last)).limit(_MOST)
    return (before + name for name in sorted({str(band.name) for band in found}))


products = _completer(lambda catalog, text: _begun(catalog, catalog.products, text))
image_ids = _completer(lambda catalog, text: _begun(catalog, catalog.images, text))
any_ids = _completer(
    lambda catalog, text: (
        uid for search in (catalog.products, catalog.bands, catalog.images) for uid in _begun(catalog, search, text)
    )
)
bands = _completer(_bands)
