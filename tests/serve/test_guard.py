"""Who may ask: only programs and pages of this machine."""

from __future__ import annotations

import pytest

from localcat import Catalog
from localcat.serve import app
from tests.asgi import Client


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1:8642", "[::1]:8642", "LOCALHOST"])
def test_a_request_to_the_loopback_is_answered(catalog: Catalog, host: str) -> None:
    assert Client(app(catalog), host=host).get("/").status == 200


@pytest.mark.parametrize(
    "host",
    ["example.org", "localhost.example.org", "127.0.0.1.example.org", "192.168.0.5", "", "localhost:80:80", "[::2]"],
)
def test_a_name_that_was_made_to_point_here_is_refused(catalog: Catalog, host: str) -> None:
    answer = Client(app(catalog), host=host).get("/")
    assert answer.status == 403
    assert "is not a name of this server" in answer.json()["description"]


def test_a_name_that_was_given_is_answered(catalog: Catalog) -> None:
    assert Client(app(catalog, hosts=["maps.example.org"]), host="maps.example.org:80").get("/").status == 200


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:1"])
def test_pages_of_this_machine_may_read_answers(catalog: Catalog, origin: str) -> None:
    answer = Client(app(catalog)).get("/", {"origin": origin})
    assert answer.headers["access-control-allow-origin"] == origin
    assert Client(app(catalog)).ask("OPTIONS", "/search", {"origin": origin}).status == 204


@pytest.mark.parametrize(
    "origin", ["https://example.org", "null", "http://localhost.example.org", "http://127.0.0.1@x"]
)
def test_pages_of_elsewhere_may_not_even_ask(catalog: Catalog, origin: str) -> None:
    answer = Client(app(catalog)).get("/", {"origin": origin})
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers


def test_no_answer_can_be_taken_for_a_page(catalog: Catalog) -> None:
    answer = Client(app(catalog)).get("/<script>alert(1)</script>")
    assert answer.status == 404
    assert b"<" not in answer.body
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
