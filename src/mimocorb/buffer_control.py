"""Classes that connect user functions, files and displays to buffers, and that run them.

What to use when
----------------

=========================  =======================  ==============================================
documented name            name in later releases   purpose
=========================  =======================  ==============================================
``SourceToBuffer``         ``rbImport``             ask a user function for data, fill a buffer
–                          ``rbPut``                take data from foreign code, fill a buffer
``BufferToBuffer``         ``rbTransfer``,          filter, reduce, sort into other buffers
                           ``rbProcess``
``MergeBuffers``           –                        events of several buffers that belong together
``BufferToTxtfile``        ``rb_toTxtfile``         numbers of each event into a text file
``BufferToParquetfile``    ``rb_toParquetfile``     whole events into Parquet files in a tar archive
–                          ``rbExport``             hand every event to a user function
–                          ``rbDrain``              read and discard
–                          ``rbObserver``,          hand copies of some events to a user function
                           ``rbWSObserver``
``buffer_control``         ``buffer_control``       buffers and workers, for programs to steer
–                          ``run_mimoDAQ``          a whole run from a set-up file
=========================  =======================  ==============================================

Both names are the same class, but ``rbTransfer`` and ``rbProcess`` read what a function returns as
release 1.0.2 does. Positional arguments may stand in the order of either. Those that connect are
constructed with the lists that a worker function gets, and then called; they return at the end of
the stream::

    def save(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
        BufferToTxtfile(source_list, sink_list, observe_list, config_dict, **rb_info)()
"""

from typing import TYPE_CHECKING, Any

from mimocorb.compat.manual.filter import BufferToBuffer, MergeBuffers
from mimocorb.compat.manual.handing_over import rbExport, rbObserver, rbWSObserver
from mimocorb.compat.manual.push import rbPut
from mimocorb.compat.manual.release_filters import rbProcess, rbTransfer
from mimocorb.compat.manual.sinks import BufferToParquetfile, BufferToTxtfile, rbDrain
from mimocorb.compat.manual.sinks import BufferToParquetfile as rb_toParquetfile
from mimocorb.compat.manual.sinks import BufferToTxtfile as rb_toTxtfile
from mimocorb.compat.manual.source import SourceToBuffer
from mimocorb.compat.manual.source import SourceToBuffer as rbImport
from mimocorb.model.merge import MergeSettings

__all__ = [
    "BufferToBuffer",
    "BufferToParquetfile",
    "BufferToTxtfile",
    "MergeBuffers",
    "MergeSettings",
    "SourceToBuffer",
    "buffer_control",
    "rbDrain",
    "rbExport",
    "rbImport",
    "rbObserver",
    "rbProcess",
    "rbPut",
    "rbTransfer",
    "rbWSObserver",
    "rb_toParquetfile",
    "rb_toTxtfile",
    "run_mimoDAQ",
]

# Workers import this module to connect; what steers runs is of no use to them and takes a while.
if TYPE_CHECKING:
    from mimocorb.run.control import buffer_control, run_mimoDAQ


def __getattr__(name: str) -> Any:
    if name in ("buffer_control", "run_mimoDAQ"):
        from mimocorb.run import control

        return getattr(control, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
