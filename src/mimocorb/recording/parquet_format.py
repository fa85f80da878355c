"""Parquet: one file with a column for each channel."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from mimocorb.components.form import sink
from mimocorb.errors import DamagedFile
from mimocorb.recording.arrays import Arrays, arrays_of, batch_of
from mimocorb.recording.columns import Columns
from mimocorb.recording.converted import Converted
from mimocorb.recording.formats import EventFile
from mimocorb.recording.read_whole_file import DESCRIPTION, Container
from mimocorb.recording.tables import TableFile, table_from_arrow
from mimocorb.recording.whole_file import WholeFileFormat

__all__ = ["PARQUET", "Parquet"]


class ParquetFormat(WholeFileFormat):
    """One Parquet file: a row group for each block, a list of fixed length for each channel."""

    name = "parquet"
    endings = (".parquet", ".pq")
    compressions = ("zstd", "lz4", "snappy", "gzip", "none")

    def begins_as_it_should(self, head: bytes) -> bool:
        """Whether it begins as Parquet does."""
        return head.startswith(b"PAR1")

    def target(self, path: Path, columns: Columns, about: Mapping[str, Any]) -> _Target:
        """Begin a file."""
        return _Target(path, columns, about["compression"])

    def container(self, path: Path) -> Container:
        """Open a file."""
        return _Container(path)

    def open_foreign(self, path: Path) -> EventFile:
        """Open a table of others: an event is a row."""
        import pyarrow.parquet as pq  # type: ignore[import-untyped]

        table = pq.read_table(path, page_checksum_verification=True, use_threads=False)
        return TableFile(path, table_from_arrow(path, table))


PARQUET = ParquetFormat()


class _Target:
    def __init__(self, path: Path, columns: Columns, compression: str) -> None:
        import pyarrow.parquet as pq

        self._schema = columns.schema
        self._file = path.open("wb")
        self._writer = pq.ParquetWriter(
            self._file,
            self._schema,
            compression=compression,
            use_dictionary=True,
            write_page_checksum=True,
        )

    def write(self, arrays: Arrays) -> None:
        batch = batch_of(arrays, self._schema)
        self._writer.write_batch(batch, row_group_size=batch.num_rows)

    def finish(self, description: str) -> None:
        self._writer.add_key_value_metadata({DESCRIPTION: description})
        self._writer.close()
        self._file.close()

    def abandon(self) -> None:
        self._writer.is_open = False  # it would write the end of the file
        self._file.close()


class _Container:
    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self._file = pq.ParquetFile(path, page_checksum_verification=True)
        metadata = self._file.metadata.metadata or {}
        found = metadata.get(DESCRIPTION.encode())
        self.names: Collection[str] = self._file.schema_arrow.names
        self.description = None if found is None else found.decode("utf-8", "replace")

    def read(self, number: int, first: int, count: int) -> Arrays:
        del first
        rows = self._file.metadata.row_group(number).num_rows
        if rows != count:
            raise DamagedFile(f"block {number} has {rows} events instead of {count}")
        # by this thread alone: Arrow's threads may abort a process that ends soon after
        table = self._file.read_row_group(number, use_threads=False).combine_chunks()
        (batch,) = table.to_batches()
        return arrays_of(batch)

    def close(self) -> None:
        self._file.close()


@sink
class Parquet(Converted):
    """Save events of any kind as one Parquet file, for pandas, Polars, DuckDB, R and Julia.

    Each field is a column, a list of fixed length if it has several values for an event, a list as
    long as the event where events have lengths of their own; units, the
    run and the dtype are noted in the file.
    """

    format = PARQUET
