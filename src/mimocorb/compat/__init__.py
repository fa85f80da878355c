"""The older ways to write functions, under their documented names, on top of our components.

The only place that knows their words: ``source_list``, ``config_dict``, ``rb_info``, ``buffer_io``.
"""
