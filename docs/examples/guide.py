"""The guide in one go: a product, its bands, an image with pixels, a search, a summary."""

import numpy

from localcat import Catalog, Image, MaskBand, Product, SpectralBand, properties as p

with Catalog.create("guide.gpkg", org="acme") as catalog, catalog.as_default():
    product = Product(id="example", name="Example product", start_datetime="2012-01-01")
    product.save()
    blue = SpectralBand(name="blue", product=product, data_type="UInt16", data_range=(0, 10000), band_index=0)
    blue.wavelength_nm_min, blue.wavelength_nm_max = 452, 512
    blue.save()
    MaskBand(name="alpha", product=product, data_type="UInt16", is_alpha=True, band_index=1).save()

    image = Image(product=product, name="scene1", acquired="2012-01-02", cloud_fraction=0.1)
    image.cs_code, image.geotrans = "EPSG:32631", (500000, 60, 0, 4650000, 0, -60)
    pixels = numpy.ma.masked_equal(numpy.arange(80 * 100, dtype="uint16").reshape(80, 100), 0)
    image.upload_ndarray(pixels, overviews=[2, 4], overview_resampler="average").raise_for_status()

    search = Image.search().intersects((3.0, 41.9, 3.1, 42.0)).filter(p.cloud_fraction < 0.2)
    for found in search.sort("acquired"):
        print(found.id, found.acquired.date(), found.ndarray("blue").shape)
    print(search.count(), "image,", search.summary().products)
