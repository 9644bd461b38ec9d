"""Pixels of raster files as arrays: on any grid, at points, in mosaics, scaled and cut."""
