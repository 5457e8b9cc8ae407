from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

import gan
from gan import evaluation, metrics
from gan.data import is_held_out
from gan.genre_figures import GenreFigure
from gan.metrics import Figure
from tests.gan.judging import Judge

SCRIPT = Path(__file__).parents[2] / "scripts/evaluate.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scripts_evaluate", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 posters to train on and 12 that are held out by their names."""
    folder, random = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    names = [f"{number}.png" for number in range(1000)]
    for name in [n for n in names if not is_held_out(n)][:20] + [n for n in names if is_held_out(n)][:12]:
        Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / name)
    return folder


@pytest.fixture
def checkpoint(checkpoints: Path, tmp_path: Path) -> Path:
    found = gan.load(checkpoints / "tiny")
    gan.save(tmp_path / "tiny", found.generator, found.discriminator, found.info)
    return tmp_path / "tiny"


@pytest.fixture
def run(script: ModuleType, data: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.setattr(metrics, "_judge_network", lambda device: Judge())
    always = ["--data", str(data), "--samples", "16", "--device", "cpu", "--quiet"]
    return lambda *arguments: script.main([*always, *map(str, arguments)])


def one_sentence(capsys: pytest.CaptureFixture[str]) -> str:
    """The only line on stderr, without its ``error:``."""
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


def test_the_figures_are_written_into_the_checkpoint_and_shown_in_plain_words(
    run: Callable[..., int], checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--checkpoint", checkpoint) == 0
    found = evaluation.read(checkpoint)
    assert found is not None
    assert (found.digest, found.training, found.held_out) == (gan.load(checkpoint).digest, 20, 12)
    shown = capsys.readouterr().out
    assert shown.startswith("tiny: 16 generated posters against 12 held-out ones\n")
    fd = found.generated["fd_lite1"]
    assert f"{fd.value:.1f} [{fd.low:.1f}, {fd.high:.1f}]" in shown
    for title in ("Quality", "What the discriminator knows", "Copies of the 20 training posters", "Collapse"):
        assert f"\n{title}\n" in shown
    assert f"seed {found.closest[0].seed}: {found.closest[0].poster}" in shown
    assert "Genres" not in shown


def test_a_second_run_writes_the_same_bytes(run: Callable[..., int], checkpoint: Path, tmp_path: Path) -> None:
    for name in ("one.json", "two.json"):
        assert run("--checkpoint", checkpoint, "--out", tmp_path / name) == 0
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    assert not (checkpoint / "evaluate.json").exists()


def test_json_is_what_the_file_holds(
    run: Callable[..., int], checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--checkpoint", checkpoint, "--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads((checkpoint / "evaluate.json").read_text())


def test_without_inception_the_other_figures_are_still_written(
    run: Callable[..., int], checkpoint: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    assert run("--checkpoint", checkpoint, "--inception") == 0
    assert "No true FID: For the true FID torch-fidelity is needed" in capsys.readouterr().err
    assert evaluation.read(checkpoint).inception is None


def test_the_true_fid_is_never_asked_for_unasked(
    run: Callable[..., int], script: ModuleType, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(script, "inception_fid", lambda *arguments: asked.append(arguments) or 12.5)
    assert run("--checkpoint", checkpoint) == 0
    assert not asked
    assert run("--checkpoint", checkpoint, "--inception") == 0
    assert evaluation.read(checkpoint).inception == 12.5


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--checkpoint", "nowhere"], "nowhere is no folder; say with --out where the figures go."),
        (["--samples", "3"], "At least 10 generated posters are needed to judge by, not 3."),
        (["--out", "no/such/folder/a.json"], "no/such/folder/a.json is not a file in a folder that exists."),
        (["--data", "nowhere"], "nowhere is not there."),
    ],
)
def test_bad_input_gets_one_sentence_and_writes_nothing(
    run: Callable[..., int],
    checkpoint: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    assert run("--checkpoint", checkpoint, *arguments) == 2
    assert one_sentence(capsys) == sentence
    assert evaluation.read(checkpoint) is None


def test_figures_that_cannot_be_written_are_a_sentence_and_leave_the_old_file(
    run: Callable[..., int], checkpoint: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (checkpoint / "evaluate.json").write_text("old")
    monkeypatch.setattr(evaluation, "write_json", full)
    assert run("--checkpoint", checkpoint) == 2
    assert one_sentence(capsys) == "the figures cannot be written: No space left on device."
    assert (checkpoint / "evaluate.json").read_text() == "old"


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.1, 0.3, "closer to Horror than to the rest"),
        (-0.3, -0.1, "closer to the rest than to Horror"),
        (-0.1, 0.1, "no difference that is beyond doubt"),
    ],
)
def test_a_genre_is_called_closer_only_where_its_interval_allows(
    script: ModuleType, low: float, high: float, words: str
) -> None:
    figure = Figure(1.0, 0.5, 1.5)
    one = GenreFigure("Horror", 60, 500, figure, figure, Figure((low + high) / 2, low, high), figure, figure)
    assert script.verdict(one).startswith(words)
    [title, line, _] = script.genres((one,))
    assert title.startswith("Genres")
    assert "60 posters of it" in line


def test_each_thing_that_is_done_has_one_bar(script: ModuleType) -> None:
    with script.Progress(quiet=True) as progress:
        progress.tell("training posters", 0.5)
        first = progress.bar
        progress.tell("training posters", 1.0)
        assert progress.bar is first
        progress.tell("copies", 0)
        assert progress.bar is not first
