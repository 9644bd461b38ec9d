"""What strangers may try: no file outside, no fault of ours, nothing that a browser runs, and a status that is true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcat import Catalog, File, Image, Product
from localcat.serve import app
from tests.asgi import Client
from tests.small_catalog import make_guide, upload

SECRET = b"the text of a file outside"
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
DEEP = "{" + '"a":{' * 5000 + "}" * 5001


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, str]]:
    """A client of a catalog that a stranger made, and the address of a file in it that is one of its own."""
    folder = tmp_path_factory.mktemp("attacked")
    (folder / "secret.txt").write_bytes(SECRET)
    path = folder / "inner" / "stranger.gpkg"
    path.parent.mkdir()
    with Catalog.create(path, org="acme") as catalog, catalog.as_default():
        image = upload(make_guide(), "scene")
        url = f"/files/{image.id}/0/{catalog.path_of(image.files[0]).name}"
        for name, href in (("out", folder / "secret.txt"), ("up", "../secret.txt"), ("passwd", "/etc/passwd")):
            files = [File(href=str(href), size_bytes=len(SECRET))]
            Image(product_id=image.product_id, name=name, acquired="2024-01-01", files=files).save()
        Product(id="odd", name=SCRIPT, description=SCRIPT, tags=["<b>"], extra_properties={SCRIPT: SCRIPT}).save()
        for name in ("x", "y"):
            more = {SCRIPT: SCRIPT, "stac:item": {"id": SCRIPT}}
            Image(
                product_id="acme:odd", name=name, acquired="2024-01-01", storage_state="remote", extra_properties=more
            ).save()
    with Catalog.open(path, read_only=True, trusted=False) as catalog:
        yield Client(app(catalog)), url


FILES = [
    "/files/acme:guide-example-product:out/0/secret.txt",
    "/files/{product}:out/0/secret.txt",
    "/files/{product}:up/0/secret.txt",
    "/files/{product}:passwd/0/passwd",
    "/files/../../../../etc/passwd",
    "/files/%2e%2e/%2e%2e/etc/passwd",
    "/files/..%2f..%2fsecret.txt/0/x",
    "/files//etc/passwd",
    "/files/{own}/../../secret.txt",
    "/files/{own}%00.tif",
    "/files/{own}/..;/secret.txt",
    "/files/{own}%5c..%5c..%5csecret.txt",
    "/files/{own}?name=../../secret.txt",
    "/static/../../../../../../etc/passwd",
    "/static/..%2f..%2f..%2fpyproject.toml",
    "/static/%2e%2e/%2e%2e/application.py",
    "/leaflet/../../../../../../etc/passwd",
    "/cut/..%2f..%2fsecret.tif?bbox=0,0,1,1",
    "/preview/..%2f..%2fsecret.png",
    "/collections/..%2f..%2fsecret.txt",
    "/collections/%252e%252e%252fsecret.txt",
    "//etc/passwd",
    "/..",
    "/%00",
    "/%ff%fe",
]


@pytest.mark.parametrize("path", FILES)
def test_no_file_outside_is_read(attacked: tuple[Client, str], path: str) -> None:
    client, own = attacked
    product = own.split("/")[2].removesuffix(":scene")
    answer = client.get(path.replace("{own}", own.removeprefix("/files/")).replace("{product}", product))
    assert answer.status in (400, 403, 404), answer.body
    assert SECRET not in answer.body
    assert b"root:" not in answer.body
    assert b"[project]" not in answer.body


QUERIES = [
    "bbox=1e999,0,0,0",
    "bbox=nan,0,1,1",
    "bbox=" + "1," * 3000,
    "limit=99999999999999999999999999",
    "limit=1e3",
    "limit=-5",
    "limit=%E2%91%A0",
    "token=" + "A" * 7000,
    "token=W1tdLFtdLDFd",
    "token=W1siLWFjcXVpcmVkIl0sW3sidGltZSI6MWUzMDB9XSwieCJd",
    "ids=" + "a," * 4000,
    "ids=x' OR '1'='1",
    "sortby=" + "-datetime," * 9,
    "sortby=id; DROP TABLE image",
    "fields=" + "a." * 3000,
    "datetime=9999999-01-01T00:00:00Z",
    "datetime=2024-01-01T00:00:00Z/2024-01-01T00:00:00Z/2024-01-01T00:00:00Z",
    "filter=" + "(" * 3000,
    "filter=" + "NOT " * 1500 + "x = 1",
    "filter=id LIKE '" + "%" * 3000 + "'",
    "filter=sleep(10) = 1",
    "filter=CASEI(" * 500,
    "intersects=" + "[" * 4000,
    'intersects={"type":"Polygon","coordinates":[[[0,0],[1e308,1],[1,0],[0,0]]]}',
    'intersects={"type":"Point","coordinates":[NaN,0]}',
    "limit=1&limit=2",
    "a" * 5000 + "=1",
    "%00=1",
]


@pytest.mark.parametrize("query", QUERIES)
def test_no_parameter_is_a_bomb(attacked: tuple[Client, str], query: str) -> None:
    name, _, value = query.partition("=")
    asked = query if query.startswith(("limit=1&", "%00", "limit=%")) else None
    client = attacked[0]
    answer = client.get(f"/search?{asked}") if asked else client.get("/search", **{name: value})
    assert answer.status in ((200, 400) if name in ("ids", "fields", "filter", "token") else (400,)), answer.body
    assert "code" in answer.json() or answer.json()["type"] == "FeatureCollection"
    assert len(answer.body) < 20_000


BODIES: list[tuple[Any, int]] = [
    (b"", 200),
    (b"{", 400),
    (b"[]", 400),
    (b"null", 400),
    (b"\xff\xfe\x00", 400),
    (DEEP.encode(), 400),
    (b"[" * 100_000, 400),
    (b'{"limit": 1, "limit": 2}', 400),
    (b'{"limit": NaN}', 400),
    (b'{"limit": 1e400}', 400),
    (b"x" * (2**20 + 1), 413),
    (b'{"ids": ["' + b'a","' * 200_000 + b'"]}', 400),
    ({"filter": {"op": "and", "args": [{"op": "=", "args": [{"property": "x"}, 1]}] * 20_000}}, 400),
    (
        {
            "intersects": {
                "type": "LineString",
                "coordinates": [[0.001 * i % 90, 0.002 * i % 80] for i in range(20_000)],
            }
        },
        200,
    ),
    ({"collections": ["\ud800"]}, 400),
    ({"token": {"a": 1}}, 400),
    ({"sortby": [{"field": {"a": 1}}]}, 400),
    ({"__proto__": {}}, 400),
]


@pytest.mark.parametrize("number", range(len(BODIES)))
def test_no_body_is_a_bomb(attacked: tuple[Client, str], number: int) -> None:
    body, status = BODIES[number]
    answer = attacked[0].post("/search", body)
    assert answer.status == status, answer.body[:500]


HEADERS = [
    ({"host": "evil.example"}, 403),
    ({"host": "localhost:8642@evil.example"}, 403),
    ({"host": "localhost\t"}, 403),
    ({"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}, 200),
    ({"x-original-url": "/files", "x-http-method-override": "DELETE"}, 200),
    ({"origin": "https://evil.example"}, 403),
    ({"origin": "http://localhost.evil.example"}, 403),
    ({"accept": "text/html;q=" + "9" * 400 + ",*/*"}, 200),
    ({"range": "bytes=" + "0-0," * 5000}, 200),
    ({"content-length": "-1"}, 200),
]


@pytest.mark.parametrize("number", range(len(HEADERS)))
def test_no_header_tricks_the_server(attacked: tuple[Client, str], number: int) -> None:
    headers, status = HEADERS[number]
    answer = attacked[0].get("/conformance", headers)
    assert answer.status == status
    assert b"evil.example/" not in answer.body


@pytest.mark.parametrize(
    "asked", ["bytes=", "bytes=a-b", "bytes=5-1", "lines=0-1", "bytes=" + "0-0," * 99, "bytes=" + "9" * 5000]
)
def test_no_range_is_a_bomb(attacked: tuple[Client, str], asked: str) -> None:
    answer = attacked[0].get(attacked[1], {"range": asked})
    assert answer.status in (200, 206, 400, 416)
    assert len(answer.body) < 20_000


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "POST"])
def test_nothing_can_be_changed(attacked: tuple[Client, str], method: str) -> None:
    answer = attacked[0].ask(method, "/collections/acme:odd")
    assert answer.status == 405
    assert answer.json()["code"] == "MethodNotAllowed"


PAGES = ["/", "/collections", "/collections/acme:odd", "/search", "/collections/acme:odd/items", "/queryables", "/api"]
PAGES += ["/collections/acme:odd/queryables", "/collections/acme:odd/items/x", f"/{SCRIPT}", f"/search?{SCRIPT}=1"]


@pytest.mark.parametrize("path", PAGES)
def test_no_text_of_a_catalog_becomes_markup(attacked: tuple[Client, str], path: str) -> None:
    answer = attacked[0].get(path)
    assert answer.status in (200, 400, 404)
    assert b"<" not in answer.body
    assert "html" not in answer.headers["content-type"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    json.loads(answer.body)


def test_the_name_of_a_catalog_becomes_no_markup_either(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "<b onload=x>.gpkg", org="a") as catalog:
        page = Client(app(catalog)).get("/api.html")
    assert b"<b onload" not in page.body
    assert b"&lt;b onload=x&gt;" in page.body
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
