from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import gan
from gan.data.hold_out import is_held_out
from gan.evaluation import report
from gan.evaluation.calibration import calibrated, shift_logits
from gan.evaluation.metrics import METRICS
from gan.training.loop import train
from gan.training.runs import export as module
from gan.training.runs.export import copy_grids
from gan.training.runs.folder import read_grids, read_stats
from gan.training.runs.plan import Plan
from tests.gan.short_runs import config_of, equal
from tests.gan.small_judge import Judge, judge_by
from tests.scripting import script as load_script

TOLD = ["--preset", "projected", "--command", "python scripts/train.py --kimg 1", "--hardware", "one H100"]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("export")


@pytest.fixture(scope="module")
def trained(data: Path, tiny: gan.ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 6 steps with a grid at each and the state that was judged best; not to be changed by a test."""
    folder, cache = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("run-cache")
    with pytest.MonkeyPatch.context() as patch:
        judge_by(patch, Judge())
        patch.setenv("POSTERLENS_CACHE", str(cache))
        posters = gan.load_posters(data, 8, progress=False)
        config = config_of(6, grid_kimg=0.004, eval_kimg=0.024, eval_samples=16)
        train(posters, Plan(folder / "run", tiny, config, progress=False))
    return folder / "run"


@pytest.fixture
def padded(oblong: Path, tiny: gan.ModelConfig, tmp_path: Path) -> Path:
    """A run of one step on horror, whose posters were shown whole."""
    posters = gan.load_posters(oblong, 8, "pad", ["Horror"], progress=False)
    train(posters, Plan(tmp_path / "padded", tiny, config_of(1), progress=False))
    return tmp_path / "padded"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "shipped/tiny-8"


@pytest.fixture
def export(script: ModuleType, data: Path, small_judge: Judge) -> Callable[..., int]:
    return lambda *arguments: script.main(["--data", str(data), "--samples", "16", *map(str, arguments)])


@pytest.fixture
def shipped(export: Callable[..., int], run: Path, out: Path, tmp_path: Path) -> Path:
    """A checkpoint that was exported with notes."""
    (tmp_path / "notes.md").write_text("\n## What it draws\n\nNoise.\n\n")
    assert export("--run", run, "--out", out, "--notes", tmp_path / "notes.md", *TOLD) == 0
    return out


def one_sentence(capsys: pytest.CaptureFixture[str]) -> str:
    """The only line on stderr beside progress, without its ``error:``."""
    *progress, line = re.split(r"[\r\n]+", capsys.readouterr().err.strip())
    assert all("%" in bar or not bar.strip() for bar in progress)
    assert line.startswith("error: ")
    assert line.endswith(".")
    return line.removeprefix("error: ")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def change_info(checkpoint: Path, **values: object) -> None:
    record = json.loads((checkpoint / "config.json").read_text())
    record["info"] |= values
    (checkpoint / "config.json").write_text(json.dumps(record))


# ---- a new checkpoint ----------------------------------------------------------------------------------


def test_a_run_becomes_a_checkpoint_with_figures_curves_grids_and_card(shipped: Path, run: Path) -> None:
    best, found = gan.load(run / "best"), gan.load(shipped)
    assert sorted(path.name for path in shipped.iterdir()) == [
        "README.md", "config.json", "discriminator.safetensors", "evaluate.json", "generator.safetensors", "grids",
        "stats.jsonl",
    ]  # fmt: skip
    assert [path.name for path in shipped.parent.iterdir()] == ["tiny-8"]
    z = gan.latents(range(8), found.config)
    assert (found.generator(z) - best.generator(z)).abs().max() < 3 / 127.5
    assert found.config == best.config
    told = {"preset": "projected", "command": "python scripts/train.py --kimg 1", "hardware": "one H100", "start": ""}
    data = json.loads((run / "options.json").read_text())["data"]
    taken = {"fit": "crop", "only_genres": "", "data": data, "posters": 20, "held_out": 12}
    assert found.info == best.info | told | taken
    assert read_stats(shipped) == read_stats(run) != []


def test_d_is_calibrated_for_the_posters_that_are_shipped(shipped: Path, run: Path, data: Path) -> None:
    best, found = gan.load(run / "best"), gan.load(shipped)
    training, _ = gan.load_posters(data, 8, progress=False).split()
    expected = calibrated(best.discriminator, best.generator, training, 16)
    images = torch.rand(8, 3, 8, 8) * 2 - 1
    with torch.no_grad():
        assert torch.allclose(found.discriminator.logit(images), expected.logit(images), atol=0.01)


def test_an_older_checkpoint_is_calibrated_when_it_is_evaluated_again(
    export: Callable[..., int], shipped: Path, run: Path
) -> None:
    stored = load_file(shipped / "generator.safetensors")
    found = gan.load(shipped)
    older = shift_logits(found.discriminator, 3.0)
    older.layers[-2].bias = None
    older.config = replace(older.config, calibrated=False)
    gan.save(shipped.parent / "older", found.generator, older, found.info, ("generator", "discriminator"))
    shutil.copy(shipped / "README.md", shipped.parent / "older")
    assert not gan.load(shipped.parent / "older").config.calibrated
    for _ in range(2):  # the second time it is left as it is
        assert export("--again", shipped.parent / "older") == 0
        again = gan.load(shipped.parent / "older")
        images = torch.rand(8, 3, 8, 8) * 2 - 1
        with torch.no_grad():
            assert torch.allclose(again.discriminator.logit(images), found.discriminator.logit(images), atol=0.02)
    assert equal(load_file(shipped.parent / "older/generator.safetensors"), stored)


def test_the_figures_are_those_of_the_weights_as_they_are_stored(shipped: Path, data: Path) -> None:
    stored, found = gan.load(shipped), report.read(shipped)
    training, held_out = gan.load_posters(data, 8, progress=False).split()
    assert found.digest == stored.digest
    again = report.evaluate(stored, training, held_out, 16)
    assert found == replace(again, origin="training", source=data.name)


def test_a_run_on_some_genres_or_padded_posters_is_judged_by_such_posters_and_its_checkpoint_remembers_them(
    export: Callable[..., int], padded: Path, oblong: Path, out: Path
) -> None:
    given = ["--state", "latest", "--data", oblong, "--fit", "pad", "--only-genres", "horror, "]
    assert export("--run", padded, "--out", out, *given) == 0
    training, held_out = gan.load_posters(oblong, 8, "pad", ["Horror"], progress=False).split()
    stored = gan.load(out)
    again = report.evaluate(stored, training, held_out, 16)
    assert report.read(out) == replace(again, origin="training", source=oblong.name)
    assert len(training) == 16
    assert (stored.info["fit"], stored.info["only_genres"]) == ("pad", "horror")
    before = contents(out)
    assert export("--again", out, "--data", oblong) == 0
    assert contents(out) == before


def test_how_an_older_checkpoint_was_trained_can_be_told_when_it_is_measured_again(
    export: Callable[..., int], shipped: Path, oblong: Path
) -> None:
    record = json.loads((shipped / "config.json").read_text())
    record["info"] = {key: value for key, value in record["info"].items() if key not in ("fit", "only_genres", "data")}
    (shipped / "config.json").write_text(json.dumps(record))
    assert export("--again", shipped, "--data", oblong, "--fit", "pad") == 0
    training, held_out = gan.load_posters(oblong, 8, "pad", progress=False).split()
    stored = gan.load(shipped)
    assert (stored.info["fit"], stored.info["only_genres"]) == ("pad", "")
    again = report.evaluate(stored, training, held_out, 16)
    assert report.read(shipped) == replace(again, source=oblong.name)


def test_the_card_shows_the_measured_figures_and_leaves_nothing_open(
    export: Callable[..., int], run: Path, out: Path
) -> None:
    change_info(run / "best", hours=2.0, kimg=36.0)
    assert export("--run", run, "--out", out, *TOLD) == 0
    card, found = (out / "README.md").read_text(), report.read(out)
    fd, floor = found.generated["fd_lite1"], found.floor["fd_lite1"]
    auc = found.discriminator["roc_auc_held_out"]
    assert card.startswith("# tiny-8\n")
    assert f"| **{fd.value:.1f}** | {fd.low:.1f} to {fd.high:.1f} | floor {floor.value:.1f} |" in card
    assert f"generated posters | **{auc.value:.1%}** | {auc.low:.1%} to {auc.high:.1%} | 50 % |" in card
    measured = [*found.generated, *found.discriminator, *found.memorization, *found.diversity]
    assert all(f"| {METRICS[name].label} | **" in card for name in measured)
    assert "| preset | `projected` |" in card
    assert "| command | `python scripts/train.py --kimg 1` |" in card
    assert "| length | 36 thousand posters shown, 6 updates of each network, batch 4 |" in card
    assert "| time | 2.00 hours, 5 posters a second on average |" in card
    assert "| hardware | one H100 |" in card
    assert "--checkpoint checkpoints/tiny-8 " in card
    assert not re.search(r"[{}]|``(?!`)\s|nan|None|not recorded", card)


def test_what_nobody_told_is_not_made_up(export: Callable[..., int], run: Path, out: Path) -> None:
    change_info(run / "best", hours=0.0, preset="", command="", hardware="")
    assert export("--run", run, "--out", out) == 0
    card = (out / "README.md").read_text()
    for row in ("preset", "command", "hardware"):
        assert f"| {row} | not recorded |" in card
    assert "| time | 0.00 hours |" in card  # too short for posters a second


@pytest.mark.parametrize(
    ("aspect", "fit", "genres", "row"),
    [
        ("1:1", "crop", [], "20 real movie posters, resized, and centre-cropped to 1:1 where their shape is another;"),
        ("2:3", "crop", [], "20 real movie posters, resized, and centre-cropped to 2:3 where their shape is another;"),
        (
            "1:1",
            "pad",
            ["Horror", "War"],
            "17 real movie posters (only those of Horror, War), "
            "resized whole, and padded with black to 1:1 where their shape is another;",
        ),
    ],
)
def test_the_card_says_which_posters_there_were_and_how_they_were_brought_to_size(
    export: Callable[..., int],
    tiny: gan.ModelConfig,
    oblong: Path,
    out: Path,
    tmp_path: Path,
    aspect: str,
    fit: str,
    genres: list[str],
    row: str,
) -> None:
    table = (oblong / "metadata.csv").read_text().replace("Drama", "War", 1)
    folder = Path(shutil.copytree(oblong, tmp_path / "posters"))
    (folder / "metadata.csv").write_text(table)
    model = replace(tiny, aspect=aspect)
    posters = gan.load_posters(folder, model.size, fit, genres, progress=False)
    train(posters, Plan(tmp_path / "run", model, config_of(1), progress=False))
    # The run's own states say how posters were taken, so that nobody has to.
    assert export("--run", tmp_path / "run", "--state", "latest", "--out", out, "--data", folder) == 0
    assert f"| data | {row} 5 % held out by file name |" in (out / "README.md").read_text()


@pytest.mark.parametrize(
    ("kimg", "words"), [(10, ": the exponential moving average of the generator with"), (0, ": the generator with")]
)
def test_the_card_speaks_of_an_average_only_where_there_is_one(
    export: Callable[..., int], tiny: gan.ModelConfig, data: Path, out: Path, tmp_path: Path, kimg: int, words: str
) -> None:
    posters = gan.load_posters(data, 8, progress=False)
    train(posters, Plan(tmp_path / "run", tiny, config_of(1, ema_kimg=kimg), progress=False))
    assert export("--run", tmp_path / "run", "--state", "latest", "--out", out) == 0
    assert f"(height x width){words} recalibrated BatchNorm" in (out / "README.md").read_text().replace("\n", " ")


def test_the_cards_command_measures_by_as_many_training_posters(export: Callable[..., int], shipped: Path) -> None:
    assert "--data POSTERS --samples 16`" in (shipped / "README.md").read_text()
    assert export("--again", shipped, "--training", 13) == 0
    assert "--data POSTERS --samples 13 --training 13`" in (shipped / "README.md").read_text()


def test_the_checkpoint_that_a_run_began_with_is_named(export: Callable[..., int], run: Path, out: Path) -> None:
    options = json.loads((run / "options.json").read_text())
    (run / "options.json").write_text(json.dumps(options | {"start": {"name": "dcgan-64", "digest": "0"}}))
    assert export("--run", run, "--out", out, *TOLD) == 0
    assert "| preset | `projected`, started from `dcgan-64` |" in (out / "README.md").read_text()


def test_the_latest_state_is_taken_where_it_is_asked_for(export: Callable[..., int], run: Path, out: Path) -> None:
    other = gan.load(run / "latest")
    other.generator.layers[0].weight.data.mul_(2)
    gan.save(run / "latest", other.generator, other.discriminator, other.info)
    assert export("--run", run, "--out", out, "--state", "latest") == 0
    first = gan.load(out).generator.layers[0].weight
    assert torch.allclose(first, other.generator.layers[0].weight, rtol=1e-3)
    assert not torch.allclose(first, gan.load(run / "best").generator.layers[0].weight, rtol=1e-3)


@pytest.mark.parametrize("kimg", [0.024, 0.016])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 6, 50])
def test_grids_up_to_the_state_are_spread_over_time_with_its_own_among_them(
    run: Path, tmp_path: Path, count: int, kimg: float
) -> None:
    drawn = sorted(read_grids(run))
    assert len(drawn) == 6
    drawn = [at for at in drawn if at <= kimg]
    assert len(drawn) == round(kimg / 0.004)
    copy_grids(run, tmp_path / "grids", count, kimg)
    kept = sorted(read_grids(tmp_path))
    assert len(kept) == len(list((tmp_path / "grids").iterdir()))
    assert set(kept) <= set(drawn)
    assert kept[-1:] == (drawn[-1:] if count else [])
    rounded_together = int(count == 6 == len(drawn))  # the logarithm puts two of six on the first grid
    assert len(kept) == min(count, len(drawn)) - rounded_together
    if count > 1:
        assert kept[0] == drawn[0]


def test_shipped_grids_are_smaller_and_keep_single_coloured_pixels(tmp_path: Path) -> None:
    """Red pixels on blue: chroma subsampling would mix them with their neighbours."""
    pixels = np.full((64, 64, 3), (20, 20, 200), np.uint8)
    pixels[::8, ::8] = 220, 20, 20
    pixels[32:] = np.random.default_rng(0).integers(0, 256, (32, 64, 1))
    (tmp_path / "grids").mkdir()
    Image.fromarray(pixels).save(tmp_path / "grids" / "000001.000.png")
    copy_grids(tmp_path, tmp_path / "shipped", 1, 1.0)
    (path,) = (tmp_path / "shipped").iterdir()
    shipped = np.asarray(Image.open(path)).astype(int)
    red = shipped[:32:8, ::8]
    assert (red[..., 0] > red[..., 2] + 60).all()
    assert np.abs(shipped - pixels).mean() < 6
    assert path.stat().st_size < (tmp_path / "grids" / "000001.000.png").stat().st_size


def test_grids_of_noise_are_shipped_as_well(tmp_path: Path) -> None:
    """What a G draws that has hardly begun to learn: JPEG takes more bytes for it than for any poster."""
    (tmp_path / "grids").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (526, 526, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "grids" / "000000.100.png")
    copy_grids(tmp_path, tmp_path / "shipped", 1, 1.0)
    with Image.open(tmp_path / "shipped" / "000000.100.jpg") as grid:
        assert np.asarray(grid).shape == pixels.shape


# ---- half precision --------------------------------------------------------------------------------------


def kinds(folder: Path) -> dict[str, torch.dtype]:
    return {
        name: load_file(folder / f"{name}.safetensors")["layers.0.weight"].dtype
        for name in ("generator", "discriminator")
    }


def test_weights_are_stored_in_half_precision_where_that_changes_nothing_to_be_seen(shipped: Path) -> None:
    assert kinds(shipped) == {"generator": torch.float16, "discriminator": torch.float16}


def test_a_generator_whose_pictures_would_change_is_stored_in_full(
    export: Callable[..., int], run: Path, out: Path
) -> None:
    loud = gan.load(run / "best")
    loud.generator.layers[-2].weight.data.mul_(1e6)  # sums of large numbers that nearly cancel
    gan.save(run / "best", loud.generator, loud.discriminator, loud.info)
    assert export("--run", run, "--out", out) == 0
    assert kinds(out)["generator"] == torch.float32
    assert equal(gan.load(out).generator.state_dict(), loud.generator.state_dict())


def test_a_discriminator_whose_logits_would_change_is_stored_in_full(
    export: Callable[..., int], run: Path, out: Path
) -> None:
    loud = gan.load(run / "best")
    loud.discriminator.layers[-2].weight.data.mul_(4e4)
    gan.save(run / "best", loud.generator, loud.discriminator, loud.info)
    assert export("--run", run, "--out", out) == 0
    assert kinds(out) == {"generator": torch.float16, "discriminator": torch.float32}
    kept, given = gan.load(out).discriminator.state_dict(), loud.discriminator.state_dict()
    for weights in (kept, given):
        del weights["layers.2.bias"]  # the logit offset
    assert equal(kept, given)


# ---- again -----------------------------------------------------------------------------------------------


def test_measuring_again_renews_figures_and_card_and_keeps_weights_notes_and_what_was_told(
    export: Callable[..., int], shipped: Path
) -> None:
    before = contents(shipped)
    card = before["README.md"].decode()
    (shipped / "README.md").write_text("# an old card\n" + card[card.index("<!-- notes -->") :])
    (shipped / "evaluate.json").unlink()
    assert export("--again", shipped) == 0
    assert contents(shipped) == before
    assert card.endswith("<!-- notes -->\n\n## What it draws\n\nNoise.\n")


def test_what_was_told_changes_only_where_it_is_told_again(export: Callable[..., int], shipped: Path) -> None:
    before, card = gan.load(shipped), (shipped / "README.md").read_text()
    assert export("--again", shipped, "--preset", "dcgan", "--hardware", "a laptop") == 0
    after = gan.load(shipped)
    assert after.info == before.info | {"preset": "dcgan", "hardware": "a laptop"}
    assert after.digest == before.digest
    renewed = card.replace("| preset | `projected` |", "| preset | `dcgan` |").replace("one H100", "a laptop")
    assert (shipped / "README.md").read_text() == renewed != card


def test_notes_in_a_card_without_their_mark_begin_at_the_first_heading(
    export: Callable[..., int], shipped: Path
) -> None:
    (shipped / "README.md").write_text("# tiny-8\n\nold\n\n## How\n\nSlowly.\n\n## What\n\nNoise.\n")
    assert export("--again", shipped) == 0
    assert (shipped / "README.md").read_text().endswith("<!-- notes -->\n\n## How\n\nSlowly.\n\n## What\n\nNoise.\n")


def test_a_card_that_was_lost_is_written_anew_and_notes_can_be_replaced(
    export: Callable[..., int], shipped: Path, tmp_path: Path
) -> None:
    (shipped / "README.md").unlink()
    (tmp_path / "other.md").write_text("Other notes.")
    assert export("--again", shipped, "--notes", tmp_path / "other.md") == 0
    assert (shipped / "README.md").read_text().endswith("<!-- notes -->\n\nOther notes.\n")
    (shipped / "README.md").unlink()
    assert export("--again", shipped) == 0
    assert (shipped / "README.md").read_text().startswith("# tiny-8\n")


def test_fewer_training_posters_can_be_judged_by(export: Callable[..., int], shipped: Path) -> None:
    assert export("--again", shipped, "--training", 13) == 0
    assert report.read(shipped).training == 13


# ---- complete or absent ----------------------------------------------------------------------------------


def test_a_checkpoint_that_cannot_be_judged_is_not_there(
    export: Callable[..., int],
    run: Path,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judge_by(monkeypatch, None)
    assert export("--run", run, "--out", out) == 2
    assert one_sentence(capsys) == "The feature extractor is not installed."
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize("way", ["again", "over it"])
def test_a_checkpoint_that_cannot_be_judged_again_stays_as_it_was(
    export: Callable[..., int], shipped: Path, run: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = contents(shipped)
    monkeypatch.setattr(module, "write", full)
    arguments = ["--again", shipped] if way == "again" else ["--run", run, "--out", shipped]
    assert export(*arguments, "--hardware", "another") == 2
    assert contents(shipped) == before
    assert [path.name for path in shipped.parent.iterdir()] == ["tiny-8"]


def test_an_older_checkpoint_of_the_name_is_replaced_and_what_others_put_there_stays(
    export: Callable[..., int], shipped: Path, run: Path
) -> None:
    (shipped / "diary.txt").write_text("dear diary")
    studies = "filters.npz", "latents.npz", "collection.npz"  # of the old weights
    for name in studies:
        (shipped / name).touch()
    card = shipped / "README.md"
    card.write_text(f"{card.read_text()}\nGenerates good skies.\n")
    assert export("--run", run, "--out", shipped, "--hardware", "a laptop") == 0
    assert gan.load(shipped).info["hardware"] == "a laptop"
    assert (shipped / "diary.txt").read_text() == "dear diary"
    assert not any((shipped / name).exists() for name in studies)
    assert "Generates good skies." in card.read_text()


def test_a_folder_that_is_no_checkpoint_is_never_replaced(
    export: Callable[..., int], run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "checkpoints/mine").mkdir(parents=True)
    assert export("--run", run, "--out", tmp_path / "checkpoints") == 2
    assert one_sentence(capsys) == f"{tmp_path / 'checkpoints'} exists and is not a checkpoint; it is not overwritten."
    assert (tmp_path / "checkpoints/mine").is_dir()


# ---- other posters ---------------------------------------------------------------------------------------


def others(oblong: Path, tmp_path: Path, kind: str) -> Path:
    """Posters that differ in one thing from those that a run on horror was trained on."""
    folder = Path(shutil.copytree(oblong, tmp_path / "other"))
    first = next(path for path in sorted(folder.glob("*.png")) if not is_held_out(path.name))
    horror = next(path for path in sorted(folder.glob("*.png"), reverse=True) if not is_held_out(path.name))
    if kind == "pictures":
        Image.new("RGB", (8, 12)).save(horror)
    elif kind == "name":
        free = (f"{number}.png" for number in range(1000))
        horror.rename(folder / next(n for n in free if not is_held_out(n) and not (folder / n).exists()))
    elif kind == "genres":
        table = (folder / "metadata.csv").read_text()
        (folder / "metadata.csv").write_text(table.replace(f"{first.name},Drama", f"{first.name},Horror"))
    return folder


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("kind", ["pictures", "name", "genres", "--fit", "--only-genres"])
def test_a_run_is_not_judged_by_posters_that_it_was_not_trained_on(
    export: Callable[..., int],
    padded: Path,
    oblong: Path,
    out: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    small_judge: Judge,
    kind: str,
    again: bool,
) -> None:
    given: list[object] = ["--run", padded, "--state", "latest", "--out", out]
    right = ["--fit", "pad", "--only-genres", "Horror"]
    if again:
        assert export(*given, "--data", oblong, *right) == 0
        given = ["--again", out]
    before = contents(out)
    small_judge.sizes.clear()
    capsys.readouterr()
    wrong = {"--fit": ["--fit", "crop"], "--only-genres": ["--only-genres", ""]}.get(kind, [])
    assert export(*given, "--data", others(oblong, tmp_path, kind), *right, *wrong) == 2
    where = out if again else padded
    assert one_sentence(capsys).startswith(f"{where} was trained on other posters (their ")
    assert contents(out) == before
    assert not small_judge.sizes


def test_a_conditional_run_is_not_judged_by_posters_of_other_genres(
    export: Callable[..., int],
    tiny: gan.ModelConfig,
    oblong: Path,
    out: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    posters = gan.load_posters(oblong, 8, progress=False)
    asked = replace(tiny, genres=("Drama", "Horror"))
    train(posters, Plan(tmp_path / "asked", asked, config_of(1), progress=False))
    given = ["--run", tmp_path / "asked", "--state", "latest", "--out", out]
    assert export(*given, "--data", others(oblong, tmp_path, "genres")) == 2
    assert " was trained on other posters (" in one_sentence(capsys)
    assert not out.exists()
    assert export(*given, "--data", oblong) == 0


def test_an_older_run_whose_options_have_no_hashes_is_judged_by_as_many_posters(
    export: Callable[..., int], run: Path, oblong: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = json.loads((run / "options.json").read_text())
    (run / "options.json").write_text(json.dumps(options | {"data": {"posters": 20}}))
    assert export("--run", run, "--out", out, "--data", oblong, "--only-genres", "Horror") == 2
    assert " was trained on other posters (" in one_sentence(capsys)
    assert export("--run", run, "--out", out, "--data", oblong) == 0
    assert export("--again", out, "--data", oblong, "--only-genres", "Horror") == 2


# ---- bad input -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda run: shutil.rmtree(run / "best"),
            '{run} has no best state, for it was not validated, which needs pip install -e ".[metrics]"; '
            "--state latest takes the last one.",
        ),
        (lambda run: [shutil.rmtree(run / name) for name in ("best", "latest")], "{run}/best does not exist."),
        (lambda run: (run / "options.json").unlink(), "{run}/options.json is not the options of a run."),
        (lambda run: (run / "options.json").write_text("{"), "{run}/options.json is not the options of a run."),
        (lambda run: (run / "options.json").write_text("[]"), "{run}/options.json is not the options of a run."),
        (lambda run: (run / "options.json").write_text("{}"), "{run}/options.json is not the options of a run."),
        (lambda run: (run / "best/discriminator.safetensors").unlink(), "best has no discriminator, only a generator."),
    ],
)
def test_a_run_that_cannot_be_exported_is_one_sentence(
    export: Callable[..., int],
    run: Path,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Path], object],
    sentence: str,
) -> None:
    change(run)
    assert export("--run", run, "--out", out) == 2
    assert one_sentence(capsys) == sentence.format(run=run)
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Name --run and --out, or a checkpoint to evaluate --again."),
        (["--run", "nowhere"], "Name --run and --out, or a checkpoint to evaluate --again."),
        (["--run", "nowhere", "--out", "nothing"], "nowhere/best does not exist."),
        (["--again", "nowhere"], "nowhere does not exist."),
    ],
)
def test_what_is_not_there_is_one_sentence(
    export: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    assert export(*arguments) == 2
    assert one_sentence(capsys) == sentence


def test_notes_that_cannot_be_read_are_one_sentence_before_anything_is_measured(
    export: Callable[..., int], run: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export("--run", run, "--out", out, "--notes", run / "none.md") == 2
    assert one_sentence(capsys) == f"{run / 'none.md'} cannot be read: No such file or directory."


def test_a_checkpoint_that_tells_nothing_of_its_training_gets_no_card(
    export: Callable[..., int], run: Path, checkpoints: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(checkpoints / "tiny")
    assert export("--again", checkpoints / "tiny") == 2
    where = f"{checkpoints / 'tiny'} does not say how it was trained"
    assert one_sentence(capsys) == f"{where} (posters, updates, hours, train missing)."
    assert contents(checkpoints / "tiny") == before


def test_a_checkpoint_without_d_gets_no_card(
    export: Callable[..., int], shipped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shipped / "discriminator.safetensors").unlink()
    before = contents(shipped)
    capsys.readouterr()
    assert export("--again", shipped) == 2
    assert one_sentence(capsys) == "tiny-8 has no discriminator, only a generator."
    assert contents(shipped) == before
