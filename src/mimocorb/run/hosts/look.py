"""All hosts of a laboratory, looked at from anywhere that can reach the engine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mimocorb.engine.connection import check_engine
from mimocorb.errors import EngineError, RunUnreachable, SetupError
from mimocorb.model.engine import EngineSpec, HostPart
from mimocorb.run.hosts.network import Network, reachable
from mimocorb.run.hosts.told import Ledger, Told, decoded
from mimocorb.run.record.catalogue import KnownRun
from mimocorb.run.record.run_record import RunRecord
from mimocorb.run.remote.protocol import RunStatus, status_from_plain
from mimocorb.setup.dialects import read_setup

__all__ = ["engine_named", "engines_of", "hosts_at", "is_host", "runs_at", "status_of_host"]

BY = "mimocorb, looking"


def engine_named(text: str) -> EngineSpec:
    """Return the engine that an option names: by a set-up file, or by its address.

    Raises
    ------
    SetupError
        The set-up has none, or the address cannot be.
    """
    if Path(text).suffix in (".yaml", ".yml"):
        setup = read_setup(text)
        if setup.engine is None:
            raise SetupError(f"{text} has no Engine: it is a set-up of one machine")
        return setup.engine.beside(setup.base_directory)
    engine = EngineSpec(text)
    try:
        check_engine(engine)
    except SetupError as error:
        raise SetupError(
            f"--engine {text}: {error}; a set-up file can be named as well, which has its address,"
            " credentials and project"
        ) from None
    return engine


def engines_of(records: Iterable[RunRecord]) -> list[EngineSpec]:
    """Return the engines that runs are connected by, each once, those that can be reached."""
    parts = [HostPart.of(record.part) for record in records if record.part is not None]
    return [engine for engine in dict.fromkeys(part.engine for part in parts) if reachable(engine)]


def _looking(engine: EngineSpec) -> Network:
    """Return what sees the hosts; EngineError if nobody listens at the engine's address."""
    if not reachable(engine):
        raise EngineError(
            f"nobody listens at {engine.nats}: start the engine there with 'mimocorb engine', or"
            " correct the address"
        )
    return Network(engine, BY)


def hosts_at(engine: EngineSpec) -> list[tuple[Told, dict[str, Any]]]:
    """Return what the hosts tell whose runs go on now, and their whole status.

    Raises
    ------
    EngineError
        The engine cannot be reached.
    """
    with _looking(engine) as network:
        return network.who_is_there()


def status_of_host(engine: EngineSpec, host: str) -> RunStatus:
    """Return the status of the run of a host.

    Raises
    ------
    RunUnreachable
        It has none that goes on, or several.
    """
    there = hosts_at(engine)
    found = [status for told, status in there if is_host(told, host)]
    if len(found) == 1:
        return status_from_plain(found[0])
    names = ", ".join(f"{told.view.host} ({told.view.title})" for told, _ in there) or "none"
    which = "no run of a host" if not found else "several runs of hosts"
    raise RunUnreachable(f"{which} called {host!r} at {engine.nats}; running are: {names}")


def is_host(told: Told, name: str) -> bool:
    """Whether a host, or its run, is called so."""
    return name in (told.view.host, told.view.run, f"{told.view.host}/{told.view.run}")


def runs_at(engine: EngineSpec) -> list[tuple[Ledger, KnownRun]]:
    """Return the runs that the engine knows of, oldest first; what cannot be read is left out.

    Raises
    ------
    EngineError
        The engine cannot be reached.
    """
    with _looking(engine) as network:
        kept = network.kept()
    found = []
    for ledger in kept:
        try:
            record = decoded(RunRecord, ledger.record)
        except ValueError:  # of another version
            continue
        found.append((ledger, KnownRun(Path(ledger.directory), record, certain=record.is_final)))
    return sorted(found, key=lambda one: one[1].record.started_utc)
