"""Count the files and lines of src, also of older revisions beside it.

    python tools/size.py [REVISION ...]

A line is of a docstring, of code, or neither: blank, or a comment.
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tarfile
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "src/mimocorb"
NO_CODE = frozenset(
    {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
)


class Size(NamedTuple):
    """How large a part of the code is."""

    files: int = 0
    lines: int = 0
    docstrings: int = 0
    code: int = 0

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the size of one module."""
        docstrings: set[int] = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                docstrings.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        code: set[int] = set()
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type not in NO_CODE:
                code.update(range(token.start[0], token.end[0] + 1))
        return cls(1, text.count("\n"), len(docstrings), len(code - docstrings))

    def plus(self, other: Size) -> Size:
        """Return both together."""
        return Size(*map(sum, zip(self, other, strict=True)))


def modules(revision: str | None) -> Iterator[tuple[str, str]]:
    """Yield the part that a module belongs to, and its text; None is what lies in the checkout."""
    if revision is None:
        for path in sorted((ROOT / PACKAGE).rglob("*.py")):
            yield path.relative_to(ROOT / PACKAGE).parts[0], path.read_text("utf-8")
        return
    command = ["git", "-C", str(ROOT), "archive", revision, PACKAGE]
    archive = subprocess.run(command, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        for member in members:
            content = members.extractfile(member)
            if content is not None and member.name.endswith(".py"):
                yield Path(member.name).relative_to(PACKAGE).parts[0], content.read().decode()


def sizes(found: Iterable[tuple[str, str]]) -> dict[str, Size]:
    """Return the size of each part, and of all together."""
    parts: defaultdict[str, Size] = defaultdict(Size)
    for part, text in found:
        size = Size.of(text)
        for name in ("all", f"{part}/" if not part.endswith(".py") else "modules at the top"):
            parts[name] = parts[name].plus(size)
    return dict(sorted(parts.items(), key=lambda each: -each[1].lines))


def main(revisions: list[str]) -> None:
    """Print a table for each revision, and for what lies in the checkout."""
    for revision in (*revisions, None):
        print(revision or "now")
        print(f"  {'':20} {'files':>6} {'lines':>7} {'docstrings':>11} {'code':>7}")
        for name, size in sizes(modules(revision)).items():
            numbers = f"{size.files:6} {size.lines:7} {size.docstrings:11} {size.code:7}"
            print(f"  {name:20} {numbers}")


if __name__ == "__main__":
    main(sys.argv[1:])
