"""Numbers that arrive as what they are, or are refused with the value and the range."""

from __future__ import annotations

from trials.trying import Place, no_traceback, trial

TABLE = "t: {function: text, sources: [raw], config: {filename: table}}"
MERGING = """
@source
def device(*, events: int, bits: int = 0, lose_each: int = 0, halves: bool = False):
    for i in range(events):
        time.sleep(0.002)
        if not lose_each or not i or i % lose_each:
            count = i // 2 if halves else i
            yield [float(i)], {"counter": count % 2**bits if bits else count}
@filter
def pair(events):
    return {"out": [{"a": events["one"]["h"][0], "b": events["two"]["h"][0]}]}
"""
PAIRS = "one:64 two:64 out:64:a=float64,b=float64"


def pairs(place: Place, one: str, two: str, merge: str, code: str = MERGING) -> object:
    place.write(
        f"""d1: {{function: device, sinks: [one], config: {one}}}
        d2: {{function: device, sinks: [two], config: {two}}}
        m: {{function: pair, sources: [one, two], sinks: [out], config: {{merge: {merge}}}}}
        t: {{function: text, sources: [out], config: {{filename: table}}}}""",
        code,
        buffers=PAIRS,
    )
    return place.run()


@trial("counters that roll over flag the merged data as doubtful, and the message says modulo")
def counters_roll_over(place: Place) -> None:
    found = pairs(
        place, "{events: 200, bits: 5, lose_each: 7}", "{events: 200, bits: 5}", "{by: counter}"
    )
    assert "modulo: 32" in found.told, found.told
    flags = found.record["quality"]
    assert any("merge doubtful" in str(flag) for flag in [flags] if flag), flags


@trial("with modulo, counters that roll over are merged rightly")
def counters_unwrapped(place: Place) -> None:
    found = pairs(
        place,
        "{events: 200, bits: 5, lose_each: 7}",
        "{events: 200, bits: 5}",
        "{by: counter, modulo: 32}",
    ).complete()
    rows = [line.split()[-2:] for line in found.file("table.txt").splitlines()[1:]]
    assert len(rows) > 160
    assert all(a == b for a, b in rows)


@trial("counters that come twice are told in summary and quality when they are merged")
def counters_twice(place: Place) -> None:
    found = pairs(
        place,
        "{events: 150, halves: true, lose_each: 7}",
        "{events: 150, halves: true}",
        "{by: counter}",
    )
    assert "twice" in str(found.record["quality"]), found.record["quality"]
    assert "merge doubtful" in str(found.record["quality"]), found.record["quality"]


@trial("a time that is no number ends no merge; the event is incomplete, and told")
def merge_with_nan(place: Place) -> None:
    code = """
@source
def device(*, events: int, odd: float):
    for i in range(events):
        yield [float(i)], {"timestamp": odd if i == 50 else 0.01 * i}
@filter
def pair(events):
    return {"out": [{"a": events["one"]["h"][0], "b": events["two"]["h"][0]}]}
"""
    for number, odd in enumerate((".nan", ".inf", "-.inf")):
        here = Place(place.path / str(number))
        merge = "{by: time, window_s: 0.004}"
        found = pairs(here, f"{{events: 100, odd: {odd}}}", "{events: 100, odd: 0.5}", merge, code)
        found.complete()
        rows = [line.split()[-2:] for line in found.file("table.txt").splitlines()[1:]]
        assert len(rows) == 99, (odd, len(rows))
        assert all(a == b for a, b in rows), odd


@trial("odd times (NaN, inf, ms, ns) reach table, archive, sample and display, and come back")
def odd_times(place: Place) -> None:
    code = """
TIMES = (1.0, float("nan"), float("inf"), 1.7e12, 1.7e18, -1.0, 1e300)
@source
def odd():
    for number, when in enumerate(TIMES):
        yield [float(number)], {"timestamp": when}
@filter
def none(event, metadata):
    return {"out": True}
"""
    place.write(
        """s: {function: odd, sinks: [raw]}
        f: {function: none, sources: [raw], sinks: [out]}
        g: {function: passes, sources: [raw], sinks: [two], rejected_sample: 1}
        t: {function: text, sources: [raw], config: {filename: table}}
        p: {function: parquet_tar, sources: [out], config: {filename: a}}
        r: {function: record, sources: [two], config: {filename: r}}
        d: {function: oscilloscope, observes: [raw]}""",
        code,
    )
    found = place.run().complete()
    assert len(found.rows()) == 7
    text = place.python(
        "import glob, mimocorb\n"
        "for p in (*glob.glob('target/*/a.tar'), *glob.glob('target/*/r*')):\n"
        "    print(sorted(e['counter'] if isinstance(e, dict) else 0 for e in []))\n"
    )
    assert text


