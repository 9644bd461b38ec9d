"""The vegetation index of a few places through a season, without reading whole images."""

import numpy

from localcat import Catalog, Image
from localcat.testing import make_image

PLACES = {"field": (15.002, 47.851), "lake": (15.006, 47.851)}  # longitude, latitude

with Catalog.temporary(org="acme") as catalog, catalog.as_default():
    for month, nir in enumerate((1500, 2600, 4200, 3600), start=4):
        pixels = numpy.empty((2, 48, 64), "uint16")
        pixels[0], pixels[1] = 800, nir
        pixels[1, :, 32:] = 400  # water takes in nearly all of the near infrared
        make_image(f"month{month}", pixels, bands=["red", "nir"], acquired=f"2024-0{month}-15")

    images = Image.search().sort("acquired").collect()
    for name, (longitude, latitude) in PLACES.items():
        series = images.point_series(longitude, latitude, "red nir")
        red, nir = series["red"].astype(float), series["nir"].astype(float)
        index = (nir - red) / (nir + red)
        months = series.times.astype("datetime64[M]")
        print(name, *(f"{month} {value:+.2f}" for month, value in zip(months, index, strict=True)))
