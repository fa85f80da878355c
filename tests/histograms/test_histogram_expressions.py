"""Expressions: what NumPy gives for the same arithmetic, and nothing but arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from mimocorb.analysis.histograms.expression import Expression
from mimocorb.errors import SetupError

A = np.array([[1.0, -4.0, 9.0], [2.0, 8.0, -3.0]])
B = np.array([[2.0, 2.0, 5.0], [0.5, 1.0, 0.0]])
VALUES = {"a": A, "b": B, "counter": np.array([[7.0], [8.0]])}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", A),
        ("-a + 2 * b - 1", -A + 2 * B - 1),
        ("a ** 2 // 3 % 2", A**2 // 3 % 2),
        ("sqrt(abs(a)) + hypot(a, b)", np.sqrt(abs(A)) + np.hypot(A, B)),
        ("max(a) - min(a)", A.max(1, keepdims=True) - A.min(1, keepdims=True)),
        ("mean(a * b) + sum(b)", (A * B).mean(1, keepdims=True) + B.sum(1, keepdims=True)),
        ("argmax(a) + counter", np.array([[9.0], [9.0]])),
        ("where(a > b, a, b)", np.maximum(A, B)),
        ("0 < a <= 8", (A > 0) & (A <= 8)),
        ("a > 0 and not b > 1 or a == 9", ((A > 0) & ~(B > 1)) | (A == 9)),
        ("(a > 0) + (b > 1)", (A > 0).astype(float) + (B > 1)),
        ("count(a > 1.5)", np.array([[1], [2]])),
        ("median(a) + std(b)", np.median(A, 1, keepdims=True) + B.std(1, keepdims=True)),
    ],
)
def test_it_gives_what_numpy_gives(text, expected):
    assert Expression(text, ["a", "b"], "x")(VALUES) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("__import__('os').system('true')", "'__import__('"),
        ("a.T", "found 'a.T'"),
        ("a[0]", "found 'a[0]'"),
        ("(lambda: a)()", "found"),
        ("[a for a in b]", "found"),
        ("open('x')", "knows the functions"),
        ("f'{a}'", "found"),
        ("a if a else b", "found"),
        ("'a'", "found"),
        ("True + a", "found 'True'"),
        ("1j * a", "found"),
        ("a @ b", "found"),
        ("max(a, b)", "max() takes 1 argument, found 2"),
        ("sqrt(x=a)", "found"),
        ("1 + 2", "no field"),
        ("", "found ''"),
        ("a +", "found 'a +'"),
        ("aa + heigth", "found 'aa'"),
        ("a" * 2000, "1000 characters"),
        ("-" * 900 + "a", "nested"),
        ("1" * 900 + "+a", "too large"),
        ("a\0", "found"),
    ],
)
def test_everything_else_is_refused_with_what_is_possible(text, said):
    with pytest.raises(SetupError) as refused:
        Expression(text, ["a", "b"], "histogram: x")
    message = str(refused.value)
    assert message.startswith("histogram: x")
    assert said.strip("'") in message


def test_a_slip_is_named():
    with pytest.raises(SetupError, match="did you mean 'height_mV'"):
        Expression("heigth_mV", ["height_mV"], "x")


def test_a_field_hides_what_is_known_of_events():
    assert Expression("counter", ["counter"], "x")({"counter": A}) is A
