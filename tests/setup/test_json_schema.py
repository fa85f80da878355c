"""The JSON schema for editors: one with the reader, and the file that is shipped."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import test_keys_of_runs
import test_problems_of_setups as problems

from mimocorb.cli import main
from mimocorb.setup.keys.json_schema import schema_text, setup_schema
from mimocorb.setup.text.setup_file import parse_text, plain

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).parent / "data"
SETUPS = [*DATA.glob("*setup*.yaml"), *(ROOT / "examples").glob("*setup*.yaml")]

# What a schema of one file cannot know: other files, modules, the graph, what NumPy accepts, and
# texts that are not YAML in the first place.
NOT_IN_A_SCHEMA = {
    *("a tab", "a missing colon", "an open bracket", "an open quote", "a line out of place"),
    *("the name missing, as in the printed manual", "a key given twice", "a tag"),
    *("an unknown type", "a type as in Python", "Python objects", "a text without length"),
    *(
        "a field used twice",
        "a slot beyond all measure",
        "no space after a colon",
        "a key without a colon",
    ),
    "a broken number",  # 32.0 is a whole number for JSON
    *("an unknown buffer", "a buffer that nobody writes", "a buffer that nobody reads"),
    *("a loop", "a loop through an observer", "two functions of one name", "a missing module"),
    *("a missing directory", "a directory in the manner of Windows", "a missing function"),
    *("a missing module of mimocorb", "a missing function of mimocorb", "a generator"),
    *("a function without **rb_info", "an asynchronous function", "a missing configuration"),
    *("two spellings of one key",),
}


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


def slips() -> dict[str, str]:
    """Every slip of the other tests, as the text of the whole file."""
    manual = (DATA / problems.MANUAL).read_text()
    recommended = (DATA / "muon_setup.yaml").read_text()
    texts = {
        name: manual.replace(old, new)
        for name, (file, old, new, *_) in problems.SLIPS.items()
        if file == problems.MANUAL
    }
    for name, (old, new, *_) in problems.SLIPS_OF_THE_RECOMMENDED_DIALECT.items():
        texts[f"{name} (recommended)"] = recommended.replace(old, new)
    for name, (line, *_) in test_keys_of_runs.SLIPS.items():
        texts[f"{name} (top)"] = f"{line}\n{manual}"
    for name, (line, *_) in test_keys_of_runs.WORKER_SLIPS.items():
        texts[f"{name} (worker)"] = manual.replace("num_process: 2", line)
    return texts


SLIPS = slips()
BEYOND = {
    *NOT_IN_A_SCHEMA,
    *("an unknown buffer (recommended)", "a buffer in two roles (recommended)"),
    *("a function without file (recommended)", "a missing file (recommended)"),
    *("a buffer that nobody reads (recommended)", "a buffer that nobody writes (recommended)"),
    *("a worker without buffers (recommended)", "a missing module, named with its ending"),
    *("an unknown buffer (top)", "an unknown worker (top)", "a result of a buffer (top)"),
    *("no number (top)", "a limit of an unknown buffer (top)"),
}


@pytest.mark.parametrize("slip", sorted(SLIPS.keys() - BEYOND))
def test_slips_are_caught(slip: str) -> None:
    assert messages(SLIPS[slip]) != []


def test_slips_that_are_not_caught_exist() -> None:
    assert not BEYOND - NOT_IN_A_SCHEMA - SLIPS.keys()
    for slip in SLIPS.keys() & BEYOND:
        if parse_text(SLIPS[slip], "setup.yaml")[0] is not None:
            assert messages(SLIPS[slip]) == [], f"{slip} is caught: take it from the list"
