"""The tests of localcat."""

import sys

from tests.systems import EMULATED, put_in_place

if EMULATED and "localcat.disk" not in sys.modules:  # else a child that began with it, and stays what it is
    put_in_place(EMULATED)
