"""What has to be closed, and can be used in a ``with`` block that does it."""

from __future__ import annotations

from types import TracebackType
from typing import Self

__all__ = ["Closing", "Completing"]


class Closing:
    """Is closed at the end of a ``with`` block."""

    def close(self) -> None:
        """Let go of everything. Idempotent."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Completing(Closing):
    """Is complete at the end of a ``with`` block, and left as it is after an error in it."""

    def abandon(self) -> None:
        """Let go of everything: nothing says that it is complete. Idempotent."""
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()
