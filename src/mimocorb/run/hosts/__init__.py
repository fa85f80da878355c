"""What the hosts of a set-up know of each other.

Each host keeps its own run, and nothing is supervised across the network. A program beside the run
(:mod:`~mimocorb.run.hosts.beside`) tells the others how it is, hears how they are, and says so to
the run: as alarms, as requests to pause or to stop, and in its record. If it ends, the run goes on.
"""
