"""A source for tests: its functions are looked up, not run."""


def simulation_source(
    source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info
):
    return sink_list


def yield_pulses(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    yield sink_list


def without_rb_info(source_list=None, sink_list=None, observe_list=None, config_dict=None):
    return sink_list


async def asynchronous(source_list, sink_list, observe_list, config_dict, **rb_info):
    return sink_list
