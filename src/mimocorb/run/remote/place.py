"""Where the control sockets of a user's runs lie, and how they are found.

Sockets are files in one directory per user, with mode 0700: ``$XDG_RUNTIME_DIR/mimocorb`` where
the system has made such a place, else ``mimocorb-UID`` in the directory for temporary files. Names
in the abstract name space of Linux would need no directory, but have no permissions either:
every user could connect.

A path of a socket may have 107 bytes. The directory is therefore opened first, and the socket is
named relative to that descriptor, so that its depth does not matter.

Each run notes in its own directory where its socket is, as ``control.json``.
"""

from __future__ import annotations

import json
import os
import pwd
import secrets
import socket
import stat
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mimocorb._files import read_regular
from mimocorb.errors import RunUnreachable

__all__ = [
    "NOTE",
    "connected",
    "listening",
    "note_socket",
    "noted_socket",
    "peer",
    "remove_stale",
    "run_name",
    "short_name",
    "socket_directories",
    "socket_files",
    "user_name",
]

NOTE = "control.json"
SUFFIX = ".sock"
LONGEST_NAME_BYTES = 60
LONGEST_NOTE_BYTES = 64 << 10
STALE_AFTER_S = 10.0
RETRY_S = 0.01


def socket_directories() -> list[Path]:
    """Return the directories in which this user's sockets may lie, the best first."""
    uid = os.geteuid()
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}")
    temporary = Path(tempfile.gettempdir(), f"mimocorb-{uid}")
    return [runtime / "mimocorb", temporary] if _is_ours(runtime) else [temporary]


def _is_ours(directory: Path) -> bool:
    """Whether it is there and belongs to this user: ``sudo`` may have left that of another."""
    try:
        return directory.stat().st_uid == os.geteuid()
    except OSError:
        return False


@contextmanager
def _open_directory(path: Path, *, make: bool = False) -> Iterator[int]:
    """Open a directory of sockets; OSError if it cannot be trusted to be this user's alone."""
    if make:
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
    # The checks are made on what was opened: a name could be given to something else meanwhile.
    descriptor = os.open(path, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid():
            raise PermissionError(f"{path} belongs to another user")
        if stat.S_IMODE(found.st_mode) & 0o077:
            os.fchmod(descriptor, 0o700)
        yield descriptor
    finally:
        os.close(descriptor)


def _short_path(directory: int, name: str) -> str:
    """Return a path of a file in an open directory that is short whatever the directory is."""
    return f"/proc/self/fd/{directory}/{name}"


def listening(directory: Path, run: str) -> tuple[socket.socket, Path]:
    """Return a socket that listens in this directory, and its path; OSError if that fails.

    It is called after the run, so that one that does not answer can be recognised.
    """
    name = f"{short_name(run)}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _open_directory(directory, make=True) as descriptor:
            path = _short_path(descriptor, name)
            listener.bind(path)
            Path(path).chmod(0o600)
            listener.listen()
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener, directory / name


def short_name(run: str) -> str:
    """Return the name of a run as in the name of its socket: of a long one the end."""
    return os.fsencode(run)[-LONGEST_NAME_BYTES:].decode(errors="ignore")


def run_name(path: Path) -> str:
    """Return the short name of the run that listens at this socket."""
    return path.name.rsplit("-", 2)[0]


def peer(link: socket.socket) -> tuple[int, int]:
    """Return process and user at the other end, as the kernel knows them."""
    size = struct.calcsize("3i")
    pid, uid, _gid = struct.unpack(
        "3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    )
    return pid, uid


def user_name(uid: int) -> str:
    """Return the name of a user, or the number of one without a name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def socket_files() -> list[Path]:
    """Return the sockets in this user's directories, which may be stale."""
    found: list[Path] = []
    for directory in socket_directories():
        with suppress(OSError), _open_directory(directory) as descriptor:
            names = sorted(n for n in os.listdir(descriptor) if n.endswith(SUFFIX))  # noqa: PTH208
            found += [directory / name for name in names]
    return found


def remove_stale() -> None:
    """Remove sockets without a listener: their runs were killed.

    A young one may belong to a run that is just about to listen.
    """
    for path in socket_files():
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime < STALE_AFTER_S:
                continue
            try:
                connected(path, timeout_s=0.0).close()
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)


def connected(path: Path, timeout_s: float) -> socket.socket:
    """Return a socket that is connected to the run that listens at `path`.

    Raises
    ------
    OSError
        There is no listener, or it is not ours.
    """
    directory = os.open(path.parent, os.O_DIRECTORY | os.O_PATH | os.O_CLOEXEC)
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        deadline_s = time.monotonic() + timeout_s
        link.setblocking(False)
        while True:
            try:
                link.connect(_short_path(directory, path.name))
                break
            except BlockingIOError:  # many others have come, and none has been let in yet
                if time.monotonic() >= deadline_s:
                    raise
                time.sleep(RETRY_S)
        link.settimeout(timeout_s)
    except BaseException:
        link.close()
        raise
    finally:
        os.close(directory)
    return link


def note_socket(directory: Path, path: Path) -> None:
    """Note in the directory of a run where its socket is; OutputError if that fails."""
    from mimocorb.run.record.run_directory import write_atomically  # clients do without

    write_atomically(directory / NOTE, json.dumps({"socket": str(path)}) + "\n")


def noted_socket(directory: Path) -> Path | None:
    """Return where the run in this directory has its socket, as it has noted itself.

    None if there is no note: the run has ended, or was never there.

    Raises
    ------
    RunUnreachable
        The note cannot be read.
    """
    note = directory / NOTE
    try:
        return Path(json.loads(read_regular(note, most_bytes=LONGEST_NOTE_BYTES))["socket"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunUnreachable(f"{note} cannot be read: {error}") from error
