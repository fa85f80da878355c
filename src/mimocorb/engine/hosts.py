"""The part of a set-up that one host runs, with what sends and receives.

A buffer connects hosts if its workers are on several, or if it says ``backend: jetstream``. On a
host that writes it, it is a ring that a worker ``send_…`` reads; on a host that reads it, a ring
that a worker ``receive_…`` writes. A host that does both has two rings, so that its own readers get
what comes through the stream, as those elsewhere do.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mimocorb.errors import SetupError
from mimocorb.model import BufferSpec, OnFailure, Setup, WorkerSpec
from mimocorb.model.buffer import CONNECTS
from mimocorb.model.engine import EngineSpec, HostPart, ReadBuffer
from mimocorb.setup.graph import Graph
from mimocorb.setup.nearest import nearest
from mimocorb.setup.user_code.own_functions import offered_function

__all__ = ["RECEIVE", "SEND", "connecting_buffers", "part_of_host", "this_host"]

IN_A_MACHINE = "shared_memory"
SEND, RECEIVE = "engine_send", "engine_receive"


@dataclass(frozen=True)
class _Readers:
    """Workers on the same hosts that read a buffer: they take its events under one name."""

    name: str
    hosts: tuple[str, ...]
    workers: tuple[str, ...]


def this_host() -> str:
    """Return the name of this machine, for set-ups without Hosts."""
    return platform.node().partition(".")[0] or "host"


def connecting_buffers(setup: Setup) -> list[str]:
    """Return the buffers whose events go through the engine."""
    found = []
    for buffer in setup.buffers:
        hosts = {host for worker in _workers_of(setup, buffer.name) for host in worker.host}
        if buffer.backend == CONNECTS or len(hosts) > 1:
            found.append(buffer.name)
    return found


def _workers_of(setup: Setup, buffer: str) -> list[WorkerSpec]:
    return [w for w in setup.workers if buffer in (*w.reads, *w.writes)]


def part_of_host(setup: Setup, host: str) -> Setup:
    """Return what one host runs of a set-up.

    Parameters
    ----------
    setup
        The whole set-up, checked.
    host
        One of its hosts; for a set-up without Hosts, any name.

    Raises
    ------
    SetupError
        It has no such host, or something that cannot be put on several.
    """
    if setup.hosts and host not in setup.hosts:
        guess = nearest(host, setup.hosts)
        more = f"; did you mean {guess!r}?" if guess else ""
        raise SetupError(f"the set-up has no host {host!r}: it has {', '.join(setup.hosts)}{more}")
    workers = [w for w in setup.workers if not setup.hosts or host in w.host]
    if not workers:
        raise SetupError(f"no worker of the set-up is on the host {host}")
    connecting = connecting_buffers(setup)
    about = None
    if connecting:
        about = HostPart(host, setup.hosts, _engine(setup), offset_s=_merged_within_s(setup))
    part = replace(setup, hosts=(), engine=None, workers=tuple(workers), part=about)
    for name in connecting:
        part = _connected(setup, part, setup.buffer(name), host)
    used = {name for worker in part.workers for name in worker.roles}
    buffers = tuple(spec for spec in part.buffers if spec.name in used)
    return replace(
        part,
        buffers=buffers,
        workers=tuple(replace(worker, host=()) for worker in part.workers),
        runevents=_limits(part.runevents, {spec.name for spec in buffers}),
        stop_when=tuple(
            each
            for each in part.stop_when
            if each.subject in {*(b.name for b in buffers), *(w.name for w in part.workers)}
        ),
    )


def _limits(limits: Any, buffers: set[str]) -> Any:
    if not isinstance(limits, Mapping):
        return limits
    return {name: number for name, number in limits.items() if name in buffers}


def _connected(setup: Setup, part: Setup, buffer: BufferSpec, host: str) -> Setup:
    """Return the part of a host in which a buffer is connected with other hosts."""
    local = replace(buffer, backend=IN_A_MACHINE)
    all_readers = list(_readers(setup, buffer.name, host))
    writers = [w for w in part.workers if buffer.name in w.writes]
    rings, workers = [], list(part.workers)
    sends: dict[str, Mapping[str, Sequence[str]]] = {}
    receives: dict[str, ReadBuffer] = {}
    if writers:
        rings.append(local)
        readers = [each.name for each in all_readers]
        config = {**_config(setup, buffer, host), "readers": readers}
        config["outbox_mb"] = _engine(setup).outbox_mb
        workers.append(_worker(f"send_{buffer.name}", SEND, config, reads=(buffer.name,)))
        sends[buffer.name] = {each.name: each.hosts for each in all_readers}
    senders = sorted({h for w in setup.workers if buffer.name in w.writes for h in w.host})
    for number, readers_ in enumerate(r for r in all_readers if host in r.hosts):
        ring = buffer.name if not writers and number == 0 else f"{buffer.name} {readers_.name}"
        rings.append(replace(local, name=ring))
        config = {
            **_config(setup, buffer, host),
            "reader": readers_.name,
            "senders": senders,
            "shared": len(readers_.hosts) > 1,
        }
        workers = [_reads_from(w, buffer.name, ring, readers_.workers) for w in workers]
        workers.append(_worker(f"receive_{ring}", RECEIVE, config, writes=(ring,)))
        receives[ring] = ReadBuffer(buffer.name, readers_.name, senders)
    others = tuple(spec for spec in part.buffers if spec.name != buffer.name)
    about = part.part
    if about is not None:
        about = replace(about, writes={**about.writes, **sends}, reads={**about.reads, **receives})
    return replace(part, buffers=(*others, *rings), workers=tuple(workers), part=about)


def _merged_within_s(setup: Setup) -> float | None:
    """Return how far the clocks of hosts may be apart, by what is merged by time of several."""
    graph, windows = Graph(setup), []
    for worker in setup.workers:
        merge = worker.config.get("merge")
        if not isinstance(merge, Mapping) or merge.get("by") != "time":
            continue
        before = {name for buffer in worker.reads for name in graph.upstream(buffer)}
        hosts = {w.host for w in setup.workers if w.name in before and w.is_source}
        if len(hosts) > 1:
            window_ns = merge.get("window_ns")
            windows.append(merge.get("window_s") if window_ns is None else window_ns * 1e-9)
    return min((window for window in windows if window is not None), default=None)


def _readers(setup: Setup, buffer: str, host: str) -> Iterator[_Readers]:
    """Yield those who take events of a buffer: the workers of each host, or group of hosts."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for worker in setup.workers:
        if buffer in worker.reads:
            groups.setdefault(tuple(sorted(worker.host)), []).append(worker.name)
    title = setup.path.stem if setup.path else setup.title or "setup"
    for hosts, workers in groups.items():
        name = "-".join(hosts) or title
        yield _Readers(_plain(name), hosts or (host,), tuple(workers))


