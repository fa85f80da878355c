"""Slips in set-ups, one in each: the cases of the reader and of the JSON schema.

They stand in ``slips.yaml``. How the messages are worded is in ``messages.txt``, which is written
anew by ``python tests/setup/slips.py``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import yaml

from mimocorb.checks.preflight import preflight

HERE = Path(__file__).parent
DATA = HERE / "data"
MESSAGES = HERE / "messages.txt"
MANUAL, RECOMMENDED = "simultest_setup.yaml", "muon_setup.yaml"


class Slip(NamedTuple):
    """Replace `old` by `new` in a file; the message is at `place` and has the words."""

    file: str
    old: str
    new: str
    place: str
    words: str

    @property
    def setup(self) -> str:
        """The set-up that is read; the slip may be in a file that it names."""
        return MANUAL if "/" in self.file else self.file

    def text(self) -> str:
        """Return the file with the slip."""
        text = (DATA / self.file).read_text()
        assert text.count(self.old) == 1, f"{self.old!r} is there {text.count(self.old)} times"
        return text.replace(self.old, self.new)

    def messages(self) -> list[str]:
        """Return the messages about the set-up in the working directory, a copy of the examples."""
        Path(self.file).write_text(self.text())
        return [str(problem) for problem in preflight(self.setup).problems]


SLIPS = {
    name: Slip(*parts) for name, parts in yaml.safe_load((HERE / "slips.yaml").read_text()).items()
}


def section(name: str, messages: list[str]) -> str:
    """Return what the snapshot says of a slip."""
    return "\n".join([f"# {name}", *messages, ""])


def _snapshot() -> str:
    sections = []
    for name, slip in SLIPS.items():
        with tempfile.TemporaryDirectory() as directory:
            shutil.copytree(DATA, directory, dirs_exist_ok=True)
            os.chdir(directory)
            sections.append(section(name, slip.messages()))
            os.chdir("/")
    return "\n".join(sections)


if __name__ == "__main__":
    MESSAGES.write_text(_snapshot())
