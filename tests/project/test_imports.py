"""Importing is light: every worker process pays for what it imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "src" / "mimocorb"
HEAVY = ("matplotlib", "pyarrow", "pydantic", "rich", "scipy", "asyncio", "yaml")


def loaded_by(statement: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter has after a statement."""
    program = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["mimo_buffer", "buffer_control", "plot"])
def test_a_face_loads_nothing_heavy(module: str) -> None:
    assert loaded_by(f"import mimocorb.{module}") & set(HEAVY) == set()


def test_the_package_itself_does_not_even_load_numpy() -> None:
    assert "numpy" not in loaded_by("import mimocorb")


def test_access_classes_load_no_library_of_files_or_pictures() -> None:
    loaded = loaded_by("from mimocorb.buffer_control import SourceToBuffer, BufferToParquetfile")
    assert loaded & {"matplotlib", "pyarrow", "scipy"} == set()


@pytest.mark.parametrize("module", ["checks.connections", "run.run", "run.hosts.ledgers"])
def test_what_hosts_need_is_not_loaded_for_a_run_of_one_machine(module: str) -> None:
    assert "asyncio" not in loaded_by(f"import mimocorb.{module}")


def importers_of(native: str) -> set[str]:
    """The parts of the package (first folder, or file) that import a native module."""
    found = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module == "mimocorb":
                names = [f"mimocorb.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [str(node.module)]
            if f"mimocorb.{native}" in names:
                found.add(path.relative_to(SOURCES).parts[0])
    return found


@pytest.mark.parametrize(
    ("native", "owners"),
    [
        ("_core", {"buffers"}),  # rings, and the time account of a process
        ("_kernels", {"analysis", "buffers", "recording"}),  # pulses, lengths of events, checksums
    ],
)
def test_a_native_module_is_known_to_its_owners_only(native: str, owners: set[str]) -> None:
    assert importers_of(native) == owners