def _plain(name: str) -> str:
    """Return a name that NATS takes for who reads a stream."""
    return "".join(c if c.isalnum() and c.isascii() else "-" for c in name)


def _reads_from(worker: WorkerSpec, buffer: str, ring: str, workers: tuple[str, ...]) -> WorkerSpec:
    if worker.name not in workers:
        return worker
    return replace(worker, reads=tuple(ring if name == buffer else name for name in worker.reads))


def _engine(setup: Setup) -> EngineSpec:
    """Return the engine of a set-up, with the absolute path of its credentials."""
    if setup.engine is None:
        names = " and ".join(connecting_buffers(setup))
        raise SetupError(
            f"{names} connects hosts, for which there is an Engine in the set-up; found none; write"
            " Engine: {nats: nats://HOST:4222}; 'mimocorb engine' starts one"
        )
    return setup.engine.beside(setup.base_directory)


def _config(setup: Setup, buffer: BufferSpec, host: str) -> dict[str, Any]:
    engine = _engine(setup)
    return {
        "nats": engine.nats,
        "credentials": engine.credentials,
        "project": engine.project,
        "replicas": engine.replicas,
        "host": host,
        "connects": buffer.name,
        "slot_count": buffer.slot_count,
    }


def _worker(name: str, function: str, config: Mapping[str, Any], **buffers: Any) -> WorkerSpec:
    reference = offered_function(function)
    # A process that dies is replaced: what it had in hand comes again, and is known by its number.
    return WorkerSpec(name, reference, config=config, on_failure=OnFailure("restart"), **buffers)
