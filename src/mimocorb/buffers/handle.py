"""What a buffer and its handles have in common: they belong to the process that made them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from mimocorb._closing import Closing
from mimocorb.buffers.contract import ObserverPort, ReaderPort, WriterPort
from mimocorb.errors import BufferUnreachable, HandleMisuse
from mimocorb.model.channels import channels_of

__all__ = ["Handle", "OpenHandle"]


class Handle(Closing):
    """Refuses to be copied or sent: a copy would close the original when it is collected."""

    _maker = ""

    def __reduce__(self) -> NoReturn:
        """Refuse what ``copy`` and ``pickle`` ask for."""
        maker = (
            f"NewBuffer.{self._maker}()" if self._maker else "NewBuffer.new_writer() and its like"
        )
        raise HandleMisuse(
            f"a {type(self).__name__} belongs to this process and cannot be copied or pickled; "
            f"send the set-up dictionary of {maker} to the other process, and open it there"
        )


class OpenHandle(Handle):
    """A handle with a port of its own to a buffer, which knows the form of the events.

    Parameters
    ----------
    port
        The port that was opened.
    setup_dict
        With what it was opened.
    """

    _kind = ""

    def __init__(
        self, port: WriterPort | ReaderPort | ObserverPort, setup_dict: Mapping[str, Any]
    ) -> None:
        self._port = port
        self.name: str = setup_dict["name"]
        self.number_of_slots: int = setup_dict["number_of_slots"]
        self.values_per_slot: int = setup_dict["values_per_slot"]
        self.dtype: np.dtype[Any] = setup_dict["dtype"]
        self._dtype = self.dtype  # stays plain where `dtype` is in the form of the manual
        self.channels = channels_of(setup_dict)
        self.variable: bool = setup_dict["variable"]

    def __del__(self) -> None:
        port = getattr(self, "_port", None)
        if port is not None:
            port.close()

    def _orphaned(self) -> BufferUnreachable:
        return BufferUnreachable(
            f"buffer {self.name}: the process that made it has died, so this {self._kind} ends"
        )
