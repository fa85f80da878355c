"""The oscilloscope for notebooks and programs: the newest event of a buffer of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mimocorb.errors import EndOfStream

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from mimocorb.buffers.observer import Observer

__all__ = ["Scope"]


class Scope:
    """The waveforms of a buffer; shown in a notebook, they go on until the run has ended.

    Get one from :meth:`RunClient.scope`.

    Parameters
    ----------
    observer
        Looks at the buffer.
    name
        Of the buffer.
    has_ended
        Whether the run is over.
    **axes
        What the axes mean: the parameters of the ``oscilloscope`` of a set-up.
    """

    def __init__(
        self, observer: Observer, name: str, has_ended: Callable[[], bool], **axes: Any
    ) -> None:
        from mimocorb.displays.waveform_figure import WaveformSettings

        self.observer = observer
        self.name = name
        self._has_ended = has_ended
        buffer = {
            "name": name,
            "dtype": observer.dtype,
            "channels": observer.channels,
            "values_per_slot": observer.values_per_slot,
        }
        self._settings = WaveformSettings.of("scope", buffer, **axes)
        self._event: NDArray[Any] | None = None

    def figure(self) -> Figure:
        """Return a matplotlib figure with the newest event."""
        from mimocorb.displays.figures import new_figure
        from mimocorb.displays.waveform_figure import EventInfo, WaveformFigure

        figure = new_figure()
        drawn = WaveformFigure(figure, self._settings)
        seen = self.observer
        try:
            if seen.wait(0):
                self._event = seen.get()
        except EndOfStream:
            pass
        if self._event is not None:
            info = EventInfo(*seen.get_metadata(), seen.age_s, seen.skipped, seen.ended)
            drawn.show(self._event, info)
        return figure

    def __repr__(self) -> str:
        return f"<scope of {self.name}>"

    def _ipython_display_(self) -> None:
        from mimocorb.displays.figures import picture_of
        from mimocorb.displays.notebook import show_live

        show_live(lambda: picture_of(self.figure(), "png"), self._has_ended, repr(self))
