"""The end of a run is always told, also with odd texts, and messages help."""

from __future__ import annotations

import os
import unicodedata

from trials.trying import Place, no_traceback, trial

TABLE = "t: {function: text, sources: [raw], config: {filename: table}}"


@trial(
    "texts that are not UTF-8 in errors, reasons, reports and directories leave record and summary"
)
def odd_texts(place: Place) -> None:
    code = """
BAD = os.fsdecode(b"caf\\xe9")
@source
def raises():
    for i in range(5): yield [float(i)]
    raise ValueError(f"no such run: {BAD}")
@filter
def rejects(event):
    return Reject(BAD)
@filter
def reports(event):
    report(**{BAD: 1.0}); return True
"""
    for number, (source, middle, code_is) in enumerate(
        (("raises", "passes", 1), ("numbers", "rejects", 0), ("numbers", "reports", 0))
    ):
        here = Place(place.path / str(number))
        here.write(
            f"""s: {{function: {source}, sinks: [raw]}}
            f: {{function: {middle}, sources: [raw], sinks: [out]}}
            t: {{function: text, sources: [out], config: {{filename: table}}}}""",
            code,
        )
        found = here.run()
        assert found.code == code_is, found.text
        no_traceback(found) if not code_is else None
        assert found.result and found.summary
        assert "caf\\udce9" in found.summary or "caf" in found.summary
    here = Place(place.path / os.fsdecode(b"lat\xfcn"))
    here.write(f"s: {{function: numbers, sinks: [raw]}}\n{TABLE}")
    assert here.check().code == 0
    found = here.run()
    no_traceback(found)
    assert found.code == 0, found.text
    assert found.result


@trial(
    "halves of characters in set-ups, as JSON writes an emoji, are joined; a lone one is refused with its place"
)
def surrogates(place: Place) -> None:
    place.write(
        f"s: {{function: numbers, sinks: [raw]}}\n{TABLE}", top='title: "Muons \\ud83d\\ude00"'
    )
    found = place.run().complete()
    assert "Muons 😀" in found.summary or "😀" in str(found.record)
    here = Place(place.path / "lone")
    here.write(f"s: {{function: numbers, sinks: [raw]}}\n{TABLE}", top='title: "Muons \\ud83d"')
    checked = here.check()
    no_traceback(checked)
    assert checked.code == 2 and "setup.yaml:" in checked.text, checked.text


@trial("a worker that fails with an odd exception, or a flood of output, ends told")
def odd_exceptions(place: Place) -> None:
    ends = {
        "raise BaseException('x')": "BaseException",
        "raise KeyboardInterrupt": "KeyboardInterrupt",
        "raise GeneratorExit": "GeneratorExit",
        "next(iter(()))": "StopIteration",
        "raise mc.EndOfStream if hasattr(mc, 'EndOfStream') else __import__('mimocorb.errors', fromlist=['x']).EndOfStream('')": "EndOfStream",
        "raise ExceptionGroup('g', [ValueError('a')])": "ExceptionGroup",
        "class E(Exception):\n        def __str__(self): raise RuntimeError\n    raise E()": "E",
        "os._exit(4)": "exit code 4",
        "sys.exit('bad')": "bad",
        "raise ValueError('a' * 10_000_000)": "ValueError",
    }
    for number, (what, word) in enumerate(ends.items()):
        here = Place(place.path / str(number))
        here.write(
            """s: {function: numbers, sinks: [raw]}
            f: {function: odd, sources: [raw], sinks: [out]}
            t: {function: text, sources: [out], config: {filename: table}}""",
            f"@filter\ndef odd(event):\n    if event['h'][0] < 5: return True\n    {what}\n",
        )
        found = here.run()
        assert found.code == 1, (what, found.text)
        assert word in found.summary, (what, found.summary)
        assert len(found.summary) < 200_000
        assert len(found.rows()) == 5, what
        assert "StopIteration: [" not in found.told


@trial("a filter that closes the standard output, or all descriptors, is told as what it is")
def closed_streams(place: Place) -> None:
    for number, what in enumerate(
        (
            "sys.stdout.close()",
            "os.close(1)",
            "os.closerange(1, 3)",
            "sys.stdout = None",
            "sys.stderr.close()",
        )
    ):
        here = Place(place.path / str(number))
        here.write(
            """s: {function: numbers, sinks: [raw]}
            f: {function: odd, sources: [raw], sinks: [out]}
            t: {function: text, sources: [out], config: {filename: table}}""",
            f"@filter\ndef odd(event):\n    if event['h'][0] == 5:\n        {what}\n    return True\n",
        )
        found = here.run()
        if found.code:
            assert "returned (exit code" not in found.told, (what, found.told)
            assert "ended before its input did" not in found.told, (what, found.told)
        else:
            assert len(found.rows()) == 10, what


@trial("names that look alike are compared as Python compares them")
def alike_names(place: Place) -> None:
    for name in ("dead_time_µs", "ö"):
        for form in ("NFC", "NFD", "NFKC", "NFKD"):
            here = Place(place.path / form / str(len(name)))
            typed = unicodedata.normalize(form, name)
            here.write(
                f"""s: {{function: src_{typed}, sinks: [raw], config: {{{typed}: 2.0}}}}
                {TABLE}""",
                f"@source\ndef src_{name}(*, {name}: float):\n    yield [{name}]\n",
            )
            assert here.run().complete().rows() == [2.0], form


