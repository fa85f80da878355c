"""CRC-32C in the native kernels: the vectors of RFC 3720, and the same number on every way."""

from __future__ import annotations

import numpy as np
import pytest

from mimocorb import _kernels

PATHS = _kernels.crc32c_paths()

# RFC 3720, B.4, and the usual check value
VECTORS = {
    bytes(32): 0x8A9136AA,
    b"\xff" * 32: 0x62A8AB43,
    bytes(range(32)): 0x46DD794E,
    bytes(range(31, -1, -1)): 0x113FDB5C,
    bytes.fromhex(
        "01c00000000000000000000000000000140000000000040000000014"
        "0000001828000000000000000200000000000000"
    ): 0xD9963A56,
    b"123456789": 0xE3069283,
    b"": 0,
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("data", VECTORS, ids=len)
def test_known_vectors(path, data):
    assert _kernels.crc32c_by(path, data) == VECTORS[data]
    assert _kernels.crc32c(data) == VECTORS[data]


def bit_by_bit(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@pytest.mark.parametrize("path", PATHS)
def test_every_way_gives_what_the_polynomial_gives(path):
    data = np.random.default_rng(5).bytes(13_000)
    assert _kernels.crc32c_by(path, data) == bit_by_bit(data)


def test_all_ways_agree_for_random_lengths_and_places():
    rng = np.random.default_rng(1)
    data = rng.bytes(1 << 18)
    view = memoryview(data)
    lengths = [*range(70), *rng.integers(0, 1 << 16, 100), 3 * 4096 - 1, 3 * 4096, 6 * 4096 + 9]
    for length in map(int, lengths):
        begin = int(rng.integers(0, 17))
        part = view[begin : begin + length]
        before = int(rng.integers(0, 1 << 32))
        assert len({_kernels.crc32c_by(path, part, before) for path in PATHS}) == 1


def test_a_checksum_is_continued():
    data = np.random.default_rng(2).bytes(50_000)
    for cut in (0, 1, 7, 8, 12_288, 49_999):
        assert _kernels.crc32c(data[cut:], _kernels.crc32c(data[:cut])) == _kernels.crc32c(data)


def test_any_memory_in_one_piece_is_taken():
    array = np.arange(100, dtype="i2")
    array.flags.writeable = False
    assert _kernels.crc32c(array) == _kernels.crc32c(array.tobytes())
    assert _kernels.crc32c(bytearray(array.tobytes())) == _kernels.crc32c(array)
    with pytest.raises((ValueError, BufferError)):
        _kernels.crc32c(array[::2])


def test_a_way_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no such way"):
        _kernels.crc32c_by("abacus", b"")
