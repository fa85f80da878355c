"""What a buffer and its handles have in common: they belong to the process that made them."""

from __future__ import annotations

from typing import Any, NoReturn

from mimocorb._closing import Closing
from mimocorb.errors import HandleMisuse

__all__ = ["Handle"]

_MAKERS = {"Writer": "new_writer", "Reader": "new_reader_group", "Observer": "new_observer"}


class Handle(Closing):
    """Refuses to be copied or sent: a copy would close the original when it is collected."""

    def __reduce__(self) -> NoReturn:
        """Refuse what ``copy`` and ``pickle`` ask for."""
        name = next((each.__name__ for each in _bases(self) if each.__name__ in _MAKERS), "")
        makers = f"NewBuffer.{_MAKERS[name]}()" if name else "NewBuffer.new_writer() and its like"
        raise HandleMisuse(
            f"a {type(self).__name__} belongs to this process and cannot be copied or pickled; "
            f"send the set-up dictionary of {makers} to the other process, and open it there"
        )


def _bases(handle: Handle) -> tuple[type[Any], ...]:
    return type(handle).__mro__
