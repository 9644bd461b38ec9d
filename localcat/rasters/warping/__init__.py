"""Pixels of a file on another grid, by GDAL, the same whichever part is asked for."""
