"""Functions for set-up files that come with mimoCoRB2, under the names they have there.

In a set-up, a worker without ``file`` names them as mimoCoRB2 does: ``function: exporters.csv``.
"""
