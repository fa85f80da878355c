"""A terminal that goes away is one wish to stop: what has been taken is processed."""

from terminal_campaign import WAYS, close_terminals


def test_nothing_is_lost_when_terminals_are_closed_users_log_out_or_ctrl_c_comes_twice():
    endings = close_terminals(len(WAYS), seed=1)
    assert all(ending.is_whole for ending in endings), endings
    assert all("ended at once" not in ending.reason for ending in endings)
    assert all(ending.taken >= 64 for ending in endings), "the buffer was full"
