"""Every script that reads the posters of a checkpoint reads those of its training, or says that they are others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gan
import xai
from gan.checkpoints import dataset
from gan.checkpoints.dataset import fingerprint, posters_of
from gan.checkpoints.record import Checkpoint
from gan.data.hold_out import is_held_out
from gan.data.posters import PosterSet
from gan.evaluation.report import read
from gan.evaluation.tables import comparison, table
from tests.gan.small_judge import Judge
from tests.scripting import one_sentence, script

DATA = {  # how each script is told the checkpoint and its posters
    "evaluate": ["--checkpoint", "{checkpoint}", "--data", "{data}", "--samples", "16", "--device", "cpu", "--quiet"],
    "export": ["--again", "{checkpoint}", "--data", "{data}", "--samples", "16"],
    "study_pruning": ["--checkpoint", "{checkpoint}", "--data", "{data}", "--samples", "16", "--latents", "4"],
    "study_removal": ["--checkpoint", "{checkpoint}", "--data", "{data}", "--posters", "2"],
    "benchmark": ["--checkpoint", "{checkpoint}", "--data", "{data}", "--only", "forward"],
    "benchmark_attribution": ["--checkpoint", "{checkpoint}", "--data", "{data}", "--cases", "2"],
    "benchmark_verdicts": ["--checkpoint", "{checkpoint}", "--other", "{checkpoint}", "--data", "{data}"],
}
EXPLAIN = ["--checkpoint", "{checkpoint}", "--seeds", "0", "--methods", "deeplift", "--out", "{out}/explained"]
REFERENCE = [*EXPLAIN, "--reference", "posters", "--reference-images", "{data}"]
TRAINED = {"kimg": 0.1, "updates": 6, "hours": 0.1, "train": {"batch": 4}}


class PostersReadError(Exception):
    """The posters are read: nothing is measured."""


def argv(arguments: list[str], checkpoint: Path, data: Path, out: Path) -> list[str]:
    return [part.format(checkpoint=checkpoint, data=data, out=out) for part in arguments]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Posters of 48 x 32, wider than high, which cropping and padding treat differently; four are not of horror."""
    folder = tmp_path_factory.mktemp("wide")
    random = np.random.default_rng(1)
    files = [f"{number}.png" for number in range(1000)]
    training, held_out = [n for n in files if not is_held_out(n)][:24], [n for n in files if is_held_out(n)][:12]
    for name in training + held_out:
        Image.fromarray(random.integers(0, 256, (32, 48, 3), dtype=np.uint8)).save(folder / name)
    rows = "".join(f"{name},{'Drama' if name in training[:4] else 'Horror'}\n" for name in training + held_out)
    (folder / "metadata.csv").write_text(f"file_name,genres\n{rows}")
    return folder


