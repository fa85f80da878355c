"""Recorded waveforms from archives of Parquet files, under the name of release 1.0.2.

New set-ups use ``function: replay``.
"""

from mimocorb.compat.manual.release_sources import parquetReader

__all__ = ["parquetReader"]
