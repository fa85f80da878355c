"""Contract S1, S11, S12: what a slot can hold, set-up dictionaries, sizes that cannot be."""

# ruff: noqa: D102 - the name of a test is its description
from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from mimocorb.buffers.observer import Observer
from mimocorb.buffers.reader import Reader
from mimocorb.buffers.setup_dict import SetupDict
from mimocorb.buffers.writer import Writer
from mimocorb.errors import BufferMemoryError, HandleMisuse, RecordTypeError, SetupError
from mimocorb.testing.contract_base import ContractTests, MakeBuffer, put, value_of

__all__ = ["RecordsContract"]

RECORD_TYPES: dict[str, Any] = {
    "int32": np.int32,
    "float32": np.float32,
    "float64": "float64",
    "big-endian float": ">f4",
    "boolean": "?",
    "one byte": np.uint8,
    "complex": np.complex64,
    "time": "datetime64[ns]",
    "text": "S5",
    "unicode": "U3",
    "columns": [("chA", np.float64), ("chB", np.float64)],
    "columns of mixed byte order": [("height", ">i2"), ("time", "<u8"), ("flag", "?")],
    "column names that start with a digit": [("1st_chA_h", "f8"), ("2nd_chA_p", "i4")],
    "sub-arrays": [("trigger", "u4"), ("wave", "<f4", (2, 3))],
    "plain sub-array": np.dtype(("<i2", (3,))),
    "nested columns": [("fit", [("mu", "f8"), ("sigma", "f8")]), ("n", "i4")],
    "aligned columns": np.dtype([("flag", "u1"), ("energy", "f8")], align=True),
}


