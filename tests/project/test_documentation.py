"""What the README and the pages of the documentation show is what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNNER = Path(__file__).with_name("run_page.py")
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])
WATCHDOG_S = 280


def has_blocks(page: Path) -> bool:
    """Whether there is anything to do on a page."""
    return (
        re.search(r"^\s*```(python|console)|<!-- file:", page.read_text("utf-8"), re.M) is not None
    )


def work_through(page: Path, directory: Path) -> subprocess.CompletedProcess[str]:
    """Let a fresh interpreter do what a page says, in a directory of its own."""
    tools = str(Path(sys.executable).parent)
    environment = os.environ | {
        "PATH": tools + os.pathsep + os.environ["PATH"],
        "MPLBACKEND": "agg",
    }
    return subprocess.run(
        [sys.executable, str(RUNNER), str(page), str(directory)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=WATCHDOG_S,
        check=False,
    )


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=str(page.relative_to(ROOT)))
        for page in PAGES
        if has_blocks(page) and page.name != "CONTRIBUTING.md"  # test_recipes.py follows it
    ],
)
def test_everything_a_page_shows_runs(page: Path, tmp_path: Path) -> None:
    done = work_through(page, tmp_path)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```python\nprint(1)\n```\n<!-- output -->\n```text\n2\n```\n", "but this came\n1"),
        ("```python\n1 / 0\n```\n", "ZeroDivisionError"),
        ("```console\n$ echo yes\nno\n```\n", "but this came\nyes"),
        ("```console\n$ exit 3\n```\n", "exit code 3, not 0"),
    ],
    ids=["other output", "an exception", "other shell output", "failing command"],
)
def test_a_page_that_shows_something_else_is_noticed(
    text: str, complaint: str, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    done = work_through(page, tmp_path)
    assert done.returncode != 0
    assert complaint in done.stderr


def test_files_blocks_and_outputs_of_a_page_belong_together(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- file: modules/answer.py -->\n```python\nANSWER = 42\n```\n\n"
        "```python\nfrom modules.answer import ANSWER\n```\n"
        "```python\nprint(ANSWER, 7.25)\n```\n<!-- output -->\n```text\n42 ...\n```\n"
        "<!-- exit code: 3 -->\n```console\n$ exit 3\n```\n"
        "```console\n$ cat modules/answer.py\nANSWER = 42\n```\n"
        "<!-- not run: needs a detector -->\n```python\n1 / 0\n```\n",
        encoding="utf-8",
    )
    done = work_through(page, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_files_of_the_repository_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    local = [
        target for target in targets if "://" not in target and not target.startswith("mailto:")
    ]
    assert [target for target in local if not (page.parent / target).exists()] == []
