"""What may be wrong with a catalog file, and what can be saved of a damaged one."""
