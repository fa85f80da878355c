"""Version, citation, changes and reference pages agree with the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import mimocorb
from mimocorb import buffer_control, cli, errors, mimo_buffer, plot

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"


def project() -> dict[str, object]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        table: dict[str, object] = tomllib.load(file)["project"]
    return table


def test_there_is_one_version() -> None:
    assert mimocorb.__version__ == project()["version"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == mimocorb.__version__


def test_the_changes_say_something_of_this_version() -> None:
    heading = "Unreleased" if "dev" in mimocorb.__version__ else mimocorb.__version__
    assert f"## [{heading}]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(
    ("page", "face"),
    [("mimo-buffer.md", mimo_buffer), ("buffer-control.md", buffer_control), ("plot.md", plot)],
    ids=["mimo_buffer", "buffer_control", "plot"],
)
def test_every_public_name_is_in_the_reference(page: str, face: object) -> None:
    text = (REFERENCE / page).read_text() + (face.__doc__ or "")
    assert [name for name in face.__all__ if name not in text] == []  # type: ignore[attr-defined]


def test_every_error_is_in_the_reference() -> None:
    text = (REFERENCE / "errors.md").read_text()
    assert [name for name in errors.__all__ if f"`{name}`" not in text] == []
    assert [name for name in errors.__all__ if f"autoexception:: {name}\n" not in text] == []


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_option_of_the_command_line_is_in_the_reference(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (REFERENCE / "command-line.md").read_text()
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    options = set(re.findall(r"(?<!\S)--[a-z-]+", capsys.readouterr().out))
    assert {option for option in options if f"`{option}" not in text} == set()


def test_the_text_of_the_licence_is_the_one_the_project_names() -> None:
    assert project()["license"] == "BSD-3-Clause"
    assert "BSD 3-Clause License" in (ROOT / "LICENSE").read_text()
