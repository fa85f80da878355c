"""A report of a run: one file of HTML with everything in it, for a browser and for paper.

It loads nothing, runs no script, and every text of the run is escaped: names, comments and log
lines come from anywhere.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mimocorb._files import read_regular
from mimocorb._texts import plain_text
from mimocorb._words import count
from mimocorb.errors import MimocorbError
from mimocorb.run.record.catalogue import look_at
from mimocorb.run.record.recorder import read_summary
from mimocorb.run.run_log import JSON_LOG
from mimocorb.run.wording import UNKNOWN, alarm_line, percent, rate, results_line, time_taken

if TYPE_CHECKING:
    from mimocorb.analysis.histograms.run_histogram import RunHistogram
    from mimocorb.run.record.run_record import RunRecord
    from mimocorb.run.record.run_result import RunResult

__all__ = ["report_of"]

MOST_LINES = 500
LARGEST_TEXT = 4 << 20
LARGEST_LOG = 256 << 20

_STYLE = """
:root { color-scheme: light; --ink: #1d2126; --faint: #6b737b; --line: #d7dce0; }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: #fff;
  max-width: 62rem; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem;
  border-bottom: 1px solid var(--line); padding-bottom: .2rem; }
.sub { color: var(--faint); margin: .2rem 0 1rem; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; font-weight: 600; }
th, td { padding: .25rem .9rem .25rem 0; vertical-align: top; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; }
th[scope=row] { width: 9rem; color: var(--faint); font-weight: 400; overflow-wrap: normal; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
pre { font: 12px/1.4 ui-monospace, monospace; background: #f5f7f8; padding: .8rem;
  white-space: pre-wrap; overflow-wrap: anywhere; }
img { max-width: 100%; height: auto; } figure { margin: 1rem 0; break-inside: avoid; }
.bad { color: #a4161a; font-weight: 600; } .good { color: #1b7837; font-weight: 600; }
li { overflow-wrap: anywhere; }
@page { margin: 16mm; }
@media print { body { margin: 0; max-width: none; font-size: 10pt; } h2 { break-after: avoid; }
  tr, li { break-inside: avoid; } pre { background: none; border: 1px solid var(--line); } }
"""


def report_of(directory: Path) -> str:
    """Return the report of a run that has ended, was killed, or goes on, as HTML.

    Parameters
    ----------
    directory
        Of the run.

    Raises
    ------
    RunRecordError
        It is no run.
    SetupError
        matplotlib is missing, which draws the histograms.
    """
    from mimocorb.analysis.histograms.files import read_histograms

    run = look_at(directory)
    record = run.record
    histograms = list(read_histograms(directory).values())
    body = [
        *_head(record, directory),
        *_results(record.result),
        *_histograms(histograms),
        *_flow(record, directory),
        *_counts(record.result),
        *_live_time(record.result),
        *_decisions(record.result),
        *_troubles(record.result, directory),
        *_texts(record, directory),
    ]
    title = _safe(f"Run {record.number}: {record.title}")
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title><style>{_STYLE}</style></head><body>",
            *body,
            "</body></html>\n",
        ]
    )


def _safe(text: object) -> str:
    return html.escape(plain_text(str(text)))


def _rows(pairs: Iterable[tuple[str, object]]) -> Iterator[str]:
    yield "<table>"
    for name, value in pairs:
        if value not in (None, ""):
            yield f'<tr><th scope="row">{_safe(name)}</th><td>{_safe(value)}</td></tr>'
    yield "</table>"


def _table(
    titles: Sequence[str], rows: Iterable[Sequence[object]], texts: int = 1
) -> Iterator[str]:
    """Yield a table; the first columns have texts, the others numbers."""

    def cells(tag: str, row: Sequence[object]) -> str:
        return "".join(
            f"<{tag}{'' if place < texts else ' class=n'}>{_safe(cell)}</{tag}>"
            for place, cell in enumerate(row)
        )

    yield f"<table><thead><tr>{cells('th', titles)}</tr></thead><tbody>"
    yield from (f"<tr>{cells('td', row)}</tr>" for row in rows)
    yield "</tbody></table>"


def _head(record: RunRecord, directory: Path) -> Iterator[str]:
    result = record.result
    yield f"<h1>{_safe(record.title or 'Run')}</h1>"
    yield f'<p class="sub">run {record.number} · {_safe(directory.name)}</p>'
    quality = ", ".join(record.quality or {}) or str(record.state)
    mark = "good" if [*(record.quality or {})] == ["clean"] else "bad"
    yield f'<p class="{mark}">{_safe(quality)}</p>'
    reasons = [reason for each in (record.quality or {}).values() for reason in each]
    yield from _list(reasons)
    yield from _rows(
        [
            ("state", record.state),
            ("began", record.started_utc),
            ("ended", record.ended_utc or record.last_sign_utc or "it goes on"),
            ("ended because", result.reason if result else ""),
            ("data taking", time_taken(result.active_s) if result else ""),
            ("operator", record.operator),
            ("comment", record.comment.strip()),
            *((f"note, {note.time_utc}", note.text) for note in record.notes),
            ("host", record.supervisor.host),
            ("mimocorb", record.versions.get("mimocorb", "")),
            ("commit of set-up", record.setup_commit),
        ]
    )


def _list(texts: Iterable[str]) -> Iterator[str]:
    lines = [f"<li>{_safe(text)}</li>" for text in texts]
    if lines:
        yield f"<ul>{''.join(lines)}</ul>"


def _results(result: RunResult | None) -> Iterator[str]:
    if result is not None and result.results:
        yield "<h2>Results</h2>"
        yield from _rows((name, results_line(found)) for name, found in result.results.items())


def _image(content: bytes, text: str) -> str:
    coded = base64.b64encode(content).decode()
    return f'<img alt="{_safe(text)}" src="data:image/svg+xml;base64,{coded}">'


def _histograms(histograms: Sequence[RunHistogram]) -> Iterator[str]:
    if not histograms:
        return
    from mimocorb.displays.figures import histogram_figure, picture_of

    yield "<h2>Histograms</h2>"
    for one in histograms:
        picture = picture_of(histogram_figure([one]), "svg")
        yield f"<figure>{_image(picture, f'histogram {one.name}')}<figcaption>"
        live = "" if one.live_time_s is None else f", live time {time_taken(one.live_time_s)}"
        yield _safe(
            f"{one.name}: {', '.join(one.filled.values())} of {one.buffer}; {count(one.entries)}"
            f" values of all {count(one.events)} events{live}"
        )
        for fit in one.fits:
            where = f"{fit.name}: {fit.model} from {fit.low:g} to {fit.high:g}"
            yield f"<br>{_safe(where)}: {_safe('; '.join(fit.lines()))}"
        yield "</figcaption></figure>"


def _flow(record: RunRecord, directory: Path) -> Iterator[str]:
    """Yield the picture of the data flow; nothing if the copy of the set-up cannot be read."""
    from mimocorb.setup.dialects import read_setup_or_problems
    from mimocorb.setup.drawing.flow import flow_of
    from mimocorb.setup.drawing.flow_picture import flow_picture
    from mimocorb.setup.drawing.picture_files import svg_text

    files = [file.path for file in record.files if file.kind == "set-up"]
    if files:
        with suppress(MimocorbError, OSError):
            setup, _ = read_setup_or_problems(directory / files[0])
            if setup is not None:
                picture = svg_text(flow_picture(flow_of(setup))).encode()
                yield f"<h2>Data flow</h2><figure>{_image(picture, 'data flow')}</figure>"


def _counts(result: RunResult | None) -> Iterator[str]:
    if result is None:
        return
    yield "<h2>Event counts</h2>"
    yield from _table(
        ("buffer", "read by", "events", "processed", "set aside", "lost or left", "given again"),
        (
            (
                buffer.name if place == 0 else "",
                group.reader,
                count(buffer.published) if place == 0 else "",
                count(group.acknowledged),
                count(group.quarantined),
                count(group.due + group.abandoned),
                count(group.redelivered),
            )
            for buffer in result.buffers
            for place, group in enumerate(buffer.groups)
        ),
        texts=2,
    )


def _live_time(result: RunResult | None) -> Iterator[str]:
    if result is None or not result.buffers:
        return
    yield "<h2>Live time and rates</h2>"
    yield from _table(
        ("source", "live time", "live part", "events"),
        (
            (
                source["name"],
                time_taken(source["effective_live_s"]),
                percent(source["live_fraction"]),
                UNKNOWN if source["events"] is None else count(source["events"]),
            )
            for source in result.accounts.get("live_time", [])
        ),
    )
    yield from _table(
        ("buffer", "events per second of live time", "dead time", "throughput"),
        (
            (b.name, _rate(b), percent(b.dead_fraction), rate(b.throughput_hz))
            for b in result.buffers
        ),
    )
    checks = [
        f"{source['name']}: {process['check']['sentence']}"
        for source in result.accounts.get("live_time", [])
        for process in source.get("processes", [])
        if process.get("check")
    ]
    yield from _list([*result.accounts.get("doubts", []), *checks])


def _rate(buffer: Any) -> str:
    if buffer.rate_hz is None:
        return UNKNOWN
    from mimocorb._words import with_error

    return with_error(buffer.rate_hz, buffer.rate_sigma_hz or 0.0)


def _decisions(result: RunResult | None) -> Iterator[str]:
    decisions = result.accounts.get("decisions", []) if result is not None else []
    if decisions:
        yield "<h2>Decisions</h2>"
        yield from _table(("filter", "decision", "events", "part"), _decision_rows(decisions), 2)


def _decision_rows(decisions: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str, str, str]]:
    for one in decisions:
        total = one["events"] or 0
        parts = {"accepted": one["accepted"], "rejected": one["rejected"], **one["reasons"]}
        for place, (what, number) in enumerate(parts.items()):
            part = percent(number / total) if total else UNKNOWN
            reason = what if place < 2 else f"rejected: {what}"
            yield one["name"] if place == 0 else "", reason, count(number), part


def _troubles(result: RunResult | None, directory: Path) -> Iterator[str]:
    alarms = [alarm_line(alarm) for alarm in result.alarms] if result else []
    failures, warnings = (result.failures, result.warnings) if result else ([], [])
    for title, texts in (("Failures", failures), ("Warnings", warnings), ("Alarms", alarms)):
        if texts:
            yield f"<h2>{title}</h2>"
            yield from _list(texts)
    lines = list(_log_of_warnings(directory))
    yield "<h2>Log: warnings and errors</h2>"
    if not lines:
        yield "<p>none</p>"
    else:
        left_out = len(lines) - MOST_LINES
        shown = [f"… {count(left_out)} earlier lines"] if left_out > 0 else []
        yield f"<pre>{_safe(chr(10).join([*shown, *lines[-MOST_LINES:]]))}</pre>"


def _log_of_warnings(directory: Path) -> Iterator[str]:
    from mimocorb.run.run_log import utc

    try:
        content = read_regular(directory / JSON_LOG, most_bytes=LARGEST_LOG)
    except OSError:
        return
    for line in content.decode(errors="replace").splitlines():
        with suppress(ValueError, KeyError, TypeError):
            one = json.loads(line)
            if one["level"] in ("WARNING", "ERROR", "CRITICAL"):
                yield f"{utc(one['time_s'])} {one['level']:<8} {one['origin']}: {one['text']}"


def _texts(record: RunRecord, directory: Path) -> Iterator[str]:
    summary = read_summary(directory)
    if summary:
        yield f"<h2>Summary</h2><pre>{_safe(summary)}</pre>"
    for file in record.files:
        if file.kind in ("set-up", "configuration"):
            with suppress(OSError):
                text = read_regular(directory / file.path, most_bytes=LARGEST_TEXT)
                yield f"<h2>{_safe(file.kind)}: {_safe(file.path)}</h2>"
                yield f"<pre>{_safe(text.decode(errors='replace'))}</pre>"
    yield "<h2>Files used</h2>"
    yield from _table(
        ("file", "SHA-256"), ((file.path, file.sha256) for file in record.files), texts=2
    )
