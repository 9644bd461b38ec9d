"""The least cloudy pixel of each place: images in the order of their clouds, the clearest on top."""

import numpy

from localcat import AOI, Catalog, Image, properties as p
from localcat.testing import make_image

with Catalog.temporary(org="acme") as catalog, catalog.as_default():
    for day, clouds in enumerate((0.1, 0.3, 0.8), start=1):
        pixels = numpy.ma.array(numpy.full((1, 48, 64), 100 * day, "uint16"), mask=False)
        pixels[:, : 40 - 12 * day] = numpy.ma.masked  # its northern rows
        make_image(f"day{day}", pixels, acquired=f"2024-06-0{day}", cloud_fraction=clouds)

    search = Image.search().filter(p.cloud_fraction < 0.9).sort("cloud_fraction", ascending=False)
    images = search.collect(AOI(next(iter(search)).geometry, crs="EPSG:32633", resolution=10))
    print("from below:", *images.each.name)
    composite = images.mosaic("red")
    for value in (100, 200, 300):
        print(value, "in", int((composite == value).sum()), "pixels")
    print("valid nowhere:", int(numpy.ma.getmaskarray(composite).sum()))
