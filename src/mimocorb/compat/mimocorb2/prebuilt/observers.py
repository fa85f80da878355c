"""Functions of mimoCoRB2 that show events."""

from __future__ import annotations

from mimocorb.compat.manual.displays import WaveformDisplay
from mimocorb.compat.mimocorb2.buffer_io import BufferIO

__all__ = ["oscilloscope"]

_NOT_USED = ("t_scaling", "y_scaling", "channels", "colors")


def oscilloscope(buffer_io: BufferIO) -> None:
    """Show the waveforms of all channels; the display is that of ``plot.plot_graph``.

    Buffers: one observed buffer.

    Keys of the configuration: those of :class:`WaveformDisplay`, and

    ``update_interval`` : float, default 1.0
        Least time between two pictures, in s.
    ``trigger_level`` : float, optional
        A line at this height, in the unit of the data.
    ``ylim`` : list[float], optional
        (lowest, highest) value of the axis; the axis is symmetric, so the larger one counts.
    ``t_scaling``, ``y_scaling``, ``channels``, ``colors`` : Any, optional
        Not used here.
    """
    ignored = [key for key in _NOT_USED if buffer_io.get(key) is not None]
    if ignored:
        buffer_io.logger.warning(
            "observers.oscilloscope: %s is not used here; for the axis of time there are"
            " sample_time_ns and pre_trigger_samples",
            ", ".join(ignored),
        )
    config = dict(buffer_io.config)
    config.setdefault("min_sleeptime", buffer_io.get("update_interval", 1.0))
    if buffer_io.get("trigger_level") is not None:
        config["trigger_level"] = buffer_io["trigger_level"] / 1000.0  # there in V
    if buffer_io.get("ylim") is not None:
        config.setdefault("channel_range", max(abs(limit) for limit in buffer_io["ylim"]))
    config["directory_prefix"] = f"{buffer_io.run_dir}/"
    WaveformDisplay(observe_list=buffer_io.worker.observes, config_dict=config)()
