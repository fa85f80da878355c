"""A file that a run writes again and again: what others put in its place is not lost."""

from mimocorb.run.own_files import OwnFile


def written(own, path, text, *, meanwhile=lambda: None):
    def replace():
        new = path.with_suffix(".new")
        new.write_text(text)
        meanwhile()
        new.replace(path)

    return own.write(replace)


def test_it_is_written_again_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "run.json"
    own = OwnFile(path)
    for text in ("first", "second", "third"):
        assert written(own, path, text) == ""
    assert path.read_text() == "third"
    assert [each.name for each in tmp_path.iterdir()] == ["run.json"]


def test_who_opens_it_while_it_is_replaced_keeps_what_he_writes(tmp_path):
    path = tmp_path / "run.json"
    own = OwnFile(path)
    written(own, path, "first")
    opened = []
    told = written(own, path, "second", meanwhile=lambda: opened.append(path.open("w")))
    with opened[0] as file:
        file.write("of a user")
    assert "now run_found.json" in told
    assert (tmp_path / "run_found.json").read_text() == "of a user"
    assert path.read_text() == "second"
    assert {each.name for each in tmp_path.iterdir()} == {"run.json", "run_found.json"}
