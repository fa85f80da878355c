"""What is wrong with the buffers of a set-up that connect hosts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mimocorb.checks.examination import examine
from mimocorb.checks.trial import Manner
from mimocorb.engine.hosts import RECEIVE, SEND, connecting_buffers, part_of_host, this_host
from mimocorb.errors import SetupError
from mimocorb.model import Setup
from mimocorb.model.problem import NOWHERE, Problem

__all__ = ["connection_problems"]


def connection_problems(setup: Setup, manner: Manner) -> Iterator[Problem]:
    """Yield what the workers that send and receive refuse, on every host of a set-up."""
    if not setup.hosts and not connecting_buffers(setup):
        return
    for host in setup.hosts or (this_host(),):
        try:
            part = part_of_host(setup, host)
        except SetupError as error:
            yield Problem(NOWHERE, str(error), "", "")
            return
        added = [spec for spec in part.workers if spec.function.name in (SEND, RECEIVE)]
        if added:
            yield from examine(replace(part, workers=tuple(added)), manner).problems
