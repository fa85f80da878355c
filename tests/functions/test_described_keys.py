"""What docstrings say of parameters, keys of the configuration, and units."""

import pytest

from mimocorb.components.docstrings import described_keys, read_docstring, unit_of


@pytest.mark.parametrize(
    ("name", "meaning", "unit"),
    [
        ("rate_hz", "", "Hz"),
        ("threshold_mV", "", "mV"),
        ("sample_time_ns", "", "ns"),
        ("timeout_s", "", "s"),
        ("energy_MeV", "", "MeV"),
        ("length", "Length of the bar, in cm.", "cm"),
        ("window", "Time in µs (from the trigger).", "µs"),
        ("shift", "Time in the past, in ns, at most.", "ns"),
        ("fraction", "Efficiency in %.", "%"),
        ("filename", "Where it lies in the directory.", ""),
        ("s", "", ""),
        ("channels", "How many.", ""),
    ],
)
def test_units_come_from_the_docstring_or_the_name(name: str, meaning: str, unit: str) -> None:
    assert unit_of(name, meaning) == unit


def test_several_parameters_may_share_a_meaning() -> None:
    text = """Do it.

    More of it.

    Parameters
    ----------
    low, high : float
        Limits, in mV.
    other
        One line,
        and another.

    Returns
    -------
    result
        Not a parameter.
    """
    assert read_docstring(text).meanings == {
        "low": "Limits, in mV.",
        "high": "Limits, in mV.",
        "other": "One line, and another.",
    }


def test_lists_that_are_not_of_the_configuration_are_not_its_keys() -> None:
    text = """Do it.

    The sinks have the fields

    ``height``
        in mV.

    Keys of the configuration: those of the detector, and

    ``limit``
        in ns,
        at most.
    ``low``, ``high`` : float
        Edges.
    ``scale`` : float, default 1.5
        Factor.
    ``title`` : str, optional
        Heading.

    And so on.
    """
    keys, paragraphs = described_keys(text)
    assert paragraphs == ["Keys of the configuration: those of the detector, and"]
    assert keys == {
        "limit": ("in ns, at most.", "", ""),
        "low": ("Edges.", "float", None),
        "high": ("Edges.", "float", None),
        "scale": ("Factor.", "float", "1.5"),
        "title": ("Heading.", "str", "optional"),
    }
