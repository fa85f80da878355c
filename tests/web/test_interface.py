"""The HTTP interface: what programs get, its description, counters for Prometheus."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx
import numpy as np
import pytest
import yaml
from running import eventually, run
from web_functions import HEIGHT_MV
from web_runs import SAMPLES, short

import mimocorb
from mimocorb.web.endpoints import ENDPOINTS
from mimocorb.web.metrics import METRICS
from mimocorb.web.openapi import description

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def client(daq, serve):
    """A program with the operator's token."""
    web = serve(daq.directory, "web", str(daq.directory))
    headers = {"authorization": f"Bearer {web.operator}"}
    with httpx.Client(base_url=web.address, headers=headers, timeout=60) as found:
        yield found


def decoded(frame: bytes) -> tuple[dict, list[np.ndarray]]:
    size = int.from_bytes(frame[:4], "little")
    head = json.loads(frame[4 : 4 + size])
    values = np.frombuffer(frame[4 + size :], np.float32)
    return head, np.split(values, np.cumsum(head["lengths"])[:-1])


def test_a_program_gets_status_events_and_histograms_and_steers(client, daq):
    status = client.get("/api/status").json()
    assert (status["state"], status["title"]) == ("running", "Pulses <b>of a test</b>")
    assert [buffer["name"] for buffer in status["buffers"]] == ["waveforms", "selected", "times"]
    event = client.get("/api/buffers/waveforms/event").json()
    assert len(event["values"]["chA"]) == SAMPLES
    assert max(event["values"]["chA"]) == pytest.approx(HEIGHT_MV, abs=4)
    full, channels = decoded(client.get("/api/buffers/waveforms/frame").content)
    assert (full["width"], len(channels), len(channels[0])) == (0, 4, SAMPLES)
    head, reduced = decoded(client.get("/api/buffers/waveforms/frame?columns=500").content)
    assert head["width"] == 9
    assert len(reduced[0]) == 2 * -(-SAMPLES // 9)
    assert [one["name"] for one in client.get("/api/histograms").json()] == ["spectrum"]
    found = client.get("/api/histograms/spectrum").json()
    assert len(found["values"]) == 40
    assert client.post("/api/pause").json() == {"state": "paused"}
    refused = client.post("/api/pause")
    assert refused.status_code == 200, "it is paused already"
    assert client.post("/api/resume").json() == {"state": "running"}
    assert client.post("/api/resume").status_code == 200
    kept = client.post("/api/note", json={"kind": "good", "text": "calibrated"})
    assert kept.json() == {"kept": {"kind": "good", "text": "calibrated"}}
    eventually(lambda: client.get("/api/status").json()["notes"])
    assert client.post("/api/stop").json()["state"] in ("draining", "ended")
    daq.finish()
    (note,) = json.loads((daq.directory / "run.json").read_text())["notes"]
    assert (note["kind"], note["text"], note["by"]) == ("good", "calibrated", "the page")


@pytest.mark.parametrize(
    ("asked", "body", "status", "says"),
    [
        (("GET", "/api/buffers/none/event"), None, 409, "no buffer 'none'"),
        (("GET", "/api/buffers/waveforms/event?counter=x"), None, 422, "whole number"),
        (("GET", "/api/buffers/waveforms/event?counter=999999999"), None, 422, "recorded"),
        (("GET", "/api/histograms/none"), None, 409, "has spectrum"),
        (("GET", "/api/runs/1/99"), None, 422, "no run 99"),
        (("POST", "/api/note"), {"kind": "joke", "text": "x"}, 422, "kind"),
        (("POST", "/api/note"), {"kind": "comment", "text": ""}, 409, "needs a text"),
        (("POST", "/api/note"), {"text": "x" * 70000}, 422, "at most"),
        (("POST", "/api/next-run"), {}, 409, "stop it before"),
        (("POST", "/api/next-run"), {"changes": 3}, 422, "changes"),
    ],
)
def test_what_is_wrong_is_one_sentence(client, asked, body, status, says):
    answer = client.request(*asked, json=body)
    assert answer.status_code == status, answer.text
    assert says in answer.json()["error"]


def test_the_next_run_has_the_parameters_of_the_form(client, daq):
    form = {worker["name"]: worker["parameters"] for worker in client.get("/api/next-run").json()}
    pause = next(each for each in form["pulser"] if each["name"] == "pause_s")
    assert (pause["value"], pause["unit"]) == ("0.02", "s")
    assert pause["meaning"].startswith("Time between two events")
    client.post("/api/end")
    daq.finish()
    eventually(lambda: client.get("/api/status").json()["ended"])
    wrong = client.post("/api/next-run", json={"changes": {"pulser": {"pause_s": "[1]"}}})
    assert wrong.status_code == 422
    assert "pause_s" in wrong.json()["error"]
    unknown = client.post("/api/next-run", json={"changes": {"pulser": {"nothing": "1"}}})
    assert "no parameter 'nothing'" in unknown.json()["error"]
    body = {"changes": {"pulser": {"pause_s": "0.002"}}, "events": 20, "comment": "faster"}
    begun = client.post("/api/next-run", json=body).json()
    assert begun["number"] == 2
    eventually(lambda: client.get("/api/status").json()["ended"])
    runs = client.get("/api/runs").json()["runs"]
    assert [(each["number"], each["comment"]) for each in runs] == [(1, ""), (2, "faster")]
    assert runs[1]["events"] >= 20
    both = client.get("/api/runs/1/2").json()
    changed = {each["key"]: (each["first"], each["second"]) for each in both["setup"]}
    assert changed["Workers.pulser.config.pause_s"] == (0.02, 0.002)


def test_a_run_that_has_ended_is_shown_from_its_record_and_recordings(tmp_path, serve):
    finished = run(short(tmp_path))
    web = serve(tmp_path, "view", str(finished.directory))
    headers = {"authorization": f"Bearer {web.operator}"}
    with httpx.Client(base_url=web.address, headers=headers, timeout=60) as client:
        status = client.get("/api/status").json()
        assert (status["state"], status["ended"], status["events"]) == ("ended", True, 100)
        about = client.get("/api/about").json()
        kept = {buffer["name"]: buffer["is_kept"] for buffer in about["buffers"]}
        assert kept == {"RB_1": False, "RB_2": True}
        event = client.get("/api/buffers/RB_2/event?counter=7").json()
        recorded = mimocorb.open(finished.directory)["values"]
        (expected,) = [each for each in recorded if each.metadata.counter == 7]
        assert event["values"] == {"value": expected.data["value"][0]}
        assert client.get("/api/buffers/RB_1/event").status_code == 422
        assert client.post("/api/pause").status_code == 409
        assert client.post("/api/note", json={"kind": "bad", "text": "no"}).status_code == 200
        assert client.get("/api/status").json()["notes"][0]["kind"] == "bad"


def test_the_description_is_generated_from_the_endpoints():
    api = description(ENDPOINTS)
    assert api["openapi"].startswith("3.1")
    described = {(m.upper(), path) for path, ways in api["paths"].items() for m in ways}
    assert described == {(e.method, re.sub(r":\w+}", "}", e.path)) for e in ENDPOINTS}
    names = [way["operationId"] for ways in api["paths"].values() for way in ways.values()]
    assert len(names) == len(set(names))
    for path, ways in api["paths"].items():
        for way in ways.values():
            places = {p["name"] for p in way.get("parameters", ()) if p["in"] == "path"}
            assert places == set(re.findall(r"{(\w+)}", path))
            for found in re.findall(r"#/components/schemas/(\w+)", json.dumps(way)):
                assert found in api["components"]["schemas"]


def test_prometheus_gets_counters_that_agree_with_the_status(client):
    client.post("/api/pause")
    eventually(lambda: all(b["due"] == 0 for b in client.get("/api/status").json()["buffers"]))
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    line = re.compile(r'^(\w+)(\{(\w+="(\\.|[^"\\])*",?)*\})? (\S+)$')
    values = {}
    for text in answer.text.splitlines():
        if not text.startswith("#"):
            found = line.match(text)
            assert found, text
            values[text.rpartition(" ")[0]] = float(found[5])
    status = client.get("/api/status").json()
    for buffer in status["buffers"]:
        name = f'mimocorb_buffer_published_total{{buffer="{buffer["name"]}"}}'
        assert values[name] == buffer["published"]
    assert values["mimocorb_events_total"] == status["events"]
    assert values['mimocorb_worker_restarts_total{worker="pulser"}'] == 0


def test_the_dashboard_asks_for_names_that_are_exported():
    dashboard = json.loads((EXAMPLES / "grafana-dashboard.json").read_text())
    exported = {metric.name for metric in METRICS}
    asked = set()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            names = set(re.findall(r"\bmimocorb_\w+", target["expr"]))
            assert names, target["expr"]
            asked |= names
    assert asked <= exported, asked - exported
    assert len(asked) > 10
    assert all(m.name.endswith("_total") == (m.kind == "counter") for m in METRICS)


def test_the_example_for_prometheus_names_the_path_and_the_port():
    (job,) = yaml.safe_load((EXAMPLES / "prometheus.yml").read_text())["scrape_configs"]
    assert job["static_configs"][0]["targets"] == ["127.0.0.1:8765"]
    assert "credentials_file" in job["authorization"]


def test_a_run_brings_its_page_along(tmp_path):
    setup = short(tmp_path)
    command = [sys.executable, "-m", "mimocorb.cli", "run", setup.name, "--web", "--quiet"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    steer, look = re.findall(r"http://127\.0\.0\.1:\d+/#(\w{32})", done.stdout)
    assert steer != look
    log = next((tmp_path / "target").glob("*/log.txt")).read_text()
    assert "in the browser: http://127.0.0.1" in log
    assert steer not in log


def test_a_page_without_its_packages_says_what_to_install(daq):
    code = (
        "import sys, importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'starlette' else real(name, *a)\n"
        "from mimocorb.cli import main; sys.exit(main(['web']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    expected = "mimocorb: the page of a run needs starlette: pip install 'mimocorb[web]'\n"
    assert done.stderr == expected


def test_a_port_that_is_taken_is_told(daq, serve):
    web = serve(daq.directory, "web", str(daq.directory))
    command = [sys.executable, "-m", "mimocorb.cli", "web", "--port", web.port]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert f"cannot be served at 127.0.0.1, port {web.port}" in done.stderr
    assert "--port" in done.stderr


def test_the_links_are_printed_again(daq, serve):
    web = serve(daq.directory, "web", str(daq.directory))
    command = [sys.executable, "-m", "mimocorb.cli", "web", "--link"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert web.link in done.stdout
    assert web.viewer_link in done.stdout
