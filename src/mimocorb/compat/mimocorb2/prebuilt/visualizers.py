"""Functions of mimoCoRB2 that show the files of exporters while they grow.

They need a window each and read the files over and over. The files are here, whole at every moment;
what shows them is up to the user.
"""

from __future__ import annotations

from mimocorb.compat.mimocorb2.buffer_io import BufferIO

__all__ = ["csv", "histogram"]


def csv(buffer_io: BufferIO) -> None:
    """Say where the file of ``exporters.csv`` is, and end."""
    name = buffer_io.get("filename", buffer_io.buffer_names_observe[0])
    buffer_io.logger.warning(
        "visualizers.csv shows nothing under mimocorb: open %s with pandas.read_csv, at any time",
        buffer_io.run_dir / f"{name}.csv",
    )


def histogram(buffer_io: BufferIO) -> None:
    """Say where the files of ``exporters.histogram`` are, and end."""
    buffer_io.logger.warning(
        "visualizers.histogram shows nothing under mimocorb: open the .npy files in %s with"
        " numpy.load, at any time",
        buffer_io.run_dir / f"Histograms_{buffer_io.buffer_names_observe[0]}",
    )
