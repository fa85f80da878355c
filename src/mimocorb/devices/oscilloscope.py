"""What sources of oscilloscopes share: the keys of time base and trigger, and the loop that reads.

A driver says which keys of its own it has, how it reads the settings of a configuration, and how it
opens the oscilloscope::

    @oscilloscope(_opened, _settings, name="scope at {address}", found_as="network")
    def my_scope(*, address: str, buffer: Mapping[str, Any], inputs: dict[str, int] | None = None):
        "Read my scope, one event for each trigger; here its own keys are documented."

The function stands for the source and has no body. Keys that it does not have are those of
:func:`common_keys`, with their documentation; one that it has itself takes the place of these.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol, TypeVar

from mimocorb.components.docstrings import read_docstring
from mimocorb.components.form import source
from mimocorb.components.meter import reading_out
from mimocorb.devices.about import device
from mimocorb.devices.connection import POLL_S, check_times, keep_connected
from mimocorb.devices.digitizer import Events
from mimocorb.devices.scope_settings import ScopeSettings

__all__ = ["OpenScope", "SteppedScope", "common_keys", "oscilloscope"]

AUTO_S = 0.1
"""With ``trigger_mode: auto``, an event is taken without a trigger after this time."""

_LOOK_S = 0.001

_EVENT = """\
An event has a field for each input, with ``data_length`` samples. Whole numbers get the counts of
the device, real numbers the voltage; a field ``overflow`` has a bit for each input that was at the
end of its range.
"""
_RAISES = """\
Raises
------
DeviceLost
    It is not there, or did not come back.
SetupError
    It cannot be set to what is asked for.
"""

Input = TypeVar("Input", int, str)


class OpenScope(Protocol):
    """An oscilloscope that is open and set up."""

    def read(self) -> Sequence[Any]:
        """Return the events that have come, after at most about `POLL_S`."""


class SteppedScope:
    """An oscilloscope that takes one event, is read, and is told to wait for the next one."""

    def __init__(self, *, takes_any: bool) -> None:
        self._takes_any = takes_any
        self._armed_s = time.monotonic()

    def arm(self) -> None:
        """Wait for a trigger."""
        raise NotImplementedError

    def has_triggered(self) -> bool:
        """Whether an event can be read."""
        raise NotImplementedError

    def force(self) -> None:
        """Take an event without a trigger."""
        raise NotImplementedError

    def take(self) -> Any:
        """Return the event."""
        raise NotImplementedError

    def wait_for_trigger(self) -> None:
        """Wait for the first trigger."""
        self.arm()
        self._armed_s = time.monotonic()

    def read(self) -> Sequence[Any]:
        """Return the event of the trigger that has come, if one has."""
        deadline_s = time.monotonic() + POLL_S
        while not self.has_triggered():
            now_s = time.monotonic()
            if self._takes_any and now_s - self._armed_s > AUTO_S:
                self.force()
                self._armed_s = now_s
            if now_s > deadline_s:
                return ()
            time.sleep(_LOOK_S)
        with reading_out():
            event = self.take()
            self.wait_for_trigger()
        return (event,)


def common_keys(
    *,
    pre_trigger_samples: int = 0,
    trigger_channel: str = "",
    trigger_level_mv: float = 0.0,
    trigger_slope: Literal["rising", "falling"] = "rising",
    trigger_mode: Literal["normal", "auto"] = "normal",
    timeout_s: float | None = None,
    give_up_s: float | None = None,
) -> None:
    """Name the keys that all oscilloscopes have.

    Parameters
    ----------
    pre_trigger_samples
        Samples of an event before the trigger, up to the length of the event; below 0: an event
        begins so many samples behind the trigger.
    trigger_channel
        The field whose input triggers. Default: the first one.
    trigger_level_mv
        Voltage at which it triggers, in mV, within the range of the input.
    trigger_slope
        Whether the voltage rises or falls through the level.
    trigger_mode
        ``auto`` takes events without a trigger as well, if there is none for 0.1 s.
    timeout_s
        The device counts as lost if no event comes for so long, in s, from 0.1 on. Default: it may
        wait for a trigger for ever.
    give_up_s
        The run fails if a lost device does not come back within this time, in s, from 0.1 on.
        Default: it is waited for.
    """


def oscilloscope(
    open_scope: Callable[
        [ScopeSettings[Input], Events, Mapping[str, Any]], AbstractContextManager[OpenScope]
    ],
    settings_of: Callable[[Mapping[str, Any], Mapping[str, Any]], ScopeSettings[Input]],
    *,
    name: str,
    **about: Any,
) -> Callable[[Callable[..., None]], Callable[..., Iterator[Any]]]:
    """Make the source of an oscilloscope of the function that names its keys.

    Parameters
    ----------
    open_scope
        Opens the device and sets it up: called with settings, what makes its events, and the whole
        configuration.
    settings_of
        Reads the settings of a buffer and a configuration; raises a SetupError for those that are
        not possible.
    name
        Of the device, for messages, with its keys in braces.
    about
        As of :func:`mimocorb.devices.about.device`.
    """

    def settings(buffer: Mapping[str, Any], config: Mapping[str, Any]) -> ScopeSettings[Input]:
        check_times(config["timeout_s"], config["give_up_s"])
        return settings_of(buffer, config)

    def make(keys: Callable[..., None]) -> Callable[..., Iterator[Any]]:
        signature = _with_common_keys(inspect.signature(keys))

        @functools.wraps(keys)
        def read_out(**given: Any) -> Iterator[Any]:
            called = signature.bind(**given)
            called.apply_defaults()
            buffer, config = called.arguments["buffer"], called.arguments
            asked = settings(buffer, config)

            def opened() -> AbstractContextManager[OpenScope]:
                return open_scope(asked, Events(buffer, list(asked.inputs)), config)

            yield from keep_connected(
                opened,
                lambda scope: scope.read(),
                name=name.format(**config).strip(),
                timeout_s=config["timeout_s"],
                give_up_s=config["give_up_s"],
            )

        setattr(read_out, "__signature__", signature)  # noqa: B010 - functions have no such attribute
        read_out.__doc__ = _with_common_text(inspect.getdoc(keys) or "", signature)

        def check(buffer: Mapping[str, Any], **config: Any) -> None:
            settings(buffer, config)

        return device(check=check, **about)(source(read_out))

    return make


def _with_common_keys(own: inspect.Signature) -> inspect.Signature:
    common = inspect.signature(common_keys, eval_str=True).parameters
    more = [each for key, each in common.items() if key not in own.parameters]
    return own.replace(
        parameters=[*own.parameters.values(), *more], return_annotation="Iterator[Any]"
    )


def _with_common_text(text: str, signature: inspect.Signature) -> str:
    told, common = read_docstring(text).meanings, read_docstring(common_keys.__doc__).meanings
    more = [f"{key}\n    {common[key]}" for key in signature.parameters if key not in told]
    begin, heading, own = text.partition("Parameters\n")
    return "\n".join([begin + _EVENT, heading + own, *more, "", _RAISES])
