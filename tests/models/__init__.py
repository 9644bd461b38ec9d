"""Tests of the objects of a catalog."""
