"""Every form of a set-up file, in the words of the recommended one.

======================  ==========================================================
top-level keys          form
======================  ==========================================================
RingBuffer, Functions   of the manual and of release 1.0.2
Buffers, Workers        of mimoCoRB2; the recommended one
======================  ==========================================================

A file is translated node by node before it is read. Keys get their recommended names, and each
keeps its place and its spelling, for the messages. Unknown, repeated and missing keys are reported
here, in the words of the form in which the file is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mimocorb.compat.dialects import manual, mimocorb2
from mimocorb.compat.dialects.words import SPELLINGS, Translated
from mimocorb.model.problem import Where
from mimocorb.setup.form import Form, describe
from mimocorb.setup.nearest import nearest
from mimocorb.setup.reading.config_files import ConfigFiles
from mimocorb.setup.text.setup_file import MappingNode, Node

__all__ = ["Translated", "file_keys", "translated"]


def translated(
    form: Form, node: Node | None, files: ConfigFiles, start: Where
) -> Translated | None:
    """Return a set-up in the recommended form; ``None`` if there is none. Problems go to the form.

    Parameters
    ----------
    form
        Takes the problems.
    node
        The content of the file.
    files
        Reads the files that it names.
    start
        Where an empty file is reported.
    """
    if node is None:
        form.error(
            start, "a set-up describes buffers and functions", "found an empty file", "fill it"
        )
        return None
    if not isinstance(node, MappingNode):
        form.error(
            node.where,
            "a set-up is a mapping with RingBuffer and Functions, or with Buffers and Workers",
            describe(node),
            "begin with a line 'Buffers:'",
        )
        return None
    # A marked part (&name) at the top is a template that is used further down.
    kept = {key: entry for key, entry in node.entries.items() if not entry.value.anchored}
    used = {key: node.entries[key] for key in node.entries if key in kept or _is_known(key)}
    root = replace(node, entries=used)
    older = [key for key in used if _nearest_head(key) in manual.HEADS]
    recommended = [key for key in used if _nearest_head(key) in mimocorb2.HEADS]
    if older and recommended:
        form.error(
            used[recommended[0]].key.where,
            "a set-up is written in one dialect: RingBuffer and Functions, or Buffers and Workers",
            f"found {older[0]!r} and {recommended[0]!r}",
            "rename one of them with its keys",
        )
        return None
    if recommended:
        return mimocorb2.translated(form, root)
    if older:
        return manual.translated(form, root, files)
    form.error(
        node.where,
        "a set-up has the keys Buffers and Workers, or RingBuffer and Functions",
        f"found {', '.join(str(key)[:30] for key in list(node.entries)[:5]) or 'none'}",
        "add them",
    )
    return None


def file_keys(root: MappingNode) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Return the keys of a file with their spellings, by section; ``""`` is the top."""
    return SPELLINGS["mimoCoRB2" if mimocorb2.HEADS[0] in root.entries else "manual"]


def _is_known(key: object) -> bool:
    return any(key in names for form in SPELLINGS.values() for names in form[""].values())


def _nearest_head(key: object) -> str | None:
    """Return the key that tells the form, if this one is it or looks like it."""
    heads = (*manual.HEADS, *mimocorb2.HEADS)
    if key in heads:
        return str(key)
    return None if _is_known(key) else nearest(key, heads)
