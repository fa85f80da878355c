"""Measure one cell of the table in a fresh interpreter: one peer, one shape; prints JSON.

python benchmarks/cell.py mimocorb_ring:Link 1-1 [--events N]
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from measure import WrongResult, throughput_hz
from shapes import SHAPES


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", help="module and class below peers/, or a function of special.py")
    parser.add_argument("shape", help="name of a shape, or of a special measurement")
    parser.add_argument("--events", type=int, help="events per writer")
    arguments = parser.parse_args()
    module_name, _, attribute = arguments.peer.partition(":")
    try:
        module = importlib.import_module(f"peers.{module_name}")
        if arguments.shape in SHAPES:
            shape = SHAPES[arguments.shape]
            if arguments.events:
                shape = replace(shape, events=arguments.events)
            result = {"rate_hz": throughput_hz(getattr(module, attribute)(shape), shape)}
        else:
            result = getattr(module, attribute)()
    except ImportError as error:
        result = {"missing": str(error)}
    except WrongResult as error:
        result = {"wrong": str(error)}
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
