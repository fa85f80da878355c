"""What other processes see of a run: for annotations, and for reading the answers.

:func:`mimocorb.connect` gives a :class:`RunClient`; its answers are a :class:`RunStatus` with the
picture of the run in it: :class:`RunView`, with a :class:`BufferView` for each buffer, a
:class:`GroupView` for each of its readers, a :class:`WorkerView` for each worker and a
:class:`ProcessView` for each process.
"""

from mimocorb.run.remote.client import RunClient
from mimocorb.run.remote.protocol import RunStatus
from mimocorb.run.run_state import RunState, WorkerState
from mimocorb.run.run_view import BufferView, GroupView, ProcessView, RunView, WorkerView

__all__ = [
    "BufferView",
    "GroupView",
    "ProcessView",
    "RunClient",
    "RunState",
    "RunStatus",
    "RunView",
    "WorkerState",
    "WorkerView",
]
