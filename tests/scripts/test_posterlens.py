"""The one command: every script has a name there, help speaks of it by that name, and nothing else is a command."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.__main__ import COMMANDS, main, split
from scripts.open_dashboard import APP, command, parse
from scripts.study import MADE_BY
from tests.scripting import SCRIPTS
from xai.studies.listing import STUDIES

FILES = {path.stem for path in SCRIPTS.glob("*.py")} - {"__init__", "__main__"}


def test_every_script_is_a_command() -> None:
    assert set(COMMANDS.values()) == FILES


@pytest.mark.parametrize("name", COMMANDS)
def test_help_calls_itself_by_the_command_and_has_an_example_of_it(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*name.split(), "--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert said.startswith(f"usage: posterlens {name} ")
    assert re.search(rf"^    .*posterlens {name}\b", said, re.MULTILINE)
    assert f"scripts/{COMMANDS[name]}.py" not in said


def test_the_list_has_a_line_for_each_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(re.search(rf"^  {name}  +[A-Z].*[.?]$", said, re.MULTILINE) for name in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "name", "rest"),
    [
        (["train", "--out", "a"], "train", ["--out", "a"]),
        (["study", "filters", "--checkpoint", "a"], "study filters", ["--checkpoint", "a"]),
        (["study", "--checkpoint", "filters"], "study", ["--checkpoint", "filters"]),
        (["fetch", "csv", "a.csv"], "fetch", ["csv", "a.csv"]),
        (["--out", "train"], "", ["--out", "train"]),
    ],
)
def test_the_longest_command_is_taken_and_the_rest_is_its_own(arguments: list[str], name: str, rest: list[str]) -> None:
    assert split(arguments) == (name, rest)


def test_an_unknown_command_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trian"]) == 2
    assert capsys.readouterr().err == "error: posterlens has no command 'trian'; posterlens --help lists them.\n"


def test_it_runs_as_a_module_and_knows_its_version() -> None:
    for module in ("scripts", "posterlens"):
        said = subprocess.run(
            [sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=True, cwd=SCRIPTS.parent
        ).stdout
        assert re.fullmatch(r"posterlens \d+\.\d+\.\d+\n", said)


def test_the_dashboard_keeps_its_options_and_hands_streamlit_the_others(tmp_path: Path) -> None:
    line = command(*parse(["--posters", "p.zip", "--server.port", "8600", "--checkpoints", str(tmp_path)]))
    ours = line[line.index("--") + 1 :]
    assert line[: line.index("--")] == ["streamlit", "run", str(APP), "--server.port", "8600"]
    assert ours[ours.index("--posters") + 1] == "p.zip"
    assert ours[ours.index("--checkpoints") + 1] == str(tmp_path)
    assert "--lessons" not in ours
    assert "--networks" not in ours
    assert command(*parse(["--networks", "a.py", "--networks", "b.py"]))[-4:] == [
        "--networks",
        "a.py",
        "--networks",
        "b.py",
    ]


def test_every_study_has_a_script_that_makes_it() -> None:
    assert list(MADE_BY) == list(STUDIES)
    assert {line.split()[0].removesuffix(".py") for line in MADE_BY.values()} <= FILES
