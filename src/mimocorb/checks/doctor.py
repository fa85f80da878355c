"""What of a computer stands in the way of data taking, each with what can be done about it."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import shutil
import struct
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from mimocorb._memory import available_bytes, size_in_words
from mimocorb._words import count, how_many
from mimocorb.checks.trial import start_method_now

__all__ = ["Diagnosis", "State", "examine_machine"]

State = Literal["good", "note", "bad"]
"""``bad``: runs fail or lose events because of it; ``note``: they could be better."""

LEAST_MEMORY = 128 << 20
USUAL_MEMORY = 1 << 30
LEAST_SHARED = 16 << 20
LEAST_DISK = 1 << 30
LEAST_DESCRIPTORS, USUAL_DESCRIPTORS = 256, 1024
_SLOW_CLOCKS = ("hpet", "acpi_pm", "jiffies", "pit")
_UNSYNCHRONISED = 0x40
_TIMEX_BYTES, _STATUS_AT = 512, 40
_NEEDED = ("numpy", "pyarrow", "pydantic", "PyYAML", "rich")


@dataclass(frozen=True)
class Diagnosis:
    """One thing that was looked at.

    Parameters
    ----------
    what
        What it is.
    state
        Whether it stands in the way.
    found
        What was found.
    remedy
        What to do; empty if nothing has to be done.
    """

    what: str
    state: State
    found: str
    remedy: str = ""


def examine_machine(directory: Path = Path(), root: Path = Path("/")) -> list[Diagnosis]:
    """Look at all that has made trouble before.

    Parameters
    ----------
    directory
        Where runs are to be written.
    root
        Where ``/sys`` and ``/proc`` are.
    """
    return [
        _versions(),
        _system(),
        _memory(),
        _shared_memory(root / "dev/shm"),
        _descriptors(),
        _processes(),
        _processors(),
        *_clock_source(root),
        _clock_is_set(),
        *_governor(root),
        _disk(directory),
        _start_method(),
    ]


def _versions() -> Diagnosis:
    found, missing = [f"Python {platform.python_version()}"], []
    for name in ("mimocorb", *_NEEDED):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    remedy = f"pip install {' '.join(missing)}" if missing else ""
    return Diagnosis("versions", "bad" if missing else "good", ", ".join(found), remedy)


def _system() -> Diagnosis:
    found = f"{platform.system()} {platform.release()}, {platform.machine()}"
    is_right = sys.platform == "linux" and sys.maxsize > 1 << 32
    remedy = "" if is_right else "mimocorb needs 64-bit Linux"
    return Diagnosis("system", "good" if is_right else "bad", found, remedy)


def _memory() -> Diagnosis:
    free = available_bytes()
    state: State = "bad" if free < LEAST_MEMORY else "note" if free < USUAL_MEMORY else "good"
    remedy = (
        "end other programs, or give the buffers fewer slots; mimocorb check SETUP shows what"
        " they need"
    )
    found = f"{size_in_words(free)} are free for ring buffers"
    return Diagnosis("memory", state, found, "" if state == "good" else remedy)


def _shared_memory(place: Path) -> Diagnosis:
    """Look at /dev/shm: not the rings are there, but the locks of Python, and events put aside."""
    what = "shared memory"
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return Diagnosis(
            what, "bad", f"{place}: {error.strerror}", f"sudo mount -t tmpfs tmpfs {place}"
        )
    if not os.access(place, os.W_OK):
        return Diagnosis(what, "bad", f"{place} cannot be written", f"sudo chmod 1777 {place}")
    found = f"{place} has {size_in_words(free)} free; ring buffers do not need it"
    if free >= LEAST_SHARED:
        return Diagnosis(what, "good", found)
    remedy = f"remove what is left in {place}; in a container: --shm-size=256m"
    return Diagnosis(what, "note", found, remedy)


def _descriptors() -> Diagnosis:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    state: State = (
        "bad" if soft < LEAST_DESCRIPTORS else "note" if soft < USUAL_DESCRIPTORS else "good"
    )
    most = "without limit" if hard == resource.RLIM_INFINITY else count(hard)
    found = f"{count(soft)} open files for each process, at most {most}"
    wanted = USUAL_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, USUAL_DESCRIPTORS)
    raises = f"ulimit -n {wanted}"
    if wanted < USUAL_DESCRIPTORS:
        raises = f"a line '* hard nofile {USUAL_DESCRIPTORS}' in /etc/security/limits.conf"
    return Diagnosis("descriptors", state, found, "" if state == "good" else raises)


def _processes() -> Diagnosis:
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if soft == resource.RLIM_INFINITY or soft >= 256:
        limit = "without limit" if soft == resource.RLIM_INFINITY else count(soft)
        return Diagnosis("processes", "good", f"{limit} for this user")
    return Diagnosis("processes", "note", f"{soft} for this user", "ulimit -u 4096")


def _processors() -> Diagnosis:
    usable = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    found = f"{how_many(usable, 'core')}, load {load:.1f}"
    if load <= usable:
        return Diagnosis("processors", "good", found)
    remedy = "other programs use them: end these before a run whose rate counts"
    return Diagnosis("processors", "note", found, remedy)


def _clock_source(root: Path) -> Iterator[Diagnosis]:
    folder = root / "sys/devices/system/clocksource/clocksource0"
    current = _text(folder / "current_clocksource")
    if not current:
        return
    possible = _text(folder / "available_clocksource").split()
    if current not in _SLOW_CLOCKS:
        yield Diagnosis("clock source", "good", current)
        return
    better = [each for each in possible if each not in _SLOW_CLOCKS]
    remedy = (
        f"echo {better[0]} | sudo tee {folder / 'current_clocksource'}"
        if better
        else "the kernel has no faster one; look into dmesg for 'clocksource' and 'TSC unstable'"
    )
    found = f"{current}: each look at the clock takes about 1 µs instead of 0.03"
    yield Diagnosis("clock source", "note", found, remedy)


def _clock_is_set() -> Diagnosis:
    """Ask the kernel whether somebody keeps its clock right, as ntp_adjtime does."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    if ctypes.CDLL(None, use_errno=True).adjtimex(timex) < 0:
        reason = os.strerror(ctypes.get_errno())
        return Diagnosis("clock", "note", f"whether it is right is not known: {reason}")
    (status,) = struct.unpack_from("i", timex.raw, _STATUS_AT)
    if not status & _UNSYNCHRONISED:
        return Diagnosis("clock", "good", "kept right by a time server")
    remedy = (
        "sudo timedatectl set-ntp true, or install chrony; the intervals within a run are right"
        " without it"
    )
    found = "not known to be right: the times of events are those of this computer alone"
    return Diagnosis("clock", "note", found, remedy)


