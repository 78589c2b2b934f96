"""Where things are; importing it brings tests/support/py into reach. Import it first."""

import os
import sys

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(BENCH)
BUILD = f"{ROOT}/build/bench"
TEMPLATES = f"{BENCH}/templates"

sys.path.insert(0, f"{ROOT}/tests/support/py")
sys.dont_write_bytecode = True
