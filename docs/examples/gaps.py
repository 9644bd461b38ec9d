"""Which periods of a season lack images of a place, from the index alone."""

from localcat import Catalog, Image, Product, properties as p

FIELD = (10.0, 47.0, 10.2, 47.1)

with Catalog.temporary(org="acme") as catalog, catalog.as_default():
    Product(id="s2", name="Sentinel-2").save()
    clouds = {"04-03": 0.1, "04-13": 0.9, "04-28": 0.0, "05-23": 0.2, "06-02": 0.1}
    records = (
        {
            "product_id": "acme:s2",
            "name": day,
            "acquired": f"2024-{day}",
            "cloud_fraction": fraction,
            "geometry": (9.5, 46.5, 11.0, 48.0) if day != "05-23" else (9.5, 46.5, 10.1, 48.0),  # half of the field
        }
        for day, fraction in clouds.items()
    )
    catalog.add_images(records, progress=False)

    clear = Image.search().filter(p.cloud_fraction < 0.5)
    print(clear.gaps("10 days", FIELD, min_coverage=0.9, start_datetime="2024-04-01", end_datetime="2024-06-10"))
