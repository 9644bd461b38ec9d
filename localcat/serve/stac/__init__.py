"""The STAC API 1.0, https://github.com/radiantearth/stac-api-spec: a product is a Collection, an image an Item."""
