"""Which hardware is attached to this computer, and whether this user may use it.

Everything is read from ``/sys``, ``/dev`` and ``/proc``: no driver is needed, no device is opened.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mimocorb.devices.about import FoundAs

__all__ = ["Attached", "attached"]

_VENDORS = {
    "0403": "FTDI, serial adapter",
    "067b": "Prolific, serial adapter",
    "0699": "Tektronix",
    "0957": "Agilent/Keysight",
    "0aad": "Rohde & Schwarz",
    "0ce9": "Pico Technology",
    "10c4": "Silicon Labs, serial adapter",
    "1a86": "QinHeng, serial adapter",
    "1ab1": "Rigol",
    "21e1": "CAEN",
    "2341": "Arduino",
    "2a8d": "Keysight",
    "2e8a": "Raspberry Pi",
    "f4ec": "Siglent",
    "f4ed": "Siglent",
}
"""Vendors of equipment that is read out, by their USB number."""

_INSTRUMENTS = {"0699", "0957", "0aad", "0ce9", "1ab1", "21e1", "2a8d", "f4ec", "f4ed"}
"""Vendors of whose devices every one is of interest; the others make serial ports."""

_TEST_AND_MEASUREMENT = ("fe", "03")
"""Class and subclass of USB instruments that understand SCPI (USBTMC)."""


@dataclass(frozen=True)
class Attached:
    """Something that is attached.

    Parameters
    ----------
    kind
        Where it shows up.
    place
        How a set-up names it, or where it is.
    what
        What it says of itself.
    remedy
        What to do before this user can use it; empty: nothing.
    """

    kind: FoundAs
    place: str
    what: str
    remedy: str = ""


def attached(
    root: Path = Path("/"), may_use: Callable[[Path], bool] | None = None
) -> list[Attached]:
    """Return what is attached: serial ports, USB instruments, GPIO chips, sound inputs.

    Parameters
    ----------
    root
        Where ``/sys``, ``/dev`` and ``/proc`` are.
    may_use
        Whether this user may read and write a file of ``/dev``; asked of the system if not given.
    """
    allowed = may_use or (lambda node: os.access(node, os.R_OK | os.W_OK))
    return [
        *_serial_ports(root, allowed),
        *_instruments(root, allowed),
        *_gpio(root, allowed),
        *_sound(root, allowed),
    ]


def _serial_ports(root: Path, allowed: Callable[[Path], bool]) -> Iterator[Attached]:
    for port in sorted((root / "sys/class/tty").glob("*")):
        device = port / "device"
        # Of the many terminals without hardware, none has a driver; the ttyS that every board
        # announces count where there is really a chip.
        if not device.exists() or (port.name.startswith("ttyS") and _text(port / "type") == "0"):
            continue
        usb = _usb_of(device.resolve())
        what = _name_of(usb) if usb is not None else "on the board"
        yield Attached("serial", f"/dev/{port.name}", what, _group(root, port.name, allowed))


def _instruments(root: Path, allowed: Callable[[Path], bool]) -> Iterator[Attached]:
    for usb in sorted((root / "sys/bus/usb/devices").glob("*-*")):
        if not (usb / "idVendor").exists():
            continue
        speaks = any(
            (_text(part / "bInterfaceClass"), _text(part / "bInterfaceSubClass"))
            == _TEST_AND_MEASUREMENT
            for part in usb.glob("*:*")
        )
        if not speaks and _text(usb / "idVendor") not in _INSTRUMENTS:
            continue
        bus, number = (int(_text(usb / name) or 0) for name in ("busnum", "devnum"))
        node = root / f"dev/bus/usb/{bus:03}/{number:03}"
        remedy = "" if allowed(node) else _udev(_text(usb / "idVendor"))
        kind: FoundAs = "visa" if speaks else "usb"
        yield Attached(kind, f"USB bus {bus} device {number}", _name_of(usb), remedy)


def _gpio(root: Path, allowed: Callable[[Path], bool]) -> Iterator[Attached]:
    for chip in sorted((root / "dev").glob("gpiochip*")):
        label = _text(root / "sys/bus/gpio/devices" / chip.name / "label")
        yield Attached(
            "gpio", f"/dev/{chip.name}", label or "pins", _group(root, chip.name, allowed)
        )


def _sound(root: Path, allowed: Callable[[Path], bool]) -> Iterator[Attached]:
    """Yield what ``/proc/asound/pcm`` has: ``00-00: ALC256 : ALC256 : playback 1 : capture 1``."""
    for line in _text(root / "proc/asound/pcm").splitlines():
        number, *names = (part.strip() for part in line.split(":"))
        if not any(name.startswith("capture") for name in names):
            continue
        card, _, device = number.partition("-")
        node = f"snd/pcmC{int(card)}D{int(device)}c"
        place = f"hw:{int(card)},{int(device)}"
        yield Attached("sound", place, names[0], _group(root, node, allowed))


def _usb_of(place: Path) -> Path | None:
    """Return the USB device that a part of ``/sys`` belongs to."""
    return next((each for each in place.parents if (each / "idVendor").exists()), None)


def _name_of(usb: Path) -> str:
    vendor, product = _text(usb / "idVendor"), _text(usb / "idProduct")
    known = _VENDORS.get(vendor, "")
    said = " ".join(filter(None, (_text(usb / "manufacturer"), _text(usb / "product"))))
    serial = _text(usb / "serial")
    parts = (said or known, f"serial number {serial}" if serial else "")
    return " ".join((f"{vendor}:{product}", ", ".join(filter(None, parts)))).rstrip()


def _group(root: Path, node: str, allowed: Callable[[Path], bool]) -> str:
    """Return how to get access to a file of /dev; empty if there is no need."""
    path = root / "dev" / node
    if allowed(path):
        return ""
    try:
        group = path.group()
    except (OSError, KeyError):
        return f"/dev/{node} is not there in this container or for this user"
    return (
        f"no permission: sudo usermod -aG {group} $USER, then log out and in again"
        if group != "root"
        else f"no permission, and no group has it: sudo chmod a+rw /dev/{node}, or a udev rule"
    )


def _udev(vendor: str) -> str:
    rule = f'SUBSYSTEM=="usb", ATTR{{idVendor}}=="{vendor}", MODE="0666"'
    return (
        f"no permission: write {rule} into /etc/udev/rules.d/50-mimocorb.rules,"
        " sudo udevadm control --reload-rules, and plug it in again"
    )


def _text(file: Path) -> str:
    """Return what stands in a file of /sys; empty if there is none."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
