"""A scan as a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from mimocorb._words import with_error
from mimocorb.run.scans.quantities import Quantity
from mimocorb.run.screen.fitted_table import Column, fitted_table
from mimocorb.run.wording import UNKNOWN

if TYPE_CHECKING:
    from mimocorb.run.scans.scan import Scan

__all__ = ["scan_table"]

_STYLES = {"complete": "green", "failed": "bold red", "interrupted": "yellow"}


def scan_table(scan: Scan, names: Sequence[str], width: int) -> RenderableType:
    """Return a row for each point: its settings, its run, and these numbers."""
    varied = scan.record.varied
    columns = [
        Column("point", is_number=True),
        *(Column(path, is_number=True) for path in varied),
        Column("run", is_number=True),
        Column("state"),
        *(Column(name, is_number=True, rank=1 + place) for place, name in enumerate(names)),
    ]
    rows = [
        [
            Text(str(point.number)),
            *(Text(point.settings[path]) for path in varied),
            Text(UNKNOWN if point.run is None else str(point.run)),
            Text(point.state, style=_STYLES.get(point.state, "")),
            *(Text(_shown(found.get(name))) for name in names),
        ]
        for point, found in zip(scan.points, scan.quantities(), strict=True)
    ]
    return fitted_table(columns, rows, width)


def _shown(quantity: Quantity | None) -> str:
    if quantity is None:
        return UNKNOWN
    if quantity.error is None:
        return f"{quantity.value:g}"
    return with_error(quantity.value, quantity.error)
