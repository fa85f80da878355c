"""Worker functions in the words of release 1.0.2: source, filter, exporters and displays."""

import numpy as np

from mimocorb.buffer_control import rb_toParquetfile, rb_toTxtfile, rbDrain, rbImport, rbTransfer
from mimocorb.histogram_buffer import histogram_buffer
from mimocorb.plot_buffer import plot_buffer
from mimocorb.pulseSimulator import pulseSimulator

from mimocorb.parquetReader import parquetReader  # isort: skip


def _import(source, sink_list, config_dict, **rb_info):
    def yield_data():
        while True:
            yield (source(), None)

    sink = sink_list[0]
    channels = len(sink["dtype"])
    names = [sink["dtype"][i][0] for i in range(channels)]
    source.init(channels, sink["values_per_slot"], names)
    importer = rbImport(sink_list, config_dict, yield_data, **rb_info)
    importer.logger.info("started")
    importer()


def simulation(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    _import(pulseSimulator(config_dict), sink_list, config_dict, **rb_info)


def recorded(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    _import(parquetReader(config_dict), sink_list, config_dict, **rb_info)


def heights(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    dtype = sink_list[-1]["dtype"]

    def find(data):
        if data["chA"].max() < config_dict["least_mV"]:
            return None
        found = np.zeros((1,), dtype=dtype)
        for channel in data.dtype.names:
            found[0][channel + "_height"] = data[channel].max()
        return [found]

    rbTransfer(source_list, sink_list, config_dict, find, **rb_info)()


def drain(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    rbDrain(source_list, config_dict, **rb_info)()


def save_to_txt(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    rb_toTxtfile(source_list=source_list, config_dict=config_dict, **rb_info)()


def save_parquet(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    rb_toParquetfile(source_list, config_dict, **rb_info)()


def plot_waveform(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    plot_buffer(source_list, sink_list, observe_list, config_dict, **rb_info)()


def plot_histograms(
    source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info
):
    histogram_buffer(source_list, sink_list, observe_list, config_dict, **rb_info)()
