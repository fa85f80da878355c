"""What readers of others' files share: texts, packed or not, and the refusal to write."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from mimocorb._files import open_regular
from mimocorb.errors import DamagedFile, SetupError
from mimocorb.recording.formats import EventFile, FileFormat, Part

__all__ = ["ReadOnly", "head_of", "is_packed", "text_of"]

MOST_TEXT_BYTES = 4 << 30
_PACKED: Mapping[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}
_PACKED_ENDINGS = (".gz", ".bz2", ".xz", ".zip")
_BYTES_AT_ONCE = 1 << 22


class ReadOnly(FileFormat):
    """A format that is read and never written."""

    of_others = True
    cannot: Mapping[str, str] = {
        "write": "it is a format of others, which is read only",
        "prove": "it has no checksums: what is damaged may not be told",
        "grow": "it is read as it was when it was opened",
    }

    def belongs(self, path: Path) -> bool:
        """Whether a file is of this format."""
        raise NotImplementedError

    def open(self, path: Path) -> EventFile:
        """Open a file."""
        raise NotImplementedError

    def part(self, path: Path) -> Part | None:
        """Return which recording a file is."""
        return Part(path.name.split(".")[0], 1) if self.belongs(path) else None

    def create(
        self,
        directory: Path,
        name: str,
        buffer: Mapping[str, Any],
        about: Mapping[str, Any],
        **options: Any,
    ) -> NoReturn:
        """Refuse to write."""
        del directory, name, buffer, about, options
        raise SetupError(f"{self.name} files are read only: write record, parquet or csv instead")


def ending_of(path: Path) -> str:
    """Return the ending of a name in small letters, without that of a packed file."""
    name = path.name.lower()
    for packed in _PACKED_ENDINGS:
        name = name.removesuffix(packed)
    return Path(name).suffix


def head_of(path: Path, count: int = 4096) -> bytes:
    """Return the first bytes of what is in a file, packed or not."""
    try:
        with _opened(path) as file:
            return bytes(file.read(count))
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, ValueError):
        return b""


def is_packed(path: Path) -> bool:
    """Whether a file begins as those do that hold another one, whatever else is in it."""
    with path.open("rb") as file:
        return file.read(6).startswith((*_PACKED, b"PK"))


def text_of(path: Path) -> str:
    """Return the text of a file, packed or not, in UTF-8, UTF-16 or Latin-1.

    Raises
    ------
    DamagedFile
        It cannot be unpacked.
    """
    pieces = []
    size = 0
    try:
        with _opened(path) as file:
            while piece := file.read(_BYTES_AT_ONCE):
                pieces.append(piece)
                size += len(piece)
                if size > MOST_TEXT_BYTES:
                    raise DamagedFile(f"{path} has more than {MOST_TEXT_BYTES >> 30} GiB of text")
    except OSError as error:
        raise DamagedFile(f"{path} cannot be read: {error.strerror or error}") from error
    except (
        EOFError,
        zlib.error,
        lzma.LZMAError,
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        ValueError,
    ) as error:
        if isinstance(error, DamagedFile):
            raise
        raise DamagedFile(f"{path} cannot be unpacked: {error}") from error
    return decoded(b"".join(pieces))


def decoded(raw: bytes) -> str:
    """Return bytes as a text, in the encoding that they say or look like."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace")
    if len(raw) > 3 and not raw[1] and not raw[3] and raw[0]:
        return raw.decode("utf-16-le", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def is_text(head: bytes) -> bool:
    """Whether bytes look like those of a text."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or (len(head) > 3 and not head[1]):
        head = decoded(head).encode("utf-8", "replace")
    strange = sum(byte < 32 and byte not in b"\t\n\r\f\x1a" for byte in head)
    return bool(head) and strange == 0


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file, or what is packed in it."""
    with ExitStack() as stack:
        file: Any = stack.enter_context(open_regular(path))
        magic = file.read(6)
        file.seek(0)
        for begin, unpack in _PACKED.items():
            if magic.startswith(begin):
                file = stack.enter_context(unpack(file))
        if magic.startswith(b"PK"):
            archive = stack.enter_context(zipfile.ZipFile(file))
            members = [each for each in archive.infolist() if not each.is_dir()]
            if len(members) != 1:
                raise ValueError(f"it holds {len(members)} files: unpack it, and open one of them")
            file = stack.enter_context(archive.open(members[0]))
        yield file
