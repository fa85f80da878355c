"""Sinks: results to a text file, waveforms to Parquet files in a tar archive."""

from __future__ import annotations

from mimocorb.buffer_control import BufferToParquetfile, BufferToTxtfile


def save_to_txt(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    """Write one line per event.

    Keys of the configuration: those of :class:`BufferToTxtfile`.
    """
    BufferToTxtfile(source_list, sink_list, observe_list, config_dict, **rb_info)()


def save_parquet(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    """Write one Parquet file per event.

    Keys of the configuration: those of :class:`BufferToParquetfile`.
    """
    BufferToParquetfile(source_list, sink_list, observe_list, config_dict, **rb_info)()
