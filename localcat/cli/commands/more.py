"""Commands about localcat itself: how it works, and how a shell completes its words."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import get_completion_class

from localcat.cli.door import command

_COLONS = (  # bash breaks words at colons, which all ids have
    "_localcat_completion_setup;",
    'COMP_WORDBREAKS="${COMP_WORDBREAKS//:/}"\n\n_localcat_completion_setup;',
)


@command("demo", examples=("demo", "demo --raster mine.tif --keep demo/"))
@click.option(
    "--raster",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A GeoTIFF of your own, in place of the generated scene.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder to keep the catalog in, in place of a temporary one.",
)
def demo_command(raster: Path | None, keep: Path | None) -> None:
    """Show the whole flow on a generated scene or a raster of yours: create, upload, search, read back."""
    from localcat.demo import run_demo  # brings numpy and rasterio, which other commands may not need

    run_demo(raster, keep, click.echo)


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
