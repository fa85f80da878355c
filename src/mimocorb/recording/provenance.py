"""What every file of a run says of where its events come from."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mimocorb.components.worker import current_worker
from mimocorb.recording.plain_dtype import dtype_to_plain

__all__ = ["OF_THE_FILE", "about_of", "described", "this_run"]

OF_THE_FILE = ("run", "writer", "buffer", "compression", "began_utc_s", "versions")
"""What is said of the file and not of its events; not every format says all of it."""

_RUN_RECORD = "run.json"


def described(
    setup: Mapping[str, Any], about: Mapping[str, Any], run: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what stands in a file besides its events.

    Parameters
    ----------
    setup
        Set-up dictionary of the buffer that they come from.
    about
        What is known of the data.
    run
        What identifies the run, see :func:`this_run`.
    """
    return {
        "run": dict(run),
        "buffer": setup.get("name", ""),
        "dtype": dtype_to_plain(setup["dtype"]),
        "values_per_slot": setup["values_per_slot"],
        **({"variable": True} if setup.get("variable") else {}),
        "about": dict(about),
        "began_utc_s": time.time(),
        "versions": {name: version(name) for name in ("mimocorb", "numpy", "pyarrow")},
    }


def about_of(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a description tells of the data and of their file; of a copy, its origin."""
    of_the_file = {name: description[name] for name in OF_THE_FILE if name in description}
    return {**of_the_file, **description.get("about", {})}


def this_run(directory: Path) -> dict[str, Any]:
    """Return what identifies the run that writes into a directory; empty outside a run."""
    if not current_worker().spec.name:
        return {}
    try:
        record = json.loads((directory / _RUN_RECORD).read_text("utf-8"))
        hashes = [file["sha256"] for file in record["files"] if file["kind"] == "set-up"]
    except (OSError, ValueError, KeyError, TypeError):
        return {"name": directory.name}
    known = {key: record.get(key) for key in ("number", "title", "started_utc", "setup_commit")}
    return {"name": directory.name, **known, "setup_sha256": hashes[0] if hashes else None}
