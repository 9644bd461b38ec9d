"""A bundle is served where it is, with the answers of the catalog that it came from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localcat import Catalog
from localcat.serve import app
from tests.asgi import Client
from tests.small_catalog import fill_guide


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Client]]:
    """A client of a catalog, and one of its bundle."""
    folder = tmp_path_factory.mktemp("bundles")
    with Catalog.create(folder / "kit.gpkg", org="acme") as made:
        fill_guide(made)
        made.bundle(folder / "kit.zip", progress=False)
        with Catalog.open(folder / "kit.zip") as kit:
            yield Client(app(made)), Client(app(kit))


@pytest.mark.parametrize(
    "path",
    [
        "/collections/acme:guide",
        "/preview/acme:guide:a.png",
        "/legend/acme:guide.json",
        "/tiles/image/acme:guide:a/8/74/100.png",
    ],
)
def test_it_answers_as_the_catalog(clients: tuple[Client, Client], path: str) -> None:
    of_catalog, of_kit = (client.get(path) for client in clients)
    assert of_catalog.status == 200
    assert of_kit.body == of_catalog.body


def test_its_files_come_whole_and_in_parts(clients: tuple[Client, Client]) -> None:
    # In a bundle the files have names of their own, so each side is asked for its address.
    hrefs = [next(iter(one.document("/search", ids="a")["features"][0]["assets"].values()))["href"] for one in clients]
    of_catalog, of_kit = (client.get(href).body for client, href in zip(clients, hrefs, strict=True))
    assert of_kit[:4] == b"II*\0"
    assert of_kit == of_catalog
    part = clients[1].get(hrefs[1], headers={"range": "bytes=100-199"})
    assert (part.status, part.body) == (206, of_catalog[100:200])
