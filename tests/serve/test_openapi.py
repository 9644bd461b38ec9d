"""The OpenAPI document says what the application does."""

from __future__ import annotations

import re
from typing import Any

from starlette.routing import Route

from localcat import Catalog
from localcat.serve import app
from localcat.serve.application import AREAS
from localcat.serve.service import Service
from tests.asgi import Client


def document(catalog: Catalog) -> Any:
    answer = Client(app(catalog)).get("/api")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    return answer.json()


def test_every_address_of_the_api_is_documented(catalog: Catalog) -> None:
    service = Service(catalog)
    routed = {
        route.path
        for area in AREAS
        if "serve.page" not in area.__name__
        for route in area.routes(service)
        if isinstance(route, Route)
    }
    assert document(catalog)["paths"].keys() == routed


def test_every_parameter_is_documented_and_taken(catalog: Catalog) -> None:
    client = Client(app(catalog))
    for path, address in document(catalog)["paths"].items():
        asked = re.sub(r"\{\w+\}", "0", path)
        for parameter in address["get"]["parameters"]:
            if parameter["in"] == "query":
                answer = client.get(asked, **{parameter["name"]: "1"})
                assert b"there is no parameter" not in answer.body, (path, parameter["name"])
        assert client.get(asked, surely_not="1").status in (400, 404)


def test_the_landing_page_leads_to_it_and_to_a_page_for_people(catalog: Catalog) -> None:
    client = Client(app(catalog))
    links = {link["rel"]: link for link in client.document("/")["links"]}
    assert links["service-desc"]["type"] == client.get(links["service-desc"]["href"]).headers["content-type"]
    page = client.get(links["service-doc"]["href"])
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert b"<code>/search</code>" in page.body
    assert b"<script" not in page.body
