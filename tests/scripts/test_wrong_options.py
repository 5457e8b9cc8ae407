"""Whatever is wrong with an option of a script: exit code 2, one sentence that names it, and nothing is written."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

import gan
from gan import cli
from tests.gan.small_judge import Judge
from tests.scripting import SCRIPTS, script

NEEDED = {  # of each script; {here} is a folder that only a test writes into
    "benchmark": "--checkpoint {checkpoint} --data {data} --only lime",
    "benchmark_attribution": "--checkpoint {checkpoint} --data {data} --cases 2",
    "benchmark_faults": "--times 1 --only study",
    "benchmark_load": "--clients 1 --seconds 0.01 --seeds 1",
    "benchmark_search": "--rows 10000 --dimensions 16 --queries 10 --only clustered",
    "benchmark_step": "--preset dcgan --seconds 0.01",
    "benchmark_training": "--device cpu --seconds 0.01",
    "benchmark_verdicts": "--checkpoint {checkpoint} --other {checkpoint} --data {data} --maps 2",
    "evaluate": "--checkpoint {checkpoint} --data {data} --device cpu --quiet",
    "explain": "--checkpoint {checkpoint} --seeds 0 --methods deeplift --out {here}/out",
    "export": "--run {run} --data {data} --out {here}/out",
    "fetch_posters": "csv {table} --out {here}/out",
    "pack_posters": "{data} --out {here}/out.zip --quiet",
    "paint": "--checkpoint {checkpoint} --seed 0 --edits {edits} --out {here}/out.png",
    "push": "{checkpoint} someone/tiny",
    "remove_text": "{data} --out {here}/out --quiet",
    "sample": "--checkpoint {checkpoint} --seeds 0 --out {here}/out.png",
    "index_collection": "--checkpoint {checkpoint} --data {data} --seeds 2",
    "report": "--checkpoint {checkpoint} --seeds 0 --methods deeplift --out {here}/report.html",
    "study": "--checkpoint {checkpoint} --only pruning",
    "study_collection": "--checkpoint {checkpoint} --data {data} --seeds 20 --drawn 20 --out {here}/collection.npz",
    "study_concepts": "--checkpoint {checkpoint} --generated 20 --out {here}/concepts.npz --quiet",
    "study_discriminator": "--checkpoint {checkpoint} --data {data} --out {here}/discriminator.npz",
    "study_filters": "--checkpoint {checkpoint} --out {here}/filters.npz",
    "study_latents": "--checkpoint {checkpoint} --out {here}",
    "study_pruning": "--checkpoint {checkpoint} --data {data} --out {here}/pruning.json",
    "study_removal": "--checkpoint {checkpoint} --data {data} --posters 2",
    "study_verdicts": "--checkpoint {checkpoint} --seeds 0 --methods deeplift --references 2",
    "train": "--data {data} --out {here}/run --quiet",
    "train_encoder": "--checkpoint {checkpoint} --out {here}/encoder.safetensors",
    "train_upscaler": "--data {data} --out {here}/run --quiet",
}
WRITTEN = {"--out", "--json", "--write", "--save", "--ship", "--duplicates", "--contact-sheet"}
FREE = {"--preset", "--command", "--hardware", "--augment", "--url-column", "--id-column", "--genres-column",
        "--title", "--name", "--app", "--message"}  # fmt: skip
WRONG_TEXT = {
    "--genres": ["Horror,Nonsense", "Horror=x", "Horror=2"],
    "--condition": ["Horror,Nonsense", "Horror=x", "Horror=2"],
    "--only-genres": ["Nonsense"],
    "--seeds": ["5-3", "x", "-1", "4294967296", "0-4294967295", "1.5", ",", "", "0x10", "1-2-3", "nan"],
    "--methods": ["nonsense", ","],
    "--set": ["nonsense", "deeplift.nonsense=1", "lime.samples=-1", "lime.samples=nan"],
    "--layer": ["layers.99"],
    "--date": ["yesterday", "2026-13-01"],
    "--while-studying": ["nonsense", "../dcgan-64"],
    "--place": ["x", "1"],
    "--license": ["", "my own", "MIT", "mit: true", "../mit", "-"],
    "--device": ["nonsense", "cuda:99", "meta"],
    "--size": ["0", "x", "64x", "64x64x64", "-8"],
}
NOT_NUMBERS = ["x", "nan", "inf", "-inf", "1e400", "", "-1"]
BELOW_ZERO = {"--min-correlation"}  # of numbers that may be negative


class CapturedError(Exception):
    """The parser is known; nothing is run."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser


def parser_of(module: ModuleType, arguments: list[str]) -> argparse.ArgumentParser:
    """The script's parser, or that of the subcommand."""

    def stop(self: argparse.ArgumentParser, *_: object) -> NoReturn:
        raise CapturedError(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli.Parser, "parse_args", stop)
        with pytest.raises(CapturedError) as captured:
            module.parse(arguments)
    return captured.value.parser


def options_of(name: str) -> list[argparse.Action]:
    """All options of a script, those of its first subcommand included."""
    parser = parser_of(script(name), [])
    actions = list(parser._actions)
    for action in actions:
        if isinstance(action, argparse._SubParsersAction):
            return [*actions, *action.choices["csv"]._actions]
    return actions


def wrong_values() -> Iterator[tuple[str, str, str]]:
    """(script, option, value): for every option of every script, values that it cannot have."""
    for name in NEEDED:
        for action in options_of(name):
            flag = next(iter(action.option_strings), "")
            if not flag or action.nargs == 0 or flag in FREE or flag in ("-h", "--help"):
                continue
            for value in values_for(action, flag):
                yield name, flag, value


