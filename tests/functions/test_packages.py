"""What an installed package offers is found, described, checked and run like ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.errors import SetupError

PACKAGE = Path(__file__).parents[1] / "packages" / "mimocorb-example"
SETUP = """\
Buffers:
  raw: {slot_count: 8, data_length: 4, data_dtype: {chA: float64}}
Workers:
  device: {function: square_wave, sinks: [raw], config: {events: 3}}
  save: {function: json_lines, sources: [raw], config: {filename: waves}}
"""
Command = Callable[..., "subprocess.CompletedProcess[str]"]


def install(package: Path, target: Path) -> None:
    """Build and install for real, without the network."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--target", str(target)]
    subprocess.run([*pip, *options, str(package)], check=True, timeout=240)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source") / "mimocorb-example"
    shutil.copytree(PACKAGE, source)  # a build leaves files behind
    target = tmp_path_factory.mktemp("installed")
    install(source, target)
    return target


@pytest.fixture
def command(installed: Path, tmp_path: Path) -> Command:
    """Run Python beside the installed package, in a directory with a set-up."""
    (tmp_path / "setup.yaml").write_text(SETUP)

    def run(*arguments: str, also: Path | None = None) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(str(each) for each in (installed, also) if each)
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path},
            check=False,
            capture_output=True,
            text=True,
            timeout=240,
        )

    return run


def mimocorb(command: Command, *arguments: str, also: Path | None = None) -> str:
    done = command("-m", "mimocorb.cli", *arguments, also=also)
    return f"{done.returncode}\n{done.stdout}{done.stderr}"


def test_its_parts_are_listed(command: Command) -> None:
    listed = [line.split(maxsplit=3) for line in mimocorb(command, "describe").splitlines() if line]
    assert ["square_wave", "source", "mimocorb-example", ANY_WAVES] in listed
    assert ["json_lines", "sink", "mimocorb-example", "Write each event as a line of JSON."] in (
        listed
    )
    names = {(entry["name"], entry["kind"]) for entry in entries(command)}
    assert {
        ("json_lines", "file format"),
        ("counted", "buffer backend"),
        ("shared_memory", "buffer backend"),
        ("plot.plot_graph", "manual"),
    } <= names


ANY_WAVES = "Deliver square waves, as a function generator does."


def entries(command: Command, also: Path | None = None) -> list[dict[str, str]]:
    done = command("-m", "mimocorb.cli", "describe", "--json", also=also)
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def test_a_part_is_described_by_its_name(command: Command) -> None:
    text = mimocorb(command, "describe", "square_wave")
    assert "square_wave: source, in mimocorb_example" not in text
    assert "height_mV   float   mV     5.0       Height of the upper level." in text
    assert "    function: square_wave\n    sinks: […]  # buffers that it writes" in text


def test_it_is_checked_and_runs(command: Command, tmp_path: Path) -> None:
    page = mimocorb(command, "check", "setup.yaml", "--strict")
    assert page.startswith("0\n")
    assert "square_wave in an installed package" in page
    assert mimocorb(command, "run", "--quiet", "setup.yaml").startswith("0\n")
    (path,) = tmp_path.glob("target/*/waves.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [{"counter": n, "chA": [0.0, 0.0, 5.0, 5.0]} for n in range(3)]


SLIPS = {
    "a key that it does not take": (
        ("events: 3", "evnets: 3"),
        "4:58: error: square_wave has the parameters events, height_mV, rate_hz; found 'evnets' in"
        " the configuration of device; did you mean 'events'?",
    ),
    "a misspelt name": (
        ("function: square_wave", "function: square_wav"),
        "4:22: error: 'square_wav', without the key 'file', is offered by mimocorb or by one other"
        " package; found none that does; did you mean 'square_wave'? or add the key 'file'",
    ),
    "a part that cannot be imported": (
        ("function: square_wave", "function: needs_a_driver"),
        "4:22: error: needs_a_driver of the package mimocorb-example cannot be imported: "
        "ModuleNotFoundError: No module named 'driver_that_is_not_there'; correct or uninstall the"
        " package",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_slips_are_found_before_the_start(command: Command, tmp_path: Path, slip: str) -> None:
    change, words = SLIPS[slip]
    (tmp_path / "setup.yaml").write_text(SETUP.replace(*change))
    for name in ("check", "run"):
        assert f"\nsetup.yaml:{words}\n" in mimocorb(command, name, "setup.yaml")
    assert not (tmp_path / "target").exists()


def test_a_name_that_two_packages_offer_is_refused(
    command: Command, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source, second = tmp_path / "mimocorb-second", tmp_path_factory.mktemp("second")
    shutil.copytree(PACKAGE, source)
    (source / "mimocorb_example").rename(source / "mimocorb_second")
    project = source / "pyproject.toml"
    text = project.read_text().replace("mimocorb-example", "mimocorb-second")
    project.write_text(text.replace("mimocorb_example", "mimocorb_second"))
    install(source, second)
    found = mimocorb(command, "check", "setup.yaml", also=second)
    assert (
        "'square_wave', without the key 'file', is offered by mimocorb or by one other package"
        in found
    )
    assert "found it in mimocorb-example and mimocorb-second; uninstall all but one" in found
    (square_wave,) = [one for one in entries(command, second) if one["name"] == "square_wave"]
    assert square_wave["package"] == "mimocorb-example, mimocorb-second"


BUFFER = """
from mimocorb.mimo_buffer import NewBuffer, Reader, Writer
buffer = NewBuffer(4, 1, "int32", backend="counted")
group = buffer.new_reader_group()
with Writer(buffer.new_writer()) as writer:
    writer.write([7])
with Reader(group) as reader:
    print(int(reader.get()[0]))
import mimocorb_example.counted
print(mimocorb_example.counted.opened)
"""


def test_its_backend_makes_buffers(command: Command) -> None:
    done = command("-c", BUFFER)
    assert done.stdout == "7\n['writer']\n", done.stderr


def test_a_backend_that_nobody_offers_is_refused() -> None:
    with pytest.raises(SetupError, match="no installed package offers the buffer backend 'nats'"):
        NewBuffer(4, 1, "int32", backend="nats")
