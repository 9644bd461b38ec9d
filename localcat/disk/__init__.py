"""The disk: names, locks, the data folder, and what a file system may do wrong."""
