"""The oscilloscope: live waveforms of a buffer."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from mimocorb._access.assignment import Setups, check_assignment
from mimocorb._access.output_file import output_directory
from mimocorb._access.watching import NewestEvents, checked_interval
from mimocorb.buffers.observer import Observer
from mimocorb.displays.screen import open_screen
from mimocorb.displays.waveform_figure import EventInfo, WaveformFigure, WaveformSettings

__all__ = ["WaveformDisplay", "plot_graph"]

_SHARE_OF_TIME = 0.2


class WaveformDisplay:
    """Show the waveforms of all channels of a buffer, like an oscilloscope.

    Parameters
    ----------
    source_list, sink_list
        Must be None or empty.
    observe_list
        One set-up dictionary, from ``NewBuffer.new_observer()``.
    config_dict
        As that of :func:`plot_graph`.
    **rb_info
        Buffer names and roles, as in ``RB_assign``.

    Attributes
    ----------
    event_count : int
        Number of events shown.

    Raises
    ------
    SetupError
        Not exactly one observed buffer, other buffers, or a faulty configuration.
    """

    def __init__(
        self,
        source_list: Setups = None,
        sink_list: Setups = None,
        observe_list: Setups = None,
        config_dict: dict[str, Any] | None = None,
        **rb_info: str,
    ) -> None:
        assigned = check_assignment(
            self, (source_list, sink_list, observe_list), rb_info, observers=1
        )
        self.logger = logging.getLogger(__name__)
        self.config_dict = config_dict or {}
        setup = assigned.observed[0]
        self.min_sleeptime = checked_interval(self, self.config_dict)
        self.settings = WaveformSettings.from_config(self.config_dict, setup)
        name = re.sub(r"[^A-Za-z0-9._-]", "_", str(setup.get("name", "buffer")))[:48]
        self.picture = output_directory(self.config_dict) / f"{name}_waveforms.png"
        self.event_count = 0
        self.source = Observer(setup)

    @classmethod
    def preview(cls, setup: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        """Check the configuration for a buffer, without opening anything.

        Parameters
        ----------
        setup
            ``name``, ``values_per_slot`` and ``dtype`` of the buffer.
        config
            The configuration.

        Raises
        ------
        SetupError
            The class cannot work with these.
        """
        checked_interval(cls, config)
        WaveformSettings.from_config(config, setup)

    def __call__(self) -> None:
        """Show events until the stream ends or the window is closed."""
        screen, figure = open_screen(
            self.settings.title, self.picture, partial(WaveformFigure, settings=self.settings)
        )
        info: EventInfo | None = None
        try:
            with self.source as observer:
                screen.refresh()
                newest = NewestEvents(observer, self.min_sleeptime, screen.idle)
                for data in newest:
                    began_s = time.monotonic()
                    info = EventInfo(
                        *observer.get_metadata(),
                        age_s=observer.age_s,
                        skipped=observer.skipped,
                        ended=observer.ended and not observer.wait(0),
                    )
                    figure.show(data, info)
                    screen.refresh()
                    self.event_count += 1
                    # on a busy machine, drawing must leave the processors to the run
                    drawing_s = time.monotonic() - began_s
                    newest.interval_s = max(self.min_sleeptime, drawing_s / _SHARE_OF_TIME)
                if info is None or not info.ended:
                    figure.say(str(replace(info, ended=True)) if info else "no event came")
                    screen.refresh()
        finally:
            screen.close()

    def start(self) -> None:
        """Do the same as calling the object."""
        self()


def plot_graph(
    source_list: Setups = None,
    sink_list: Setups = None,
    observe_list: Setups = None,
    config_dict: dict[str, Any] | None = None,
    **rb_info: str,
) -> None:
    """Show live waveforms of all channels of a buffer; a function for set-up files.

    The display is an observer: it looks at the newest event from time to time, slows nobody, and
    ends with the stream. Without a window system it writes the picture to
    ``<buffer>_waveforms.png`` in the run directory, over and over, and says so once.

    Parameters
    ----------
    source_list, sink_list
        Must be None or empty.
    observe_list
        One set-up dictionary, from ``NewBuffer.new_observer()``.
    config_dict
        ``title`` : str, optional
            heading, without it the name of the buffer.
        ``min_sleeptime`` : float, default 1.0
            least time between two updates, in s.
        ``sample_time_ns`` : float, optional
            time between two samples in ns; without it, the axis counts samples.
        ``pre_trigger_samples`` : int, default 0
            number of samples before the trigger, which is the zero of the time axis.
        ``channel_range`` : float, default 500.0
            half of the voltage range in mV.
        ``analogue_offset`` : float, default 0.0
            offset in V that the digitizer added; it is subtracted again.
        ``trigger_level`` : float, optional
            voltage in V, drawn as a line.
        ``directory_prefix`` : str, optional
            directory of the picture, without it the current one; a run fills it in.
    **rb_info
        Buffer names and roles, as in ``RB_assign``.

    Raises
    ------
    SetupError
        Not exactly one observed buffer, other buffers, or a faulty configuration.

    Examples
    --------
    In a set-up file::

        - Fkt_5:
            file_name: "mimocorb/plot"
            fkt_name: "plot_graph"
            num_process: 1
            RB_assign: {RB_2: "observe"}
    """
    WaveformDisplay(source_list, sink_list, observe_list, config_dict, **rb_info)()
