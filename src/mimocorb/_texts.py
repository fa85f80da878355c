r"""Texts that come from anywhere, in a form that can be written everywhere.

A name of a file that is not UTF-8 comes from Python with characters that stand for single bytes
(lone surrogates), which no encoding can write. They are written as they are shown by ``repr()``:
``caf\udce9``. So nothing is lost, and a record, a summary or a log is never refused for a name.
"""

from __future__ import annotations

__all__ = ["plain_text"]


def plain_text(text: str) -> str:
    """Return a text of whole characters, with what stands for single bytes escaped, and no NUL."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")
