"""Files over HTTP: whole and in parts, and none that no row names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from localcat import Catalog, File, Image, Product
from localcat.serve import app
from tests.asgi import Client
from tests.small_catalog import make_guide, upload


@pytest.fixture(scope="module")
def stored() -> Iterator[tuple[Client, str, bytes]]:
    """A client, the address of the file of an image, and the bytes of that file."""
    with Catalog.temporary(org="acme") as catalog, catalog.as_default():
        image = upload(make_guide(), "scene")
        client = Client(app(catalog))
        item = client.document(f"/collections/{image.product_id}/items/scene")
        (asset,) = item["assets"].values()
        yield client, asset["href"], catalog.path_of(image.files[0]).read_bytes()


def test_a_file_comes_whole(stored: tuple[Client, str, bytes]) -> None:
    client, url, content = stored
    answer = client.get(url)
    assert (answer.status, answer.body) == (200, content)
    assert answer.headers["content-type"] == "image/tiff; application=geotiff"
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-99", 0, 99), ("bytes=100-", 100, None), ("bytes=-50", -50, None), ("bytes=5-99999999", 5, None)],
)
def test_a_part_of_a_file_comes_alone(
    stored: tuple[Client, str, bytes], asked: str, first: int, last: int | None
) -> None:
    client, url, content = stored
    answer = client.get(url, {"range": asked})
    start = first % len(content)
    end = len(content) - 1 if last is None else last
    assert answer.status == 206
    assert answer.headers["content-range"] == f"bytes {start}-{end}/{len(content)}"
    assert answer.body == content[start : end + 1]


def test_a_part_behind_the_end_is_refused(stored: tuple[Client, str, bytes]) -> None:
    client, url, content = stored
    answer = client.get(url, {"range": f"bytes={len(content)}-"})
    assert answer.status == 416
    assert answer.headers["content-range"] == f"bytes */{len(content)}"


def test_a_file_that_is_known_already_is_not_sent_again(stored: tuple[Client, str, bytes]) -> None:
    client, url, content = stored
    first = client.ask("HEAD", url)
    assert first.headers["content-length"] == str(len(content))
    again = client.get(url, {"if-none-match": f'"other", {first.headers["etag"]}'})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url + ".ovr",
        lambda url: url.replace("/0/", "/1/"),
        lambda url: url.replace("/0/", "/-1/"),
        lambda url: url.replace("/0/", "/../"),
        lambda url: url.replace("scene/", "other/"),
        lambda url: url.rpartition("/")[0] + "/..%2F..%2Fkept.gpkg",
        lambda url: url.rpartition("/")[0] + "/%2Fetc%2Fpasswd",
    ],
)
def test_no_other_file_can_be_named(stored: tuple[Client, str, bytes], change: Any) -> None:
    client, url, _ = stored
    assert client.get(change(url)).status == 404


def test_a_remote_file_keeps_its_address_and_is_not_fetched(catalog: Catalog, product: Product) -> None:
    far = "https://example.org/far.tif"
    Image(product=product, name="far", acquired="2024-01-01", storage_state="remote", files=[File(href=far)]).save()
    client = Client(app(catalog))
    (asset,) = client.document(f"/collections/{product.id}/items/far")["assets"].values()
    assert asset["href"] == far
    assert client.get(f"/files/{product.id}:far/0/far.tif").status == 404


def test_a_file_that_is_missing_on_the_disk_is_told(catalog: Catalog) -> None:
    image = upload(make_guide(), "scene")
    path = catalog.path_of(image.files[0])
    client = Client(app(catalog))
    path.unlink()
    answer = client.get(f"/files/{image.id}/0/{path.name}")
    assert answer.status == 404
    assert "is missing on the disk; verify tells more" in answer.json()["description"]


def test_ids_with_slashes_and_other_signs_have_addresses(catalog: Catalog) -> None:
    product = Product(id="a/b c?d#é%2F", name="odd")
    product.save()
    Image(product=product, name="x", acquired="2024-01-01", storage_state="remote").save()
    client = Client(app(catalog))
    (found,) = client.document("/search")["features"]
    own = {link["rel"]: link["href"] for link in found["links"]}
    assert own["collection"] == "http://localhost:8642/collections/acme:a%2Fb%20c%3Fd%23%C3%A9%252F"
    assert client.document(own["collection"])["id"] == product.id
    assert client.document(own["self"]) == found
