"""Buffers as set-ups of mimoCoRB2 describe them, for all tests here."""

WAVES = {"slot_count": 32, "data_length": 50, "data_dtype": {"chA": "f4", "chB": "f4"}}
NUMBERS = {
    "slot_count": 32,
    "data_length": 1,
    "data_dtype": {"height": "float64", "position": "int32"},
}
