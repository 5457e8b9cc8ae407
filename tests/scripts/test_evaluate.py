from __future__ import annotations

import itertools
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

import gan
from gan import progress
from gan.data.hold_out import is_held_out
from gan.evaluation import report
from tests.gan.small_judge import Judge
from tests.scripting import one_sentence
from tests.scripting import script as load_script


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("evaluate")


@pytest.fixture
def checkpoint(checkpoints: Path, tmp_path: Path) -> Path:
    found = gan.load(checkpoints / "tiny")
    gan.save(tmp_path / "tiny", found.generator, found.discriminator, found.info)
    return tmp_path / "tiny"


@pytest.fixture
def run(script: ModuleType, data: Path, small_judge: Judge) -> Callable[..., int]:
    always = ["--data", str(data), "--samples", "16", "--device", "cpu", "--quiet"]
    return lambda *arguments: script.main([*always, *map(str, arguments)])


def test_the_figures_are_written_into_the_checkpoint_and_shown_in_plain_words(
    run: Callable[..., int], checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--checkpoint", checkpoint) == 0
    found = report.read(checkpoint)
    assert found is not None
    assert (found.digest, found.training, found.held_out) == (gan.load(checkpoint).digest, 20, 12)
    shown = capsys.readouterr().out
    assert shown.startswith("tiny: 16 generated posters against 12 held-out ones\n")
    fd = found.generated["fd_lite1"]
    assert f"{fd.value:.1f} [{fd.low:.1f}, {fd.high:.1f}]" in shown
    for title in ("Quality", "Discriminator", "Memorization of the 20 training posters", "Diversity"):
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
    assert "No FID: For an FID torch-fidelity is needed" in capsys.readouterr().err
    assert report.read(checkpoint).inception_fid is None


def test_the_true_fid_is_never_asked_for_unasked(
    run: Callable[..., int], script: ModuleType, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(script, "inception_fid", lambda *arguments: asked.append(arguments) or 12.5)
    assert run("--checkpoint", checkpoint) == 0
    assert not asked
    assert run("--checkpoint", checkpoint, "--inception") == 0
    assert report.read(checkpoint).inception_fid == 12.5


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--checkpoint", "nowhere"], "nowhere is not a folder; name the file to write with --out."),
        (["--out", "no/such/folder/a.json"], "no/such/folder/a.json is not a file in a folder that exists."),
        (["--data", "nowhere"], "nowhere does not exist."),
        (
            ["--training", "11"],
            "An evaluation needs at least 10 held-out posters and as many training posters, not 12 and 11.",
        ),
        (["--write", "page.md"], "--write is for the table of --compare or --metrics; name one of them."),
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
    assert report.read(checkpoint) is None


def test_figures_that_cannot_be_written_are_a_sentence_and_leave_the_old_file(
    run: Callable[..., int], checkpoint: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    old = '{"generated": {}, "floor": {}, "samples": 1}'
    (checkpoint / "evaluate.json").write_text(old)
    monkeypatch.setattr(report, "write_json", full)
    assert run("--checkpoint", checkpoint) == 2
    assert one_sentence(capsys) == "the evaluation cannot be written: No space left on device."
    assert (checkpoint / "evaluate.json").read_text() == old


def test_each_stage_has_one_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, closed = [], []

    class Bar:
        n = 0.0

        def __init__(self, bar_format: str, **_: object) -> None:
            self.stage = bar_format.split(" {")[0]
            opened.append(self.stage)

        def update(self, by: float) -> None:
            self.n += by

        def close(self) -> None:
            closed.append((self.stage, self.n))

    monkeypatch.setattr("tqdm.tqdm", Bar)
    with progress.stage_bars() as update:
        update("training posters", 0.5)
        update("training posters", 1.0)
        update("memorization", 0)
    assert opened == ["training posters", "memorization"]
    assert closed == [("training posters", 100), ("memorization", 0)]


# ---- fewer training posters, and the table of many checkpoints ------------------------------------------------------


def test_a_run_on_some_genres_is_evaluated_on_posters_of_these(
    run: Callable[..., int], checkpoint: Path, data: Path, tmp_path: Path
) -> None:
    shutil.copytree(data, tmp_path / "data")
    files = sorted(path.name for path in data.glob("*.png"))
    training = [name for name in files if not is_held_out(name)]
    table = "".join(f"{name},{'Drama' if name in training[:4] else 'Horror'}\n" for name in files)
    (tmp_path / "data" / "metadata.csv").write_text(f"file_name,genres\n{table}")
    assert run("--checkpoint", checkpoint, "--data", tmp_path / "data", "--only-genres", "horror, ") == 0
    found = report.read(checkpoint)
    assert found is not None
    assert (found.training, found.held_out) == (16, 12)
    assert not {pair.poster for pair in found.closest} & set(training[:4])


def test_what_a_checkpoint_remembers_of_its_posters_need_not_be_said_again(
    run: Callable[..., int], checkpoint: Path, oblong: Path
) -> None:
    plain = gan.load(checkpoint)
    remembered = {**plain.info, "fit": "pad", "only_genres": "Horror"}
    gan.save(checkpoint, plain.generator, plain.discriminator, remembered)
    for said, fit, genres in (([], "pad", ["Horror"]), (["--fit", "crop", "--only-genres", ""], "crop", [])):
        assert run("--checkpoint", checkpoint, "--data", oblong, *said) == 0
        posters = gan.load_posters(oblong, 8, fit, genres, progress=False).split()
        again = report.evaluate(gan.load(checkpoint), *posters, 16)
        assert report.read(checkpoint) == replace(again, source=oblong.name)


def test_fewer_training_posters_are_evenly_spaced(run: Callable[..., int], checkpoint: Path, data: Path) -> None:
    training, _ = gan.load_posters(data, 8, progress=False).split()
    assert run("--checkpoint", checkpoint, "--training", 13) == 0
    found = report.read(checkpoint)
    assert found.training == 13
    assert len({pair.poster for pair in found.closest} - set(report.subsample(training, 13).names)) == 0
    chosen = [training.names.index(name) for name in report.subsample(training, 13).names]
    assert (chosen[0], chosen[-1], len(set(chosen))) == (0, 19, 13)
    assert max(b - a for a, b in itertools.pairwise(chosen)) == 2
    assert run("--checkpoint", checkpoint, "--training", 100) == 0
    assert report.read(checkpoint).training == 20


PAGE = "# Title\n\nbefore\n\n<!-- checkpoints -->\nan old table\n<!-- /checkpoints -->\n\nafter\n"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "page.md").write_text(PAGE)
    return tmp_path / "page.md"


@pytest.fixture
def judged(run: Callable[..., int], checkpoint: Path) -> Path:
    """A checkpoint and its figures, of which preset and hardware are known."""
    config = checkpoint / "config.json"
    record = json.loads(config.read_text())
    record["info"] |= {"preset": "projected", "kimg": 12.4, "hours": 0.26, "hardware": "a laptop"}
    config.write_text(json.dumps(record))
    assert run("--checkpoint", checkpoint) == 0
    return checkpoint


def test_the_table_of_checkpoints_takes_the_place_of_the_old_one_and_leaves_the_rest_of_the_page(
    script: ModuleType, judged: Path, page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = report.read(judged)
    capsys.readouterr()
    assert script.main(["--compare", str(judged), str(judged), "--write", str(page)]) == 0
    printed = capsys.readouterr().out
    head, rule, *lines = printed.splitlines()
    assert len(lines) == 2
    assert head.count("|") == rule.count("|") == lines[0].count("|") == 18
    cells = [cell.strip() for cell in lines[0].split("|")[1:-1]]
    fd, knows = found.generated["fd_lite1"], found.discriminator
    assert cells[:5] == ["[tiny](tiny/README.md)", "projected", "12", "0.3", "a laptop"]
    assert cells[5:8] == [
        f"{fd.value:.1f} [{fd.low:.1f}, {fd.high:.1f}]",
        f"{found.floor['fd_lite1'].value:.1f}",
        f"{found.generated['kid_lite1'].value:.4f}",
    ]
    assert cells[8:11] == [f"{found.generated[key].value:.1%}" for key in ("precision", "recall", "coverage")]
    support = ("clipped_density", "clipped_coverage", "feature_variance")
    assert cells[11:14] == [f"{found.generated[key].value:.1%}" for key in support]
    right = ("accuracy_held_out", "accuracy_generated", "roc_auc_held_out")
    assert cells[14:] == [f"{knows[key].value:.1%}" for key in right]
    assert page.read_text() == PAGE.replace("an old table", printed.rstrip("\n"))


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize(
    ("place", "link"), [(".", "my%20nets/tiny/"), ("docs/deep", "../../my%20nets/tiny/"), ("my nets/tiny", "")]
)
def test_the_table_links_each_card_from_the_page_that_it_stands_on(
    script: ModuleType, judged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, link: str,
    absolute: bool,
) -> None:  # fmt: skip
    (tmp_path / "my nets").mkdir()
    judged.rename(tmp_path / "my nets/tiny")
    page = tmp_path / place / "page.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(PAGE)
    monkeypatch.chdir(tmp_path)
    root = tmp_path if absolute else Path()
    assert script.main(["--compare", str(root / "my nets/tiny"), "--write", str(page)]) == 0
    assert f"| [tiny]({link}README.md) | projected |" in page.read_text()


def test_a_table_that_is_only_printed_links_from_the_projects_own_page(
    script: ModuleType, judged: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "PAGE", judged.parent / "docs/training.md")
    monkeypatch.chdir(judged.parent)
    capsys.readouterr()
    for folder in (judged, Path("tiny")):
        assert script.main(["--compare", str(folder)]) == 0
        assert "| [tiny](../tiny/README.md) | projected |" in capsys.readouterr().out
    own: Path = load_script("evaluate").PAGE
    assert own == Path(__file__).parents[2] / "docs/training.md"


def test_a_checkpoint_that_was_not_evaluated_with_its_weights_is_not_compared(
    script: ModuleType, judged: Path, page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = f"{judged} was not evaluated with its present weights; run this script on it first."
    loaded, figures = gan.load(judged), (judged / "evaluate.json").read_bytes()
    (judged / "evaluate.json").unlink()
    capsys.readouterr()
    assert script.main(["--compare", str(judged), "--write", str(page)]) == 2
    assert one_sentence(capsys) == sentence

    loaded.generator.layers[0].weight.data += 1
    gan.save(judged, loaded.generator, loaded.discriminator, loaded.info)
    (judged / "evaluate.json").write_bytes(figures)
    assert script.main(["--compare", str(judged), "--write", str(page)]) == 2
    assert one_sentence(capsys) == sentence
    assert page.read_text() == PAGE


def test_a_page_without_marks_is_a_sentence_and_stays_as_it_is(
    script: ModuleType, judged: Path, page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page.write_text("no marks")
    capsys.readouterr()
    assert script.main(["--compare", str(judged), "--write", str(page)]) == 2
    marks = "<!-- checkpoints --> and <!-- /checkpoints -->"
    assert one_sentence(capsys) == f"{page} must hold the marks {marks}, once each and in this order."
    assert page.read_text() == "no marks"
