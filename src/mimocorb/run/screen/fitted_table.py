"""Tables that fit any width: what matters least falls away, and no number is ever cut."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

__all__ = ["Column", "fitted_table"]

GAP = 2


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    title
        Above it.
    rank
        What has the highest rank falls away first; 0 stays.
    is_number
        Aligned to the right.
    least_width
        Of a text that may be cut, at least so much is shown; 0: it is never cut.
    good_width
        Other columns are cut or fall away before less than this is shown of it.
    """

    title: str
    rank: int = 0
    is_number: bool = False
    least_width: int = 0
    good_width: int = 0


def fitted_table(columns: Sequence[Column], rows: Sequence[Sequence[Text]], width: int) -> Table:
    """Return a table without lines that is not wider than `width` characters.

    Columns in which nothing stands are left out.
    """
    wanted = [
        max([Text(column.title).cell_len, *(row[place].cell_len for row in rows)])
        for place, column in enumerate(columns)
    ]
    places = [p for p in range(len(columns)) if any(row[p].plain for row in rows)]
    while _total([_good(columns[p], wanted[p]) for p in places]) > width:
        droppable = [place for place in places if columns[place].rank]
        if not droppable:
            break
        places.remove(max(droppable, key=lambda place: columns[place].rank))
    widths = {place: wanted[place] for place in places}
    for floor in (_good, _least):
        while _total(widths.values()) > width:
            cuttable = [p for p in places if widths[p] > floor(columns[p], wanted[p])]
            if not cuttable:
                break
            widths[max(cuttable, key=lambda place: widths[place])] -= 1
    return _table([columns[p] for p in places], list(widths.values()), _only(rows, places))


def _good(column: Column, wanted: int) -> int:
    return max(_least(column, wanted), min(wanted, column.good_width))


def _least(column: Column, wanted: int) -> int:
    return min(wanted, column.least_width) if column.least_width else wanted


def _total(widths: Collection[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _only(rows: Sequence[Sequence[Text]], places: Sequence[int]) -> list[list[Text]]:
    return [[row[place] for place in places] for row in rows]


def _table(
    columns: Sequence[Column], widths: Sequence[int], rows: Sequence[Sequence[Text]]
) -> Table:
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="dim")
    for column, width in zip(columns, widths, strict=True):
        table.add_column(
            column.title,
            justify="right" if column.is_number else "left",
            width=width,
            no_wrap=True,
            overflow="ellipsis",
        )
    for row in rows:
        table.add_row(*row)
    return table
