"""Buffers that connect machines, over NATS JetStream.

Inside a machine events stay in shared memory. A buffer whose workers are on several hosts is a ring
on each of them, and a stream of the engine in between: a sink sends what is written on one host, a
source receives it on another. Both are components like any other, so that supervision, restarts,
accounts and displays are the same as for everything else.
"""
