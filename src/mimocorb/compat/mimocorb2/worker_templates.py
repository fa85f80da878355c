"""The templates of mimoCoRB2, on top of our access classes.

A function written for mimoCoRB2 makes one of them from its ``buffer_io`` and calls it, or loops
over it. What the user's function returns is written as mimoCoRB2 writes it, by a NumPy assignment
into the slot; delivery, end of stream, redelivery and accounts are those of mimocorb.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb import errors
from mimocorb._words import how_many
from mimocorb.compat.manual.filter import BufferToBuffer
from mimocorb.compat.manual.source import SourceToBuffer
from mimocorb.compat.mimocorb2.buffer_handles import Event
from mimocorb.compat.mimocorb2.buffer_io import BufferIO

__all__ = [
    "Exporter",
    "Filter",
    "Importer",
    "IsAlive",
    "Observer",
    "Processor",
    "SetupError",
    "UfuncError",
]

Ufunc = Callable[[NDArray[Any]], Any]


class SetupError(errors.SetupError):
    """A template does not fit to its buffers.

    Parameters
    ----------
    instance
        The template.
    message
        What does not fit.
    exception
        What raised it, if anything did.
    """

    def __init__(self, instance: Any, message: str, exception: BaseException | None = None) -> None:
        super().__init__(_told(instance, message, exception))


class UfuncError(errors.UserFunctionError):
    """The function given to a template cannot be used, or returned what cannot be written.

    Parameters
    ----------
    instance
        The template.
    message
        What is wrong.
    exception
        What raised it, if anything did.
    ufunc_input, ufunc_output
        What the function was given and what it returned; logged.
    """

    def __init__(
        self,
        instance: Any,
        message: str,
        exception: BaseException | None = None,
        ufunc_input: Any = None,
        ufunc_output: Any = None,
    ) -> None:
        for what, value in (("input", ufunc_input), ("output", ufunc_output)):
            if value is not None:
                instance.logger.error("%s: %.2000s", what, value)
        super().__init__(_told(instance, message, exception))


class Base:
    """What all templates have: the buffers and settings of their ``buffer_io``."""

    def __init__(self, io: BufferIO) -> None:
        self.io = io
        self.read = io.read
        self.write = io.write
        self.observe = io.observe
        self.config = io.config
        self.logger = io.logger
        self.name = io.name
        self.run_dir = io.run_dir
        self.setup_dir = io.setup_dir
        self.run_directory, self.setup_directory = io.run_directory, io.setup_directory
        self.shutdown_sinks = io.shutdown_sinks

    def drain_sources(self) -> None:
        """Read and discard everything that still comes to the sources."""
        for source in self.read:
            while not source.is_shutdown.value:
                with source:
                    pass

    def _needs(self, sources: int, sinks: str, observed: int) -> None:
        """Check the buffers; `sinks` is a key of `allowed`."""
        number = len(self.write)
        allowed = {
            "0 sinks": number == 0,
            "1 sink": number == 1,
            "1 or more sinks": number > 0,
            "any number of sinks": True,
        }
        if (len(self.read), len(self.observe)) != (sources, observed) or not allowed[sinks]:
            raise SetupError(
                self,
                f"{type(self).__name__} needs {how_many(sources, 'source')}, {sinks} and"
                f" {how_many(observed, 'observed buffer')}; found {self.io.buffer_names_in},"
                f" {self.io.buffer_names_out} and {self.io.buffer_names_observe}",
            )

    def _needs_equal_sinks(self) -> None:
        """Check that events of the source fit into the sinks as they are."""
        (source,) = self.read
        for sink in self.write:
            if (sink.data_length, sink.data_dtype) != (source.data_length, source.data_dtype):
                raise SetupError(
                    self,
                    f"{type(self).__name__} copies events of {source.name} ({source.data_length} x"
                    f" {source.data_dtype}), which do not fit into {sink.name}"
                    f" ({sink.data_length} x {sink.data_dtype}); give both the same form",
                )

    def _function(self, ufunc: Any) -> Any:
        if not callable(ufunc):
            raise UfuncError(
                self, f"{type(self).__name__} needs a function, found {type(ufunc).__name__}"
            )
        return ufunc

    def _transfer(self, ufunc: Ufunc, outputs: Callable[[NDArray[Any]], Any]) -> None:
        """Run a filter whose results are made by `outputs`, under the name of the function."""
        worker = self.io.worker
        named = functools.wraps(ufunc)(lambda data: outputs(data.copy()))
        BufferToBuffer(worker.reads, worker.writes, config_dict=self.config, filter=named)()


class Importer(Base):
    """Fills a buffer with what a generator function yields.

    Parameters
    ----------
    io
        With one sink.

    Attributes
    ----------
    data_example, metadata_example : ndarray
        Zeros in the form of an event and of its metadata.
    counter : int
        Number of events that have been taken from the function and published.
    """

    def __init__(self, io: BufferIO) -> None:
        super().__init__(io)
        self._needs(0, "1 sink", 0)
        self.data_example = io.data_out_examples[0]
        self.metadata_example = io.metadata_out_examples[0]
        self.counter = 0

    def __call__(self, ufunc: Callable[[], Iterator[Any]]) -> None:
        """Publish every event up to None or the end of the generator; blocks until then."""
        form = self.data_example

        @functools.wraps(self._function(ufunc))
        def events() -> Iterator[NDArray[Any]]:
            for data in ufunc():
                if data is None:
                    return
                yield _assigned(form, data)
                self.counter += 1

        SourceToBuffer(sink_list=self.io.worker.writes, data_source=events)()


class Exporter(Base):
    """Hands every event to a loop: ``for data, metadata in exporter``.

    An event counts as processed when the loop asks for the next one. If there are sinks, it is
    copied to each of them before the loop gets it.

    Parameters
    ----------
    io
        With one source and any number of sinks of the same form.

    Attributes
    ----------
    data_example, metadata_example : ndarray
        Zeros in the form of an event and of its metadata.
    """

    def __init__(self, io: BufferIO) -> None:
        super().__init__(io)
        self._needs(1, "any number of sinks", 0)
        self._needs_equal_sinks()
        self.data_example = io.data_in_examples[0]
        self.metadata_example = io.metadata_in_examples[0]

    def __iter__(self) -> Iterator[Event]:
        """Yield data and metadata of every event, to the end of the stream."""
        while True:
            with self.read[0] as (metadata, data):
                if data is None or metadata is None:
                    self.shutdown_sinks()
                    return
                with ExitStack() as slots:  # there is room in all before anything is published
                    for sink in sorted(self.write, key=lambda sink: sink.name):
                        sink_metadata, sink_data = slots.enter_context(sink)
                        sink_data[:] = data
                        sink_metadata[:] = metadata
                        sink.time_ns = self.read[0].time_ns
                yield data, metadata


class Filter(Base):
    """Copies the events that a function accepts to sinks of the same form.

    Parameters
    ----------
    io
        With one source and at least one sink.

    Attributes
    ----------
    data_example : ndarray
        Zeros in the form of an event.
    """

    def __init__(self, io: BufferIO) -> None:
        super().__init__(io)
        self._needs(1, "1 or more sinks", 0)
        self._needs_equal_sinks()
        self.data_example = io.data_in_examples[0]

    def __call__(self, ufunc: Ufunc) -> None:
        """Call the function with every event; blocks until the end of the stream.

        It returns True to copy the event to every sink, False to discard it, or a list with one
        truth value per sink.
        """
        self._function(ufunc)
        sinks = len(self.write)

        def outputs(data: NDArray[Any]) -> list[Any] | None:
            result = ufunc(data)
            if result is None or (np.ndim(result) == 0 and not result):
                return None
            wanted = [True] * sinks if np.ndim(result) == 0 else list(result)
            if len(wanted) != sinks:
                raise self._miscounted(data, result)
            return [data if copied else None for copied in wanted]

        self._transfer(ufunc, outputs)

    def _miscounted(self, data: NDArray[Any], result: Any) -> UfuncError:
        return UfuncError(
            self,
            f"a function for Filter returns one truth value, or one for each sink"
            f" ({', '.join(self.io.buffer_names_out)}); found {result!r:.200}",
            ufunc_input=data,
            ufunc_output=result,
        )


class Processor(Base):
    """Writes what a function makes of the events.

    Parameters
    ----------
    io
        With one source and at least one sink.
    """

    def __init__(self, io: BufferIO) -> None:
        super().__init__(io)
        self._needs(1, "1 or more sinks", 0)

    def __call__(self, ufunc: Ufunc) -> None:
        """Call the function with every event; blocks until the end of the stream.

        It returns None to discard the event, or a list with one result per sink, None for nothing.
        """
        self._function(ufunc)
        forms = self.io.data_out_examples

        def outputs(data: NDArray[Any]) -> list[Any] | None:
            results = ufunc(data)
            if results is None:
                return None
            if not isinstance(results, Sequence | np.ndarray) or len(results) != len(forms):
                raise UfuncError(
                    self,
                    f"a function for Processor returns a list of {how_many(len(forms), 'result')},"
                    f" one for each sink, found {results!r:.200}",
                    ufunc_input=data,
                    ufunc_output=results,
                )
            return [
                None if result is None else _assigned(form, result)
                for form, result in zip(forms, results, strict=True)
            ]

        self._transfer(ufunc, outputs)


class Observer(Base):
    """Looks at some events: ``data, metadata = next(observer())``.

    Parameters
    ----------
    io
        With one observed buffer.

    Attributes
    ----------
    data_example : ndarray
        Zeros in the form of an event.
    """

    def __init__(self, io: BufferIO) -> None:
        super().__init__(io)
        self._needs(0, "0 sinks", 1)
        self.data_example = io.data_observe_examples[0]

    def __call__(self) -> Iterator[Event | tuple[None, None]]:
        """Yield the newest event, each once; ``(None, None)`` at the end of the stream."""
        while True:
            with self.observe[0] as (metadata, data):
                if data is None or metadata is None:
                    break
                yield data, metadata
        yield None, None


class IsAlive(Base):
    """Tells whether a buffer is still being written.

    Parameters
    ----------
    io
        With one observed buffer.
    """

    def __init__(self, io: BufferIO) -> None:
        super().__init__(io)
        self._needs(0, "0 sinks", 1)

    def __call__(self) -> bool:
        """Return True until the stream has ended."""
        return not self.observe[0].is_shutdown.value


def _assigned(form: NDArray[Any], value: Any) -> NDArray[Any]:
    """Return `value` as mimoCoRB2 writes it into a slot of this form."""
    record = np.empty_like(form)
    record[:] = value
    return record


def _told(instance: Any, message: str, exception: BaseException | None) -> str:
    reason = f" ({exception})" if exception is not None else ""
    return f"{instance.name}: {message}{reason}"