@pytest.fixture(scope="module")
def trained(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of 2:3 whose posters were padded, and only those of horror."""
    folder = tmp_path_factory.mktemp("trained") / "padded"
    config = gan.ModelConfig(resolution=8, latent=8, width=4, aspect="2:3")
    posters = gan.load_posters(drawn, (12, 8), "pad", ["Horror"], cache=folder.parent, progress=False)
    training = posters.split()[0]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        networks = gan.Generator(config).eval(), gan.Discriminator(config).eval()
    info = {"fit": "pad", "only_genres": "Horror", "posters": 20, "data": fingerprint(training), **TRAINED}
    gan.save(folder, *networks, info)
    return folder


@pytest.fixture
def checkpoint(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "padded"))


@pytest.fixture
def others(drawn: Path, tmp_path: Path) -> Path:
    """As many posters of the same names, with other pixels."""
    folder = Path(shutil.copytree(drawn, tmp_path / "others"))
    for path in folder.glob("*.png"):
        Image.open(path).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    return folder


@pytest.mark.parametrize("name", [*DATA, "explain"])
def test_posters_are_read_as_in_the_training(
    name: str, checkpoint: Path, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_judge: Judge
) -> None:
    seen: list[PosterSet] = []

    def look(training: PosterSet, *_: object) -> str:
        seen.append(training)
        raise PostersReadError

    monkeypatch.setattr(dataset, "origin", look)
    arguments = REFERENCE if name == "explain" else DATA[name]
    with pytest.raises(PostersReadError):
        script(name).main(argv(arguments, checkpoint, drawn, tmp_path))
    wanted = gan.load_posters(drawn, (12, 8), "pad", ["Horror"], progress=False).split()[0]
    assert seen[0].names == wanted.names
    np.testing.assert_array_equal(np.asarray(seen[0].images[:]), np.asarray(wanted.images[:]))
    squares = gan.load_posters(drawn, (12, 8), "crop", ["Horror"], progress=False).split()[0]
    assert not np.array_equal(np.asarray(squares.images[:]), np.asarray(wanted.images[:]))


@pytest.mark.parametrize("name", DATA)
def test_posters_of_another_set_are_refused(
    name: str, checkpoint: Path, others: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], small_judge: Judge
) -> None:
    before = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    assert script(name).main(argv(DATA[name], checkpoint, others, tmp_path)) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("error: ")
    assert " was trained on other posters (their pixels differ); name the --data, " in line
    assert {path.name: path.read_bytes() for path in checkpoint.iterdir()} == before
    assert not small_judge.sizes


def test_the_wrong_fit_and_the_wrong_genres_are_other_posters(
    checkpoint: Path, drawn: Path, capsys: pytest.CaptureFixture[str], small_judge: Judge
) -> None:
    always = argv(DATA["evaluate"], checkpoint, drawn, checkpoint)
    assert script("evaluate").main([*always, "--fit", "crop"]) == 2
    assert "(their pixels differ)" in one_sentence(capsys)
    assert script("evaluate").main([*always, "--only-genres", ""]) == 2
    assert "(their number differs)" in one_sentence(capsys)
    assert script("evaluate").main(always) == 0


def test_other_posters_are_named_in_all_that_is_written(
    checkpoint: Path, others: Path, small_judge: Judge, capsys: pytest.CaptureFixture[str]
) -> None:
    always = [*argv(DATA["evaluate"], checkpoint, others, checkpoint), "--other-posters"]
    assert script("evaluate").main(always) == 0
    shown = capsys.readouterr().out
    assert "The posters of others are not those of its training." in shown
    assert "Nearness to 20 posters of others, which it was not trained on" in shown
    assert "Memorization of" not in shown
    found = read(checkpoint)
    assert found is not None
    assert (found.origin, found.source, found.other) == ("other", "others", "others")
    with pytest.raises(gan.CheckpointError, match=r"evaluated by other posters than those of its training \(others\)"):
        comparison([checkpoint], checkpoint / "page.md")
    assert script("export").main([*argv(DATA["export"], checkpoint, others, checkpoint), "--other-posters"]) == 0
    assert "of `others`, which are **not** the posters of its training" in (checkpoint / "README.md").read_text()
    assert gan.load(checkpoint).info["data"] == fingerprint_of(checkpoint, others, same=False)


def fingerprint_of(checkpoint: Path, posters: Path, same: bool) -> dict[str, object]:
    """The fingerprint that the checkpoint has, which is not that of these posters."""
    loaded = gan.load(checkpoint)
    stored: dict[str, object] = loaded.info["data"]
    assert (stored == fingerprint(posters_of(loaded, posters, other=True, progress=False).training)) is same
    return stored


def test_the_posters_of_the_training_are_not_called_others(
    checkpoint: Path, drawn: Path, small_judge: Judge, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script("evaluate").main([*argv(DATA["evaluate"], checkpoint, drawn, checkpoint), "--other-posters"]) == 0
    found = read(checkpoint)
    assert found is not None
    assert (found.origin, found.other) == ("training", "")
    assert "Memorization of the 20 training posters" in "\n".join(table(found))


def test_the_pruning_study_says_which_posters_it_measured_by(
    checkpoint: Path, others: Path, tmp_path: Path, small_judge: Judge
) -> None:
    always = [*argv(DATA["study_pruning"], checkpoint, others, tmp_path), "--shares", "0.5", "--orders", "2"]
    assert script("study_pruning").main([*always, "--other-posters"]) == 0
    record = json.loads((checkpoint / "pruning.json").read_text())
    assert (record["origin"], record["source"], record["held_out"]) == ("other", "others", 12)


@pytest.mark.parametrize(("kind", "named"), [("drawn", False), ("others", True)])
def test_a_reference_of_other_posters_is_named_on_the_page(
    kind: str, named: bool, checkpoint: Path, drawn: Path, others: Path, tmp_path: Path
) -> None:
    data = {"drawn": drawn, "others": others}[kind]
    assert script("explain").main(argv(REFERENCE, checkpoint, data, tmp_path)) == 0
    page = (tmp_path / "explained/index.html").read_text()
    record = json.loads((tmp_path / "explained/explanations.json").read_text())["settings"]["reference"]
    assert (f"of {data.name}, not of its training" in page) is named
    assert record.get("other_posters", "") == (data.name if named else "")


def test_explained_pictures_are_resized_as_in_the_training(checkpoint: Path, drawn: Path, tmp_path: Path) -> None:
    poster = sorted(drawn.glob("*.png"))[0]
    arguments = ["--checkpoint", checkpoint, "--images", poster, "--methods", "deeplift", "--out", tmp_path / "out"]
    assert script("explain").main([str(part) for part in arguments]) == 0
    [row] = json.loads((tmp_path / "out/explanations.json").read_text())["posters"]
    score = xai.Score(gan.load(checkpoint).need_discriminator())
    padded, cropped = (score(gan.read_poster(poster, (12, 8), fit)).item() for fit in ("pad", "crop"))
    assert row["score"] == pytest.approx(padded, abs=1e-5)
    assert row["score"] != pytest.approx(cropped, abs=1e-5)


# ---- the fingerprint -----------------------------------------------------------------------------------


def with_info(checkpoint: Checkpoint, change: Callable[[dict[str, object]], object]) -> Checkpoint:
    info = dict(checkpoint.info)
    change(info)
    return Checkpoint(checkpoint.generator, checkpoint.discriminator, checkpoint.config, info, "c", "")


@pytest.mark.parametrize(
    ("change", "origin"),
    [
        (lambda info: None, "training"),
        (lambda info: info.pop("data"), "unknown"),  # only their number is known
        (lambda info: (info.pop("data"), info.pop("posters")), "unknown"),
        (lambda info: info["data"].update(posters=19), "other"),
        (lambda info: info["data"].update(sha256_of_names="0"), "other"),
    ],
)
def test_the_origin_is_as_certain_as_what_the_checkpoint_says(
    change: Callable[[dict[str, object]], object], origin: str, trained: Path, drawn: Path
) -> None:
    checkpoint = with_info(gan.load(trained), change)
    assert posters_of(checkpoint, drawn, other=True, progress=False).origin == origin
    if origin == "other":
        with pytest.raises(gan.DataError, match="c was trained on other posters"):
            posters_of(checkpoint, drawn, progress=False)


def test_other_posters_without_the_genres_of_the_training_are_taken_whole(trained: Path, others: Path) -> None:
    (others / "metadata.csv").unlink()
    found = posters_of(gan.load(trained), others, other=True, progress=False)
    assert (len(found.posters), found.origin, found.other) == (36, "other", "others")
    with pytest.raises(gan.DataError, match="No poster has the genre Horror"):
        posters_of(gan.load(trained), others, progress=False)
