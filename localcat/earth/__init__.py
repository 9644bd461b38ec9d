"""Geometry on the Earth: shapes, their text forms, distances, reference systems and contexts."""
