"""Raster files as they are: opened, described, validated, and what their bands hold."""
