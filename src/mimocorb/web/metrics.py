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

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    samples: Callable[[Mapping[str, Any]], Samples]


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
    Metric(
        "mimocorb_run_info",
        "gauge",
        "State, number and title of the run",
        _state,
    ),
    Metric(
        "mimocorb_run_active_seconds",
        "gauge",
        "Time of data taking without pauses",
        _run("active_s"),
    ),
    Metric(
        "mimocorb_events_total",
        "counter",
        "Events in the first buffer of a source",
        _run("events"),
    ),
    Metric(
        "mimocorb_buffer_published_total",
        "counter",
        "Events published in a buffer",
        _of("buffers", "buffer", "published"),
    ),
    Metric(
        "mimocorb_buffer_throughput_hertz",
        "gauge",
        "Events published per second lately",
        _of("buffers", "buffer", "throughput_hz"),
    ),
    Metric(
        "mimocorb_buffer_rate_hertz",
        "gauge",
        "Events per second of live time",
        _of("buffers", "buffer", "rate_hz"),
    ),
    Metric(
        "mimocorb_buffer_dead_fraction",
        "gauge",
        "Part of the time in which sources took no event",
        _of("buffers", "buffer", "dead_fraction"),
    ),
    Metric(
        "mimocorb_buffer_slots",
        "gauge",
        "Size of a buffer in events",
        _of("buffers", "buffer", "slots"),
    ),
    Metric(
        "mimocorb_buffer_filled_slots",
        "gauge",
        "Slots in use",
        _of("buffers", "buffer", "filled"),
    ),
    Metric(
        "mimocorb_reader_processed_total",
        "counter",
        "Events that a reader has finished with",
        _groups("acknowledged"),
    ),
    Metric(
        "mimocorb_reader_due",
        "gauge",
        "Events that a reader still has to process",
        _groups("due"),
    ),
    Metric(
        "mimocorb_reader_lost_total",
        "counter",
        "Events that were not processed",
        _groups("lost"),
    ),
    Metric(
        "mimocorb_reader_set_aside_total",
        "counter",
        "Events set aside, as they failed too often",
        _groups("quarantined"),
    ),
    Metric(
        "mimocorb_worker_busy_fraction",
        "gauge",
        "Part of the time in its function",
        _use("busy"),
    ),
    Metric(
        "mimocorb_worker_processor_fraction",
        "gauge",
        "Part of the time on a processor core",
        _use("processor"),
    ),
    Metric(
        "mimocorb_worker_memory_bytes",
        "gauge",
        "Memory of its own",
        _of("workers", "worker", "memory_bytes"),
    ),
    Metric(
        "mimocorb_worker_restarts_total",
        "counter",
        "Processes that were replaced",
        _of("workers", "worker", "restarts"),
    ),
    Metric(
        "mimocorb_decided_total",
        "counter",
        "Events that a filter has decided about",
        _decisions("events"),
    ),
    Metric(
        "mimocorb_accepted_total",
        "counter",
        "Events that a filter has passed on",
        _decisions("accepted"),
    ),
    Metric(
        "mimocorb_rejected_total",
        "counter",
        "Events that a filter has rejected, by reason",
        _reasons,
    ),
    Metric(
        "mimocorb_result",
        "gauge",
        "A value that a worker has reported",
        _results,
    ),
    Metric(
        "mimocorb_alarm",
        "gauge",
        "1 as long as an alarm goes on",
        _alarms,
    ),
    Metric(
        "mimocorb_disk_free_bytes",
        "gauge",
        "Room where the run writes",
        _disk("free_bytes"),
    ),
    Metric(
        "mimocorb_run_bytes",
        "gauge",
        "What the run has written",
        _disk("run_bytes"),
    ),
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
