"""Who may do what: a token for the operator of a run and one for those who only look.

Both are computed from a secret of the user and the directory of the run, so that they are the same
when the page is opened again, and nothing secret lies in the directory of the run.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from mimocorb._files import read_regular
from mimocorb.errors import OutputError
from mimocorb.run.remote.place import socket_directories

__all__ = ["Right", "Tokens", "tokens_of"]

KEY_FILE = "web.key"
KEY_BYTES = 32


class Right(IntEnum):
    """What somebody may do; who may do more may do less as well."""

    NOTHING = 0
    LOOK = 1
    STEER = 2


@dataclass(frozen=True)
class Tokens:
    """The two tokens of a run."""

    operator: str
    viewer: str

    def right_of(self, token: str) -> Right:
        """Return what the bearer of this may do; takes the same time for every wrong token."""
        given = token.encode(errors="replace")
        steers = hmac.compare_digest(given, self.operator.encode())
        looks = hmac.compare_digest(given, self.viewer.encode())
        return Right.STEER if steers else Right.LOOK if looks else Right.NOTHING


def tokens_of(directory: Path) -> Tokens:
    """Return the tokens of the run in this directory."""
    key = _key()
    run = os.fsencode(directory.resolve())
    return Tokens(*(_token(key, role, run) for role in (b"operator", b"viewer")))


def _token(key: bytes, role: bytes, run: bytes) -> str:
    return hmac.new(key, role + b"\0" + run, hashlib.sha256).hexdigest()[:32]


def _key() -> bytes:
    """Return the secret of this user, made at its first use."""
    directory = socket_directories()[0]
    path = directory / KEY_FILE
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.stat()
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise OutputError(f"{directory} must belong to you alone: chmod 700 {directory}")
        own = path.with_name(f"{KEY_FILE}.{os.getpid()}")
        if not path.exists():
            descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
            try:
                os.link(own, path)  # the first one counts, if two begin at once
            except FileExistsError:
                pass
            finally:
                own.unlink()
        key = read_regular(path, most_bytes=KEY_BYTES)
    except OSError as error:
        raise OutputError(f"no secret for the page can be kept in {path}: {error}") from error
    if len(key) != KEY_BYTES:
        raise OutputError(f"{path} is damaged: remove it, and open the page again")
    return key
