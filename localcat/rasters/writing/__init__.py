"""Pixels to files: arrays and existing files to Cloud-Optimized GeoTIFFs, arrays to pictures."""
