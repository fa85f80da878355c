"""Names are compared as Python does, and misused ones are explained."""

import subprocess
import sys

import pytest

from mimocorb import filter, report
from mimocorb.components import reporting
from mimocorb.errors import SetupError
from mimocorb.setup.dialects import read_setup_or_problems

MICRO, MU = "\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}"
TWO_PARTS, ONE_PART = "o\N{COMBINING DIAERESIS}", "\N{LATIN SMALL LETTER O WITH DIAERESIS}"
FUNCTIONS = """
import mimocorb as mc

@mc.source
def QUELLE(*, dead_time_SIGN: float):
    for number in range(3):
        yield [dead_time_SIGN]
    mc.report(lifetime_SIGN=2.2)
"""
SETUP = """
stop_when: [s.lifetime_SIGN < 0]
Buffers: {raw: {slot_count: 4, data_length: 1, data_dtype: float64}}
Workers:
  s: {file: work.py, function: QUELLE, sinks: [raw], config: {dead_time_SIGN: 3.5}}
  t: {function: text, sources: [raw], config: {filename: values}}
"""


@pytest.mark.parametrize("in_module", [MICRO, MU])
@pytest.mark.parametrize("in_setup", [MICRO, MU])
@pytest.mark.parametrize("names", [(ONE_PART, TWO_PARTS), (TWO_PARTS, ONE_PART)])
def test_names_that_are_one_for_python_are_one_in_a_set_up(tmp_path, in_module, in_setup, names):
    module = FUNCTIONS.replace("SIGN", in_module).replace("QUELLE", f"tr{names[0]}g")
    (tmp_path / "work.py").write_text(module)
    setup = SETUP.replace("SIGN", in_setup).replace("QUELLE", f"tr{names[1]}g")
    (tmp_path / "setup.yaml").write_text(setup)
    command = [sys.executable, "-m", "mimocorb.cli", "run", "setup.yaml", "--quiet"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "never reported" not in done.stdout
    (values,) = tmp_path.glob("target/*/values.txt")
    assert values.read_text().split()[-1] == "3.5"


def test_pythons_own_filter_that_is_hidden_is_explained():
    with pytest.raises(TypeError, match=r"called like Python's filter\(\), which it hides"):
        list(filter(lambda number: number > 1, [1, 2, 3]))


def test_a_result_has_a_name_that_people_can_read():
    with pytest.raises(SetupError, match="names of at most 200 characters, found 3000"):
        report(**{"x" * 3000: 1.0})


def test_of_a_flood_of_names_the_first_are_kept_and_later_values_of_these(monkeypatch):
    sent = {}
    fresh = reporting._Reporter()
    fresh.send = sent.update
    monkeypatch.setattr(reporting, "_reporter", fresh)
    report(**{f"x{number}": 0.0 for number in range(5000)})
    report(x7=7.0, x4999=1.0)
    reporting.flush()
    assert list(sent) == [f"x{number}" for number in range(1000)]
    assert sent["x7"] == 7.0


def test_a_set_up_behind_a_link_says_where_modules_are_looked_for(tmp_path, monkeypatch):
    real = tmp_path / "real"
    real.mkdir()
    (real / "work.py").write_text(FUNCTIONS.replace("SIGN", MU).replace("QUELLE", "quelle"))
    (real / "setup.yaml").write_text(SETUP.replace("SIGN", MU).replace("QUELLE", "quelle"))
    (tmp_path / "link.yaml").symlink_to(real / "setup.yaml")
    command = [sys.executable, "-m", "mimocorb.cli", "check", "link.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "link.yaml is a link, and modules are looked for beside the link" in done.stdout


@pytest.mark.parametrize(
    ("text", "value"), [('"\\ud83d\\ude00"', "\N{GRINNING FACE}"), ('"\\ud83d"', None)]
)
def test_halves_of_characters_are_joined_or_refused(tmp_path, text, value):
    (tmp_path / "setup.yaml").write_text(f"title: {text}\n{SETUP}")
    setup, problems = read_setup_or_problems(tmp_path / "setup.yaml")
    if value is None:
        assert "a text is made of whole characters; found half of one" in str(problems[0])
        assert ":1:8: error" in str(problems[0])
    else:
        assert setup.title == value
