"""The JSON schema for editors: one with the reader, and the file that is shipped."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from slips import RECOMMENDED, SLIPS

from mimocorb.cli import main
from mimocorb.model import BufferSpec, OnFailure, Setup, WorkerSpec
from mimocorb.model.keys import keys_of
from mimocorb.model.merge import MergeSettings
from mimocorb.setup.json_schema import schema_text, setup_schema
from mimocorb.setup.text.setup_file import parse_text, plain

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).parent / "data"
SETUPS = [
    path
    for path in (*DATA.glob("*setup*.yaml"), *(ROOT / "examples").glob("*setup*.yaml"))
    if "Buffers:" in path.read_text() and "restart:" not in path.read_text()
]


def validator() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(setup_schema())


def content(text: str) -> Any:
    """What stands in a file, as our reader sees it."""
    node, _ = parse_text(text, "setup.yaml")
    assert node is not None
    return with_text_keys(plain(node))


def with_text_keys(value: Any) -> Any:
    """The value with its keys as JSON has them."""
    if isinstance(value, dict):
        return {str(key): with_text_keys(item) for key, item in value.items()}
    return [with_text_keys(item) for item in value] if isinstance(value, list) else value


def messages(text: str) -> list[str]:
    return [error.message for error in validator().iter_errors(content(text))]


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(setup_schema())


def test_the_shipped_file_is_the_generated_one() -> None:
    shipped = files("mimocorb").joinpath("setup.schema.json").read_text(encoding="utf-8")
    assert shipped == schema_text(), "write it anew: mimocorb schema > …/setup.schema.json"


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == setup_schema()


@pytest.mark.parametrize("path", SETUPS, ids=lambda path: path.name)
def test_setups_that_are_right_are_right_for_the_schema(path: Path) -> None:
    assert messages(path.read_text()) == []


def test_what_says_how_events_are_merged_is_in_it() -> None:
    buffers = "{slot_count: 8, data_length: 1, data_dtype: int32}"
    text = f"Buffers: {{a: {buffers}, b: {buffers}}}\nWorkers:\n  w: {{function: f, sources: %s"
    merging = text % "[a, b]" + ", config: {merge: %s}}"
    assert messages(merging % "{by: time, window_s: 1}") == []
    assert messages(merging % "{by: tme}") != []
    assert messages(merging % "{incmplete: drop}") != []
    assert messages(text % "[a]" + ", config: {merge: {of: one buffer}}}") == []


EXAMPLE = (DATA / RECOMMENDED).read_text()


def slips() -> dict[str, str]:
    """Slips in a set-up of the recommended form, as the text of the whole file."""
    texts = {name: slip.text() for name, slip in SLIPS.items() if slip.file == RECOMMENDED}
    for name, slip in SLIPS.items():
        if "restart" in slip.new:
            continue  # an older key, which is no key of the schema
        if name.endswith(" (top)"):
            texts[name] = EXAMPLE.replace("runevents: 1000", slip.new)
        if name.endswith(" (worker)"):
            texts[name] = EXAMPLE.replace("number_of_processes: 2", slip.new)
    old = "slot_count: 32\n    data_length: 1\n"
    assert EXAMPLE.count(old) == 1
    for line in (
        *('slot_count: "32"', "slot_count: 32.5", "slot_count: yes", "slot_count: 0"),
        *("slots: 32", "data_length: 1"),
    ):
        texts[f"{line} in a buffer"] = EXAMPLE.replace(old, f"{line}\n    data_length: 1\n")
    for text in ("[[x]]", "{1: x}", "[x, int32]", "{}", "[[x, int32, 0]]"):
        start, end = EXAMPLE.index("    data_dtype:\n"), EXAMPLE.index("Workers:")
        texts[f"the type {text}"] = f"{EXAMPLE[:start]}    data_dtype: {text}\n\n{EXAMPLE[end:]}"
    return texts


TEXTS = slips()
# What a schema of one file cannot know: other files, modules, the graph.
BEYOND = {
    *("an unknown buffer (recommended)", "a buffer in two roles (recommended)"),
    *("a function without file (recommended)", "a missing file (recommended)"),
    *("a buffer that nobody reads (recommended)", "a buffer that nobody writes (recommended)"),
    *("a worker without buffers (recommended)", "an unknown backend (recommended)"),
    *("an unknown buffer (top)", "an unknown worker (top)", "a result of a buffer (top)"),
    *("no number (top)", "a limit of an unknown buffer (top)"),
}


@pytest.mark.parametrize("slip", sorted(TEXTS.keys() - BEYOND))
def test_slips_are_caught(slip: str) -> None:
    assert messages(TEXTS[slip]) != []


@pytest.mark.parametrize("slip", sorted(BEYOND))
def test_slips_that_are_not_caught_exist(slip: str) -> None:
    assert messages(TEXTS[slip]) == [], f"{slip} is caught: take it from the list"


@pytest.mark.parametrize("part", [BufferSpec, OnFailure, Setup, WorkerSpec, MergeSettings])
def test_every_key_is_explained_on_the_page_and_in_the_schema(part: type) -> None:
    page = (ROOT / "docs/reference/setup-file.md").read_text()
    schema = setup_schema()
    table = schema["$defs"].get(part.__name__, schema)
    if part is MergeSettings:
        table = schema["$defs"]["WorkerSpec"]["then"]["properties"]["config"]["properties"]["merge"]
    assert list(table["properties"]) == list(keys_of(part))
    for key, described in table["properties"].items():
        assert f"`{key}`" in page
        assert described["description"].endswith(".")
        assert yaml.safe_load(key) == key


def test_a_key_is_in_three_source_files_at_most() -> None:
    """A new key is a field of the model, and the places that use it; imports do not count."""
    found = [
        path.name
        for path in (ROOT / "src").rglob("*.py")
        if any(
            re.search(r"\brejected_sample\b", line)
            for line in path.read_text().splitlines()
            if not re.match(r"\s*from \S+ import", line)
        )
    ]
    assert len(found) <= 3, sorted(found)
    assert "worker.py" in found
