"""The documented modules are faces: every public object has one home and is the same everywhere."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import subprocess
import sys

import pytest

import mimocorb.activity_logger
import mimocorb.buffer_control
import mimocorb.bufferinfoGUI
import mimocorb.functions.analyzers
import mimocorb.functions.data
import mimocorb.functions.exporters
import mimocorb.functions.misc
import mimocorb.functions.observers
import mimocorb.functions.visualizers
import mimocorb.histogram_buffer
import mimocorb.mimo_buffer
import mimocorb.observer_plot
import mimocorb.parquetReader
import mimocorb.plot
import mimocorb.plot_buffer
import mimocorb.pulseSimulator
import mimocorb.worker_templates

OF_MIMOCORB2 = {
    mimocorb.worker_templates: {
        "Importer",
        "Exporter",
        "Filter",
        "Processor",
        "Observer",
        "IsAlive",
    },
    mimocorb.functions.analyzers: {"pha"},
    mimocorb.functions.data: {"export", "simulate_importer", "clocked_importer"},
    mimocorb.functions.exporters: {"csv", "drain", "histogram", "visualize_histogram"},
    mimocorb.functions.misc: {"copy"},
    mimocorb.functions.observers: {"oscilloscope"},
    mimocorb.functions.visualizers: {"csv", "histogram"},
}
OF_RELEASES = {
    mimocorb.activity_logger: {"Logging_manager"},  # and Gen_logger, which is one of them
    mimocorb.bufferinfoGUI: {"bufferinfoGUI", "plot_bufferinfo"},
    mimocorb.histogram_buffer: {"histogram_buffer", "animHists", "plot_Histograms"},
    mimocorb.observer_plot: {"PlotOscilloscope", "PlotKDE"},
    mimocorb.parquetReader: {"parquetReader"},
    mimocorb.plot_buffer: {"plot_buffer", "animWaveformPlotter"},
    mimocorb.pulseSimulator: {"pulseSimulator"},
}
FACES = [
    mimocorb.mimo_buffer,
    mimocorb.buffer_control,
    mimocorb.plot,
    *OF_MIMOCORB2,
    *OF_RELEASES,
]
PUBLIC = [(face, name) for face in FACES for name in face.__all__ if name != "Gen_logger"]
HOMES = sorted({getattr(face, name).__module__ for face, name in PUBLIC})

LATER_NAMES = {
    "rbImport": "SourceToBuffer",
    "rb_toTxtfile": "BufferToTxtfile",
    "rb_toParquetfile": "BufferToParquetfile",
}
DOCUMENTED = {
    mimocorb.mimo_buffer: {"NewBuffer", "Writer", "Reader", "Observer"},
    mimocorb.buffer_control: {
        "buffer_control",
        "SourceToBuffer",
        "BufferToBuffer",
        "BufferToTxtfile",
        "BufferToParquetfile",
        "run_mimoDAQ",
        "rbImport",
        "rbPut",
        "rbExport",
        "rbTransfer",
        "rbProcess",
        "rbDrain",
        "rb_toTxtfile",
        "rb_toParquetfile",
        "rbObserver",
        "rbWSObserver",
    },
    mimocorb.plot: {"plot_graph"},
    **OF_MIMOCORB2,
    **OF_RELEASES,
}


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
def test_a_face_offers_every_documented_name(face):
    assert set(face.__all__) >= DOCUMENTED[face]


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
def test_a_face_is_docstring_imports_and_all(face):
    """And at most what imports some names only when they are asked for."""
    statements = ast.parse(inspect.getsource(face)).body
    kinds = [type(statement) for statement in statements]
    names = kinds.index(ast.Assign)
    assert kinds[0] is ast.Expr
    assert set(kinds[1:names]) == {ast.ImportFrom}
    later = {getattr(statement, "name", type(statement)) for statement in statements[names + 1 :]}
    assert later in (set(), {ast.If, "__getattr__", "__dir__"})


@pytest.mark.parametrize(("face", "name"), PUBLIC, ids=lambda x: getattr(x, "__name__", x))
def test_a_public_object_has_one_home_and_is_identical_there(face, name):
    public = getattr(face, name)
    home = importlib.import_module(public.__module__)
    own_name = LATER_NAMES.get(name, name)
    assert home not in FACES
    assert public.__name__ == own_name
    assert getattr(home, own_name) is public
    assert own_name in home.__all__


@pytest.mark.parametrize(("later", "documented"), LATER_NAMES.items())
def test_a_later_name_is_the_same_class(later, documented):
    face = mimocorb.buffer_control
    assert getattr(face, later) is getattr(face, documented)


@pytest.mark.parametrize(("face", "name"), PUBLIC, ids=lambda x: getattr(x, "__name__", x))
def test_a_public_object_is_explained(face, name):
    assert len((inspect.getdoc(getattr(face, name)) or "").split()) > 5


@pytest.mark.parametrize("home", HOMES)
def test_the_examples_in_docstrings_run(home):
    module = importlib.import_module(home)
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def test_nothing_heavy_is_imported_before_it_is_used():
    code = (
        "import sys, mimocorb.mimo_buffer, mimocorb.buffer_control, mimocorb.plot\n"
        "import mimocorb.plot_buffer, mimocorb.histogram_buffer, mimocorb.parquetReader\n"
        "import mimocorb.bufferinfoGUI, mimocorb.observer_plot, mimocorb.pulseSimulator\n"
        "print([m for m in ('pyarrow', 'matplotlib', 'scipy', 'pandas') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
