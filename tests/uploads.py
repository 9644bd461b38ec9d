"""What several tests of uploads use."""

from __future__ import annotations

from localcat import Catalog, Image, Product


def new_image(product: Product, name: str = "x", **attributes: object) -> Image:
    return Image(product=product, name=name, **{"acquired": "2020-01-01", **attributes})


def files_in(catalog: Catalog) -> list[str]:
    folder = catalog.data_folder.path
    return sorted(path.name for path in folder.rglob("*") if path.is_file()) if folder.exists() else []


def check_nothing_left(catalog: Catalog) -> None:
    assert catalog.images.count() == 0
    assert files_in(catalog) == []
    assert catalog.sql("SELECT count(*) AS n FROM image_file")[0]["n"] == 0
