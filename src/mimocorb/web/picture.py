"""A run at one moment in plain values: what the page draws, what the interface answers.

The same form for a run that goes on, from its status, and for one that has ended, from its record.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mimocorb.run.record.run_record import RunRecord
from mimocorb.run.remote.protocol import RunStatus
from mimocorb.run.run_log import utc
from mimocorb.run.run_view import BufferView, ProcessView

__all__ = ["of_record", "of_status"]

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def of_status(status: RunStatus, record: RunRecord) -> dict[str, Any]:
    """Return the picture of a run that goes on, or has just ended."""
    view = status.view
    accounts = view.accounts.as_dict() if view.accounts else _accounts(record)
    recent = {}
    if view.accounts:
        recent = {name: use.as_dict() for name, use in view.accounts.recent.items()}
    return {
        **_identity(record),
        "state": status.state.value,
        "ended": status.ended,
        "cause": view.cause or view.reason,
        "seen_s": time.time(),
        "started_utc": utc(status.started_s),
        "elapsed_s": view.elapsed_s,
        "active_s": view.active_s,
        "events": view.events,
        "goals": [asdict(goal) | {"fraction": goal.fraction} for goal in view.goals],
        "buffers": [_buffer(each, record.setup) for each in view.buffers],
        "workers": [
            _worker(
                worker.name,
                worker.function,
                worker.processes,
                recent.get(worker.name),
                restarts=worker.restarts,
            )
            | {"warnings": worker.warnings, "last_warning": worker.last_warning}
            for worker in view.workers
        ],
        "results": _results(view.results),
        "alarms": [asdict(alarm) | {"goes_on": alarm.goes_on} for alarm in view.alarms],
        "failures": list(status.failures),
        "warnings": list(status.warnings),
        "disk": disk_of(status.directory),
        **_of_accounts(accounts),
    }


def of_record(record: RunRecord, state: str, directory: Path) -> dict[str, Any]:
    """Return the picture of a run that has ended, or was killed."""
    result = record.result
    setup_workers: Mapping[str, Any] = record.setup.get("Workers", {})
    ends: dict[str, list[ProcessView]] = {name: [] for name in setup_workers}
    for process in result.workers if result else ():
        ends.setdefault(process.worker, []).append(process)
    accounts = _accounts(record)
    uses = {each["name"]: each.get("use") for each in accounts.get("time_use", ())}
    killed = [why for reasons in (record.quality or {}).values() for why in reasons]
    return {
        **_identity(record),
        "state": state,
        "ended": True,
        "cause": result.reason if result else record.states[-1].cause,
        "seen_s": time.time(),
        "started_utc": record.started_utc,
        "elapsed_s": result.elapsed_s if result else None,
        "active_s": result.active_s if result else None,
        "events": result.events if result else record.progress.events if record.progress else 0,
        "goals": [],
        "buffers": [_buffer(each, record.setup) for each in result.buffers] if result else [],
        "workers": [
            _worker(
                name, str(setup_workers.get(name, {}).get("function", "")), ended, uses.get(name)
            )
            for name, ended in ends.items()
        ],
        "results": _results(result.results) if result else {},
        "alarms": [asdict(a) | {"goes_on": False} for a in result.alarms] if result else [],
        "failures": list(result.failures) if result else killed,
        "warnings": list(result.warnings) if result else [],
        "disk": disk_of(directory),
        **_of_accounts(accounts),
    }


def _identity(record: RunRecord) -> dict[str, Any]:
    return {
        "name": "",
        "number": record.number,
        "title": record.title,
        "operator": record.operator,
        "comment": record.comment,
        "notes": [asdict(note) for note in record.notes],
        "quality": record.quality,
        "mimocorb": record.versions.get("mimocorb", ""),
        "ended_utc": record.ended_utc,
    }


def _accounts(record: RunRecord) -> dict[str, Any]:
    return record.result.accounts if record.result else {}


def _of_accounts(accounts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "decisions": [each for each in accounts.get("decisions", ()) if each.get("known")],
        "live_time": accounts.get("live_time", []),
        "doubts": accounts.get("doubts", []),
        "limit": accounts.get("limit", ""),
        "cores": accounts.get("cores", {}),
    }


def _buffer(view: BufferView, setup: Mapping[str, Any]) -> dict[str, Any]:
    readers = [
        name
        for name, worker in setup.get("Workers", {}).items()
        if view.name in (worker.get("sources") or ())
    ]
    slots = view.number_of_slots or setup.get("Buffers", {}).get(view.name, {}).get("slot_count", 0)
    return {
        "name": view.name,
        "slots": slots,
        "filled": slots - view.free_slots if view.number_of_slots else 0,
        "published": view.published,
        "aborted": view.aborted,
        "torn": view.torn,
        "due": view.due,
        "throughput_hz": view.throughput_hz,
        "rate_hz": view.rate_hz,
        "rate_sigma_hz": view.rate_sigma_hz,
        "doubtful": view.live_time_doubtful,
        "recorded_rate_hz": view.recorded_rate_hz,
        "dead_fraction": view.dead_fraction,
        "dead_time": dict(view.dead_time),
        "ended": view.ended,
        "paused": view.paused,
        "groups": [
            {
                "reader": readers[number] if number < len(readers) else group.reader,
                "acknowledged": group.acknowledged,
                "due": group.due,
                "quarantined": group.quarantined,
                "saved": group.saved,
                "lost": group.lost,
                "redelivered": group.redelivered,
            }
            for number, group in enumerate(view.groups)
        ],
    }


def _worker(
    name: str,
    function: str,
    processes: Iterable[ProcessView],
    use: Mapping[str, Any] | None,
    restarts: int = 0,
) -> dict[str, Any]:
    listed = [
        {
            "name": each.name,
            "pid": each.pid,
            "state": each.state.value,
            "how": each.how,
            "memory_bytes": None if each.ended_utc or each.how else memory_of(each.pid),
        }
        for each in processes
    ]
    memory = [each["memory_bytes"] for each in listed if each["memory_bytes"]]
    return {
        "name": name,
        "function": function,
        "processes": listed,
        "restarts": restarts,
        "memory_bytes": sum(memory) if memory else None,
        "use": dict(use) if use else None,
        "warnings": 0,
        "last_warning": "",
    }


def _results(results: Mapping[str, Mapping[str, float]]) -> dict[str, list[dict[str, Any]]]:
    """Return what workers have reported; a value and its uncertainty together."""
    found = {}
    for worker, values in results.items():
        errors = {name: _error_of(name, values) for name in values}
        found[worker] = [
            {"name": name, "value": value, "sigma": _sigma(name, values, errors)}
            for name, value in values.items()
            if name not in errors.values()
        ]
    return found


def _error_of(name: str, values: Mapping[str, float]) -> str | None:
    """Return the name of the uncertainty: ``tau_error_ns`` and the like belong to ``tau_ns``."""
    stem, _, unit = name.rpartition("_")
    names = [f"{name}_{word}" for word in ("error", "sigma")]
    names += [f"{stem}_{word}_{unit}" for word in ("error", "sigma")] if stem else []
    return next((each for each in names if each in values), None)


def _sigma(
    name: str, values: Mapping[str, float], errors: Mapping[str, str | None]
) -> float | None:
    error = errors[name]
    if error is not None:
        return values[error]
    # Of one value alone, what is called relative_error can only be its own.
    relative = values.get("relative_error")
    if relative is not None and set(values) == {name, "relative_error"}:
        return abs(values[name] * relative)
    return None


def memory_of(pid: int | None) -> int | None:
    """Return the memory that a process has in use, without what it shares; None if not known."""
    if pid is None:
        return None
    with suppress(OSError, ValueError, IndexError):
        _size, resident, shared = Path(f"/proc/{pid}/statm").read_text().split()[:3]
        return (int(resident) - int(shared)) * PAGE_BYTES
    return None


def disk_of(directory: Path) -> dict[str, int] | None:
    """Return how much room there is where the run writes, and what it has written."""
    try:
        usage = shutil.disk_usage(directory)
        with os.scandir(directory) as entries:
            own = sum(entry.stat().st_size for entry in entries if entry.is_file())
    except OSError:
        return None
    return {"free_bytes": usage.free, "total_bytes": usage.total, "run_bytes": own}
