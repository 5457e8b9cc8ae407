from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from gan import PRESETS, Discriminator, Generator, ModelConfig, TrainConfig, latents, load, load_posters, save
from gan.data.hold_out import is_held_out
from gan.data.synthetic import write_folder
from gan.errors import PosterLensError
from gan.settings import describe
from gan.training.losses import LOSSES
from gan.training.runs.plan import Plan
from tests.scripting import one_sentence, script

TINY = ["--resolution=8", "--latent=8", "--width=4", "--batch=4", "--quiet", "--device=cpu"]
SHORT = ["--tick-kimg=0.004", "--eval-kimg=0"]


@pytest.fixture
def train() -> Callable[..., int]:
    return lambda *arguments: script("train").main([*map(str, arguments), *TINY])


def test_a_dry_run_shows_what_would_be_done_and_does_nothing(
    train: Callable[..., int], poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--data", poster_folder, "--out", tmp_path / "run", "--dry-run", "--lr", "1e-3") == 0
    first, _, rest = capsys.readouterr().out.partition("\n")
    assert first == "37 posters to train on, 3 held out; device cpu"
    plan = json.loads(rest)
    assert plan["model"]["resolution"] == 8
    assert plan["train"]["lr_g"] == plan["train"]["lr_d"] == 1e-3
    assert plan["parameters"] == {"Generator": 8 * 4 * 16 + 8 + 4 * 3 * 16, "Discriminator": 256}
    assert plan["posters"] == {"training": 37, "held_out": 3, "left_out": 0, "reasons": {}}
    assert plan["layers"]["Generator"][0] == "layers.0 ConvTranspose2d 4 x 4 x 4"
    assert plan["layers"]["Generator"][-1] == "layers.4 Tanh 3 x 8 x 8"
    assert plan["layers"]["Discriminator"][-1].endswith(" 1 x 1 x 1")
    assert (plan["steps"], plan["validations"], plan["start"]) == (112_500, 9, None)
    assert re.fullmatch(r"about .* on cpu, \S+ s a step, without validations", plan["time"])
    assert not (tmp_path / "run").exists()


def test_a_dry_run_counts_what_is_left_out(
    train: Callable[..., int], poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = Path(shutil.copytree(poster_folder, tmp_path / "data"))
    (data / "bad.jpg").write_bytes(b"broken")
    assert train("--data", data, "--out", tmp_path / "run", "--dry-run", "--conditional=genres", "--min-posters=5") == 0
    plan = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert plan["posters"]["left_out"] == 1
    assert list(plan["posters"]["reasons"]) == ["bad.jpg"]


def test_a_run_that_is_longer_than_asked_for_already_is_one_sentence(
    train: Callable[..., int], poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--data", poster_folder, "--out", tmp_path / "run", "--kimg=0.012", *SHORT) == 0
    before = (tmp_path / "run/options.json").read_bytes()
    capsys.readouterr()
    assert train("--out", tmp_path / "run", "--resume", "--kimg=0.008") == 2
    assert one_sentence(capsys).endswith(
        "has shown 0.012 thousand posters already; --kimg 0.008 is less, name a larger one."
    )
    assert (tmp_path / "run/options.json").read_bytes() == before
    assert train("--out", tmp_path / "run", "--resume") == 0  # as long as it was to be: nothing to do


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_changed_by_what_is_given_and_by_nothing_else(
    preset: str, train: Callable[..., int], poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [f"--preset={preset}", "--beta1=0.6", "--dry-run"]
    assert train("--data", poster_folder, "--out", tmp_path / "run", *arguments) == 0
    plan = json.loads(capsys.readouterr().out.partition("\n")[2])
    expected = PRESETS[preset]
    assert TrainConfig.from_dict(plan["train"]) == replace(expected.train, beta1=0.6, batch=4)
    assert ModelConfig.from_dict(plan["model"]) == replace(expected.model, resolution=8, latent=8, width=4)


def test_the_preset_dcgan_is_the_tutorials_settings() -> None:
    config = PRESETS["dcgan"].train
    assert (config.batch, config.lr_g, config.lr_d, config.beta1, config.beta2) == (128, 2e-4, 2e-4, 0.5, 0.999)
    assert (config.loss, config.real_label, config.ema_kimg, config.augment) == ("bce", 1.0, 0.0, "")
    assert (config.penalty, config.lecam, config.critic, config.skip_d_above, config.decay_from) == (0, 0, 0, 1, 1)
    assert PRESETS["dcgan"].model == ModelConfig(64, 100, 64)


def test_each_larger_preset_holds_the_one_before() -> None:
    """So that one can start --from the other."""
    channels = [PRESETS[name].model.channels for name in ("dcgan-stable", "dcgan-128", "dcgan-256")]
    assert channels[1][1:] == channels[0]
    assert channels[2][1:] == channels[1]
    for preset in PRESETS.values():
        assert not (preset.train.penalty and preset.model.norm_d)


def test_conditional_networks_know_the_genres_that_are_frequent_enough(
    train: Callable[..., int], poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = load_posters(poster_folder, 8, progress=False).split()[0].genre_counts()
    least = sorted(counts.values())[-2]
    frequent = sorted(genre for genre, count in counts.items() if count >= least)
    assert 2 <= len(frequent) < len(counts)
    where = ["--data", poster_folder, "--out", tmp_path / "run"]
    asked = ["--conditional=genres", f"--min-posters={least}"]
    assert train(*where, *asked, "--kimg=0.008", *SHORT) == 0
    assert load(tmp_path / "run/latest").config.genres == tuple(frequent)
    assert train(*where, "--kimg=0.012", "--resume") == 0  # remembers them
    assert torch.load(tmp_path / "run/state.pt", weights_only=True)["steps"] == 3

    capsys.readouterr()
    assert train("--data", poster_folder, "--out", tmp_path / "other", "--conditional=genres") == 2
    assert one_sentence(capsys).startswith("No genre has 100 training posters; ")
    assert not (tmp_path / "other").exists()


def test_a_run_grows_from_a_smaller_checkpoint(
    train: Callable[..., int], poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ModelConfig(8, 8, 12)
    save(tmp_path / "small", Generator(config), Discriminator(config))
    where = ["--data", poster_folder, "--from", tmp_path / "small"]
    larger = ["--preset=dcgan-128", "--resolution=16", "--width=6", "--aspect=2:3", "--kimg=0.004", *SHORT]
    arguments = [str(a) for a in (*where, "--out", tmp_path / "run", *TINY, *larger)]
    assert script("train").main(arguments) == 0
    latest = load(tmp_path / "run/latest")
    assert latest.config == ModelConfig(16, 8, 6, aspect="2:3", norm_d=False, calibrated=True)
    assert latest.generator(latents([0], latest.config)).shape == (1, 3, 24, 16)
    record = json.loads((tmp_path / "run/options.json").read_text())
    assert record["start"]["name"] == "small"

    capsys.readouterr()
    assert train(*where, "--out", tmp_path / "other") == 2  # of width 4
    assert one_sentence(capsys).startswith("small has channels (12,) from the picture to the noise; ")
    assert train("--data", poster_folder, "--from", tmp_path / "none", "--out", tmp_path / "other") == 2
    assert one_sentence(capsys) == f"{tmp_path / 'none'} does not exist."
    assert not (tmp_path / "other").exists()


def test_a_start_whose_channels_were_capped_is_held_by_networks_with_the_same_cap(
    poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ModelConfig(16, 8, 12, max_width=16)
    save(tmp_path / "capped", Generator(config), Discriminator(config))
    where = ["--data", poster_folder, "--from", tmp_path / "capped", "--out", tmp_path / "run"]
    larger = [*TINY, "--resolution=32", "--width=6", "--kimg=0.004", *SHORT]
    assert script("train").main([str(a) for a in (*where, *larger)]) == 2
    assert one_sentence(capsys).endswith("--width 6 --max-width 16 does.")
    assert script("train").main([str(a) for a in (*where, *larger, "--max-width=16")]) == 0
    assert load(tmp_path / "run/latest").config.channels == (6, 12, 16)


def test_every_training_option_has_a_switch_with_an_explanation(capsys: pytest.CaptureFixture[str]) -> None:
    module = script("train")
    with pytest.raises(SystemExit) as stopped:
        module.main(["--help"])
    assert stopped.value.code == 0
    printed = " ".join(capsys.readouterr().out.split())
    for name, each in describe(TrainConfig).items():
        assert f"--{name.replace('_', '-')} " in printed
        assert each.help
        assert each.help in printed
    for name, loss in LOSSES.items():
        assert f"{name}: {loss.about}" in printed


def test_training_names_broken_pictures_at_the_end(
    train: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_folder(tmp_path / "data", 8, size=(32, 48))
    (tmp_path / "data/bad.jpg").write_bytes(b"broken")
    assert train("--data", tmp_path / "data", "--out", tmp_path / "run", "--kimg=0.004", *SHORT) == 0
    out, err = capsys.readouterr()
    assert not out  # --quiet
    assert err.splitlines() == [
        "1 file could not be read:",
        "  bad.jpg: bad.jpg cannot be read as a picture.",
    ]


def test_a_resumed_run_remembers_its_options(train: Callable[..., int], poster_folder: Path, tmp_path: Path) -> None:
    where = ["--data", poster_folder, "--out", tmp_path / "run"]
    assert train(*where, "--kimg=0.008", "--augment=color", "--seed=7", *SHORT) == 0
    assert train(*where, "--kimg=0.012", "--resume") == 0
    options = json.loads((tmp_path / "run/options.json").read_text())["train"]
    assert (options["augment"], options["seed"], options["kimg"]) == ("color", 7, 0.012)
    assert torch.load(tmp_path / "run/state.pt", weights_only=True)["steps"] == 3


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        (["--preset=projected"], "with --preset dcgan-stable, not projected"),
        (["--conditional=genres"], "without --conditional, not genres"),
        (["--min-posters=2"], "without --min-posters, not 2"),
        (["--from={small}"], "without --from, not tiny"),
        (["--fit=pad"], "with --fit crop, not pad"),
        (["--only-genres=Horror"], "without --only-genres, not Horror"),
    ],
)
def test_a_resumed_run_refuses_what_disagrees_with_its_beginning(
    typed: list[str],
    named: str,
    checkpoints: Path,
    train: Callable[..., int],
    poster_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    where = ["--data", poster_folder, "--out", tmp_path / "run"]
    assert train(*where, "--kimg=0.004", *SHORT) == 0
    capsys.readouterr()
    typed = [option.format(small=checkpoints / "tiny") for option in typed]
    assert train(*where, "--kimg=0.008", "--resume", *typed) == 2
    switch = named.split()[1].rstrip(",")
    expected = f"{tmp_path / 'run'} was begun {named}; a resumed run keeps it: remove {switch}."
    assert one_sentence(capsys) == expected
    assert torch.load(tmp_path / "run/state.pt", weights_only=True)["steps"] == 1


def test_there_must_be_a_run_to_resume(
    train: Callable[..., int], poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resume = ["--data", poster_folder, "--out", tmp_path / "run", "--resume"]
    assert train(*resume) == 2
    assert one_sentence(capsys) == f"{tmp_path / 'run'} holds no state to resume."
    assert not list(tmp_path.iterdir())
    (tmp_path / "run").mkdir()
    (tmp_path / "run/state.pt").touch()
    assert train(*resume) == 2
    assert (
        one_sentence(capsys) == f"{tmp_path / 'run/options.json'} does not exist; a run cannot be resumed without it."
    )


def test_a_dry_run_looks_at_the_folder(
    train: Callable[..., int], poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data", poster_folder, "--out", tmp_path / "run"]
    assert train(*where, "--resume", "--dry-run") == 2
    assert one_sentence(capsys) == f"{tmp_path / 'run'} holds no state to resume."
    assert train(*where, "--kimg=0.004", *SHORT) == 0
    capsys.readouterr()
    assert train(*where, "--dry-run") == 2
    assert one_sentence(capsys).endswith("run holds a run already; resume it, or choose another folder.")
    assert train(*where, "--resume", "--dry-run", "--seed=1") == 2
    assert one_sentence(capsys).endswith("run was trained with seed 0; keep it to resume.")
    assert train(*where, "--resume", "--dry-run") == 0


def test_a_dry_run_looks_at_the_start(
    train: Callable[..., int], poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ModelConfig(8, 8, 12)
    save(tmp_path / "small", Generator(config), Discriminator(config))
    dry = ["--data", poster_folder, "--out", tmp_path / "run", "--dry-run"]
    assert train(*dry, "--from", tmp_path / "none") == 2
    assert one_sentence(capsys) == f"{tmp_path / 'none'} does not exist."
    assert train(*dry, "--from", tmp_path / "small") == 2  # of width 4
    assert one_sentence(capsys).startswith("small has channels (12,) from the picture to the noise; ")
    fitting = ["--data", poster_folder, "--out", tmp_path / "run", "--from", tmp_path / "small", *TINY, "--width=12"]
    assert script("train").main([*map(str, fitting), "--dry-run"]) == 0


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", "7", "{}", '{"model": 1, "train": {}}', '{"model": {}, "train": null}',
        '{"model": {"width": "8"}, "train": {}}', '{"model": {}, "train": {"kimg": "long"}}',
        '{"model": {}, "train": {"batch": 1}}', '{"model": {}, "train": {"augment": 1}}',
        '{"model": {"generator_channels": 8}, "train": {}}',
    ],
)  # fmt: skip
def test_damaged_options_of_a_run_are_one_sentence(
    content: str, train: Callable[..., int], poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/options.json").write_text(content)
    (tmp_path / "run/state.pt").touch()
    assert train("--data", poster_folder, "--out", tmp_path / "run", "--resume") == 2
    assert one_sentence(capsys) == f"{tmp_path / 'run/options.json'} is damaged."
    assert (tmp_path / "run/options.json").read_text() == content


def test_only_posters_of_the_genres_are_trained_on(
    train: Callable[..., int], poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data", poster_folder, "--out", tmp_path / "run", "--dry-run"]
    assert train(*where, "--only-genres", "Horror, drama") == 0
    counts = [int(word) for word in capsys.readouterr().out.split("\n")[0].split() if word.isdigit()]
    assert 5 < sum(counts) < 35


def test_a_missing_path_is_one_sentence_and_exit_code_2(
    train: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--data", tmp_path / "none", "--out", tmp_path / "run") == 2
    assert one_sentence(capsys) == f"{tmp_path / 'none'} does not exist."


def test_an_unknown_genre_is_one_sentence_and_exit_code_2(
    train: Callable[..., int], poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--data", poster_folder, "--out", tmp_path / "run", "--only-genres=Western") == 2
    assert one_sentence(capsys).startswith("No poster has the genre Western; the data set has Action, ")


def test_no_picture_is_one_sentence_and_exit_code_2(
    train: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    assert train("--data", tmp_path / "data", "--out", tmp_path / "run") == 2
    assert one_sentence(capsys) == "No usable picture was found (JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF)."


@pytest.mark.parametrize("device", ["warp", "meta", "cuda:99", "hpu"])
def test_a_device_that_cannot_train_is_one_sentence_and_exit_code_2(
    device: str, poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = script("train")
    arguments = ["--data", str(poster_folder), "--out", str(tmp_path / "run"), *TINY]
    assert module.main([*arguments, f"--device={device}"]) == 2
    assert one_sentence(capsys) == f"The device {device!r} cannot be used here."


@pytest.mark.parametrize("count", [0, -1])
def test_less_than_one_thread_is_one_sentence_and_exit_code_2(
    count: int, train: Callable[..., int], poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--data", poster_folder, "--out", tmp_path / "run", f"--threads={count}", "--dry-run") == 2
    assert one_sentence(capsys) == f"--threads must be at least 1, not {count}."


def test_an_impossible_option_is_one_line_and_exit_code_2(
    train: Callable[..., int], poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--data", poster_folder, "--out", tmp_path / "run", "--kimg=-1") == 2
    assert capsys.readouterr().err == "error: kimg must be above 0, not -1.0.\n"


def test_an_unwritable_run_is_one_sentence_and_exit_code_2(
    train: Callable[..., int], poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.touch()
    for out in (file, file / "run"):
        for more in ([], ["--dry-run"], ["--resume"]):
            assert train("--data", poster_folder, "--out", out, "--kimg=0.004", *more) == 2
            assert one_sentence(capsys) == f"{out} cannot be written: {file} is a file."


@pytest.mark.skipif(os.access("/", os.W_OK), reason="root may write everywhere")
def test_a_read_only_folder_is_one_sentence_and_exit_code_2(
    train: Callable[..., int], poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o555)
    try:
        assert train("--data", poster_folder, "--out", tmp_path / "new/run", "--dry-run") == 2
    finally:
        tmp_path.chmod(0o755)
    assert one_sentence(capsys) == f"{tmp_path / 'new/run'} cannot be written: {tmp_path} is read-only."


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_graph_without_cuda_is_one_sentence_before_anything_is_read_or_written(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data", str(tmp_path / "none"), "--out", str(tmp_path / "run"), "--device=cpu"]
    assert script("train").main([*where, "--graph", *more]) == 2
    found = capsys.readouterr()
    assert found.err == "error: A CUDA graph needs a CUDA device, not cpu; train without --graph.\n"
    assert not found.out
    assert not list(tmp_path.iterdir())


def test_a_graph_reaches_training(poster_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plans = []

    def train(posters: object, plan: Plan) -> None:
        plans.append(plan)
        raise PosterLensError("enough")

    module = script("train")
    monkeypatch.setattr(module, "train", train)
    monkeypatch.setattr("gan.training.runs.plan.check_graph", lambda *_: None)
    where = ["--data", str(poster_folder), "--out", str(tmp_path / "run"), "--resolution=8", "--quiet", "--device=cpu"]
    for more in ([], ["--graph"]):
        assert module.main([*where, *more]) == 2
    assert [plan.graph for plan in plans] == [False, True]


# ---- The run remembers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more", [[], ["--conditional=genres", "--min-posters=5"], ["--only-genres=Horror,drama", "--fit=pad"]]
)
def test_a_run_is_resumed_by_its_folder_alone(more: list[str], poster_folder: Path, tmp_path: Path) -> None:
    """From another working directory, with the same posters, cut and labelled as before."""
    main, out = script("train").main, ["--out", str(tmp_path / "run"), "--quiet"]
    assert main(["--data", str(poster_folder), *out, *TINY, *SHORT, "--kimg=0.008", *more]) == 0
    before = json.loads((tmp_path / "run/options.json").read_text())
    assert main([*out, "--resume", "--kimg=0.016"]) == 0
    after = json.loads((tmp_path / "run/options.json").read_text())
    assert torch.load(tmp_path / "run/state.pt", weights_only=True)["steps"] == 4
    assert after.pop("train") == before.pop("train") | {"kimg": 0.016}
    assert after == before


def test_the_very_command_of_a_run_with_resume_added_goes_on(
    checkpoints: Path, train: Callable[..., int], poster_folder: Path, tmp_path: Path
) -> None:
    command = [
        "--data",
        poster_folder,
        "--out",
        tmp_path / "run",
        "--preset=dcgan-stable",
        "--only-genres=Horror,Drama",
    ]
    command += ["--fit=pad", "--from", checkpoints / "tiny", "--kimg=0.008", *SHORT]
    assert train(*command) == 0
    assert train(*command, "--resume", "--kimg=0.012", "--threads=1") == 0
    assert torch.load(tmp_path / "run/state.pt", weights_only=True)["steps"] == 3


def test_a_run_says_how_it_was_made_and_its_checkpoints_name_no_folder_of_this_machine(
    train: Callable[..., int], poster_folder: Path, tmp_path: Path
) -> None:
    assert train("--data", poster_folder, "--out", tmp_path / "run", "--kimg=0.004", "--lr=1e-3", *SHORT) == 0
    options = json.loads((tmp_path / "run/options.json").read_text())
    assert options["preset"] == "dcgan-stable"
    assert options["source"] == {
        "path": str(poster_folder), "fit": "crop", "only_genres": [], "min_posters": None
    }  # fmt: skip
    assert options["hardware"].split(" of ")[0] in ("1 thread", "2 threads")
    assert set(options["versions"]) == {"python", "torch", "commit"}
    words = options["command"].split()
    assert words[:6] == ["python", "scripts/train.py", "--data", poster_folder.name, "--out", "run"]
    assert {"--lr", "0.001", "--width", "4"} <= set(words)
    text = (tmp_path / "run/latest/config.json").read_text()
    info = json.loads(text)["info"]
    assert {name: info[name] for name in ("preset", "command", "hardware")} == {
        name: options[name] for name in ("preset", "command", "hardware")
    }
    assert str(tmp_path) not in text
    assert str(poster_folder.parent) not in text


def test_posters_that_were_moved_are_asked_for_and_found_again(
    train: Callable[..., int], poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(poster_folder, tmp_path / "data")
    assert train("--data", tmp_path / "data", "--out", tmp_path / "run", "--kimg=0.004", *SHORT) == 0
    (tmp_path / "data").rename(tmp_path / "moved")
    capsys.readouterr()
    assert train("--out", tmp_path / "run", "--resume", "--kimg=0.008") == 2
    assert one_sentence(capsys).endswith("run, does not exist any more; say by --data where they are.")
    assert train("--out", tmp_path / "run", "--resume", "--kimg=0.008", "--data", tmp_path / "moved") == 0
    assert train("--out", tmp_path / "run", "--resume", "--kimg=0.012") == 0  # it remembers the new place


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("gone", r"37 to train on then, 36 now"),
        ("renamed", r"their file names differ"),
        ("repainted", r"their pixels differ"),
        ("relabelled", r"their genres differ"),
    ],
)
def test_posters_that_changed_are_refused_by_what_changed(
    change: str,
    named: str,
    train: Callable[..., int],
    poster_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = Path(shutil.copytree(poster_folder, tmp_path / "data"))
    labels = ["--conditional=genres", "--min-posters=5"]
    assert train("--data", data, "--out", tmp_path / "run", "--kimg=0.004", *labels, *SHORT) == 0
    training = load_posters(data, 8, progress=False).split()[0].names
    if change == "gone":
        (data / training[-1]).unlink()
    elif change == "renamed":
        renamed = next(f"z{n}.jpg" for n in range(99) if not is_held_out(f"z{n}.jpg"))
        (data / training[-1]).rename(data / renamed)
    elif change == "repainted":
        Image.new("RGB", (32, 48), "red").save(data / training[0])
    else:
        table = (data / "metadata.csv").read_text()
        (data / "metadata.csv").write_text(table.replace("Drama", "Comedy"))
    capsys.readouterr()
    assert train("--out", tmp_path / "run", "--resume", "--kimg=0.008") == 2
    sentence = one_sentence(capsys)
    assert "was trained on other posters (" in sentence
    assert named in sentence


@pytest.mark.parametrize(
    "option", ["--batch=8", "--seed=1", "--critic=1", "--projections=2", "--width=8", "--resolution=16", "--aspect=2:3"]
)
def test_what_a_run_cannot_change_is_refused_by_name(
    option: str, train: Callable[..., int], poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--out", str(tmp_path / "run"), "--quiet", "--device=cpu"]
    assert train("--data", poster_folder, "--out", tmp_path / "run", "--kimg=0.004", *SHORT) == 0
    capsys.readouterr()
    assert script("train").main([*where, "--resume", "--kimg=0.008", option]) == 2
    name = option.split("=")[0].removeprefix("--")
    assert re.search(rf"was trained with {name} .*; keep it to resume\.$", one_sentence(capsys))


def test_a_setting_that_may_change_is_taken_and_written_down(
    train: Callable[..., int], poster_folder: Path, tmp_path: Path
) -> None:
    where = ["--data", poster_folder, "--out", tmp_path / "run"]
    assert train(*where, "--kimg=0.004", *SHORT) == 0
    assert train(*where, "--kimg=0.008", "--lr-d=1e-5", "--resume") == 0
    log = (tmp_path / "run/log.txt").read_text()
    assert "Resumed at 0.00 kimg with kimg 0.008 (before 0.004), lr_d 1e-05 (before 0.0002): 37 posters" in log


@pytest.mark.parametrize("place", ["run", "runs/first"])
def test_a_run_below_its_posters_does_not_train_on_its_own_grids(
    place: str, train: Callable[..., int], poster_folder: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(poster_folder, tmp_path / "data"))
    command = ["--data", data, "--out", data / place, *SHORT, "--grid-kimg=0.004", "--kimg=0.008"]
    assert train(*command) == 0
    assert len(list((data / place / "grids").iterdir())) == 2
    assert train(*command, "--resume", "--kimg=0.012") == 0
    options = json.loads((data / place / "options.json").read_text())
    assert options["data"]["posters"] == 37


def test_a_run_in_the_folder_of_its_posters_is_refused_before_anything_is_written(
    train: Callable[..., int], poster_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = Path(shutil.copytree(poster_folder, tmp_path / "data"))
    (data / "run").mkdir()
    before = sorted(data.iterdir())
    (tmp_path / "link").symlink_to(data)
    for out in (data, tmp_path / "link", data / "run" / ".."):
        assert train("--data", data, "--out", out, "--kimg=0.004") == 2
        assert one_sentence(capsys).startswith(f"{out} is the folder of the posters; choose another one for the run")
    assert sorted(data.iterdir()) == before
