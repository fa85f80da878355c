"""A simulated PicoScope: a library with the entry points of PicoSDK, compiled when it is needed.

The real package ``picosdk`` loads it. Needs a C compiler, ``cc``.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.testing.fakes.simulated import Event, SimulatedDevice
from mimocorb.testing.fakes.waveforms import pulses

__all__ = ["PicoScopeLibrary"]

_SOURCE = Path(__file__).with_suffix(".c")
_OVERSAMPLING = ("ps2000a", "ps3000a")
_DIRECTORY = "MIMOCORB_FAKE_PICOSCOPE"


class PicoScopeLibrary(SimulatedDevice):
    """A library that behaves as if a device were there.

    Parameters
    ----------
    directory
        Where the library is made, and the files that stand for the device.
    series
        ``ps2000a``, ``ps3000a`` or ``ps5000a``.
    shape_mv
        The voltages of an event, in mV, of shape (inputs, samples); each event is as high as chance
        will have it, with noise.
    fields
        How the inputs are called in the events that were sent.
    """

    def __init__(
        self,
        directory: Path,
        series: str,
        shape_mv: NDArray[np.float64],
        fields: tuple[str, ...] = ("chA", "chB"),
    ) -> None:
        super().__init__()
        self._directory, self._fields = directory / "picoscope", fields
        self._directory.mkdir(parents=True, exist_ok=True)
        self._form = shape_mv.shape
        (self._directory / "shape").write_bytes(shape_mv.astype(np.float32).tobytes())
        for name in ("sent", "told"):
            (self._directory / name).touch()
        _compile(series, self._directory)
        path = os.pathsep.join(
            filter(None, (str(self._directory), os.environ.get("LD_LIBRARY_PATH")))
        )
        self.environment = {_DIRECTORY: str(self._directory), "LD_LIBRARY_PATH": path}

    def plug_in(self) -> None:
        (self._directory / "plugged").touch()

    def unplug(self) -> None:
        (self._directory / "plugged").unlink(missing_ok=True)

    def fall_silent(self) -> None:
        (self._directory / "silent").touch()

    def speak_again(self) -> None:
        (self._directory / "silent").unlink()

    def sent(self) -> list[Event]:
        counts = np.frombuffer((self._directory / "sent").read_bytes(), np.int16)
        size = self._form[0] * self._form[1]
        events = counts[: len(counts) // size * size].reshape(-1, *self._form)
        return [dict(zip(self._fields, event, strict=True)) for event in events]

    def settings(self) -> Mapping[str, Any]:
        lines = (self._directory / "told").read_text().splitlines()
        return dict.fromkeys(lines, True)


def _compile(series: str, directory: Path) -> None:
    """Make the library, with all the names that the package asks for."""
    spec = find_spec(f"picosdk.{series}")
    assert spec is not None
    assert spec.origin is not None
    wanted = set(re.findall(rf'"({series}\w+)"', Path(spec.origin).read_text(encoding="utf-8")))
    made = {f"{series}{name}" for name in re.findall(r"API\((\w+)\)\(", _SOURCE.read_text("utf-8"))}
    others = "".join(f"unsigned {name}(void) {{ return 13; }}\n" for name in sorted(wanted - made))
    stubs = directory / "others.c"
    stubs.write_text(others)
    library = f"lib{series}.so"
    flags = ["-DOVERSAMPLING"] if series in _OVERSAMPLING else []
    subprocess.run(
        [
            *("cc", "-O1", "-shared", "-fPIC", f"-Wl,-soname,{library}", f"-DSERIES={series}"),
            *(*flags, "-o", str(directory / library), str(_SOURCE), str(stubs), "-lm"),
        ],
        check=True,
    )


def main() -> None:
    """Make a library, and say how a run finds it."""
    parser = argparse.ArgumentParser(description="Make a library that simulates a PicoScope.")
    parser.add_argument("series", choices=["ps2000a", "ps3000a", "ps5000a"])
    parser.add_argument("directory", type=Path, help="where it is made")
    parser.add_argument("--samples", type=int, default=1000, help="samples of an event")
    chosen = parser.parse_args()
    shape_mv = next(pulses(2, chosen.samples, chosen.samples // 5))
    device = PicoScopeLibrary(chosen.directory.resolve(), chosen.series, shape_mv)
    device.plug_in()
    for name, value in device.environment.items():
        print(f"export {name}={shlex.quote(value)}")


if __name__ == "__main__":
    main()
