"""Older ways to write set-ups and functions, under their documented names, on top of ours.

The only place that knows their words: ``RB_assign``, ``source_list``, ``rb_info``, ``buffer_io``.
"""
