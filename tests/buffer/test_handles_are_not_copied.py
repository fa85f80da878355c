"""A buffer and its handles belong to one process: copies would close the original."""

import copy
import pickle

import pytest

from mimocorb.errors import HandleMisuse
from mimocorb.mimo_buffer import NewBuffer, Observer, Reader, Writer


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
@pytest.mark.parametrize(
    ("kind", "maker"),
    [(Writer, "new_writer"), (Reader, "new_reader_group"), (Observer, "new_observer")],
)
def test_a_handle_is_not_copied_and_the_original_lives_on(copied, kind, maker):
    with NewBuffer(4, 1, "i8") as buffer:
        handle = kind(getattr(buffer, maker)())
        with pytest.raises(HandleMisuse, match=rf"send the set-up dictionary of NewBuffer.{maker}"):
            copied(handle)
        assert handle.number_of_slots == 4
        handle.close()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_buffer_is_not_copied(copied):
    with NewBuffer(4, 1, "i8") as buffer:
        with pytest.raises(HandleMisuse, match="cannot be copied or pickled"):
            copied(buffer)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        writer.write([7])
        assert reader.get()[0] == 7
        writer.close()
        reader.close()
