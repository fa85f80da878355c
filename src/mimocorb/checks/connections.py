"""What is wrong with the buffers of a set-up that connect hosts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec

from mimocorb.checks.examination import examine
from mimocorb.checks.trial import Manner
from mimocorb.engine.hosts import RECEIVE, SEND, connecting_buffers, part_of_host, this_host
from mimocorb.errors import SetupError
from mimocorb.model import Setup
from mimocorb.model.problem import Problem, Where

__all__ = ["connection_problems"]


def connection_problems(setup: Setup, manner: Manner) -> Iterator[Problem]:
    """Yield what a run would refuse that concerns its connections, on every host of a set-up."""
    connecting = connecting_buffers(setup)
    if not setup.hosts and not connecting:
        return
    whole = Where(str(setup.path.name) if setup.path else "")
    idle = [host for host in setup.hosts if not any(host in w.host for w in setup.workers)]
    for host in idle:
        yield Problem(
            whole,
            "every one of Hosts has a worker",
            f"found none on {host}",
            f"give it to a worker with host: {host}, or remove it from Hosts",
        )
    if not connecting:
        return
    fault = _engine_fault(setup, connecting[0])
    if fault is not None:
        yield fault
        return
    for host in setup.hosts or (this_host(),):
        if host in idle:
            continue
        try:
            part = part_of_host(setup, host)
        except SetupError as error:
            yield Problem(whole, f"the part of {host} can run", f"found that {error}", "")
            continue
        added = [spec for spec in part.workers if spec.function.name in (SEND, RECEIVE)]
        yield from examine(replace(part, workers=tuple(added)), manner).problems


def _engine_fault(setup: Setup, buffer: str) -> Problem | None:
    """Return what is wrong with the engine of a set-up that needs one."""
    where, engine = setup.buffer(buffer).where, setup.engine
    asked = f"{buffer} connects hosts, which needs an Engine"
    if engine is None:
        remedy = "write Engine: {nats: nats://HOST:4222}; 'mimocorb engine' starts one"
        return Problem(where, asked, "found none", remedy)
    from mimocorb.engine.connection import INSTALL, check_engine  # asyncio is slow to load

    if find_spec("nats") is None:
        return Problem(where, asked, "found that the package nats-py is missing", INSTALL)
    try:
        check_engine(engine.beside(setup.base_directory))
    except SetupError as error:
        return Problem(where, asked, f"found that {error}", "correct what stands under Engine")
    return None
