"""Processes whose disk fails, or loses what was not brought there: see ``disk_shim.cpp``."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

__all__ = ["with_shim"]

SOURCE = Path(__file__).with_name("disk_shim.cpp")


@cache
def _built() -> Path:
    compiler = os.environ.get("CXX") or shutil.which("g++") or "c++"
    library = Path(mkdtemp(prefix="disk-shim-")) / "disk_shim.so"
    options = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-shared", "-fPIC"]
    subprocess.run([compiler, *options, "-o", library, SOURCE, "-ldl"], check=True)
    return library


def with_shim(
    *,
    fail: str | None = None,
    drops: bool = False,
    copies: Path | None = None,
) -> Mapping[str, str]:
    """Return the environment of a process with such a disk.

    Parameters
    ----------
    fail
        ``"3"``: the third call that brings a segment to the disk fails; ``"3+2"``: and two more.
    drops
        Whether what it should have brought there is gone.
    copies
        Where to keep what is on the disk.
    """
    environment = {**os.environ, "LD_PRELOAD": str(_built())}
    environment |= {} if fail is None else {"DISK_SHIM_FAIL": fail}
    environment |= {"DISK_SHIM_DROPS": "1"} if drops else {}
    return environment | ({} if copies is None else {"DISK_SHIM_COPIES": str(copies)})
