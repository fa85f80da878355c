"""Run the unit tests of a module under a given start method: start_method.py METHOD MODULE."""

import multiprocessing
import sys
import unittest
from pathlib import Path

if __name__ == "__main__":
    method, module = sys.argv[1:]
    multiprocessing.set_start_method(method)
    sys.path.insert(0, str(Path(__file__).parent.parent))
    unittest.main(module=module, argv=[module], verbosity=2)
