"""Pixels as pictures and numbers: tiles of a web map, previews, legends, values at a point, and boxes as GeoTIFF."""