class RecordsContract(ContractTests):
    """S1: a slot holds ``values_per_slot`` values of a dtype, plain or structured."""

    @pytest.mark.parametrize("record_type", RECORD_TYPES)
    @pytest.mark.parametrize("values_per_slot", [1, 5])
    def test_records_of_any_fixed_size_dtype_arrive_bit_by_bit(
        self, make_buffer: MakeBuffer, record_type: str, values_per_slot: int
    ) -> None:
        dtype = np.dtype(RECORD_TYPES[record_type])
        buffer = make_buffer(3, values_per_slot, RECORD_TYPES[record_type])
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        for seed in range(7):
            random = np.random.default_rng(seed).integers(
                0, 2, values_per_slot * dtype.itemsize, np.uint8
            )
            slot = writer.get_new_buffer()
            record = random.view(dtype.base).reshape(slot.shape)
            assert slot.dtype == dtype.base
            assert slot.shape == (values_per_slot, *dtype.shape)
            slot[...] = record
            writer.process_buffer()
            event = reader.get()
            assert (event.dtype, event.shape) == (slot.dtype, slot.shape)
            np.testing.assert_array_equal(event, record)

    def test_byte_order_is_kept(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(1, 1, ">u4")
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        put(writer, 0x01020304)
        assert reader.get().tobytes() == bytes([1, 2, 3, 4])

    def test_a_ring_of_one_slot_of_one_byte_works(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(1, 1, np.uint8)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        for value in range(256):
            put(writer, value)
            assert value_of(reader.get()) == value
            reader.acknowledge()

    def test_each_slot_has_bytes_of_its_own(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(17, 3, np.int16)
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        put(writer, *range(17))
        assert [reader.get().tolist() for _ in range(17)] == [[value] * 3 for value in range(17)]

    # --- what buffers and handles say about themselves

    def test_buffers_and_handles_know_their_sizes(self, make_buffer: MakeBuffer) -> None:
        dtype = np.dtype([("chA", "f4"), ("chB", "i2")])
        buffer = make_buffer(6, 7, dtype, name="RB_1")
        handles: list[Any] = [
            buffer,
            Writer(buffer.new_writer()),
            Reader(buffer.new_reader_group()),
            Observer(buffer.new_observer()),
        ]
        for handle in handles:
            assert handle.name == "RB_1"
            assert (handle.number_of_slots, handle.values_per_slot) == (6, 7)
            assert handle.dtype == dtype

    def test_numpy_integers_are_sizes_too(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer(np.int32(3), np.int64(2), np.int32)
        assert (buffer.number_of_slots, buffer.values_per_slot) == (3, 2)

    def test_the_set_up_dictionaries_say_what_the_manual_says(
        self, make_buffer: MakeBuffer
    ) -> None:
        buffer = make_buffer(5, 2, np.float32, debug=True, name="RB_2")
        group = buffer.new_reader_group()
        kinds = {"writer": buffer.new_writer(), "reader": group, "observer": buffer.new_observer()}
        for kind, setup_dict in kinds.items():
            assert isinstance(setup_dict, dict)
            assert setup_dict["kind"] == kind
            assert setup_dict["name"] == "RB_2"
            assert setup_dict["number_of_slots"] == 5
            assert setup_dict["values_per_slot"] == 2
            assert setup_dict["dtype"] == np.float32
            assert setup_dict["debug"] is True
        assert group["group"] != buffer.new_reader_group()["group"]

    def test_a_set_up_dictionary_works_after_pickling(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        writer = Writer(pickle.loads(pickle.dumps(buffer.new_writer())))
        reader = Reader(pickle.loads(pickle.dumps(buffer.new_reader_group())))
        observer = Observer(pickle.loads(pickle.dumps(buffer.new_observer())))
        put(writer, 5)
        assert value_of(reader.get()) == value_of(observer.get()) == 5

    def test_a_set_up_dictionary_of_another_kind_is_refused(self, make_buffer: MakeBuffer) -> None:
        buffer = make_buffer()
        setup_dicts: dict[Any, SetupDict] = {
            Writer: buffer.new_writer(),
            Reader: buffer.new_reader_group(),
            Observer: buffer.new_observer(),
        }
        for handle in setup_dicts:
            for kind, setup_dict in setup_dicts.items():
                if kind is not handle:
                    with pytest.raises((SetupError, HandleMisuse), match=setup_dict["kind"]):
                        handle(setup_dict)

    # --- what cannot be

    @pytest.mark.parametrize("size", [0, -1, -(2**70), 1.5, "10", None])
    @pytest.mark.parametrize("argument", ["number_of_slots", "values_per_slot"])
    def test_a_size_that_is_not_a_positive_integer_is_named_and_refused(
        self, argument: str, size: Any
    ) -> None:
        sizes = {"number_of_slots": 4, "values_per_slot": 4, argument: size}
        with pytest.raises(SetupError, match=argument):
            self.buffer_class(dtype=np.int32, **sizes)

    @pytest.mark.parametrize(
        "dtype",
        [object, "O", [("n", "i4"), ("label", object)], [("fit", [("model", "O")])]],
        ids=["object", "O", "object column", "object in a nested column"],
    )
    def test_python_objects_are_refused(self, dtype: Any) -> None:
        with pytest.raises(RecordTypeError, match="object"):
            self.buffer_class(4, 1, dtype)

    @pytest.mark.parametrize("dtype", ["no such type", 42, {"a": 1}, [("a",)], [("a", "i4")] * 2])
    def test_what_numpy_does_not_know_as_a_dtype_is_refused(self, dtype: Any) -> None:
        with pytest.raises(RecordTypeError):
            self.buffer_class(4, 1, dtype)

    @pytest.mark.parametrize("dtype", ["V0", "S0", []], ids=["V0", "S0", "no columns"])
    def test_a_dtype_without_bytes_is_refused(self, dtype: Any) -> None:
        with pytest.raises(RecordTypeError):
            self.buffer_class(4, 1, dtype)

    def test_more_memory_than_there_is_is_refused_at_creation(self) -> None:
        slots_of_one_pebibyte = (2**20, 2**27, np.float64)
        with pytest.raises(BufferMemoryError):
            self.buffer_class(*slots_of_one_pebibyte)

    def test_sizes_beyond_all_numbers_are_refused_at_creation(self) -> None:
        with pytest.raises(SetupError):
            self.buffer_class(2**62, 2**62, np.float64)
