"""The command that shows a catalog to a browser and to other programs."""

from __future__ import annotations

import threading
import webbrowser
from pathlib import Path

import click

import localcat
from localcat.cli.door import command, say
from localcat.cli.opening import catalog_path

PORT = 8642


@command("serve", examples=("serve", "serve survey.gpkg --open", "serve --port 0 stick.gpkg --untrusted"))
@click.argument("catalog", required=False, type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 for one that is free.")
@click.option("--open", "is_open", is_flag=True, help="Open the page in a browser.")
@click.option("--untrusted", is_flag=True, help="The catalog is from a stranger: check it, and read no file outside.")
@click.option("--host", default="127.0.0.1", metavar="ADDRESS", help="Another address of this machine; with --i-know.")
@click.option("--i-know", is_flag=True, help="Let everybody who can reach --host read all of the catalog.")
def serve_command(catalog: Path | None, port: int, host: str, *, is_open: bool, untrusted: bool, i_know: bool) -> None:
    """Serve the catalog on this machine until Ctrl-C: a page, a STAC API, files, tiles.

    The catalog is opened for reading only, and nothing is written. Other machines cannot reach it.
    """
    from localcat.serve import server  # brings the names of sockets, which other commands do not need

    host = host.strip("[]")  # as IPv6 addresses have them in front of a port
    if not i_know and not server.is_loopback(host):
        raise click.UsageError(
            f"--host {host} lets other machines read all of the catalog, without a password; add --i-know if it should"
        )

    def tell(url: str) -> None:
        say(url)
        if is_open:
            # A browser in the terminal is waited for, and it waits for the page, which comes only after this.
            threading.Thread(target=_show, args=(url,), daemon=True).start()

    with localcat.Catalog.open(catalog or catalog_path(), read_only=True, trusted=not untrusted) as found:
        server.run(found, host=host, port=port, ready=tell)


def _show(url: str) -> None:
    if not webbrowser.open(url):
        say("there is no browser here that could be opened; the address is the one above", err=True)
