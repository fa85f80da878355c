"""The page of a run in a browser: a gateway, which is a client of the run, and what it serves.

The supervisor has no part in it. The gateway asks the control socket of the run as any other client
does, and looks at buffers with observers, which nobody waits for. It gives way to the run: it has a
low priority, reduces each event once for all viewers, and keeps nothing for a viewer who is slow.
"""
