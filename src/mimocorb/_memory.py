"""How much memory there is to reserve: the machine's, and what a control group allows."""

from __future__ import annotations

from pathlib import Path

__all__ = ["available_bytes"]

_NO_LIMIT = 1 << 60


def available_bytes() -> int:
    """Return the memory in bytes that can be reserved now without pushing out anything else.

    Where the kernel does not tell, the answer is larger than any memory.
    """
    return min(_machine(Path("/proc/meminfo")), _control_group())


def _machine(table: Path) -> int:
    try:
        lines = table.read_text().splitlines()
    except OSError:
        return _NO_LIMIT
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return _NO_LIMIT


def _control_group() -> int:
    """Return what is left below the limit of this process's control group (version 2 or 1)."""
    left = _NO_LIMIT
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, limit_name, usage_name = "/sys/fs/cgroup", "memory.max", "memory.current"
        elif "memory" in controllers.split(","):
            base = "/sys/fs/cgroup/memory"
            limit_name, usage_name = "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        group = Path(base + path)
        limit, usage = _number(group / limit_name), _number(group / usage_name)
        if limit is not None and usage is not None and limit < _NO_LIMIT:
            left = min(left, max(0, limit - usage) + _reclaimable(group / "memory.stat"))
    return left


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # "max", or no such controller here
        return None


def _reclaimable(statistics: Path) -> int:
    """Return the file cache, which counts as used but makes room when asked."""
    try:
        entries = dict(line.split() for line in statistics.read_text().splitlines())
    except (OSError, ValueError):
        return 0
    return int(entries.get("inactive_file", 0))
