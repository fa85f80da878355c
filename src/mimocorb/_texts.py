r"""Texts that come from anywhere, written as far as that is possible.

A name of a file that is not UTF-8 comes from Python with characters that stand for single bytes
(lone surrogates), which no encoding can write. They are written as they are shown by ``repr()``:
``caf\udce9``. So nothing is lost, and a record, a summary or a log is never refused for a name.
"""

from __future__ import annotations

from typing import TextIO

__all__ = ["plain_text", "say", "write"]


def plain_text(text: str) -> str:
    """Return a text of whole characters, with what stands for single bytes escaped, and no NUL."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def write(text: str, stream: TextIO) -> None:
    """Print a text at once, with "?" for what the stream cannot show.

    Raises
    ------
    OSError, ValueError
        The reader of the stream has gone, or its disk is full.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), file=stream, flush=True)


def say(text: str, stream: TextIO) -> bool:
    """Print a text if that is possible; whether it was. It ends no run if it is not."""
    try:
        write(text, stream)
    except (OSError, ValueError):
        return False
    return True
