"""What changed between two dates: both on one grid, their difference, and its largest place."""

import numpy

from localcat import AOI, Catalog, Image, properties as p
from localcat.testing import make_image

with Catalog.temporary(org="acme") as catalog, catalog.as_default():
    before = numpy.full((1, 48, 64), 3000, "uint16")
    after = before.copy()
    after[0, 10:20, 30:45] = 900  # felled
    make_image("may", before, bands=["nir"], acquired="2024-05-10")
    make_image("august", after, bands=["nir"], acquired="2024-08-20")

    area = AOI((15.0, 47.849, 15.0085, 47.8533), crs="EPSG:32633", resolution=10)
    season = Image.search().intersects(area).sort("acquired")
    first = season.filter(p.acquired < "2024-06-01").collect(area).mosaic("nir")
    last = season.filter(p.acquired >= "2024-08-01").collect(area).mosaic("nir")
    difference = last.astype("int32") - first.astype("int32")
    changed = numpy.ma.filled(abs(difference[0]) > 1000, fill_value=False)
    rows, columns = numpy.nonzero(changed)
    print(f"{changed.sum()} of {changed.size} pixels, {changed.sum() * 0.01:.1f} ha")
    print(f"rows {rows.min()} to {rows.max()}, columns {columns.min()} to {columns.max()}")
