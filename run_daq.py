#!/usr/bin/env python3
"""Take data as a set-up file says: ``cd examples; ../run_daq.py simultest_setup.yaml``."""

import sys


def main() -> int:
    """Run the command line."""
    try:
        from mimocorb.cli import run_daq
    except ModuleNotFoundError as error:
        if error.name != "mimocorb":
            raise
        print(
            f"run_daq.py: mimocorb is not installed for {sys.executable}: "
            "use the Python of its environment, or run 'pip install .' here",
            file=sys.stderr,
        )
        return 1
    return run_daq()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("run_daq.py: interrupted, nothing was started", file=sys.stderr)
        sys.exit(130)
