"""What is installed together can be imported together."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
# Tried: PyArrow 17 to 25 work with NumPy 1.26; 26.0 says "pyarrow requires NumPy 2.0 or newer".
NEEDS_NUMPY_2 = Version("26")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def requirements() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [Requirement(text) for text in project["dependencies"]]


def allowed(package: str, version: str, python: str) -> bool:
    found = [
        each
        for each in requirements()
        if each.name == package
        and (each.marker is None or each.marker.evaluate({"python_version": python}))
    ]
    assert len(found) == 1, f"{package} is asked for once on Python {python}"
    return found[0].specifier.contains(version)


@pytest.mark.parametrize("python", PYTHONS)
def test_no_pair_of_numpy_and_pyarrow_is_allowed_that_cannot_be_imported(python):
    numpy_1 = [v for v in ("1.26.0", "1.26.4") if allowed("numpy", v, python)]
    new_arrow = [v for v in ("26.0.0", "26.0.1", "30.0.0") if allowed("pyarrow", v, python)]
    assert not (numpy_1 and new_arrow)
    assert allowed("numpy", "2.4.0", python)
    assert allowed("pyarrow", "25.0.0", python)


@cache
def resolved(*asked: str, python: str) -> dict[str, Version] | None:
    """Return what pip would install with what mimocorb asks for; None if that is impossible."""
    needed = [
        f"{each.name}{each.specifier}"
        for each in requirements()
        if each.marker is None or each.marker.evaluate({"python_version": python})
    ]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"),
            *("--disable-pip-version-check", "--report", "-", "--target", "nowhere"),
            *("--only-binary", ":all:", "--python-version", python, *needed, *asked),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    if done.returncode:
        return None
    packages = [each["metadata"] for each in json.loads(done.stdout)["install"]]
    return {each["name"]: Version(each["version"]) for each in packages}


@pytest.mark.parametrize("python", ["3.11", "3.13"])
@pytest.mark.parametrize("asked", [(), ("numpy<2",), ("pyarrow>=26",), ("numpy<2.3", "pandas")])
def test_pip_chooses_a_pair_that_can_be_imported_or_refuses(python, asked):
    if resolved(python=python) is None:
        pytest.skip("no package index can be reached: pip has resolved nothing")
    chosen = resolved(*asked, python=python)
    impossible = {("3.11", ("pyarrow>=26",)), ("3.13", ("numpy<2",))}
    assert (chosen is None) == ((python, asked) in impossible)
    if chosen is not None:
        assert chosen["numpy"] >= Version("2") or chosen["pyarrow"] < NEEDS_NUMPY_2
