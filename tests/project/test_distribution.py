"""What is built from the checkout is complete and works where it is installed."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "mimocorb"
BUILD_WATCHDOG_S = 600
pytestmark = pytest.mark.timeout(2 * BUILD_WATCHDOG_S)

# The options are those of `make check`, so that what it has compiled is not compiled again.
BUILD = [
    "wheel",
    "--quiet",
    "--disable-pip-version-check",
    "--no-build-isolation",
    "--no-deps",
    f"--config-settings=build-dir={ROOT / 'build' / 'strict'}",
    "--config-settings=cmake.define.MIMOCORB_WERROR=ON",
]


def try_pip(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    tools = str(Path(sys.executable).parent)
    return subprocess.run(
        [sys.executable, "-m", "pip", *arguments],
        env=os.environ | {"PATH": tools + os.pathsep + os.environ["PATH"]} | variables,
        capture_output=True,
        text=True,
        timeout=BUILD_WATCHDOG_S,
        check=False,
    )


def pip(*arguments: str) -> None:
    done = try_pip(*arguments)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build" / "strict.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests here may run in several processes
        pip(*BUILD, "--wheel-dir", str(directory), str(ROOT))
    (path,) = directory.glob("mimocorb-*.whl")
    return path


def test_a_wheel_has_every_module_and_the_types(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    wanted = {
        str(path.relative_to(PACKAGE.parent))
        for pattern in ("*.py", "*.pyi", "py.typed", "templates/*/*", "templates/*/.*")
        for path in PACKAGE.rglob(pattern)
        if path.is_file()
    }
    assert wanted - packed == set()
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    assert {f"mimocorb/_core{suffix}", f"mimocorb/_kernels{suffix}"} <= packed
    assert any(name.endswith("licenses/LICENSE") for name in packed)


def test_a_wheel_holds_nothing_but_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mimocorb"}


def test_an_installed_wheel_moves_events(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "installed"
    pip("install", "--quiet", "--no-deps", "--target", str(place), str(wheel))
    program = (
        "import mimocorb\n"
        "from mimocorb.mimo_buffer import NewBuffer, Reader, Writer\n"
        "buffer = NewBuffer(4, 1, 'int32')\n"
        "group, to_buffer = buffer.new_reader_group(), buffer.new_writer()\n"
        "with Writer(to_buffer) as writer:\n"
        "    writer.write([42])\n"
        "print(mimocorb.__file__, [int(event[0]) for event in Reader(group)])\n"
    )
    # -S leaves out what the environment's own start-up files would add, an editable mimocorb too.
    libraries = sysconfig.get_paths()["platlib"]
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(place), libraries])},
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        check=False,
    )
    assert done.stdout.split() == [str(place / "mimocorb" / "__init__.py"), "[42]"], done.stderr


OLD_COMPILER = """#!/bin/sh
case "$*" in *-std=c++2*) echo "unrecognized option" >&2; exit 1;; esac
exec c++ "$@"
"""


@pytest.mark.parametrize(
    ("compiler", "defined", "reason", "remedy"),
    [
        ("/nowhere/g++", "", "a C++ compiler, and none was found", "apt-get install g++"),
        ("old", "", "a compiler for C++20 on a 64-bit system", "use g++ 11"),
        ("", "Python_INCLUDE_DIR=/nowhere", "Python.h was not found", "install python3-dev"),
        ("", "CMAKE_SYSTEM_NAME=Darwin", "runs on Linux, and this is Darwin", "(WSL 2)"),
    ],
    ids=["no compiler", "old compiler", "no header files", "another system"],
)
def test_a_build_that_cannot_be_ends_with_what_to_install(
    compiler: str, defined: str, reason: str, remedy: str, tmp_path: Path
) -> None:
    old = tmp_path / "old"
    old.write_text(OLD_COMPILER)
    old.chmod(0o755)
    done = try_pip(
        *(option for option in BUILD if not option.startswith("--config-settings")),
        f"--config-settings=build-dir={tmp_path / 'build'}",
        *([f"--config-settings=cmake.define.{defined}"] if defined else []),
        "--wheel-dir",
        str(tmp_path),
        str(ROOT),
        **({"CXX": str(tmp_path / compiler)} if compiler else {}),
    )
    assert done.returncode != 0
    said = " ".join(done.stderr.split())
    (error,) = (part for part in said.split("CMake Error")[1:])
    assert reason in error
    assert remedy in error
    ending = "on Debian or Ubuntu: sudo apt-get install g++ python3-dev [end of output]"
    assert ending in error
