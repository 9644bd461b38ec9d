"""A product that is made of another one, and says of which images."""

import numpy

from localcat import Catalog, GenericBand, Image, Product, properties as p
from localcat.testing import make_image

with Catalog.temporary(org="acme") as catalog, catalog.as_default():
    for day in (1, 2):
        make_image(f"day{day}", bands=["red", "nir"], acquired=f"2024-06-0{day}")

    index = Product(id="ndvi", name="Vegetation index")
    index.save()
    GenericBand(name="ndvi", product=index, data_type="Float32", data_range=(-1, 1), band_index=0, nodata=-9).save()

    for source in Image.search().filter(p.product_id == "acme:sample"):
        pixels, info = source.ndarray("red nir", raster_info=True)
        red, nir = pixels.astype("float32")
        result = Image(product=index, name=source.name, acquired=source.acquired)
        result.extra_properties = {"derived_from": source.id, "source_bytes": source.files[0].size_bytes}
        result.upload_ndarray(numpy.ma.filled((nir - red) / (nir + red), -9), raster_meta=info).raise_for_status()

    of_one = Image.search().filter(p.extra_properties["derived_from"] == "acme:sample:day2")
    print(of_one.ids())
    print(f"mean {of_one.first().ndarray('ndvi').mean():.3f}")
