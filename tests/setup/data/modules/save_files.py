"""Sinks for tests."""


def save_to_txt(*args, **rb_info):
    return args, rb_info


class save_parquet:  # noqa: N801 (the name that set-ups use)
    def __init__(self, *args, **rb_info):
        self.args = args, rb_info
