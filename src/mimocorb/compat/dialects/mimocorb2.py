"""Set-ups as mimoCoRB2 writes them, the recommended form, with the words of its first versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mimocorb.compat.dialects.words import (
    SPELLINGS,
    Translated,
    sorted_keys,
    sorted_part,
    without_effect,
)
from mimocorb.model import BufferSpec, WorkerSpec
from mimocorb.model.problem import Where
from mimocorb.setup.form import Form
from mimocorb.setup.text.setup_file import Entry, ListNode, MappingNode, Node, ScalarNode

__all__ = ["HEADS", "translated"]

HEADS = ("Buffers", "Workers")
_WORDS = SPELLINGS["mimoCoRB2"]
# Options of the first versions of mimoCoRB2.
_OPTIONS = ("output_directory", "overarching_config", "overwrite", "debug_workers")


def translated(form: Form, root: MappingNode) -> Translated:
    """Return the set-up with the recommended spellings; problems go to the form."""
    top = dict(sorted_keys(form, "a set-up", root, _WORDS[""], HEADS).entries)
    without_effect(form, top, "GUI_control")
    _take_over_options(form, top)
    complete = {}
    for section, part in (("Buffers", BufferSpec), ("Workers", WorkerSpec)):
        before = len(form.problems)
        named = list(_named(form, top.get(section), section))
        # What is lost here may be just what seems to be missing later.
        complete[section] = len(form.problems) == before and section in top
        entries = {
            name.value: Entry(name, sorted_part(form, name, body, section, part))
            for name, body in named
        }
        if section in top:
            key, value = top[section]
            top[section] = Entry(key, MappingNode(entries, value.where))
    if "Buffers" in top:
        top["Buffers"] = _without_overwriting(form, top["Buffers"])
    return Translated(
        replace(root, entries=top), "mimoCoRB2", complete["Buffers"], complete["Workers"]
    )


def _named(
    form: Form, entry: Entry | None, section: str
) -> Iterator[tuple[ScalarNode, MappingNode]]:
    if entry is None:
        return
    table = form.mapping(entry.value, section, "InputBuffer: …")
    for item in table.entries.values() if table else ():
        name = form.name(item.key, f"an entry of {section}")
        body = form.mapping(item.value, f"{item.key.value!s:.60}", "…: …")
        if name is not None and body is not None:
            yield item.key, body


def _without_overwriting(form: Form, section: Entry) -> Entry:
    """Return the buffers without ``overwrite``; one warning is enough for all of them."""
    instead = "a buffer that is full makes its writers wait, and the waiting is counted"
    once = form
    buffers = {}
    assert isinstance(section.value, MappingNode)
    for name, (key, body) in section.value.entries.items():
        assert isinstance(body, MappingNode)
        entries = dict(body.entries)
        said = len(once.problems)
        without_effect(once, entries, "overwrite", instead)
        once = Form() if len(once.problems) > said else once
        buffers[name] = Entry(key, replace(body, entries=entries))
    return Entry(section.key, replace(section.value, entries=buffers))


def _take_over_options(form: Form, top: dict[str, Entry]) -> None:
    """Put the options of the first versions where the recommended form has them."""
    entry = top.pop("Options", None)
    table = form.mapping(entry.value, "Options", "output_directory: target") if entry else None
    known = {key: (key,) for key in _OPTIONS}
    options = form.entries("Options", table or MappingNode({}, Where()), known)
    for key in ("overwrite", "debug_workers"):
        without_effect(form, options, key)
    if "output_directory" in options:
        top.setdefault("target_directory", options["output_directory"])
    if "overarching_config" in options:
        below = options["overarching_config"]
        base = top.get("base_config")
        parts = [*_parts(below.value), *(_parts(base.value) if base else ())]
        top["base_config"] = Entry((base or below).key, ListNode(tuple(parts), parts[0].where))


def _parts(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, ListNode) else (node,)
