"""Set-ups and functions in the older forms, run for real; other tests use the recommended one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from older_setups import first_mimocorb2, manual, mimocorb2, release_102
from running import run


@pytest.mark.parametrize("write", [manual, release_102, mimocorb2, first_mimocorb2])
def test_a_set_up_in_an_older_form_moves_every_event(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    finished = run(write(tmp_path))
    assert finished.code == 0, finished.text
    assert (finished.published("RB_1"), finished.published("RB_2")) == (100, 100)
    (table,) = [
        path
        for path in finished.directory.iterdir()
        if path.suffix in (".txt", ".csv") and path.name not in ("log.txt", "summary.txt")
    ]
    heading, *lines = table.read_text().replace(",", "\t").splitlines()
    column = heading.split("\t").index("value")
    assert sorted(float(line.split("\t")[column]) for line in lines) == [
        2.0 * n for n in range(100)
    ]
