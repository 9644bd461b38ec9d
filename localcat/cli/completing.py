"""Completion of what a user types: ids, products and bands, from the catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem, get_completion_class

import localcat
from localcat.cli.door import command
from localcat.cli.opening import opened
from localcat.errors import LocalcatError

if TYPE_CHECKING:
    from localcat import Catalog, Search

_MOST = 100  # proposals; more cannot be read
_COLONS = (  # bash breaks words at colons, which all ids have
    "_localcat_completion_setup;",
    'COMP_WORDBREAKS="${COMP_WORDBREAKS//:/}"\n\n_localcat_completion_setup;',
)

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completer(find: Callable[[Catalog, str], Iterable[str]]) -> Completer:
    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            with ctx, opened() as catalog:
                return [CompletionItem(found) for found in islice(find(catalog, incomplete), _MOST)]
        except (LocalcatError, OSError):  # a user who presses Tab is not in need of an error
            return []

    return complete


def _begun(search: Search[Any], text: str) -> list[str]:
    return search.filter(localcat.properties.id.prefix(text)).sort("id").limit(_MOST).ids()


def _bands(catalog: Catalog, text: str) -> Iterable[str]:
    *done, last = text.split(",")
    before = "".join(f"{name}," for name in done)
    found = catalog.bands.filter(localcat.properties.name.prefix(last)).limit(_MOST)
    return (before + name for name in sorted({str(band.name) for band in found}))


products = _completer(lambda catalog, text: _begun(catalog.products, text))
image_ids = _completer(lambda catalog, text: _begun(catalog.images, text))
any_ids = _completer(
    lambda catalog, text: (
        uid for search in (catalog.products, catalog.bands, catalog.images) for uid in _begun(search, text)
    )
)
bands = _completer(_bands)


@command(
    "completion",
    examples=("completion bash >> ~/.bashrc", "completion zsh > ~/.zfunc/_localcat"),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, options, ids, products and bands.

    For bash and zsh the output goes into a file that the shell reads at its start, for fish into
    ~/.config/fish/completions/localcat.fish. Ids are those of the catalog that a command would use.
    """
    made = get_completion_class(shell)
    root = ctx.find_root().command
    if made is None or root is None:
        raise click.UsageError(f"there is no completion for {shell}", ctx)
    click.echo(made(root, {}, "localcat", "_LOCALCAT_COMPLETE").source().replace(*_COLONS))
