"""The report of an ingest of real rasters: the right outcome for each file."""

from __future__ import annotations

from pathlib import Path

from localcat import Catalog

EXPECTED = {  # outcome, product, where its time is from
    "RGB.byte": ("added", "acme:rasters", None),
    "RGBA.uint16": ("added", "acme:rasters-4-uint16", None),
    "all-nodata": ("added", "acme:rasters-4-uint16-2", "tag TIFFTAG_DATETIME"),
    "alpha": ("added", "acme:rasters-4-byte", None),
    "corrupt": ("failed", "acme:rasters", None),
    "float_raster_with_nodata": ("added", "acme:rasters-1-float32", None),
    "green": ("added", "acme:rasters", None),
    "red": ("added", "acme:rasters", None),
    "shade": ("added", "acme:rasters-1-byte", None),
    "test_esri_wkt": ("added", "acme:rasters-1-uint16", None),
    "world.byte": ("added", "acme:rasters-1-byte", None),
}
BANDS = {
    "acme:rasters": ["red", "green", "blue"],
    "acme:rasters-4-uint16": ["blue", "green", "red", "alpha"],
    "acme:rasters-4-uint16-2": ["blue", "green", "red", "nir"],
    "acme:rasters-4-byte": ["red", "green", "blue", "alpha"],
    "acme:rasters-1-byte": ["b1"],
    "acme:rasters-1-float32": ["b1"],
    "acme:rasters-1-uint16": ["b1"],
}


def test_each_real_file_has_its_outcome(catalog: Catalog, real_files: Path) -> None:
    plan = catalog.ingest(real_files, dry_run=True, progress=False)
    report = catalog.ingest(real_files, progress=False)
    assert {item.name: (item.outcome, item.product_id, item.acquired_from) for item in report.items} == EXPECTED
    assert {product.id: list(product.bands) for product in report.products} == BANDS
    assert {product.id: list(product.bands) for product in plan.products} == BANDS
    assert "corrupt.tif cannot be read as a raster" in str(report.failed[0].error)
    assert all(
        item.notes == ("no time was found; acquired stays unset",) for item in report.items if item.name == "red"
    )
    assert (catalog.images.count(), catalog.verify("full").ok) == (10, True)
    again = catalog.ingest(real_files, progress=False)
    assert (again.added, again.skipped, len(again.failed)) == (0, 10, 1)
