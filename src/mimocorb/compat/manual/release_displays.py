"""The displays of releases 1.0.0 to 1.0.2 and of the first version, on top of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.compat.manual.access import output_directory
from mimocorb.compat.manual.displays import WaveformDisplay
from mimocorb.compat.manual.field_pairs import plain_setup
from mimocorb.displays.screen import Screen, open_screen, picture_name
from mimocorb.displays.waveform_figure import EventInfo, WaveformFigure, WaveformSettings
from mimocorb.errors import SetupError

__all__ = ["PlotOscilloscope", "animWaveformPlotter", "plot_buffer"]

_OF_A_RUN = ("min_sleeptime", "directory_prefix")
_KEYS = ("title", "sample_time_ns", "pre_trigger_samples", "channel_range", "analogue_offset")


def in_our_words(owner: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration of these displays as :func:`mimocorb.plot.plot_graph` has it.

    There, ``trigger_level`` is in mV and has the offset in it.
    """
    ours = {
        key: config[key] for key in (*_KEYS, "min_sleeptime", "directory_prefix") if key in config
    }
    level_mv = config.get("trigger_level")
    if level_mv is not None:
        try:
            level_v = level_mv / 1000.0 - config.get("analogue_offset", 0.0)
        except TypeError:
            raise SetupError(
                f"{owner}: trigger_level is {level_mv!r} and analogue_offset"
                f" {config.get('analogue_offset', 0.0)!r}; give numbers, in mV and in V"
            ) from None
        ours["trigger_level"] = level_v
    return ours


class plot_buffer(WaveformDisplay):  # noqa: N801 - the documented name
    """Show live waveforms of a buffer, as ``mimocorb.plot_buffer`` of releases 1.0.0 to 1.0.2 does.

    The display is that of :func:`mimocorb.plot.plot_graph`, with or without a window.

    Parameters
    ----------
    source_list, sink_list
        Must be None or empty.
    observe_list
        One set-up dictionary, from ``NewBuffer.new_observer()``.
    config_dict
        ``title``, ``min_sleeptime``, ``sample_time_ns``, ``pre_trigger_samples``,
        ``channel_range`` and ``analogue_offset`` as for ``plot_graph``; ``trigger_level`` in mV,
        with the offset in it. Other keys, such as ``trigger_channel``, are not used.
    **rb_info
        Buffer names and roles, as in ``RB_assign``.

    Raises
    ------
    SetupError
        Not exactly one observed buffer, or a faulty configuration.
    """

    def __init__(
        self,
        source_list: Any = None,
        sink_list: Any = None,
        observe_list: Any = None,
        config_dict: dict[str, Any] | None = None,
        **rb_info: str,
    ) -> None:
        ours = in_our_words(type(self).__name__, config_dict or {})
        super().__init__(source_list, sink_list, observe_list, ours, **rb_info)

    @classmethod
    def preview(cls, setup: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        """Check the configuration for a buffer, without opening anything."""
        super().preview(setup, in_our_words(cls.__name__, config))


class PlotOscilloscope(plot_buffer):
    """Show live waveforms, as ``mimocorb.observer_plot`` of the first version (February 2023) does.

    The object is made like a ``plot_buffer``; its method ``start()`` shows events until the
    stream ends.
    """


class animWaveformPlotter:  # noqa: N801 - the documented name
    """Show the waveforms it is called with; for programs with a loop of their own.

    Parameters
    ----------
    conf_dict
        As the configuration of :class:`plot_buffer`.
    dtypes
        Not used: `source_dict` has them.
    source_dict
        Set-up dictionary of the buffer.
    fig
        A matplotlib figure to draw into. Without it there is a window of its own or, where there
        is no window system, the picture ``<buffer>_waveforms.png``.
    """

    def __init__(
        self,
        conf_dict: Mapping[str, Any] | None = None,
        dtypes: Sequence[Any] | None = None,
        source_dict: Mapping[str, Any] | None = None,
        fig: Any = None,
    ) -> None:
        if source_dict is None:
            raise SetupError("animWaveformPlotter needs source_dict, the set-up of the buffer")
        setup, config = (
            plain_setup(source_dict),
            in_our_words("animWaveformPlotter", conf_dict or {}),
        )
        directory = output_directory(config)
        known = {key: value for key, value in config.items() if key not in _OF_A_RUN}
        settings = WaveformSettings.of("animWaveformPlotter", setup, **known)
        self.dtypes = source_dict["dtype"] if dtypes is None else dtypes
        self._screen: Screen | None = None
        if fig is None:
            picture = directory / picture_name(str(setup.get("name", "buffer")), "waveforms")
            prepare = partial(WaveformFigure, settings=settings)
            self._screen, self._figure = open_screen(settings.title, picture, prepare)
        else:
            self._figure = WaveformFigure(fig, settings)
        self.fig = self._figure.figure

    def init(self) -> list[Any]:
        """Return the lines of the figure, one for each channel."""
        return list(self._figure.lines)

    def __call__(self, data: NDArray[Any], mdata: Any = None) -> None:
        """Show an event.

        Parameters
        ----------
        data
            The event.
        mdata
            Its metadata, as an array of one record or as ``(counter, timestamp, deadtime)``.
        """
        numbers = (0, 0.0, -1.0) if mdata is None else tuple(np.asarray(mdata).reshape(-1).tolist())
        counter, timestamp_s, deadtime = numbers if len(numbers) == 3 else numbers[0]
        info = EventInfo(int(counter), float(timestamp_s), float(deadtime), age_s=0.0, skipped=0)
        self._figure.show(data, info)
        if self._screen is not None:
            self._screen.refresh()
            self._screen.idle()
