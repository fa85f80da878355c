"""The table of a scan: a row for each point."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mimocorb.run.scans.quantities import Quantity
from mimocorb.run.scans.scan_record import ScanRecord

__all__ = ["table_dict", "table_text"]

Quantities = Sequence[Mapping[str, Quantity]]


def table_text(record: ScanRecord, found: Quantities, names: Sequence[str] | None = None) -> str:
    """Return the table as CSV; what a point does not have is left empty."""
    shown = _names(found, names)
    has_error = {name: any(name in row and row[name].error is not None for row in found)
                 for name in shown}  # fmt: skip
    header = ["point", *record.varied, "state", "run"]
    for name in shown:
        header += [name, f"{name}_error"] if has_error[name] else [name]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for point, row in zip(record.points, found, strict=True):
        line: list[Any] = [point.number, *(point.settings[path] for path in record.varied)]
        line += [point.state, "" if point.run is None else point.run]
        for name in shown:
            each = row.get(name)
            line.append("" if each is None else repr(each.value))
            if has_error[name]:
                line.append("" if each is None or each.error is None else repr(each.error))
        writer.writerow(line)
    return text.getvalue()


def table_dict(
    record: ScanRecord, found: Quantities, names: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return everything about a scan in plain values."""
    shown = _names(found, names)
    content = asdict(record)
    for point, row in zip(content["points"], found, strict=True):
        point["results"] = {
            name: {"value": row[name].value, "error": row[name].error}
            for name in shown
            if name in row
        }
    return content


def _names(found: Quantities, names: Sequence[str] | None) -> list[str]:
    if names is not None:
        return list(names)
    return list(dict.fromkeys(name for row in found for name in row))
