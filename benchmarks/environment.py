"""On what, and of what, the figures are: machine, load, commit, versions."""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("mimocorb", "numpy", "pyzmq", "faster-fifo", "iceoryx2")


def describe(reference: Path | None, earlier: Path | None) -> dict[str, str]:
    """Return what does not change during a run, by name."""
    return {
        "processor": f"{_cpu_model()}, {os.cpu_count()} cores, governor {_governor()}",
        "system": f"{platform.system()} {platform.release()}, {' '.join(platform.libc_ver())}",
        "commit": _commit(),
        "Python": f"{platform.python_version()}; {_versions()}",
        "compiler": _first_line(compiler(), "--version"),
        "mimoCoRB 1.0.2": _other(reference, "mimoCoRB 1.0.2", "--reference-python"),
        "earlier mimocorb 2": _other(earlier, "an earlier mimocorb 2", "--earlier-python"),
        "native core": _age_of_core(),
    }


def compiler() -> str:
    """Return the command of the C++ compiler."""
    return os.environ.get("CXX", "g++")


def load() -> str:
    """Return the load averages of 1, 5 and 15 minutes."""
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def busy_s() -> float:
    """Return the processor time that all processes, and the host, have taken since boot."""
    fields = Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()[1:9]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields)
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    except OSError:
        return "not found"
    return (done.stdout.splitlines() or ["not known"])[0] if done.returncode == 0 else "not known"


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _governor() -> str:
    path = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return path.read_text("ascii").strip() if path.exists() else "not readable"


def _commit() -> str:
    commit = _first_line("git", "rev-parse", "--short=12", "HEAD")
    status = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=no"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    return f"{commit} with changes that are not committed" if status.stdout.strip() else commit


def _versions() -> str:
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} not installed")
    return ", ".join(found)


def _other(interpreter: Path | None, what: str, option: str) -> str:
    if interpreter is None:
        return f"left out: give an interpreter that has {what} with {option}"
    code = (
        "import platform; from importlib.metadata import version as v;"
        "print('Python', platform.python_version() + ', mimocorb', v('mimocorb') + ',',"
        "'numpy', v('numpy'))"
    )
    return _first_line(str(interpreter), "-c", code)


def _age_of_core() -> str:
    """Tell whether the extension module is older than its sources: an editable install can be."""
    spec = importlib.util.find_spec("mimocorb._core")
    if spec is None or spec.origin is None:
        return "not installed"
    newest = max(
        p.stat().st_mtime for p in (ROOT / "core").rglob("*.[ch]pp") if "tests" not in p.parts
    )
    stale = Path(spec.origin).stat().st_mtime < newest
    return "**older than its sources: build it again**" if stale else "built after its last change"
