"""A program that runs stac-api-validator on a served catalog, with the schemas that pystac has inside.

The validator would load them from their own addresses; everything but the loopback is refused here.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pystac
import requests
from pystac.stac_io import DefaultStacIO
from requests.adapters import BaseAdapter

_DRAFT = "http://json-schema.org/draft-07/schema#"
_SCHEMAS = Path(pystac.__file__).parent / "validation" / "jsonschemas"


def _by_address() -> dict[str, bytes]:
    found = {}
    for path in _SCHEMAS.rglob("*.json"):
        content = path.read_bytes()
        found[json.loads(content)["$id"].removesuffix("#")] = content
        if path.name == "common.json":  # whose own name lacks a dot
            found["https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/common.json"] = content
    return found


_KNOWN = _by_address()


def _schema(address: str) -> bytes:
    return _KNOWN.get(address) or json.dumps({"$id": address, "$schema": _DRAFT}).encode()


class _Inside(BaseAdapter):
    """Answers with what is inside, and lets anything fit whose schema is not."""

    def send(self, request: Any, **options: Any) -> requests.Response:
        answer = requests.Response()
        answer.status_code = 200
        answer.raw = io.BytesIO(_schema(request.url))
        answer.url, answer.request = request.url, request
        return answer

    def close(self) -> None:
        pass


if __name__ == "__main__":
    before, read_before = requests.Session.get_adapter, DefaultStacIO.read_text_from_href

    def chosen(session: requests.Session, url: str) -> Any:
        return before(session, url) if url.startswith("http://127.0.0.1:") else _Inside()

    def read(self: Any, href: str, *options: Any, **more: Any) -> str:
        if str(href).startswith("http://127.0.0.1:"):
            return read_before(self, href, *options, **more)
        return _schema(href).decode()

    requests.Session.get_adapter = chosen
    DefaultStacIO.read_text_from_href = read
    from stac_api_validator.__main__ import main  # after the adapter is in place

    sys.exit(main())
