"""Worker functions of mimoCoRB2: ``f(buffer_io)`` with one object for everything.

The object has the names that mimoCoRB2's has, so that functions written for it run unchanged; what
they import from ``mimocorb2`` comes from :mod:`mimocorb.compat.mimocorb2.names`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from mimocorb.compat.mimocorb2.buffer_handles import BufferObserver, BufferReader, BufferWriter
from mimocorb.setup.nearest import nearest

if TYPE_CHECKING:
    from mimocorb.components.worker import Work, Worker

__all__ = ["BufferIO", "Config", "bind"]


class Config(dict[str, Any]):
    """The configuration of a worker: a dictionary."""


class BufferIO:
    """Everything that a function of mimoCoRB2 works with.

    Attributes
    ----------
    name : str
        Name of the worker in the set-up.
    read, write, observe : list
        The buffers by role, in the order of the set-up: see
        :class:`~mimocorb.compat.mimocorb2.buffer_handles.BufferReader` and its siblings.
    config : Config
        The configuration; ``buffer_io["key"]`` is one value of it, ``buffer_io.get("key", 1)`` one
        with a default.
    setup_dir, run_dir : Path
        Directory of the set-up file, to read from; directory of the run, to write to.
    logger : logging.Logger
        For messages; they go to the log of the run.
    data_in_examples, data_out_examples, data_observe_examples : list of ndarray
        For each buffer an array of zeros in the form of its events.
    metadata_in_examples, metadata_out_examples, metadata_observe_examples : list of ndarray
        The same for the metadata.
    buffer_names_in, buffer_names_out, buffer_names_observe : list of str
        Names of the buffers.
    """

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.name = worker.spec.name
        self.read = [BufferReader(setup) for setup in worker.reads]
        in_order = worker.spec.ordered
        self.write = [BufferWriter(each, self.read, in_order=in_order) for each in worker.writes]
        self.observe = [BufferObserver(setup) for setup in worker.observes]
        self.config = Config(worker.spec.config)
        self.setup_dir = worker.spec.config_origin.directory
        self.run_dir = worker.directory.absolute()
        self.logger = logging.getLogger(self.name)
        self.data_in_examples, self.metadata_in_examples = _examples(self.read)
        self.data_out_examples, self.metadata_out_examples = _examples(self.write)
        self.data_observe_examples, self.metadata_observe_examples = _examples(self.observe)
        self.buffer_names_in = [handle.name for handle in self.read]
        self.buffer_names_out = [handle.name for handle in self.write]
        self.buffer_names_observe = [handle.name for handle in self.observe]

    @property
    def setup_directory(self) -> str:
        """Name of `setup_dir`, as the first versions of mimoCoRB2 have it."""
        return str(self.setup_dir)

    @property
    def run_directory(self) -> str:
        """Name of `run_dir`, as the first versions of mimoCoRB2 have it."""
        return str(self.run_dir)

    def shutdown_sinks(self) -> None:
        """Leave all sinks; a stream ends when every process that writes it has done so."""
        for writer in self.write:
            writer.shutdown_buffer()

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value of the configuration, or `default` if it is not there."""
        return self.config.get(key, default)

    def __getitem__(self, key: str) -> Any:
        if key not in self.config:
            guess = nearest(key, self.config)
            raise KeyError(
                f"the configuration of {self.name} has no {key!r}; "
                + (f"did you mean {guess!r}?" if guess else f"it has {sorted(self.config)}")
            )
        return self.config[key]

    def __str__(self) -> str:
        return (
            f"BufferIO(sources={self.buffer_names_in}, sinks={self.buffer_names_out},"
            f" observes={self.buffer_names_observe}, config={self.config})"
        )


def bind(function: Callable[..., Any], worker: Worker) -> Work:
    """Return the call with a BufferIO; the buffers are opened when the function uses them."""
    buffer_io = BufferIO(worker)

    def work() -> None:
        function(buffer_io)

    return work


def _examples(handles: list[Any]) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    return [h.data_example for h in handles], [h.metadata_example for h in handles]
