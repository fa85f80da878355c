"""The model of the ring's protocol speaks of the same steps as the code; `make model` checks it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "core"
MODEL = CORE / "model"
PAGE = ROOT / "docs" / "explanation" / "protocol-model.md"


def steps_of_the_sources() -> set[str]:
    """Names in comments such as `// model: ACK (how = kDone) and QUARANTINE (how = …)`."""
    name = r"[A-Z_]+(?: \([^)]*\))?"
    found: set[str] = set()
    for file in (*CORE.glob("src/*.cpp"), *CORE.glob("include/**/*.hpp")):
        for names in re.findall(rf"// model: ({name}(?: and {name})*)", file.read_text("utf-8")):
            found |= set(re.findall(r"[A-Z_]{2,}", re.sub(r"\([^)]*\)", "", names)))
    return found


def steps_of_the_model() -> set[str]:
    """Names in comments such as `model: ACK (how = DONE)`; the header says `model: NAME`."""
    text = "".join(file.read_text("utf-8") for file in MODEL.glob("*.pml"))
    return set(re.findall(r"model: ([A-Z_]{2,})", text)) - {"NAME"}


def rows_of_the_page() -> list[list[str]]:
    lines = PAGE.read_text("utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]


def test_code_model_and_page_name_the_same_steps() -> None:
    page = {row[0] for row in rows_of_the_page() if re.fullmatch(r"[A-Z_]{2,}", row[0])}
    assert steps_of_the_sources() == steps_of_the_model() == page


def test_the_functions_on_the_page_stand_in_the_files_it_names() -> None:
    rows = [row for row in rows_of_the_page() if len(row) >= 3 and ".cpp`" in row[2]]
    assert rows
    for row in rows:
        files = re.findall(r"`(\w+\.cpp)`", row[2])
        text = "".join((CORE / "src" / file).read_text("utf-8") for file in files)
        for function in re.findall(r"`(\w+::\w+)`", row[1]):
            assert f"{function}(" in text, f"{function} is not in {files}"


def test_what_the_page_calls_by_name_is_in_the_model() -> None:
    text = "".join(file.read_text("utf-8") for file in MODEL.glob("*.pml"))
    rows = [row for row in rows_of_the_page() if len(row) == 3]  # in the model, function, file
    names = [name for row in rows for name in re.findall(r"`(\w+)`", row[0])]
    assert len(names) > 20
    assert [name for name in names if not re.search(rf"\b{name}\b", text)] == []


def test_every_mutant_of_the_model_is_run_and_the_page_counts_them() -> None:
    mutants = set(re.findall(r"_mutant\(\s*\"(\w+)\"", (MODEL / "runs.py").read_text("utf-8")))
    in_model = "".join(file.read_text("utf-8") for file in MODEL.glob("*.pml"))
    assert mutants == set(re.findall(r"MUTANT_(\w+)", in_model))
    assert f"{len(mutants)} mutants" in PAGE.read_text("utf-8")


def test_the_page_has_a_row_for_every_run_of_the_model() -> None:
    runs = re.findall(r"\bRun\(\s*\"([\w-]+)\"", (MODEL / "runs.py").read_text("utf-8"))
    page = [row[0].strip("`") for row in rows_of_the_page()]
    assert len(runs) > 20
    assert [run for run in runs if run not in page] == []


def test_a_machine_without_spin_is_told_what_to_install(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(MODEL / "run.py")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "apt-get install spin" in done.stderr