@trial("a structured array goes by the names of its fields at every door; other names are refused")
def fields_by_name(place: Place) -> None:
    place.path.mkdir(exist_ok=True, parents=True)
    place.python(
        """
import numpy as np
from mimocorb.mimo_buffer import NewBuffer, Reader, Writer
from mimocorb.errors import MimocorbError
b = NewBuffer(8, 1, [("a", "f8"), ("b", "f8")]); r = Reader(b.new_reader_group()); w = Writer(b.new_writer())
w.write(np.array([(2.0, 1.0)], [("b", "f8"), ("a", "f8")]))
got = r.get(); assert (got["a"][0], got["b"][0]) == (1.0, 2.0), got
for wrong in (np.zeros(1, [("x", "f8"), ("y", "f8")]), np.zeros(1, [("a", "f8")])):
    try: w.write(wrong)
    except (MimocorbError, ValueError, TypeError) as error: assert "'a'" in str(error) or "a" in str(error)
    else: raise SystemExit("taken")
for dtype, wrong in (("u1", [300]), ("i4", [2**40]), ("i4", [1.7]), ("f8", [2**53 + 1]), ("f4", [16777217]),
                     ("f2", [2049]), ("i4", [float("nan")]), ("u1", [-1])):
    one = NewBuffer(4, 1, dtype); two = Writer(one.new_writer())
    try: two.write(np.array(wrong))
    except (MimocorbError, ValueError, TypeError, OverflowError) as error: assert str(wrong[0]) in str(error), error
    else: raise SystemExit(f"{wrong} went into {dtype}")
four = NewBuffer(4, 4, "f8"); w4 = Writer(four.new_writer())
for wrong in (5, [5], [1, 2], np.zeros((2, 4))):
    try: w4.write(wrong)
    except (MimocorbError, ValueError, TypeError): pass
    else: raise SystemExit(f"{wrong!r} fills 4 values")
"""
    )


@trial(
    "whole numbers that a float cannot hold, masked values and wraps of dates are refused by sources"
)
def refused_by_sources(place: Place) -> None:
    wrong = {
        "t=float64": "{'t': 2**53 + 1}",
        "t=float32": "{'t': 16777217}",
        "t=float16": "{'t': 2049}",
        "t=uint16": "{'t': 70000}",
        "t=int32": "{'t': 1.5}",
        "t=int64": "{'t': float('nan')}",
        "t=float64:1": "{'t': np.ma.masked}",
        "t=uint8": "{'t': -1}",
    }
    for number, (dtype, event) in enumerate(wrong.items()):
        here = Place(place.path / str(number))
        code = f"@source\ndef s():\n    yield {{'t': 1}}\n    yield {event}\n"
        here.write(f"s: {{function: s, sinks: [raw]}}\n{TABLE}", code, buffers=f"raw:16:{dtype}")
        found = here.run()
        assert found.code == 1, (event, found.text)
        assert "event 1" in found.told, found.told
        assert len(found.rows()) == 1
        if "70000" in event:
            assert "65535" in found.told, found.told
            assert "Hand over whole numbers" not in found.told, found.told


@trial("odd metadata of an event is refused by its source with the number of the event")
def odd_metadata(place: Place) -> None:
    wrong = (
        "{'counter': 2**64 - 1}",
        "{'counter': np.uint64(2**64 - 1)}",
        "{'counter': float('inf')}",
        "{'counter': 1.5}",
        "{'timestamp': 10**400}",
        "(np.array([1, 2]), 1.0, 0.0)",
        "{'counter': None}",
        "{'time_ns': 1.5}",
        "{'tiem_ns': 1}",
        "'text'",
        "{'timestamp': '12'}",
    )
    for number, metadata in enumerate(wrong):
        here = Place(place.path / str(number))
        code = f"@source\ndef s():\n    yield [1.0]\n    yield [2.0], {metadata}\n"
        here.write(f"s: {{function: s, sinks: [raw]}}\n{TABLE}", code)
        found = here.run()
        if metadata == "{'counter': None}" and not found.code:
            continue  # as if it had not been given
        assert found.code == 1, (metadata, found.text)
        assert "event 1" in found.told, (metadata, found.text)
        assert "incompatible function arguments" not in found.told
        assert "inhomogeneous" not in found.told


