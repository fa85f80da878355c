"""The oscilloscope: live waveforms of a buffer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray

from mimocorb.components.form import Metadata, observer
from mimocorb.components.roles.newest_events import NewestEvents
from mimocorb.displays.screen import Screen, open_screen, picture_name
from mimocorb.displays.waveform_figure import EventInfo, WaveformFigure, WaveformSettings

__all__ = ["Oscilloscope"]

_SHARE_OF_TIME = 0.2


@observer
class Oscilloscope:
    """Show live waveforms of all channels of a buffer.

    It looks at the newest event from time to time, slows nobody, and ends with the stream or when
    its window is closed. Without a window system it writes the picture to
    ``<buffer>_waveforms.png`` in the directory of the run, over and over, and says so once.

    Parameters
    ----------
    title
        Heading, without it the name of the buffer.
    sample_time_ns
        Time between two samples, in ns; without it, the axis counts samples.
    pre_trigger_samples
        Number of samples before the trigger, which is the zero of the time axis.
    channel_range
        Half of the voltage range, in mV.
    analogue_offset
        Offset that the digitizer added, in V; it is subtracted again.
    trigger_level
        Voltage drawn as a line, in V.
    buffer, directory
        Given by mimocorb.

    Raises
    ------
    SetupError
        A faulty configuration.
    """

    OWNER: ClassVar[str] = "oscilloscope"
    """What messages call it."""

    def __init__(
        self,
        *,
        title: str | None = None,
        sample_time_ns: float | None = None,
        pre_trigger_samples: int = 0,
        channel_range: float = 500.0,
        analogue_offset: float = 0.0,
        trigger_level: float | None = None,
        buffer: Mapping[str, Any],
        directory: Path,
    ) -> None:
        self.settings = WaveformSettings.of(
            self.OWNER,
            buffer,
            title=title,
            sample_time_ns=sample_time_ns,
            pre_trigger_samples=pre_trigger_samples,
            channel_range=channel_range,
            analogue_offset=analogue_offset,
            trigger_level=trigger_level,
        )
        self.picture = directory / picture_name(str(buffer.get("name", "buffer")), "waveforms")
        self._newest: NewestEvents | None = None
        self._least_interval_s = 0.0
        self._screen: Screen | None = None
        self._figure: Any = None
        self._info: EventInfo | None = None

    @classmethod
    def check(cls, buffer: Mapping[str, Any], **configuration: Any) -> None:
        """Raise a SetupError if it cannot work with its buffer, or with the configuration."""
        WaveformSettings.of(cls.OWNER, buffer, **configuration)

    def begin(self, newest: NewestEvents) -> None:
        """Open the window, or the picture file."""
        self._newest, self._least_interval_s = newest, newest.interval_s
        prepare = partial(WaveformFigure, settings=self.settings)
        self._screen, self._figure = open_screen(self.settings.title, self.picture, prepare)
        self._screen.refresh()

    def idle(self) -> None:
        """Attend to the window; StopIteration when it was closed."""
        if self._screen is not None:
            self._screen.idle()

    def __call__(self, event: NDArray[Any], metadata: Metadata) -> None:
        """Show an event."""
        assert self._newest is not None
        assert self._screen is not None
        began_s = time.monotonic()
        newest = self._newest
        self._info = EventInfo(
            *metadata, age_s=newest.age_s, skipped=newest.skipped, ended=newest.is_last
        )
        self._figure.show(event, self._info)
        self._screen.refresh()
        # on a busy machine, drawing must leave the processors to the run
        drawing_s = time.monotonic() - began_s
        newest.interval_s = max(self._least_interval_s, drawing_s / _SHARE_OF_TIME)

    def close(self) -> None:
        """Say that no more events come, and close the window. Idempotent."""
        screen, self._screen = self._screen, None
        if screen is None:
            return
        try:
            if self._info is None or not self._info.ended:
                ended = self._info and str(replace(self._info, ended=True))
                self._figure.say(ended or "no event came")
                screen.refresh()
        finally:
            screen.close()
