"""What every simulated device can do, for :class:`mimocorb.testing.devices.DeviceContract`."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

__all__ = ["Event", "SendingDevice", "SimulatedDevice"]

Event = Mapping[str, Any]
"""The values of an event by field, as they are to arrive in the buffer."""


class SimulatedDevice:
    """A device that is there from ``with`` on, and can be unplugged.

    Attributes
    ----------
    config
        What the configuration of the driver has to say to reach it.
    environment
        Variables that the run needs to find it.
    """

    def __init__(self) -> None:
        self.config: dict[str, Any] = {}
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Self:
        self.plug_in()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.unplug()

    def plug_in(self) -> None:
        """Be there, also after it was unplugged; all events are new ones."""
        raise NotImplementedError

    def unplug(self) -> None:
        """Be away, as if the cable had been pulled out. Idempotent."""
        raise NotImplementedError

    def fall_silent(self) -> None:
        """Be there and deliver nothing."""
        raise NotImplementedError

    def speak_again(self) -> None:
        """End the silence."""
        raise NotImplementedError

    def sent(self) -> list[Event]:
        """Return all events that it has handed over to the wire so far, each different."""
        raise NotImplementedError

    def settings(self) -> Mapping[str, Any]:
        """Return what it is set to, as it was told over the wire."""
        return {}


class SendingDevice(SimulatedDevice):
    """A device that sends one event after the other by itself, from a thread.

    Parameters
    ----------
    events
        Its events; endless, or it ends.
    period_s
        Time between two of them.
    """

    def __init__(self, events: Iterator[Event], period_s: float = 0.004) -> None:
        super().__init__()
        self._events, self._period_s = events, period_s
        self._sent: list[Event] = []
        self._silent, self._away = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def appear(self) -> None:
        """Make the wire."""
        raise NotImplementedError

    def vanish(self) -> None:
        """Cut the wire."""
        raise NotImplementedError

    def send(self, event: Event) -> bool:
        """Put an event on the wire; False if nobody is there who could get it."""
        raise NotImplementedError

    def rest(self) -> None:
        """Let some time pass without an event."""
        time.sleep(self._period_s)

    def plug_in(self) -> None:
        self.appear()
        self._away.clear()
        self._thread = threading.Thread(target=self._send_all, daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        self._away.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self.vanish()

    def fall_silent(self) -> None:
        self._silent.set()

    def speak_again(self) -> None:
        self._silent.clear()

    def sent(self) -> list[Event]:
        return list(self._sent)

    def _send_all(self) -> None:
        while not self._away.is_set():
            if self._silent.is_set():
                self.rest()
                continue
            event = next(self._events, None)
            if event is None:
                return
            while not self.send(event):
                if self._away.wait(self._period_s):
                    return
            self._sent.append(event)
            self._away.wait(self._period_s)
