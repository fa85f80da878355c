r"""Texts that come from anywhere, written as far as that is possible.

A name of a file that is not UTF-8 comes from Python with characters that stand for single bytes
(lone surrogates), which no encoding can write. They are written as they are shown by ``repr()``:
``caf\udce9``. So nothing is lost, and a record, a summary or a log is never refused for a name.

What acts on a terminal instead of being shown is printed in the same way, ``\x1b[2J``: titles,
comments and names may come from files of others.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TextIO

__all__ = ["identifier", "plain_text", "say", "visible", "write"]

# Control characters but the end of a line and the tabulator, line ends that are none in files, and
# what turns the direction of writing.
_ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def identifier(name: str) -> str:
    """Return a name as Python understands it in a program.

    The two signs for micro are one letter there, and so are "ö" and an "o" with two dots: what is
    compared with names of functions and parameters has to be in this form as well.
    """
    return unicodedata.normalize("NFKC", name)


def plain_text(text: str) -> str:
    """Return a text of whole characters, with what stands for single bytes escaped, and no NUL."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def visible(text: str) -> str:
    """Return a text with what would act on a terminal escaped, as ``repr()`` shows it."""
    return _ACTS.sub(lambda found: repr(found[0])[1:-1], text)


def write(text: str, stream: TextIO, *, is_drawn: bool = False) -> None:
    """Print a text at once, with "?" for what the stream cannot show.

    Parameters
    ----------
    text
        Has to be visible; if it is drawn, with colours, whoever has drawn it has seen to that.
    stream
        Where it goes.
    is_drawn
        Whether what acts on a terminal is meant so.

    Raises
    ------
    OSError, ValueError
        The reader of the stream has gone, or its disk is full.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    text = text if is_drawn else visible(text)
    print(text.encode(encoding, "replace").decode(encoding), file=stream, flush=True)


def say(text: str, stream: TextIO) -> bool:
    """Print a text if that is possible; whether it was. It ends no run if it is not."""
    try:
        write(text, stream)
    except (OSError, ValueError):
        return False
    return True
