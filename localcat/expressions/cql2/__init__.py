"""Filters in the Common Query Language of the OGC, as text and as JSON: reading and writing."""
