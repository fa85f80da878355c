"""A filter for tests that imports its neighbour."""

import neighbour_of_the_filter


def calculate_decay_time(
    source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info
):
    return neighbour_of_the_filter.ANSWER