def values_for(action: argparse.Action, flag: str) -> list[str]:
    if action.help == argparse.SUPPRESS:
        return []
    if action.choices is not None:
        return ["nonsense"]
    if flag in WRONG_TEXT:
        return WRONG_TEXT[flag]
    if flag in WRITTEN:
        return ["{garbage}/below/it"]
    if action.type is Path:
        return ["{empty}/missing"] + ["{garbage}"] * (flag != "--images")  # a picture that cannot be read is skipped
    assert action.type is not None, f"{flag} takes any text; name wrong ones in WRONG_TEXT, or that all are right"
    return NOT_NUMBERS[: -1 if flag in BELOW_ZERO else None]


def tree(*folders: Path) -> dict[Path, object]:
    return {path: path.is_dir() or path.read_bytes() for folder in folders for path in folder.rglob("*")}


def run(name: str, arguments: list[str]) -> int:
    try:
        return int(script(name).main(arguments))
    except SystemExit as stop:
        return int(stop.code or 0)


def test_every_script_is_here() -> None:
    assert set(NEEDED) == {path.stem for path in SCRIPTS.glob("[!_]*.py")} - {"open_dashboard"}  # Streamlit's options


@pytest.mark.parametrize(("name", "flag", "value"), list(wrong_values()))
def test_a_wrong_value_is_one_sentence_that_names_it_and_nothing_is_written(
    name: str,
    flag: str,
    value: str,
    given: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    small_judge: Judge,
) -> None:
    filled = value.format(**given)
    arguments = [part.format(here=tmp_path, **given) for part in NEEDED[name].split()]
    before = tree(tmp_path, *(path for path in given.values() if path.is_dir()))
    assert run(name, [*arguments, *EXTRA.get((name, flag), []), f"{flag}={filled}"]) == 2
    lines = [
        line
        for line in capsys.readouterr().err.replace("\r", "\n").splitlines()
        if line and "|" not in line and not line.startswith("metadata.csv: ")
    ]
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert lines[0].endswith((".", "?"))
    path = Path(filled)
    names = [flag, flag.strip("-").replace("-", "_"), filled, *filled.split(","), filled.partition("=")[0], path.name]
    names += [str(path.parent)] * (flag in WRITTEN)
    assert any(each in lines[0] for each in names if each), lines[0]
    assert tree(tmp_path, *(path for path in given.values() if path.is_dir())) == before
    assert not small_judge.sizes


EXTRA = {  # what an option needs beside it
    ("explain", "--unit"): ["--layer=layers.1"],
    ("explain", "--place"): ["--layer=layers.1", "--unit=0"],
    ("explain", "--layer"): ["--unit=0"],
    ("explain", "--set"): ["--methods=lime,deeplift"],
    ("train_upscaler", "--ship"): [],
}


UNUSED = [
    ("benchmark", "--train --turns 3", "--turns", "--train"),
    ("benchmark", "--train --json {here}/a.json", "--json", "--train"),
    ("benchmark", "--train --only lime", "--only", "--train"),
    ("benchmark", "--train --data {data}", "--data", "--train"),
    ("benchmark", "--train --checkpoint {checkpoint}", "--checkpoint", "--train"),
    ("evaluate", "--compare {checkpoint} --out {here}/a.json", "--out", "--compare"),
    ("evaluate", "--metrics --samples 10", "--samples", "--metrics"),
    ("export", "--again {checkpoint} --data {data} --out {here}/out", "--out", "--again"),
    ("sample", "--checkpoint {checkpoint} --out {here}/out --single --columns 2", "--columns", "--single"),
    ("study_pruning", "--checkpoint {checkpoint} --save {here}/out --data {data}", "--data", "--save"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "unused", "mode"), UNUSED)
def test_an_option_that_would_do_nothing_is_refused(
    name: str,
    options: str,
    unused: str,
    mode: str,
    given: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(name, [part.format(here=tmp_path, **given) for part in options.split()]) == 2
    assert capsys.readouterr().err == f"error: {unused} does nothing together with {mode}; leave it out.\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", NEEDED)
def test_an_unknown_option_and_a_missing_one_are_one_sentence(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, ["--nonsense"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")


@pytest.mark.parametrize("name", NEEDED)
def test_a_bug_is_no_sentence(
    name: str, given: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BugError(ValueError):
        pass

    def bug(*_: object, **__: object) -> NoReturn:
        raise BugError("operands could not be broadcast together")

    module = script(name)
    for job in ("run", "fetch"):
        if hasattr(module, job):
            monkeypatch.setattr(module, job, bug)
    with pytest.raises(BugError):
        module.main([part.format(here=tmp_path, **given) for part in NEEDED[name].split()])


def test_debugging_shows_where_an_expected_error_comes_from(
    given: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--checkpoint", str(given["empty"]), "--seeds", "0", "--out", str(tmp_path / "a.png")]
    assert script("sample").main(arguments) == 2
    monkeypatch.setenv(cli.DEBUG, "1")
    with pytest.raises(gan.CheckpointError):
        script("sample").main(arguments)


def test_the_record_of_wrong_values_is_wide() -> None:
    """Every script has options here, and most have many."""
    counts = [sum(1 for each in wrong_values() if each[0] == name) for name in NEEDED]
    assert min(counts) >= 5, json.dumps(dict(zip(NEEDED, counts, strict=True)))
