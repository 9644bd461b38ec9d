"""Filter expressions: a frozen tree, the operators that build it, and its readings in memory and as text."""
