"""Measure one cell of the table in a fresh interpreter: one peer, one shape; prints JSON.

python benchmarks/cell.py mimocorb_ring:Ring 1-1 [--events N]

The peer is a link or a function in a module of peers/. A link is run in a shape of shapes.py, in
"latency", in "chain-interleaved" or "chain-contiguous", or in one of functions.py. A function gets
the name of the shape if it has a parameter `name`.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import chain
import latency
from loops import Link
from measure import WrongResult, throughput
from shapes import SHAPES

import functions


def measure_link(link: type[Link], shape: str, options: dict[str, int]) -> dict[str, float]:
    """Run a peer in a shape given by name."""
    if shape == "latency":
        return latency.measure(link, **options)
    if shape.startswith("chain-"):
        return chain.measure(link, shape.removeprefix("chain-"), **options)
    if shape.startswith(("functions-", "processes-")):
        return functions.through_link(link, shape, **options)
    return throughput(link, replace(SHAPES[shape], **options))


def measure_function(peer, shape: str, options: dict[str, int]) -> dict[str, float]:
    """Call a function that measures; it may want to know the shape."""
    name = {"name": shape} if "name" in inspect.signature(peer).parameters else {}
    return peer(**name, **options)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("peer", help="module:name below peers/")
    parser.add_argument("shape")
    parser.add_argument("--events", type=int, help="events per writer")
    arguments = parser.parse_args()
    options = {"events": arguments.events} if arguments.events else {}
    module, _, name = arguments.peer.partition(":")
    try:
        peer = getattr(importlib.import_module(f"peers.{module}"), name)
        if isinstance(peer, type):
            result = measure_link(peer, arguments.shape, options)
        else:
            result = measure_function(peer, arguments.shape, options)
    except ImportError as error:
        result = {"missing": str(error)}
    except WrongResult as error:
        result = {"wrong": str(error)}
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
