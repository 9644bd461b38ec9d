"""What was changed, undone, and as of then: a catalog's past."""
