"""``python -m localcat``: the same as the command ``localcat``."""

from localcat.cli import main

main()
