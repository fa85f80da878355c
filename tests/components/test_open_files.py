"""Which files are looked after at the end of a worker."""

from __future__ import annotations

import gzip
import io

from mimocorb.components.open_files import name_of, open_files


def test_files_on_disk_are_and_what_is_in_memory_is_not(tmp_path):
    plain = (tmp_path / "plain.txt").open("w")
    layered = gzip.open(tmp_path / "layered.gz", "wt")  # noqa: SIM115
    memory, text = io.BytesIO(), io.StringIO()
    exported = memory.getbuffer()  # so that it cannot be closed
    try:
        found = open_files()
        assert any(file is plain for file in found)
        assert any(file is layered for file in found)
        assert not any(file is memory or file is text for file in found)
        assert name_of(plain) == str(tmp_path / "plain.txt")
    finally:
        exported.release()
        layered.close()
        plain.close()
