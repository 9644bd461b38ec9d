"""Keeping a catalog: verify, reindex, gc, backup, relocate, recover, and what the machine below it is like."""
