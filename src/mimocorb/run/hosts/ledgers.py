"""The ledger of a run for other hosts, from its directory; and what was open in it, completed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mimocorb.engine.booking import journal_name
from mimocorb.errors import EngineError, RunRecordError
from mimocorb.model.engine import HostPart
from mimocorb.run.hosts.comparing import Came, compare
from mimocorb.run.hosts.told import Ledger
from mimocorb.run.record.catalogue import KnownRun, is_run, look_at, rewrite
from mimocorb.run.record.run_record import RECORD_FILE, RunRecord

if TYPE_CHECKING:
    from mimocorb.run.hosts.network import Network

__all__ = ["came_into", "complete", "complete_others", "ledger_of"]

MOST_RUNS = 20
"""So many of the newest runs of a directory are looked at when another one begins."""


def came_into(directory: Path, part: HostPart) -> dict[str, Came]:
    """Return what has come into each ring of a run."""
    return {ring: Came(directory / journal_name(ring)) for ring in part.reads}


def ledger_of(
    directory: Path, part: HostPart, published: Mapping[str, int], came: Mapping[str, Came]
) -> Ledger:
    """Return the ledger of a run for other hosts.

    Parameters
    ----------
    directory, part
        Of the run.
    published
        Events in the buffers that it has sent.
    came
        What has come, as it was read last.
    """
    try:
        record: dict[str, Any] = json.loads((directory / RECORD_FILE).read_text())
    except (OSError, ValueError):
        record = {"state": "running"}
    return Ledger(
        host=part.host,
        run=directory.name,
        directory=str(directory),
        record=record,
        readers={name: list(readers) for name, readers in part.writes.items()},
        sent={name: [(1, count)] for name, count in published.items() if count},
        reads={ring: (each.buffer, each.reader) for ring, each in part.reads.items()},
        came={ring: each.ranges for ring, each in came.items()},
    )


def complete(directory: Path, network: Network | None = None) -> KnownRun:
    """Look at a run; compare it with its partners, if that was not possible at its end.

    Nothing happens if it is not connected with others, or if the engine cannot be reached.

    Parameters
    ----------
    directory
        Of the run.
    network
        Through which its partners are asked; None: it is opened for that.

    Raises
    ------
    RunRecordError
        There is no record.
    """
    known = look_at(directory)
    record = known.record
    is_open = not record.connected or not all(each.compared for each in record.connected)
    if record.part is None or not record.is_final or not is_open:
        return known
    part = HostPart.of(record.part)
    if network is not None:
        return replace(known, record=_completed(directory, record, part, network))
    # Only here, as looking at a run of one machine need not load asyncio.
    from mimocorb.run.hosts.network import Network, reachable

    if not reachable(part.engine):
        return known
    with Network(part.engine, f"{part.host} comparing") as opened:
        return replace(known, record=_completed(directory, record, part, opened))


def _completed(directory: Path, record: RunRecord, part: HostPart, network: Network) -> RunRecord:
    came = came_into(directory, part)
    for each in came.values():
        each.look()
    published = record.progress.published if record.progress else {}
    if record.result is not None:
        published = {each.name: each.published for each in record.result.buffers}
    sent = {name: count for name, count in published.items() if name in part.writes}
    own = ledger_of(directory, part, sent, came)
    try:
        connected = compare(own, network.kept(), network.waits_for)
        if connected != record.connected:
            network.keep(own)
            return rewrite(directory, connected=connected)
    except (EngineError, OSError):
        return record
    return record


def complete_others(directory: Path, network: Network) -> None:
    """Do this for the runs beside one."""
    beside = [each for each in directory.parent.iterdir() if each != directory and is_run(each)]
    for each in sorted(beside)[-MOST_RUNS:]:
        with suppress(RunRecordError):
            complete(each, network)
