"""``mimocorb devices``: which devices can be read out on this computer, and what is missing."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mimocorb._json import to_json
from mimocorb.cli.common import OK, Commands, print_picture, print_text

if TYPE_CHECKING:
    from mimocorb.checks.devices import Hardware

__all__ = ["add"]

_WHERE = {
    "serial": "serial port",
    "usb": "USB",
    "visa": "USB, SCPI",
    "gpio": "pins",
    "sound": "sound input",
    "network": "network",
    "program": "program",
}


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "devices", help="list the devices that can be read out here, and what is missing for them"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(action=devices)


def devices(chosen: argparse.Namespace) -> int:
    """Print the kinds of devices, what is attached, and what to do."""
    from mimocorb.checks.devices import hardware

    found = hardware()
    if chosen.json:
        print_text(to_json(_plain(found), indent=2))
    else:
        print_picture(lambda _width: _drawn(found))
    return OK


def _plain(found: Hardware) -> dict[str, Any]:
    return {
        "kinds": [asdict(kind) for kind in found.kinds],
        "found": [{**asdict(each), "read_by": found.readers_of(each)} for each in found.found],
    }


def _drawn(hardware: Hardware) -> Any:
    from rich.console import Group
    from rich.text import Text

    kinds = _table("kind", "is found as", "state", "what it is")
    for kind in hardware.kinds:
        state = "something is missing" if kind.missing else "ready"
        what = kind.summary + (f" (package {kind.package})" if kind.package != "mimocorb" else "")
        kinds.add_row(*map(Text, (kind.name, _WHERE.get(kind.found_as, ""), state, what)))
    found = _table("found", "where", "what it says of itself", "read by")
    for each in hardware.found:
        readers = ", ".join(hardware.readers_of(each))
        row = (_WHERE.get(each.kind, each.kind), each.place, each.what, readers)
        found.add_row(*map(Text, row))
    parts: list[Any] = [kinds, Text("")]
    parts += [found] if hardware.found else [Text("Nothing is attached that can be read out.")]
    remedies = list(_remedies(hardware))
    if remedies:
        parts += [Text("\nTo do")]
        parts += [Text(f"  {who}: {what}") for who, what in remedies]
    parts.append(
        Text(
            "\nDevices in the network do not show up here: name their address in the set-up."
            "\nmimocorb describe KIND says what can be set."
        )
    )
    return Group(*parts)


def _remedies(hardware: Hardware) -> Iterator[tuple[str, str]]:
    for kind in hardware.kinds:
        for missing in kind.missing:
            yield kind.name, missing
    for each in hardware.found:
        if each.remedy:
            yield each.place, each.remedy


def _table(*titles: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number, title in enumerate(titles):
        table.add_column(title, overflow="fold", no_wrap=number == 0)
    return table
