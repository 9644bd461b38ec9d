"""Which files belong together: what folders hold, the recipes that know names, and scenes."""
