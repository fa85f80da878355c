"""How much memory there is to reserve, in words; and who was killed because there was none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["available_bytes", "oom_kills", "size_in_words"]

_NO_LIMIT = 1 << 60


def available_bytes() -> int:
    """Return the memory in bytes that can be reserved now without pushing out anything else.

    Where the kernel does not tell, the answer is larger than any memory.
    """
    return min(_machine(Path("/proc/meminfo")), _control_group())


def size_in_words(size_bytes: int) -> str:
    """Return a number of bytes as "16.6 MiB"."""
    size = float(size_bytes)
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            break
        size /= 1024
    if unit == "bytes":
        return "1 byte" if size == 1 else f"{size:.0f} bytes"
    return f"{size:.1f} {unit}"


def _machine(table: Path) -> int:
    try:
        lines = table.read_text().splitlines()
    except OSError:
        return _NO_LIMIT
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return _NO_LIMIT


def oom_kills() -> int | None:
    """Return how many processes the kernel has killed for lack of memory in our control group.

    None where it does not tell.
    """
    for group in _control_groups():
        kills = _entries(group.place / group.events).get("oom_kill")
        if kills is not None:
            return int(kills)
    return None


@dataclass(frozen=True)
class _ControlGroup:
    """Where a control group is, and what its files are called."""

    place: Path
    limit: str
    usage: str
    events: str


def _control_groups() -> Iterator[_ControlGroup]:
    """Yield the control groups that count the memory of this process (version 2 or 1)."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            names = ("memory.max", "memory.current", "memory.events")
            yield _ControlGroup(Path("/sys/fs/cgroup" + path), *names)
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.oom_control")
            yield _ControlGroup(Path("/sys/fs/cgroup/memory" + path), *names)


def _control_group() -> int:
    """Return what is left below the limit of this process's control group."""
    left = _NO_LIMIT
    for group in _control_groups():
        limit, usage = _number(group.place / group.limit), _number(group.place / group.usage)
        if limit is not None and usage is not None and limit < _NO_LIMIT:
            reclaimable = _entries(group.place / "memory.stat").get("inactive_file", "0")
            # The file cache counts as used, but makes room when asked.
            left = min(left, max(0, limit - usage) + int(reclaimable))
    return left


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # "max", or no such controller here
        return None


def _entries(file: Path) -> dict[str, str]:
    """Return the lines "name value" of a file; nothing if there is no such file."""
    try:
        return dict(line.split() for line in file.read_text().splitlines())
    except (OSError, ValueError):
        return {}
