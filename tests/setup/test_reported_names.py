"""A condition on a result that no function reports is found before the run."""

from pathlib import Path

import pytest

from mimocorb.checks.preflight import preflight
from mimocorb.setup.nearest import did_you_mean, slip_of

SETUP = """
Buffers:
  raw: {slot_count: 4, data_length: 1, data_dtype: float64}
Workers:
  source: {file: own.py, function: take, sinks: [raw]}
  fit: {file: own.py, function: fit, sources: [raw]}
  save: {function: buffer_control.BufferToTxtfile, sources: [raw], config: {filename: a}}
stop_when: CONDITION
"""
MODULE = """
IMPORT
def take(source_list, sink_list, observe_list, config_dict, **rb_info):
    pass
def fit(source_list, sink_list, observe_list, config_dict, **rb_info):
    CALL
"""
IMPORT, CALL = "from mimocorb import report", "report(relative_error=0.1, lifetime_us=2.2)"


def problems(place: Path, condition: str, call: str = CALL, imports: str = IMPORT) -> list[str]:
    (place / "own.py").write_text(MODULE.replace("CALL", call).replace("IMPORT", imports))
    (place / "setup.yaml").write_text(SETUP.replace("CONDITION", condition))
    return [str(each) for each in preflight(place / "setup.yaml").problems]


def test_what_is_reported_or_counted_may_end_a_run(tmp_path: Path) -> None:
    assert problems(tmp_path, "[fit.relative_error < 0.01, raw.events > 3]") == []


def test_a_misspelt_result_is_an_error(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "fit.relativ_error < 0.01")
    assert found.removeprefix(f"{tmp_path}/") == (
        "setup.yaml:8:12: error: fit reports 'relativ_error', which fit.relativ_error < 0.01 asks "
        "for; found that own.py reports lifetime_us, relative_error; did you mean "
        "'relative_error'?"
    )


def test_another_result_is_a_warning_as_a_package_may_report_it(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "fit.chi2 < 1.2")
    assert ": warning: fit reports 'chi2'" in found
    assert found.endswith("add to it: report(chi2=…)")


@pytest.mark.parametrize(
    ("asked", "reported", "meant"),
    [
        ("relativ_error", ["relative_error", "lifetime_us"], "relative_error"),
        ("Lifetime", ["lifetime_us", "chi2"], "lifetime_us"),
        ("heigth", ["height", "time"], "height"),
        ("rate_bottom", ["rate_top"], None),
        ("lifetime_ns", ["lifetime_us"], None),
        ("chi3", ["chi2"], None),
        ("rate", ["rate_a", "rate_b"], None),
        ("anything", [], None),
    ],
)
def test_a_slip_is_told_from_the_name_of_something_else(
    asked: str, reported: list[str], meant: str | None
) -> None:
    assert slip_of(asked, reported) == meant


def test_another_result_that_looks_alike_is_a_warning(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "fit.lifetime_ns < 3")
    assert ": warning: fit reports 'lifetime_ns'" in found
    assert found.endswith("reports lifetime_us, relative_error; add to it: report(lifetime_ns=…)")


def test_functions_of_mimocorb_report_nothing(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "save.rows > 3")
    assert ": error: save reports 'rows'" in found
    assert "reports nothing; name a worker with a function of yours, or the events" in found


@pytest.mark.parametrize(
    ("call", "imports"),
    [
        ("import mimocorb as m; m.report(relative_error=0.1)", ""),
        ("tell(relative_error=0.1)", "from mimocorb import report as tell"),
        ("report(relative_error=0.1)", "from mimocorb import *"),
        ("calculate()", "from beside import calculate"),
    ],
)
def test_every_way_to_report_is_seen(tmp_path: Path, call: str, imports: str) -> None:
    (tmp_path / "beside.py").write_text(
        "from mimocorb import report\ndef calculate():\n    report(relative_error=0.1)\n"
    )
    assert problems(tmp_path, "fit.relative_error < 0.01", call, imports) == []
    (found,) = problems(tmp_path, "fit.relativ_error < 0.01", call, imports)
    assert "did you mean 'relative_error'?" in found


@pytest.mark.parametrize(
    "call",
    [
        "results = {}; report(**results, relative_error=0.1)",
        "results = report; report(relative_error=1)",
    ],
)
def test_nothing_is_said_of_names_made_at_run_time(tmp_path: Path, call: str) -> None:
    assert problems(tmp_path, "fit.relativ_error < 0.01", call) == []


def test_names_that_look_the_same_are_told_by_their_letters():
    assert did_you_mean("raw", "rwa") == "did you mean 'raw'?"
    said = did_you_mean("\N{MICRO SIGN}s", "\N{GREEK SMALL LETTER MU}s")
    assert "U+00B5 (micro sign), not U+03BC (greek small letter mu)" in said


def test_a_condition_may_name_a_result_with_letters_beyond_ascii(tmp_path):
    call = "report(\N{MICRO SIGN}s=1.0)"
    assert problems(tmp_path, "fit.\N{GREEK SMALL LETTER MU}s > 1", call) == []
