"""What Prometheus gets: the counters of a run as plain text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

__all__ = ["CONTENT_TYPE", "METRICS", "exported"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = dict[str, str]
Samples = Iterator[tuple[Labels, Any]]


class Metric(NamedTuple):
    """One name: what it counts, and where that is in a picture of a run."""

    short_name: str
    kind: Literal["counter", "gauge"]
    samples: Callable[[Mapping[str, Any]], Samples]
    help: str

    @property
    def name(self) -> str:
        """Name for Prometheus."""
        return f"mimocorb_{self.short_name}"


def _of(part: str, label: str, key: str) -> Callable[[Mapping[str, Any]], Samples]:
    """Return one sample for each buffer or worker: the value of a key."""

    def samples(run: Mapping[str, Any]) -> Samples:
        for each in run[part]:
            yield {label: each["name"]}, each[key]

    return samples


def _groups(key: str) -> Callable[[Mapping[str, Any]], Samples]:
    def samples(run: Mapping[str, Any]) -> Samples:
        for buffer in run["buffers"]:
            for group in buffer["groups"]:
                yield {"buffer": buffer["name"], "reader": group["reader"]}, group[key]

    return samples


def _use(key: str) -> Callable[[Mapping[str, Any]], Samples]:
    def samples(run: Mapping[str, Any]) -> Samples:
        for worker in run["workers"]:
            if worker["use"]:
                yield {"worker": worker["name"]}, worker["use"].get(key)

    return samples


def _run(key: str) -> Callable[[Mapping[str, Any]], Samples]:
    def samples(run: Mapping[str, Any]) -> Samples:
        yield {}, run[key]

    return samples


def _disk(key: str) -> Callable[[Mapping[str, Any]], Samples]:
    def samples(run: Mapping[str, Any]) -> Samples:
        yield {}, (run["disk"] or {}).get(key)

    return samples


def _state(run: Mapping[str, Any]) -> Samples:
    yield {"state": run["state"], "run": str(run["number"]), "title": run["title"]}, 1


def _results(run: Mapping[str, Any]) -> Samples:
    for worker, rows in run["results"].items():
        for row in rows:
            yield {"worker": worker, "name": row["name"]}, row["value"]


def _decisions(key: str) -> Callable[[Mapping[str, Any]], Samples]:
    def samples(run: Mapping[str, Any]) -> Samples:
        for each in run["decisions"]:
            yield {"worker": each["name"]}, each[key]

    return samples


def _reasons(run: Mapping[str, Any]) -> Samples:
    for each in run["decisions"]:
        for reason, count in each["reasons"].items():
            yield {"worker": each["name"], "reason": reason}, count


def _alarms(run: Mapping[str, Any]) -> Samples:
    for alarm in run["alarms"]:
        yield {"kind": str(alarm["kind"]), "subject": alarm["subject"]}, int(alarm["goes_on"])


METRICS = (
    Metric("run_info", "gauge", _state, "State, number and title of the run"),
    Metric("run_active_seconds", "gauge", _run("active_s"), "Time of data taking without pauses"),
    Metric("events_total", "counter", _run("events"), "Events in the first buffer of a source"),
    Metric(
        "buffer_published_total",
        "counter",
        _of("buffers", "buffer", "published"),
        "Events published in a buffer",
    ),
    Metric(
        "buffer_throughput_hertz",
        "gauge",
        _of("buffers", "buffer", "throughput_hz"),
        "Events published per second lately",
    ),
    Metric(
        "buffer_rate_hertz",
        "gauge",
        _of("buffers", "buffer", "rate_hz"),
        "Events per second of live time",
    ),
    Metric(
        "buffer_dead_fraction",
        "gauge",
        _of("buffers", "buffer", "dead_fraction"),
        "Part of the time in which sources took no event",
    ),
    Metric(
        "buffer_slots", "gauge", _of("buffers", "buffer", "slots"), "Size of a buffer in events"
    ),
    Metric("buffer_filled_slots", "gauge", _of("buffers", "buffer", "filled"), "Slots in use"),
    Metric(
        "reader_processed_total",
        "counter",
        _groups("acknowledged"),
        "Events that a reader has finished with",
    ),
    Metric("reader_due", "gauge", _groups("due"), "Events that a reader still has to process"),
    Metric("reader_lost_total", "counter", _groups("lost"), "Events that were not processed"),
    Metric(
        "reader_set_aside_total",
        "counter",
        _groups("quarantined"),
        "Events set aside, as they failed too often",
    ),
    Metric("worker_busy_fraction", "gauge", _use("busy"), "Part of the time in its function"),
    Metric(
        "worker_processor_fraction",
        "gauge",
        _use("processor"),
        "Part of the time on a processor core",
    ),
    Metric(
        "worker_memory_bytes",
        "gauge",
        _of("workers", "worker", "memory_bytes"),
        "Memory of its own",
    ),
    Metric(
        "worker_restarts_total",
        "counter",
        _of("workers", "worker", "restarts"),
        "Processes that were replaced",
    ),
    Metric(
        "decided_total", "counter", _decisions("events"), "Events that a filter has decided about"
    ),
    Metric(
        "accepted_total", "counter", _decisions("accepted"), "Events that a filter has passed on"
    ),
    Metric("rejected_total", "counter", _reasons, "Events that a filter has rejected, by reason"),
    Metric("result", "gauge", _results, "A value that a worker has reported"),
    Metric("alarm", "gauge", _alarms, "1 as long as an alarm goes on"),
    Metric("disk_free_bytes", "gauge", _disk("free_bytes"), "Room where the run writes"),
    Metric("run_bytes", "gauge", _disk("run_bytes"), "What the run has written"),
)


def exported(run: Mapping[str, Any]) -> str:
    """Return the text for a picture of a run."""
    lines: list[str] = []
    for metric in METRICS:
        rows = [
            f"{metric.name}{_labels(labels)} {float(value):.17g}"
            for labels, value in metric.samples(run)
            if isinstance(value, int | float)
        ]
        if rows:
            lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
            lines += rows
    return "\n".join([*lines, ""])


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    escaped = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return "{" + ",".join(escaped) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
