"""Records of many images into a catalog at once: checked column by column, written in one transaction."""
