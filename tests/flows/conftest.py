"""Helpers beside these tests are found by their plain names too."""

import sys
from pathlib import Path

# With `--import-mode=importlib` a folder's helpers are found only if the folder is on the path.
sys.path.insert(0, str(Path(__file__).parent))
