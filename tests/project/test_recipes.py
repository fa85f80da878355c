"""The recipes of CONTRIBUTING, followed word by word in a copy of the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from run_page import Block, blocks

import mimocorb
from mimocorb import _core, _kernels

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "CONTRIBUTING.md"
WATCHDOG_S = 280


def recipes() -> dict[str, list[Block]]:
    """The blocks of each recipe, by its title."""
    lines = PAGE.read_text("utf-8").splitlines()
    titles = [(n, line[4:]) for n, line in enumerate(lines, 1) if line.startswith("### ")]
    found: dict[str, list[Block]] = {title: [] for _, title in titles}
    for block in blocks(PAGE):
        before = [title for line, title in titles if line < block.line]
        if before and block.comment:
            found[before[-1]].append(block)
    return found


RECIPES = recipes()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what is installed, with an environment that knows nothing else of mimocorb."""
    directory = tmp_path / "checkout"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", directory / "src", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", directory)
    for module in (_core, _kernels):
        shutil.copy(module.__file__, directory / "src" / "mimocorb")
    return directory


def install(checkout: Path) -> Path:
    """Do what an editable installation does without compiling; return the interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "env"], cwd=checkout, check=True)
    project = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]
    about = checkout / "src" / f"mimocorb-{project['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: mimocorb\nVersion: {project['version']}\n"
    )
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (about / "entry_points.txt").write_text("\n".join(groups))
    (libraries,) = (checkout / "env" / "lib").glob("python*/site-packages")
    # Directories named in such a file are searched; the .pth files in them are not read.
    (libraries / "checkout.pth").write_text(
        f"{checkout / 'src'}\n{sysconfig.get_path('purelib')}\n"
    )
    return checkout / "env" / "bin" / "python"


def add_to(path: Path, block: Block) -> None:
    """Add the lines with a plus behind the one before them, which is once in the file."""
    (context,) = [line[1:] for line in block.text.splitlines() if line.startswith(" ")]
    added = [line[1:] for line in block.text.splitlines() if line.startswith("+")]
    text = path.read_text("utf-8")
    assert text.count(f"{context}\n") == 1, f"{block.place}: {context} is once in {path.name}"
    path.write_text(text.replace(f"{context}\n", "\n".join([context, *added]) + "\n"), "utf-8")


def follow(recipe: list[Block], checkout: Path) -> None:
    for block in recipe:
        how, _, name = block.comment.partition(": ")
        path = checkout / name
        if how == "file":
            assert not (ROOT / name).exists(), f"{block.place}: {name} is new"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, "utf-8")
        else:
            assert how == "add to", block.place
            add_to(path, block)


def test_there_are_four_recipes() -> None:
    assert list(RECIPES) == [
        "A new device",
        "A new file format",
        "A new display",
        "A new set-up key",
    ]


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_is_one_file_one_test_and_one_page(title: str) -> None:
    new = [
        block.comment.partition(": ")[2] for block in RECIPES[title] if "file: " in block.comment
    ]
    source = [name for name in new if name.startswith("src/") and "/fakes/" not in name]
    assert len(source) == (0 if title == "A new set-up key" else 1)
    assert len([name for name in new if name.startswith("tests/")]) == 1
    pages = [b for b in RECIPES[title] if b.comment.partition(": ")[2].startswith("docs/")]
    assert len(pages) == (0 if title == "A new set-up key" else 1)


@pytest.mark.parametrize("title", RECIPES)
def test_what_a_recipe_makes_passes_its_test(title: str, checkout: Path) -> None:
    follow(RECIPES[title], checkout)
    python = install(checkout)
    (test,) = (checkout / "tests").rglob("test_*.py")
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", str(test)],
        cwd=checkout,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST")},
        capture_output=True,
        text=True,
        timeout=WATCHDOG_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed, done.stdout
    where = subprocess.run(
        [python, "-c", "import mimocorb; print(mimocorb.__file__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(where.stdout.strip()) != Path(mimocorb.__file__)
    style = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--quiet", "src", "tests"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert style.returncode == 0, style.stdout
