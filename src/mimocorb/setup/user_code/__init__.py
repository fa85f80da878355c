"""The code that a set-up names: where it is, its parameters, what its text says of fields."""
