"""Does what a reader of a page does: types its files, runs its programs, enters its commands.

    python run_page.py PAGE.md DIRECTORY

The blocks of the page are worked through in order. DIRECTORY stands for the checkout: it is the
current directory, with `run_daq.py` and a copy of `examples/` in it.

- `python`: executed. Blocks of one page share their names, as in one notebook. Where the page
  shows an output in a `text` block marked `<!-- output -->`, it has to be the output of the
  blocks since the last one.
- Any block after a comment `<!-- file: NAME -->` is written to that file instead.
- `console`: lines after `$ ` are given to the shell, what follows is the expected output. The
  exit code has to be 0, or N after `<!-- exit code: N -->`. A `cd` lasts to the end of the page.
- A block after `<!-- not run: REASON -->` is skipped, as are blocks in other languages, and a
  block after `<!-- needs: VARIABLE -->` where that environment variable is not set.

In an expected output `...` stands for anything, as in doctest.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import linecache
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

CHECKOUT = Path(__file__).resolve().parents[2]
COMMAND_TIMEOUT_S = 240


@dataclass(frozen=True)
class Block:
    """One fenced block with the comment before it."""

    page: Path
    line: int
    language: str
    text: str
    comment: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    comment = ""
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block":
            found = re.fullmatch(r"<!--\s*(.*?)\s*-->", token.content.strip(), re.DOTALL)
            comment = found[1] if found else ""
        elif token.type == "fence":
            assert token.map is not None
            language = token.info.split()[0] if token.info else ""
            yield Block(page, token.map[0] + 2, language, token.content, comment)
            comment = ""
        elif token.content:
            comment = ""


class Mismatch(AssertionError):
    """A page shows an output that is not the real one."""


def compare(block: Block, expected: str, found: str) -> None:
    """Raise Mismatch, with both texts, unless they agree but for `...` and white space."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    if not doctest.OutputChecker().check_output(
        expected.strip() + "\n", found.strip() + "\n", flags
    ):
        raise Mismatch(f"{block.place}: the page shows\n{expected}\nbut this came\n{found}")


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Pairs of (command, expected output) of a console block."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        length = 1
        while lines[length - 1].endswith("\\"):
            length += 1
        yield "\n".join(lines[:length]), "\n".join(lines[length:])


class PageRun:
    """The state of a reader who works through one page."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.output = io.StringIO()

    def do(self, block: Block) -> None:
        """Do what one block asks for."""
        needed = block.comment.removeprefix("needs:").strip()
        if block.comment.startswith("not run:") or (
            block.comment.startswith("needs:") and not os.environ.get(needed)
        ):
            return
        if block.comment.startswith("file:"):
            self.write_file(Path(block.comment.removeprefix("file:").strip()), block.text)
        elif block.comment == "output":
            compare(block, block.text, self.output.getvalue())
            self.output = io.StringIO()
        elif block.language == "python":
            self.execute(block)
        elif block.language == "console":
            self.enter(block)

    @staticmethod
    def write_file(path: Path, text: str) -> None:
        """Create a file, and its folder, below the current directory."""
        assert not path.is_absolute(), path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def execute(self, block: Block) -> None:
        """Run a python block; a traceback names file and line of the page."""
        text = "\n" * (block.line - 1) + block.text
        linecache.cache[str(block.page)] = (len(text), None, text.splitlines(True), str(block.page))
        with contextlib.redirect_stdout(self.output):
            exec(compile(text, str(block.page), "exec"), self.names)

    @staticmethod
    def enter(block: Block) -> None:
        """Give the commands of a console block to the shell and compare what they print."""
        for command, expected in commands(block.text):
            if re.fullmatch(r"cd \S+", command):
                os.chdir(command.removeprefix("cd "))
                continue
            done = subprocess.run(
                ["bash", "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=COMMAND_TIMEOUT_S,
                check=False,
            )
            if expected.strip():
                compare(block, expected, done.stdout)
            is_failure = block.comment.startswith("exit code:")
            wanted = int(block.comment.removeprefix("exit code:")) if is_failure else 0
            if done.returncode != wanted:
                raise Mismatch(
                    f"{block.place}: `{command}` ended with exit code {done.returncode}, "
                    f"not {wanted}\n{done.stdout}"
                )


def lay_out(directory: Path) -> None:
    """Make the parts of the checkout that pages speak of."""
    (directory / "run_daq.py").symlink_to(CHECKOUT / "run_daq.py")
    shutil.copytree(
        CHECKOUT / "examples",
        directory / "examples",
        ignore=shutil.ignore_patterns("target", "__pycache__"),
    )


def main() -> None:
    page, directory = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    lay_out(directory)
    os.chdir(directory)
    sys.path.insert(0, "")
    run = PageRun()
    for block in blocks(page):
        run.do(block)


if __name__ == "__main__":
    main()
