"""What older releases have in their modules and set-ups, as their users write it."""

from __future__ import annotations

from trials.trying import Place, no_traceback, trial

MODULES = (
    "plot_buffer:plot_buffer",
    "histogram_buffer:histogram_buffer",
    "pulseSimulator:pulseSimulator",
    "parquetReader:parquetReader",
    "bufferinfoGUI:bufferinfoGUI",
    "activity_logger:Logging_manager",
    "observer_plot:PlotOscilloscope",
    "observer_plot:PlotKDE",
    "buffer_control:rbWSObserver",
    "buffer_control:rb_toTxtfile",
    "buffer_control:rb_toParquetfile",
    "buffer_control:rbDrain",
    "buffer_control:rbExport",
    "buffer_control:rbObserver",
    "buffer_control:rbProcess",
    "buffer_control:run_mimoDAQ",
)
BUFFERS = "RB_1:16:a=float64,b=int32 RB_2:16:a=float64,b=int32"


@trial("the modules and classes of the releases are there")
def modules(place: Place) -> None:
    place.path.mkdir(parents=True, exist_ok=True)
    lines = [f"from mimocorb.{each.replace(':', ' import ')}" for each in MODULES]
    lines += ["import mimocorb", "assert mimocorb.__version__ and mimocorb.MANUAL_RELEASE == '1.0'"]
    place.python("\n".join(lines))
    place.python(
        "from mimocorb.compat.mimocorb2.names import offer_mimocorb2; offer_mimocorb2()\n"
        "from mimocorb2.functions import visualizers, exporters, analyzers\n"
    )


@trial(
    "set-up dictionaries have their type as a list of pairs and as a NumPy type; buffers live in them"
)
def pairs(place: Place) -> None:
    place.path.mkdir(parents=True, exist_ok=True)
    place.python(
        """
import numpy as np
from mimocorb.mimo_buffer import NewBuffer, Reader, Writer, Observer
b = NewBuffer(4, 3, [("chA", "f8"), ("chB", "i4")]); d = b.new_writer()
assert d["dtype"][0][0] == "chA" and [name for name, _ in d["dtype"]] == ["chA", "chB"]
assert np.zeros(2, d["dtype"]).dtype == np.dtype(d["dtype"]) and d["dtype"].names == ("chA", "chB")
w, r, o = Writer(d), Reader(b.new_reader_group()), Observer(b.new_observer())
assert w.dtype[1][0] == r.dtype[1][0] == "chB"
assert w._active.is_set() and r._active.is_set() and not r.data_available() and r.metadata_dtype
o.dataQ
w.get_new_buffer(); w.process_buffer(); assert r.data_available()
b.set_ending()
events, filled, rate = b.buffer_status(); assert events == 1 and filled == 1 and b.buffer_status() == 3
def make():
    c = NewBuffer(3, 1, "i4"); return c.new_reader_group(), c.new_writer()
g, h = make(); x = Writer(h); x.get_new_buffer()[:] = 7; x.process_buffer(); assert Reader(g).get()[0] == 7
"""
    )


@trial("positional arguments of the release and of the manual are told apart in a run")
def positional(place: Place) -> None:
    code = """
def src(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    def ufunc():
        for i in range(10): yield np.full((2, 1), float(i)), None
        yield None
    rbImport(sink_list, config_dict, ufunc, **rb_info)()
def src2(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    def ufunc():
        for i in range(10): yield np.full((2, 1), float(i)), None
        yield None
    rbImport(source_list, sink_list, observe_list, config_dict, ufunc, **rb_info)()
def copy(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    rbTransfer(source_list, sink_list, config_dict, lambda data: data, **rb_info)()
def false(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    rbTransfer(source_list, sink_list, config_dict, lambda data: False, **rb_info)()
def txt(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    rb_toTxtfile(source_list, config_dict, **rb_info)()
def drain(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    rbDrain(source_list, config_dict, **rb_info)()
"""
    for source in ("src", "src2"):
        for middle in ("copy", "false"):
            here = Place(place.path / f"{source}_{middle}")
            here.write(
                f"""s: {{function: {source}, sinks: [RB_1]}}
                f: {{function: {middle}, sources: [RB_1], sinks: [RB_2]}}
                t: {{function: txt, sources: [RB_2], config: {{filename: table}}}}
                d: {{function: drain, sources: [RB_1]}}""",
                code,
                buffers=BUFFERS,
            )
            assert here.run().complete().rows() == [float(i) for i in range(10)], (source, middle)


@trial(
    "prebuilt functions of mimoCoRB2 on buffers that do not fit are errors of check, in the user's words"
)
def misfits(place: Place) -> None:
    for number, (sink, buffers) in enumerate(
        (
            (
                "c: {function: exporters.csv, sources: [raw], config: {filename: c}}",
                "raw:16:h=float64:100",
            ),
            ("c: {function: exporters.histogram, sources: [raw]}", "raw:16:h=float64:100"),
            (
                "c: {function: analyzers.pha, sources: [raw], sinks: [out], config: {channel: nosuch}}",
                "raw:16:h=float64:100 out",
            ),
        )
    ):
        here = Place(place.path / str(number))
        here.write(
            f"s: {{function: waves, sinks: [raw]}}\n{sink}"
            + ("\nt: {function: takes, sources: [out]}" if "out" in sink else ""),
            "@source\ndef waves():\n    yield np.zeros((1, 100))\n",
            buffers=buffers,
        )
        found = here.check()
        no_traceback(found)
        assert found.code == 2, (sink, found.text)
        assert "BufferToTxtfile" not in found.text, found.text


@trial("a set-up that is converted into another directory still finds its files")
def converted(place: Place) -> None:
    place.write(
        "s: {function: reads, sinks: [raw]}\nt: {function: text, sources: [raw], config: {filename: table}}",
        """
def reads(buffer_io):
    from mimocorb2.worker_templates import Importer
    importer = Importer(buffer_io)
    value = float((Path(importer.setup_dir) / "value.txt").read_text())
    def generate():
        yield np.full((1, 1), value)
        yield None
    importer.set_ufunc(generate)
    importer()
""",
    )
    (place.path / "value.txt").write_text("5.0")
    elsewhere = place.path / "elsewhere"
    elsewhere.mkdir()
    found = place.command("convert", "setup.yaml", "-o", "elsewhere/new.yaml")
    no_traceback(found)
    assert found.code == 0, found.text
    ran = place.command("run", "--lines", "elsewhere/new.yaml")
    if ran.code:
        assert "setup_dir" in found.text or "relative paths" in found.text, found.text


@trial("values that a NumPy of today refuses are told with the line of the user's module")
def removed_names(place: Place) -> None:
    place.write(
        """s: {function: numbers, sinks: [raw]}
        f: {function: f, sources: [raw], sinks: [out]}
        t: {function: takes, sources: [out]}""",
        "@filter\ndef f(event):\n    return {'h': np.no_such_name(1)}\n",
    )
    found = place.run()
    assert found.code == 1
    assert "no_such_name" in found.told and "work.py:" in found.told, found.told
    assert (found.directory / "spill.zip").exists()
