"""``mimocorb files``: look into recorded files, prove them, save what is left, export them."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mimocorb._words import count as in_groups
from mimocorb._words import how_many
from mimocorb.cli.common import BAD_USAGE, FAILED, OK, Commands, complain, count, print_text

# The rest is imported on use, where a Ctrl-C is answered by a message.
if TYPE_CHECKING:
    from mimocorb.recording.events import Events
    from mimocorb.recording.formats import Format

__all__ = ["add"]

_PATH_HELP = "a file, a recording without its ending, the directory of a run, or its number"
_LONGEST_ARRAY = 8


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

    known = what.add_parser("formats", help="list the formats, and say what each of them cannot")
    known.set_defaults(action=_formats)


def _formats(_chosen: argparse.Namespace) -> int:
    """Print what formats there are."""
    from mimocorb.errors import SetupError
    from mimocorb.recording.formats import ABILITIES, formats

    lines = []
    for name, each in formats().items():
        lines.append(f"{name}: {'is read' if 'write' in each.cannot else 'is read and written'}")
        try:
            getattr(each, "check_packages", lambda: None)()
        except SetupError as error:
            lines.append(f"  {error}")
        lines += [
            f"  not {ability:10} {why}"
            for ability, why in each.cannot.items()
            if ability != "write"
        ]
    lines += ["", "what the words mean:"]
    lines += [f"  {ability:10} {meaning}" for ability, meaning in ABILITIES.items()]
    print_text("\n".join(lines))
    return OK


def _of_each(chosen: argparse.Namespace, action: Callable[[str, Events], int]) -> int:
    """Do something with each; what cannot be is told, and the others have their turn as well.

    Returns the worst of the exit codes.
    """
    from mimocorb.recording.events import Events
    from mimocorb.run import recorded

    def one(path: str, opened: Callable[[], Events]) -> int:
        with opened() as events:
            return action(path, events)

    def of(path: str) -> int:
        with _telling(f"reading {path}"):
            content = recorded.open(path)
        if isinstance(content, Events):
            return one(path, lambda: content)
        if not content:
            print_text(f"{path}: no recording")
        codes = [
            _code_of(partial(one, f"{path}/{name}", partial(content.__getitem__, name)))
            for name in content
        ]
        for name, why in getattr(content, "unreadable", {}).items():
            complain(f"mimocorb: {path}/{name}: {why}")
            codes.append(FAILED)
        return max(codes, default=OK)

    return max(_code_of(partial(of, path)) for path in chosen.paths)


def _code_of(action: Callable[[], int]) -> int:
    from mimocorb.errors import MimocorbError, SetupError

    try:
        return action()
    except MimocorbError as error:
        complain(f"mimocorb: {error}")
        return BAD_USAGE if isinstance(error, SetupError) else FAILED


def _info(chosen: argparse.Namespace) -> int:
    """Print what is known of each."""
    from mimocorb.run.recorded import quality_of

    def info(path: str, events: Events) -> int:
        about = {**events.about, "quality": quality_of(events)}
        lines = {
            "format": _format_of(events).name,
            "an event": f"{_most(events)}{events.values_per_slot} x {_type(events.dtype)}",
            **{name: _brief(value) for name, value in about.items() if value not in (None, {}, "")},
        }
        width = max(map(len, lines))
        page = [f"{path}: {how_many(len(events), 'event')}"]
        page += [f"  {name:{width}}  {value}" for name, value in lines.items()]
        print_text("\n".join(page))
        return OK

    return _of_each(chosen, info)


def _head(chosen: argparse.Namespace) -> int:
    """Print the first events of each."""

    def head(path: str, events: Events) -> int:
        lines = [path]
        for index in range(min(chosen.n, len(events))):
            data, metadata = events[index]
            known = f"timestamp {metadata.timestamp!r}, deadtime {metadata.deadtime!r}"
            known += "" if metadata.time_ns is None else f", time_ns {metadata.time_ns}"
            lines.append(f"  event {metadata.counter}: {known}")
            for name in data.dtype.names or ("",):
                values = data[name].reshape(-1) if name else data.reshape(-1)
                shown = " ".join(map(str, values[:_LONGEST_ARRAY].tolist()))
                more = " …" if values.size > _LONGEST_ARRAY else ""
                lines.append(f"    {name or 'value'}: {shown}{more}")
        print_text("\n".join(lines))
        return OK

    return _of_each(chosen, head)


def _verify(chosen: argparse.Namespace) -> int:
    """Read everything; say for each whether it is whole."""
    from mimocorb.run.exactly_once import differences_from_the_ledger

    def verify(path: str, events: Events) -> int:
        with _telling(f"verifying {path}"):
            damage = [*events.damage(), *differences_from_the_ledger(events)]
        count = how_many(len(events), "event")
        if damage:
            print_text(f"{path}: DAMAGED, {count} are there")
            print_text("\n".join(f"  {sentence}" for sentence in damage))
            return FAILED
        if "prove" in (format_ := _format_of(events)).cannot:
            print_text(
                f"{path}: nothing wrong was found in {count}; what a {format_.name} file cannot:"
                f" {format_.cannot['prove']}"
            )
        else:
            print_text(f"{path}: whole, {count}")
        return OK

    return max(_of_each(chosen, verify), *map(_other_hosts, chosen.paths))


def _other_hosts(path: str) -> int:
    """Say of the run in a directory whether all events of other hosts have come, if there are any.

    A run that is connected with no other has nothing to say.
    """
    from mimocorb.errors import RunRecordError
    from mimocorb.run.hosts.ledgers import complete
    from mimocorb.run.record.catalogue import run_directory
    from mimocorb.setup.paths import RUNS_DIRECTORY

    try:
        connected = complete(run_directory(RUNS_DIRECTORY, path)).record.connected
    except RunRecordError:  # a file, or no run: told where it was opened
        return OK
    for each in connected:
        print_text(f"{path}: {each.told()}")
    return FAILED if any(each.compared and each.missing for each in connected) else OK


def _recover(chosen: argparse.Namespace) -> int:
    """Write what is whole of each into a recording."""
    return _write(chosen, "record")


def _export(chosen: argparse.Namespace) -> int:
    """Write each in another format."""
    return _write(chosen, chosen.format)


def _write(chosen: argparse.Namespace, format_name: str) -> int:
    from mimocorb.recording.copying import copy_events, writable_format

    target = writable_format(format_name)
    chosen.to.mkdir(parents=True, exist_ok=True)

    def write(path: str, events: Events) -> int:
        name = Path(path).name.split(".")[0]
        written, missing = copy_events(events, target, chosen.to, name, _progress(len(events)))
        made = f"{chosen.to / name}, as {format_name}"
        print_text(f"{path}: {how_many(written, 'event')} written to {made}")
        for sentence in missing:
            print(f"  missing: {sentence.removeprefix('missing: ')}", file=sys.stderr)
        return FAILED if missing else OK

    return _of_each(chosen, write)


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


def _progress(count: int) -> Callable[[int], None]:
    """Return a function that shows on a terminal how many of so many events have been written."""
    if sys.stderr is None or not sys.stderr.isatty():
        return lambda _written: None

    def show(written: int) -> None:
        end = "\n" if written == count else ""
        print(f"\r{in_groups(written)} of {in_groups(count)}", end=end, file=sys.stderr)

    return show


def _most(events: Events) -> str:
    return "up to " if events.variable else ""


def _type(dtype: Any) -> str:
    if dtype.names is None:
        return str(dtype)
    return "{" + ", ".join(f"{name}: {dtype[name]}" for name in dtype.names) + "}"


def _brief(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{key} ({_brief(each)})" if isinstance(each, dict) else f"{key} {each}"
            for key, each in value.items()
            if each is not None
        )
    return str(value)
