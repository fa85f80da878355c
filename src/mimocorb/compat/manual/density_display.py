"""``PlotKDE`` of the first version (February 2023): the density of decay times."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from mimocorb.compat.manual.access import output_directory
from mimocorb.compat.manual.buffers import Reader
from mimocorb.displays.density_figure import DensityFigure
from mimocorb.displays.screen import open_screen
from mimocorb.errors import BufferTimeout, EndOfStream, SetupError
from mimocorb.recording.output_file import checked_name

__all__ = ["PlotKDE"]

_FIELD = "decay_time"
_INTERVAL_S = 1.0
_LOOK_S = 0.05


class PlotKDE:
    """Read decay times from a buffer and show their density while they come.

    Parameters
    ----------
    source_dict
        Set-up dictionary, from ``NewBuffer.new_reader_group()``, of a buffer with the field
        ``decay_time``, in ns.
    sink_dict
        Not used.
    config_dict
        ``filename`` : str
            name of the picture where there is no window, without ``.png``.
        ``title`` : str, optional
            heading.
        ``directory_prefix`` : str, optional
            directory of the picture, without it the current one; a run fills it in.
    **add_dict
        ``read`` : dict
            the set-up dictionary, in the place of `source_dict`.

    Raises
    ------
    SetupError
        No source, a buffer without decay times, or a faulty configuration.
    """

    def __init__(
        self,
        source_dict: Mapping[str, Any] | None = None,
        sink_dict: Mapping[str, Any] | None = None,  # noqa: ARG002
        config_dict: Mapping[str, Any] | None = None,
        **add_dict: Any,
    ) -> None:
        setup = add_dict.get("read", source_dict)
        if setup is None:
            raise SetupError("PlotKDE needs a source: read=, from NewBuffer.new_reader_group()")
        if _FIELD not in (setup["dtype"].names or ()):
            fields = ", ".join(setup["dtype"].names or ()) or "plain numbers"
            raise SetupError(f"PlotKDE shows the field {_FIELD}; {setup.get('name')} has {fields}")
        config = config_dict or {}
        name = checked_name("PlotKDE", config.get("filename"))
        self.picture = output_directory(config) / f"{name}.png"
        self.title = str(config.get("title", "Decay times"))
        self.data: list[float] = []
        self.source = Reader(setup)

    def start(self) -> None:
        """Show the density until the stream ends or the window is closed."""
        prepare = partial(DensityFigure, title=self.title)
        screen, figure = open_screen(self.title, self.picture, prepare)
        due_s = 0.0
        try:
            while True:
                with suppress(BufferTimeout):
                    self.data.append(float(self.source.get(_LOOK_S)[0][_FIELD]))
                screen.idle()
                if time.monotonic() >= due_s:
                    figure.show(np.array(self.data))
                    screen.refresh()
                    due_s = time.monotonic() + _INTERVAL_S
        except (EndOfStream, StopIteration):
            figure.show(np.array(self.data))
            screen.refresh()
        finally:
            self.source.close()
            screen.close()
