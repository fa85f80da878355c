"""``plot_graph`` and ``WaveformDisplay``: the display of the manual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mimocorb.compat.manual.access import Started, output_directory
from mimocorb.compat.manual.assignment import Assignment, Setups
from mimocorb.components.form import Metadata
from mimocorb.components.roles.newest_events import checked_interval
from mimocorb.components.roles.observer import Watch
from mimocorb.components.user_function import closed_at_end
from mimocorb.displays.waveforms import Oscilloscope

__all__ = ["WaveformDisplay", "plot_graph"]

_KEYS = (
    "title",
    "sample_time_ns",
    "pre_trigger_samples",
    "channel_range",
    "analogue_offset",
    "trigger_level",
)


class _Display(Oscilloscope):
    OWNER = "plot_graph"


class WaveformDisplay(Started):
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

    OBSERVED = 1

    def _open(self, assigned: Assignment) -> None:
        (setup,) = assigned.observed
        self.min_sleeptime = checked_interval(type(self).__name__, self.config_dict)
        directory = output_directory(self.config_dict)
        shown = _Display(buffer=setup, directory=directory, **_configured(self.config_dict))
        self.settings, self.picture = shown.settings, shown.picture
        self._shown = shown
        self._loop = Watch(setup, shown, "plot_graph", self.min_sleeptime, metadata=Metadata)
        self.source = self._loop.source

    @classmethod
    def preview(cls, setup: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        """Check the configuration for a buffer, without opening anything."""
        checked_interval(cls.__name__, config)
        _Display.check(setup, **_configured(config))

    @property
    def event_count(self) -> int:
        """Number of events shown."""
        return int(self._loop.event_count)

    def __call__(self) -> None:
        """Show events until the stream ends or the window is closed."""
        with closed_at_end(self._shown):
            self._loop.run()


def _configured(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: config[key] for key in _KEYS if key in config}


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