@trial("what cannot start is an error of check: names, processes, readers, targets, functions")
def cannot_start(place: Place) -> None:
    readers = "\n".join(f"t{i}: {{function: takes, sources: [raw]}}" for i in range(70))
    cases = {
        "processes": (
            "s: {function: numbers, sinks: [raw]}\nt: {function: text, number_of_processes: 2, sources: [raw], config: {filename: table}}",
            "",
        ),
        "readers": (f"s: {{function: numbers, sinks: [raw]}}\n{readers}", ""),
        "log": (
            "s: {function: numbers, sinks: [raw]}\nt: {function: text, sources: [raw], config: {filename: log}}",
            "",
        ),
        "hidden": (f"s: {{function: __hidden, sinks: [raw]}}\n{TABLE}", ""),
        "number": (f"s: {{function: number, sinks: [raw]}}\n{TABLE}", ""),
        "program": (f"s: {{function: buffer_control.run_mimoDAQ, sinks: [raw]}}\n{TABLE}", ""),
        "newbuffer": (f"s: {{function: mimo_buffer.NewBuffer, sinks: [raw]}}\n{TABLE}", ""),
        "null": (f"s: {{function: numbers, sinks: [raw]}}\n{TABLE}", "target_directory: /dev/null"),
        "full": (
            f"s: {{function: numbers, sinks: [raw]}}\n{TABLE}",
            "target_directory: /dev/full/x",
        ),
        "dangling": (
            f"s: {{function: numbers, sinks: [raw]}}\n{TABLE}",
            "target_directory: dangling",
        ),
        "loop": (f"s: {{function: numbers, sinks: [raw]}}\n{TABLE}", "target_directory: loop"),
        "file": (
            f"s: {{function: numbers, sinks: [raw]}}\n{TABLE}",
            "target_directory: setup.yaml",
        ),
        "module": (f"s: {{function: np, sinks: [raw]}}\n{TABLE}", ""),
        "typeobj": (f"s: {{function: Path, sinks: [raw]}}\n{TABLE}", ""),
        "timestamp": (
            "s: {function: numbers, sinks: [raw]}\nt: {function: text, sources: [raw], config: {filename: table}}",
            "",
        ),
    }
    wrong = []
    for name, (workers, top) in cases.items():
        here = Place(place.path / name)
        buffers = "raw:16:timestamp=float64" if name == "timestamp" else ""
        here.write(workers, "__hidden = 3\nnumber = 4\n", top=top, buffers=buffers)
        os.symlink("nowhere", here.path / "dangling")
        os.symlink("loop", here.path / "loop")
        checked, ran = here.check(), here.run()
        no_traceback(checked)
        no_traceback(ran)
        if checked.code == 0 and ran.code == 0:
            continue
        if (checked.code, ran.code) != (2, 2):
            wrong.append(f"{name}: check {checked.code}, run {ran.code}\n{ran.text[-600:]}")
    assert not wrong, "\n".join(wrong)


@trial("NumPy 1 with a newer PyArrow: the ImportError of a preview is said as such by check")
def parts_that_do_not_import(place: Place) -> None:
    (place.path / "pyarrow").mkdir()
    (place.path / "pyarrow" / "__init__.py").write_text(
        "raise ImportError('pyarrow requires NumPy 2.0 or newer, found 1.26')"
    )
    place.write(
        "s: {function: numbers, sinks: [raw]}\nt: {function: parquet_tar, sources: [raw], config: {filename: a}}"
    )
    environment = {**os.environ, "PYTHONPATH": str(place.path)}
    checked = place.command("check", "setup.yaml", env=environment)
    no_traceback(checked)
    assert "pyarrow requires NumPy 2.0" in checked.text, checked.text
    assert "module define functions only" not in checked.text
    ran = place.command("run", "--lines", "setup.yaml", env=environment)
    no_traceback(ran)
    assert "pyarrow requires NumPy 2.0" in ran.text, ran.text


@trial("Python's own filter, called where mimocorb's stands, is explained")
def two_filters(place: Place) -> None:
    place.write(
        f"s: {{function: odd, sinks: [raw]}}\n{TABLE}",
        "@source\ndef odd():\n    for each in filter(lambda n: n > 1, [1, 2]): yield [each]\n",
    )
    found = place.run()
    assert found.code == 1
    assert "hides" in found.told, found.told


@trial(
    "the end is told with few descriptors, few inodes and unreadable directories, without a traceback"
)
def little_room(place: Place) -> None:
    place.write(f"s: {{function: numbers, sinks: [raw]}}\n{TABLE}")
    for limit in (8, 12, 16, 20, 24, 32, 48, 64):
        script = f"ulimit -n {limit}; exec python -m mimocorb.cli run --lines setup.yaml"
        import subprocess
        import sys

        done = subprocess.run(
            ["bash", "-c", script.replace("python", sys.executable)],
            cwd=place.path,
            capture_output=True,
            check=False,
            timeout=120,
        )
        text = (done.stdout + done.stderr).decode()
        assert "Traceback" not in text, (limit, text)
        assert done.returncode == 0 or text.strip(), limit
