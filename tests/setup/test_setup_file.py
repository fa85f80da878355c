"""YAML to nodes with places."""

from pathlib import Path

from mimocorb.model.problem import Where
from mimocorb.setup.text import setup_file
from mimocorb.setup.text.setup_file import (
    ListNode,
    MappingNode,
    ScalarNode,
    node_from_python,
    parse_text,
    plain,
    read_file,
)


def parsed(text: str) -> MappingNode:
    node, problems = parse_text(text, "f.yaml")
    assert problems == []
    assert isinstance(node, MappingNode)
    return node


def refused(text: str) -> str:
    node, problems = parse_text(text, "f.yaml")
    is_nothing = node is None  # pytest would print the node, which may be endless
    assert is_nothing
    (problem,) = problems
    return str(problem)


def test_keys_and_values_know_their_places() -> None:
    node = parsed("a: 1\nb:\n  - x\n  - 'y'\n")
    entry = node.entries["b"]
    assert entry.key.where == Where("f.yaml", 2, 1)
    assert isinstance(entry.value, ListNode)
    assert [item.where for item in entry.value.items] == [
        Where("f.yaml", 3, 5),
        Where("f.yaml", 4, 5),
    ]
    assert str(entry.value.items[1].where) == "f.yaml:4:5"


def test_quoted_and_plain_values_are_told_apart() -> None:
    node = parsed("a: '5'\nb: 5\n")
    quoted, unquoted = node.entries["a"].value, node.entries["b"].value
    assert isinstance(quoted, ScalarNode)
    assert isinstance(unquoted, ScalarNode)
    assert (quoted.value, quoted.quoted) == ("5", True)
    assert (unquoted.value, unquoted.quoted) == (5, False)


def test_the_order_of_keys_is_that_of_the_file() -> None:
    assert list(plain(parsed("3: c\n1: a\n2: b\n"))) == [3, 1, 2]


def test_numbers_with_exponents_are_numbers() -> None:
    values = plain(parsed("{a: 1e-3, b: 5E6, c: -2e+3, d: 1.5e3, e: 1e, f: e3, g: +, h: 0x1e3}"))
    assert values == {
        **{"a": 0.001, "b": 5e6, "c": -2000.0, "d": 1500.0},
        **{"e": "1e", "f": "e3", "g": "+", "h": 0x1E3},
    }


def test_repeated_parts_and_merges_are_followed() -> None:
    node = parsed("a: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, y: 3}\nd: {<<: [{y: 4}, *a]}\n")
    assert plain(node)["b"] == {"x": 1, "y": 2}
    assert plain(node)["c"] == {"x": 1, "y": 3}
    assert plain(node)["d"] == {"x": 1, "y": 4}
    assert node.entries["a"].value.anchored
    assert not node.entries["b"].key.anchored


def test_what_is_repeated_many_times_is_refused_before_it_fills_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 20)]
    assert "f.yaml:5:5: error: a file has at most 100000 values" in refused("\n".join(lines))


def test_what_contains_itself_is_refused() -> None:
    assert "f.yaml:1:4: error: an alias (*name) repeats a part that is complete" in refused(
        "a: &a [*a]"
    )


def test_deep_nesting_is_refused() -> None:
    assert "f.yaml:1:41: error: lists and mappings are nested at most 40 deep" in refused("[" * 50)


def test_large_files_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_bytes(b" " * (setup_file.MAXIMUM_SIZE_BYTES + 1))
    _, problems = read_file(path, "large.yaml")
    assert "at most 1024 KiB" in str(problems[0])


def test_an_unreadable_file_is_a_problem(tmp_path: Path) -> None:
    _, problems = read_file(tmp_path / "none.yaml", "none.yaml")
    assert str(problems[0]) == (
        "none.yaml: error: the file must be readable; found: No such file or directory; "
        "check name and rights"
    )


def test_text_that_is_not_utf_8_is_pointed_at(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("a: 1\nb: Z\xe4hler\n".encode("latin-1"))
    _, problems = read_file(path, "latin.yaml")
    assert str(problems[0]).startswith(
        "latin.yaml:2:5: error: the file must be text in UTF-8; found the byte 0xe4"
    )


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "windows.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    node, problems = read_file(path, "windows.yaml")
    assert problems == []
    assert node is not None
    assert plain(node) == {"a": 1, "b": 2}


def test_control_characters_are_pointed_at() -> None:
    assert refused("a: 1\nb: x\x07y\n").startswith(
        "f.yaml:2:5: error: the file must be printable text; found the character '\\x07'"
    )


def test_tags_that_make_objects_are_refused() -> None:
    assert "f.yaml:1:4: error: values are numbers, texts, lists and mappings; found the tag" in (
        refused("a: !!python/object/apply:os.system ['true']")
    )


def test_keys_that_are_lists_are_refused() -> None:
    assert refused("a: {{b}: 1}").startswith("f.yaml:1:5: error: a key is a name or a number")


def test_a_key_given_twice_is_reported_and_the_last_one_kept() -> None:
    node, problems = parse_text("a: 1\na: 2\n", "f.yaml")
    assert [str(problem) for problem in problems] == [
        "f.yaml:2:1: error: the key 'a' is given once; found it in line 1 already; "
        "remove one of the two"
    ]
    assert node is not None
    assert plain(node) == {"a": 2}


def test_an_empty_file_is_nothing() -> None:
    assert parse_text("", "f.yaml") == (None, [])
    assert parse_text("# only a comment\n", "f.yaml") == (None, [])


def test_python_values_become_nodes_with_a_path_as_place() -> None:
    node = node_from_python([{"a": (1, "x")}], "RingBuffer")
    assert plain(node) == [{"a": [1, "x"]}]
    assert isinstance(node, ListNode)
    inner = node.items[0]
    assert isinstance(inner, MappingNode)
    assert str(inner.entries["a"].value.where) == "RingBuffer[0].a"
