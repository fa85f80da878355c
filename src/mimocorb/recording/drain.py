"""The sink that keeps nothing."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from mimocorb.components.form import sink

__all__ = ["drain"]


@sink
def drain(events: NDArray[Any]) -> None:
    """Read and discard events, so that a buffer without another reader does not fill up."""