def _governor(root: Path) -> Iterator[Diagnosis]:
    files = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor")
    governors = Counter(filter(None, map(_text, files)))
    if not governors:
        return
    found = ", ".join(f"{name} on {how_many(n, 'core')}" for name, n in governors.items())
    if "powersave" not in governors:
        yield Diagnosis("processor speed", "good", found)
        return
    remedy = "sudo cpupower frequency-set -g performance, for runs at the limit of the rate"
    yield Diagnosis("processor speed", "note", found, remedy)


def _disk(directory: Path) -> Diagnosis:
    try:
        free = shutil.disk_usage(directory).free
    except OSError as error:
        return Diagnosis(
            "disk", "bad", f"{directory}: {error.strerror}", "choose another directory"
        )
    place = directory.resolve()
    if not os.access(directory, os.W_OK | os.X_OK):
        remedy = "choose a directory of yours: mimocorb run --output DIR SETUP"
        return Diagnosis("disk", "bad", f"nothing can be written into {place}", remedy)
    found = f"{size_in_words(free)} free in {place}"
    if free >= LEAST_DISK:
        return Diagnosis("disk", "good", found)
    remedy = "make room, or write to another disk: mimocorb run --output DIR SETUP"
    return Diagnosis("disk", "note" if free > LEAST_DISK // 10 else "bad", found, remedy)


def _start_method() -> Diagnosis:
    return Diagnosis("start of workers", "good", start_method_now(None))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
