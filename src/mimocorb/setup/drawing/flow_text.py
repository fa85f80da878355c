"""A drawing as text for other programs: Mermaid (web pages, GitHub) and DOT (Graphviz)."""

from __future__ import annotations

from collections.abc import Iterator

from mimocorb.setup.drawing.flow import COLOURS, Flow
from mimocorb.setup.drawing.layout import Node

__all__ = ["dot_text", "mermaid_text"]


def mermaid_text(flow: Flow) -> str:
    """Return a flow chart for Mermaid, https://mermaid.js.org."""
    short = _short_names(flow)
    lines = ["---", f"title: {_quoted(flow.title)}", "---", "flowchart LR"]
    for key, node in flow.nodes.items():
        label = "<br>".join(_for_mermaid(line) for line in [*node.name, *node.details])
        left, right = ("([", "])") if node.kind == "buffer" else ("[", "]")
        lines.append(f'  {short[key]}{left}"{label}"{right}:::{node.kind}')
    for (start, end), observed in flow.edges.items():
        lines.append(f"  {short[start]} {'-.->' if observed else '-->'} {short[end]}")
    for kind, (fill, stroke) in COLOURS.items():
        lines.append(f"  classDef {kind} fill:{fill},stroke:{stroke},color:#16202c")
    return "\n".join(lines) + "\n"


def dot_text(flow: Flow) -> str:
    """Return a graph for Graphviz, https://graphviz.org."""
    return "\n".join(["digraph {", *(f"  {line}" for line in _dot_lines(flow)), "}"]) + "\n"


def _dot_lines(flow: Flow) -> Iterator[str]:
    short = _short_names(flow)
    yield f"label={_quoted(flow.title)}; labelloc=t; rankdir=LR;"
    yield 'node [shape=box, fontname="sans-serif"];'
    for key, node in flow.nodes.items():
        fill, stroke = COLOURS[node.kind]
        style = "rounded,filled" if node.kind == "buffer" else "filled"
        label = _quoted("\n".join([*node.name, *node.details]))
        looks = f'style="{style}", fillcolor="{fill}", color="{stroke}"'
        yield f"{short[key]} [label={label}, {looks}];"
    for (start, end), observed in flow.edges.items():
        yield f"{short[start]} -> {short[end]}{' [style=dashed]' if observed else ''};"


def _short_names(flow: Flow) -> dict[Node, str]:
    """Names without signs that have a meaning there."""
    return {key: f"{key[0]}{index}" for index, key in enumerate(flow.nodes)}


def _for_mermaid(text: str) -> str:
    # Letters, digits and what cannot be mistaken for markup stay; the rest goes by its number.
    return "".join(
        sign if sign.isalnum() or sign in " _.,×()+/-" else f"#{ord(sign)};" for sign in text
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