@trial(
    "a ragged list, a text, an object or a wrong shape from a source is refused with the number of the event"
)
def odd_events(place: Place) -> None:
    wrong = (
        "[[1.0, 2.0], [3.0]]",
        "['a']",
        "[object()]",
        "5",
        "[1.0, 2.0, 3.0]",
        "{'x': 1.0}",
        "np.zeros((3, 3))",
        "[[[1.0]], [2.0]]",
        "(np.zeros(1), 1, 2, 3)",
        "[{}]",
        "np.array([1 + 2j])",
    )
    for number, event in enumerate(wrong):
        here = Place(place.path / str(number))
        code = f"@source\ndef s():\n    yield [1.0]\n    yield {event}\n"
        here.write(f"s: {{function: s, sinks: [raw]}}\n{TABLE}", code)
        found = here.run()
        if event == "5" and not found.code:
            continue
        assert found.code == 1, (event, found.text)
        assert "event 1" in found.told, (event, found.text)
        assert "inhomogeneous" not in found.told, (event, found.text)


@trial("a filter that returns an empty list with one sink passes nothing on")
def empty_list(place: Place) -> None:
    code = """
@filter
def peaks(event):
    return [each for each in event["h"] if each > 1e9]
"""
    place.write(
        """s: {function: numbers, sinks: [raw]}
        f: {function: peaks, sources: [raw], sinks: [out]}
        t: {function: text, sources: [out], config: {filename: table}}""",
        code,
    )
    found = place.run()
    if not found.code:
        assert found.rows() == [], "all events pass"
    else:
        assert "empty list" in found.told, found.told


@trial("times in whole nanoseconds survive rings, archive, recording and merge by window_ns")
def nanoseconds(place: Place) -> None:
    code = """
FIRST = 1_796_023_714_220_344_501
@source
def device(*, shift_ns: int):
    for i in range(50):
        yield [float(i)], {"time_ns": FIRST + 1000 * i + shift_ns, "timestamp": 0.0}
@filter
def pair(events):
    return {"out": [{"a": events["one"]["h"][0], "b": events["two"]["h"][0]}]}
@sink
def noted(events, metadata, *, directory: Path):
    with (directory / "ns.txt").open("a") as file:
        for each in metadata.time_ns: print(int(each), file=file)
"""
    place.write(
        """d1: {function: device, sinks: [one], config: {shift_ns: 0}}
        d2: {function: device, sinks: [two], config: {shift_ns: 50}}
        m: {function: pair, sources: [one, two], sinks: [out], config: {merge: {by: time, window_ns: 100}}}
        n: {function: noted, sources: [one]}
        t: {function: text, sources: [out], config: {filename: table}}""",
        code,
        buffers=PAIRS,
    )
    found = place.run().complete()
    rows = [line.split()[-2:] for line in found.file("table.txt").splitlines()[1:]]
    assert len(rows) == 50
    assert all(a == b for a, b in rows)
    first = 1_796_023_714_220_344_501
    assert [int(each) for each in found.file("ns.txt").split()] == [
        first + 1000 * i for i in range(50)
    ]


@trial("truth values are written as 0 and 1, and headings with the separator are refused by check")
def columns_of_texts(place: Place) -> None:
    place.write(
        f"s: {{function: s, sinks: [raw]}}\n{TABLE}",
        "@source\ndef s():\n    yield {'good': True}\n    yield {'good': False}\n",
        buffers="raw:16:good=bool",
    )
    assert place.run().complete().rows() == [1.0, 0.0]
    here = Place(place.path / "comma")

    here.write(
        "s: {function: s, sinks: [raw]}", "@source\ndef s():\n    yield {'x,y': 1.0, 'b': 2.0}\n"
    )
    (here.path / "setup.yaml").write_text(
        """
Buffers: {raw: {slot_count: 16, data_length: 1, data_dtype: {"x,y": float64, "b": float64}}}
Workers:
  s: {file: work.py, function: s, sinks: [raw]}
  t: {function: exporters.csv, sources: [raw], config: {filename: table}}
"""
    )
    checked = here.check()
    no_traceback(checked)
    if checked.code == 0:
        found = here.run().complete()
        here.python(
            "import csv, glob\n"
            "(name,) = glob.glob('target/*/*.csv')\n"
            "rows = list(csv.reader(open(name)))\n"
            "assert len({len(row) for row in rows}) == 1, rows\n"
        )
        assert found


@trial("a value that is no number in results is a text in the record, which stays true JSON")
def results_without_numbers(place: Place) -> None:
    code = """
@filter
def fit(event):
    report(lifetime_us=float("nan"), error=float("inf"), text=np.float64("-inf"))
    return True
"""
    place.write(
        """s: {function: numbers, sinks: [raw]}
        f: {function: fit, sources: [raw], sinks: [out]}
        t: {function: text, sources: [out], config: {filename: table}}""",
        code,
    )
    place.run().complete().record  # noqa: B018 - refuses what is no JSON
    listed = place.command("runs", "--json")
    assert "NaN" not in listed.text.replace('"NaN"', ""), listed.text
    assert "Infinity" not in listed.text.replace('Infinity"', ""), listed.text
