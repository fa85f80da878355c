"""The buffer contract in plain Python, inside one process: the oracle of the native ring.

Everything happens under one lock with lists and dictionaries, so that each promise can be read off
the code. Random sequences of calls are run on this backend and on shared memory; both have to give
the same answers and the same ledger after every step. It is also handy in tests of user functions,
where neither processes nor speed are wanted.

The rules are in :mod:`mimocorb.buffers.in_process.state`; writers, readers and observers, each in a
module of its own, know what is in their hands; :mod:`mimocorb.buffers.in_process.ring` is what the
process that made the ring holds.
"""
