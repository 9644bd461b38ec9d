"""The area of each class of a land cover map inside a polygon."""

import numpy

from localcat import AOI, Image
from localcat.testing import earth

PARK = {"type": "Polygon", "coordinates": [[(36.8, -1.31), (36.84, -1.31), (36.82, -1.28), (36.8, -1.31)]]}

with earth() as catalog, catalog.as_default():
    image = Image.get("tiny:landcover:nairobi-2021")
    labels = next(iter(image.product.bands())).class_labels
    area = AOI(PARK, crs="EPSG:32737", resolution=10)  # metres, so that all pixels are of one size
    classes = image.ndarray("class", area, resampler="near")[0]
    for value in numpy.unique(classes.compressed()):
        hectares = float((classes == value).sum()) * 0.01
        print(f"{labels[value] if labels else value}: {hectares:.1f} ha")
