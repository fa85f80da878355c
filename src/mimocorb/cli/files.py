"""``mimocorb files``: look into recorded files, prove them, save what is left, export them."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mimocorb._words import count as in_groups
from mimocorb._words import how_many
from mimocorb.cli.common import FAILED, OK, Commands, count, print_text

# The rest is imported on use, where a Ctrl-C is answered by a message.
if TYPE_CHECKING:
    from mimocorb.recording.events import Events
    from mimocorb.recording.formats import Format

__all__ = ["add"]

_PATH_HELP = "a file, a recording without its ending, the directory of a run, or its number"
_LONGEST_ARRAY = 8
_OF_THE_FILE = ("run", "writer", "buffer", "compression", "began_utc_s", "versions")


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "files", help="look into recorded files, and prove that they are whole"
    )
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    info = what.add_parser("info", help="say what is in them")
    head = what.add_parser("head", help="print the first events")
    head.add_argument("-n", type=count, default=5, metavar="N", help="how many (default: 5)")
    verify = what.add_parser(
        "verify", help="read everything; exit code 0: whole, 1: damaged, and what is missing"
    )
    recover = what.add_parser("recover", help="write what is whole of a file into a new one")
    export = what.add_parser("export", help="write them in another format")
    for each, action in (
        (info, _info),
        (head, _head),
        (verify, _verify),
        (recover, _recover),
        (export, _export),
    ):
        each.set_defaults(action=action)
        each.add_argument("paths", nargs="+", metavar="PATH", help=_PATH_HELP)
    for each in (recover, export):
        each.add_argument(
            "--to", required=True, type=Path, metavar="DIR", help="directory for the new files"
        )
    export.add_argument(
        "--format",
        default="text",
        metavar="FORMAT",
        help="record, parquet, csv, hdf5, root, rntuple, npz, text or parquet_tar (default: text)",
    )


def _opened(chosen: argparse.Namespace) -> dict[str, Events]:
    from mimocorb.recording.events import Events
    from mimocorb.run import recorded

    found: dict[str, Events] = {}
    for path in chosen.paths:
        with _telling(f"reading {path}"):
            content = recorded.open(path)
        if isinstance(content, Events):
            found[path] = content
        else:
            found |= {f"{path}/{name}": content[name] for name in content}
    return found


def _info(chosen: argparse.Namespace) -> int:
    """Print what is known of each."""
    pages = []
    for path, events in _opened(chosen).items():
        lines = [
            f"{path}: {how_many(len(events), 'event')}",
            f"  format     {_format_of(events).name}",
            f"  an event   {events.values_per_slot} x {_type(events.dtype)}",
        ]
        for name, value in events.about.items():
            lines += [f"  {name:10} {_brief(value)}"] if value not in (None, {}) else []
        pages.append("\n".join(lines))
    print_text("\n".join(pages) or "no recording")
    return OK


def _head(chosen: argparse.Namespace) -> int:
    """Print the first events of each."""
    lines = []
    for path, events in _opened(chosen).items():
        lines.append(path)
        for index in range(min(chosen.n, len(events))):
            data, metadata = events[index]
            lines.append(
                f"  event {metadata.counter}  {metadata.timestamp!r}  {metadata.deadtime!r}"
            )
            for name in data.dtype.names or ("",):
                values = data[name].reshape(-1) if name else data.reshape(-1)
                shown = " ".join(map(str, values[:_LONGEST_ARRAY].tolist()))
                more = " …" if values.size > _LONGEST_ARRAY else ""
                lines.append(f"    {name or 'value'}: {shown}{more}")
    print_text("\n".join(lines))
    return OK


def _verify(chosen: argparse.Namespace) -> int:
    """Read everything; say for each whether it is whole."""
    from mimocorb.run.recorded import differences_from_the_ledger

    is_damaged = False
    for path, events in _opened(chosen).items():
        with _telling(f"verifying {path}"):
            damage = [*events.damage(), *differences_from_the_ledger(events)]
        is_damaged |= bool(damage)
        if damage:
            print_text(f"{path}: DAMAGED, {how_many(len(events), 'event')} are there")
            print_text("\n".join(f"  {sentence}" for sentence in damage))
        elif "prove" in (format_ := _format_of(events)).cannot:
            print_text(
                f"{path}: nothing wrong was found in {how_many(len(events), 'event')}; what a"
                f" {format_.name} file cannot: {format_.cannot['prove']}"
            )
        else:
            print_text(f"{path}: whole, {how_many(len(events), 'event')}")
    return FAILED if is_damaged else OK


def _recover(chosen: argparse.Namespace) -> int:
    """Write what is whole of each into a recording."""
    return _write(chosen, "record")


def _export(chosen: argparse.Namespace) -> int:
    """Write each in another format."""
    return _write(chosen, chosen.format)


def _write(chosen: argparse.Namespace, format_name: str) -> int:
    from mimocorb.errors import SetupError
    from mimocorb.recording.formats import formats

    writable = {name: each for name, each in formats().items() if "write" not in each.cannot}
    if format_name not in writable:
        raise SetupError(
            f"there is no format {format_name!r} to write; choose one of {', '.join(writable)}"
        )
    chosen.to.mkdir(parents=True, exist_ok=True)
    code = OK
    for path, events in _opened(chosen).items():
        name = Path(path).name.split(".")[0]
        buffer = {
            "name": name,
            "dtype": events.dtype,
            "values_per_slot": events.values_per_slot,
        }
        missing, written, target = _copy(events, writable[format_name], chosen.to, name, buffer)
        print_text(f"{path}: {how_many(written, 'event')} written to {target}")
        for sentence in missing:
            print(f"  missing: {sentence.removeprefix('missing: ')}", file=sys.stderr)
            code = FAILED
    return code


def _copy(
    events: Events, target: Format, directory: Path, name: str, buffer: dict[str, Any]
) -> tuple[list[str], int, Path]:
    """Write all whole events; returns what was left out, how many were written, and where."""
    import warnings

    shows = sys.stderr is not None and sys.stderr.isatty()
    writer = target.create(directory, name, buffer, _about_the_copy(events))
    written, notes = 0, False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is left out is told below, with all the rest
        for data, metadata in events.blocks():
            writer.append(data, metadata)
            written += len(data)
            notes |= metadata.notes is not None
            if shows:
                print(
                    f"\r{in_groups(written)} of {in_groups(len(events))}", end="", file=sys.stderr
                )
    if shows:
        print(file=sys.stderr)
    writer.close()
    missing = events.damage()
    if notes and "notes" in target.cannot:
        missing.append(f"the notes of the events: {target.cannot['notes']}")
    return missing, written, writer.path


def _format_of(events: Events) -> Format:
    """Return the format of what was opened: that of its first file."""
    from mimocorb.recording.formats import formats

    file: Any = events.file
    path = next(iter(file.files)) if hasattr(file, "files") else file.path
    return next(each for each in formats().values() if each.part(path) is not None)


@contextmanager
def _telling(what: str) -> Iterator[None]:
    """Tell on a terminal what takes longer than a second, and for how long it has."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    began_s = time.monotonic()

    def tell() -> None:
        while not done.wait(1.0):
            told = f"\r{what}: {time.monotonic() - began_s:.0f} s"
            print(told, end="", file=sys.stderr, flush=True)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()
        if time.monotonic() - began_s > 1:
            print(file=sys.stderr)


def _about_the_copy(events: Events) -> dict[str, Any]:
    """Return what is known of the data, with what is known of the file they were in apart."""
    about = dict(events.about)
    made_from = {name: about.pop(name) for name in _OF_THE_FILE if name in about}
    return {**about, **({"made_from": made_from} if made_from else {})}


def _type(dtype: Any) -> str:
    if dtype.names is None:
        return str(dtype)
    return "{" + ", ".join(f"{name}: {dtype[name]}" for name in dtype.names) + "}"


def _brief(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items() if each is not None)
    return str(value)
