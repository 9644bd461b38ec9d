"""STAC, the SpatioTemporal Asset Catalog: https://github.com/radiantearth/stac-spec (1.1; 1.0 is read, too).

A product is a Collection, an image an Item, and a file that holds bands an asset. `items.attributes_of` says which
attributes an Item gives, `items.stac_item` writes them. What came from STAC keeps all that has no attribute; when it
goes out again, only what was changed since is written over it.
"""
