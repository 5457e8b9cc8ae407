from __future__ import annotations

import json
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan import CheckpointError, PosterSet, TrainingError, from_uint8, load_posters, to_uint8
from gan.data.synthetic import write_folder
from gan.upscaling import network, training
from gan.upscaling.network import Upscaler, UpscalerConfig, load, save
from gan.upscaling.resampling import lanczos
from gan.upscaling.training import UpscalerTraining, train
from tests.scripting import one_sentence, running, script, wait_for

TINY = ["--factor=2", "--width=4", "--blocks=1", "--batch=2", "--crop=8", "--quiet"]
MODEL = UpscalerConfig(2, 4, 1)

pytestmark = pytest.mark.usefixtures("no_judge")  # it takes seconds; its part of the table has a test of its own


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 drawn posters, of which at least two are held out."""
    path = tmp_path_factory.mktemp("wide-posters")
    write_folder(path, 24, first_seed=118, size=(128, 128))
    return path


@pytest.fixture(scope="module")
def posters(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> PosterSet:
    found = load_posters(folder, 128, cache=tmp_path_factory.mktemp("wide-cache"), progress=False)
    assert len(found.split()[1]) >= 2
    return found


@pytest.fixture
def command(folder: Path) -> Callable[..., int]:
    return lambda *arguments: script("train_upscaler").main(["--data", str(folder), *TINY, *map(str, arguments)])


def config(steps: int, tick: int = 2) -> UpscalerTraining:
    return UpscalerTraining(steps=steps, batch=2, crop=8, tick=tick)


def equal(a: Upscaler, b: Upscaler) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


# ---- runs ------------------------------------------------------------------------------------------------


def test_a_run_leaves_network_log_and_state(command: Callable[..., int], tmp_path: Path) -> None:
    run = tmp_path / "new" / "run"
    assert command("--out", run, "--steps=5", "--tick=2") == 0
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4, 5]
    assert all({"seconds", "loss", "psnr", "psnr_lanczos"} < set(row) for row in rows)
    assert sorted(path.name for path in run.iterdir()) == ["latest", "log.jsonl", "run.lock", "state.pt"]
    assert load(run / "latest").config == MODEL
    assert json.loads((run / "latest/upscaler.json").read_text())["info"]["step"] == 5


@pytest.mark.parametrize("leave_after", [1, 2, 3])
def test_a_resumed_run_is_the_uninterrupted_run_bit_for_bit(
    leave_after: int, posters: PosterSet, tmp_path: Path
) -> None:
    whole = train(posters, tmp_path / "whole", MODEL, config(6), progress=False)
    asked = iter([False] * (leave_after - 1) + [True])
    train(posters, tmp_path / "cut", MODEL, config(6), progress=False, stop=lambda: next(asked))
    rows = (tmp_path / "cut/log.jsonl").read_text().splitlines()
    assert json.loads(rows[-1])["step"] == leave_after
    resumed = train(posters, tmp_path / "cut", MODEL, config(6), resume=True, progress=False)
    assert equal(whole, resumed)
    assert (tmp_path / "cut/latest/upscaler.safetensors").read_bytes() == (
        tmp_path / "whole/latest/upscaler.safetensors"
    ).read_bytes()


def test_the_seed_is_the_run_and_the_global_random_state_stays(posters: PosterSet, tmp_path: Path) -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one = train(posters, tmp_path / "one", MODEL, config(2), progress=False)
    again = train(posters, tmp_path / "again", MODEL, config(2), progress=False)
    other = train(posters, tmp_path / "other", MODEL, UpscalerTraining(2, 2, 8, seed=1, tick=2), progress=False)
    assert equal(one, again)
    assert not equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_lines_beyond_the_state_are_dropped_at_resume(posters: PosterSet, tmp_path: Path) -> None:
    run = tmp_path / "run"
    asked = iter([False, True])
    train(posters, run, MODEL, config(6), progress=False, stop=lambda: next(asked))
    with (run / "log.jsonl").open("a") as log:  # killed between the log and the state of step 4
        log.write('{"step": 4, "loss": -1}\n')
    train(posters, run, MODEL, config(6), resume=True, progress=False)
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4, 6]
    assert rows[1]["loss"] > 0


def endless(folder: Path, run: Path) -> list[object]:
    """The command with more steps than it will be given time for."""
    return ["--data", folder, "--out", run, *TINY, "--steps=1000000", "--threads=1"]


def test_a_killed_run_resumes_exactly(folder: Path, posters: PosterSet, tmp_path: Path) -> None:
    """Killed while it saves all the time; what it left goes on as if never interrupted."""
    run = tmp_path / "run"
    with running("train_upscaler", *endless(folder, run), "--tick=1") as process:
        wait_for(run / "state.pt", process)
        delay = random.uniform(0, 0.4)
        print(f"killed after {delay:.3f} s")  # shown where the test fails
        time.sleep(delay)
        process.kill()
        process.wait()
    steps = torch.load(run / "state.pt", weights_only=True)["steps"]
    assert steps >= 1
    long = UpscalerTraining(steps=1_000_000, batch=2, crop=8, tick=1)

    def until(end: int, out: Path, resume: bool) -> Upscaler:
        done = iter(range(steps + 1 if resume else 1, end + 1))
        return train(posters, out, MODEL, long, resume=resume, progress=False, stop=lambda: next(done) == end)

    resumed = until(steps + 2, run, True)
    # One long tick: the weights do not depend on how often they are saved.
    assert equal(resumed, until(steps + 2, tmp_path / "whole", False))


def test_a_second_run_in_a_folder_is_refused_while_the_first_goes_on_and_a_kill_frees_it(
    folder: Path, posters: PosterSet, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with running("train_upscaler", *endless(folder, run), "--tick=1") as process:
        wait_for(run / "state.pt", process)
        with pytest.raises(TrainingError, match=r"^Another process is training in .*run; wait for its end"):
            train(posters, run, MODEL, config(2), resume=True, progress=False)
        process.kill()
        process.wait()
    with pytest.raises(TrainingError, match="holds a run already"):
        train(posters, run, MODEL, config(2), progress=False)


@pytest.mark.parametrize("error", [MemoryError(), OSError(28, "No space left on device"), RuntimeError("a bug")])
def test_a_measurement_that_fails_is_left_out_and_the_state_is_saved_before(
    error: Exception, posters: PosterSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = []

    def fail(*_: object) -> None:
        saved.append(torch.load(tmp_path / "run/state.pt", weights_only=True)["steps"])
        raise error

    monkeypatch.setattr(training, "_validate", fail)
    train(posters, tmp_path / "run", MODEL, config(4), progress=False)
    assert saved == [2, 4]
    rows = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert [(row["step"], "psnr" in row) for row in rows] == [(2, False), (4, False)]


def test_sigterm_saves_and_leaves_with_0(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with running("train_upscaler", *endless(folder, run), "--tick=3") as process:
        wait_for(run / "state.pt", process)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    assert out == f"stopped; network and state in {run}\n"
    last = json.loads((run / "log.jsonl").read_text().splitlines()[-1])
    assert torch.load(run / "state.pt", weights_only=True)["steps"] == last["step"]


# ---- what is refused ---------------------------------------------------------------------------------------


def test_a_run_is_not_overwritten(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert command("--out", run, "--steps=1") == 0
    before = (run / "state.pt").read_bytes()
    assert command("--out", run, "--steps=1") == 2
    assert one_sentence(capsys) == f"{run} holds a run already; resume it, or choose another folder."
    assert (run / "state.pt").read_bytes() == before


@pytest.mark.parametrize(("option", "part"), [("--steps=9", "train"), ("--width=5", "model"), ("--seed=3", "train")])
def test_a_run_resumes_only_with_its_own_options(
    option: str, part: str, command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert command("--out", run, "--steps=1") == 0
    assert command("--out", run, "--steps=1", "--resume", option) == 2
    assert f"was begun with other options ({part})" in one_sentence(capsys)


def test_a_run_resumes_only_with_its_own_posters(posters: PosterSet, tmp_path: Path) -> None:
    train(posters, tmp_path / "run", MODEL, config(1), progress=False)
    with pytest.raises(TrainingError, match=r"begun with other options \(posters\)"):
        train(posters.select(range(20)), tmp_path / "run", MODEL, config(1), resume=True, progress=False)


@pytest.mark.parametrize("content", [None, b"", b"junk", b"PK\x03\x04"])
def test_a_missing_or_damaged_state_is_one_sentence(content: bytes | None, posters: PosterSet, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "state.pt").write_bytes(content)
    with pytest.raises(TrainingError, match=r"holds no state to resume\.$" if content is None else r"is damaged\.$"):
        train(posters, tmp_path, MODEL, config(1), resume=True, progress=False)


def test_posters_smaller_than_a_crop_are_refused(posters: PosterSet, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"at least 130 x 130 pixels\.$"):
        train(posters, tmp_path / "run", MODEL, UpscalerTraining(crop=65), progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("wrong", ["--factor=3", "--width=0", "--steps=0", "--batch=0", "--crop=0", "--lr=0"])
def test_impossible_options_are_one_sentence(
    wrong: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(folder), "--out", str(tmp_path / "run"), "--quiet", wrong]
    assert script("train_upscaler").main(arguments) == 2
    assert one_sentence(capsys).startswith(wrong[2:].split("=")[0])


def test_a_place_that_cannot_be_written_is_one_sentence(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert command("--out", tmp_path / "file/run", "--steps=1") == 2
    assert one_sentence(capsys).startswith(f"{tmp_path / 'file/run'} cannot be written (")


def test_an_upscaler_is_replaced(tmp_path: Path) -> None:
    for step in (1, 2):
        save(tmp_path / "shipped", Upscaler(MODEL), {"step": step})
    assert json.loads((tmp_path / "shipped/upscaler.json").read_text())["info"]["step"] == 2


def test_shipping_replaces_nothing_but_an_upscaler(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/config.json").write_text('{"model": {"resolution": 64}}')  # such as a GAN's checkpoint holds
    with pytest.raises(CheckpointError, match=r"it is not overwritten\.$"):
        save(tmp_path / "mine", Upscaler(MODEL))
    assert command("--out", tmp_path / "none", "--ship", tmp_path / "mine") == 2  # before the run is looked for
    assert one_sentence(capsys) == f"{tmp_path / 'mine'} exists and is not a checkpoint; it is not overwritten."
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["config.json"]


def test_a_loss_that_is_no_number_stops_the_run_at_the_last_good_state(
    posters: PosterSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = iter([False, True])
    train(posters, tmp_path, MODEL, config(6), progress=False, stop=lambda: next(asked))
    before = (tmp_path / "state.pt").read_bytes()
    monkeypatch.setattr(training, "distance", lambda large, *_: large.mean() * float("nan"))
    with pytest.raises(TrainingError, match="diverged at step 4"):
        train(posters, tmp_path, MODEL, config(6), resume=True, progress=False)
    assert (tmp_path / "state.pt").read_bytes() == before


# ---- measuring and shipping --------------------------------------------------------------------------------


def test_what_ships_carries_its_figures(
    command: Callable[..., int], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, shipped = tmp_path / "run", tmp_path / "checkpoints/upscaler"
    assert command("--out", run, "--steps=2") == 0
    assert command("--out", run, "--ship", shipped) == 0
    assert sorted(path.name for path in shipped.iterdir()) == ["README.md", "upscaler.json", "upscaler.safetensors"]
    card = (shipped / "README.md").read_text()
    printed = capsys.readouterr().out
    assert printed.split("\n", 1)[1].strip() in card
    assert network.LABEL in card
    assert "--width 4 --blocks 1 --steps 2 --batch 2 --crop 8`" in card
    figures = json.loads((shipped / "upscaler.json").read_text())["info"]["figures"]
    assert f"| 32 → 128 | network | {figures[3]['psnr']:.2f} dB | {figures[3]['gain']:+z.2f} ±" in card
    assert command("--check", shipped) == 0
    assert card.split("\n\n")[3] in capsys.readouterr().out


def test_only_measuring_needs_no_run_but_something_to_measure(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        script("train_upscaler").main(["--data", str(folder)])
    assert "--out or --check is needed" in capsys.readouterr().err
    assert script("train_upscaler").main(["--data", str(folder), "--check", str(tmp_path / "none"), "--quiet"]) == 2
    assert one_sentence(capsys) == f"{tmp_path / 'none'} does not exist."


# ---- sample.py --upscale -----------------------------------------------------------------------------------


@pytest.fixture
def sample(checkpoints: Path, tmp_path: Path) -> Callable[..., int]:
    save(tmp_path / "upscaler", Upscaler(MODEL))
    fixed = ["--checkpoint", str(checkpoints / "tiny"), "--upscale", str(tmp_path / "upscaler")]
    return lambda *arguments: script("sample").main([*fixed, *map(str, arguments)])


def test_an_enlarged_grid_lies_beside_the_grid_and_says_what_it_is(
    sample: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sample("--seeds=1-3", "--columns=3", "--out", tmp_path / "out/grid.png") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "grid-lanczos.png", "grid-network.png", "grid.png",
    ]  # fmt: skip
    assert Image.open(tmp_path / "out/grid.png").info == {}
    with Image.open(tmp_path / "out/grid-network.png") as picture:
        assert picture.size == (3 * 32 + 4, 32)
        assert picture.info["Comment"] == "enlarged by a network; detail is invented"
    assert Image.open(tmp_path / "out/grid-lanczos.png").info["Comment"] == "enlarged by Lanczos resampling"
    assert "detail is invented" in capsys.readouterr().out


def test_enlarged_single_posters_are_those_of_the_network_and_of_lanczos(
    sample: Callable[..., int], tmp_path: Path
) -> None:
    """70 seeds are two batches; --scale concerns the plain posters alone."""
    out = tmp_path / "out"
    assert sample("--seeds=0-69", "--single", "--scale=2", "--out", out) == 0
    assert len(list(out.iterdir())) == 210
    small = np.asarray(Image.open(out / "seed-000068.png"))[::2, ::2]
    for way, method in (("network", load(tmp_path / "upscaler")), ("lanczos", lanczos)):
        expected = to_uint8(method(from_uint8(small[None])))[0]
        assert np.array_equal(np.asarray(Image.open(out / f"seed-000068-{way}.png")), expected)


def test_an_enlarged_picture_in_the_way_stops_all(
    sample: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "grid-lanczos.png").touch()
    assert sample("--seeds=1", "--out", tmp_path / "grid.png") == 2
    assert one_sentence(capsys) == f"{tmp_path / 'grid-lanczos.png'} exists already; --overwrite replaces it."
    assert not (tmp_path / "grid.png").exists()


def test_a_missing_upscaler_is_one_sentence_before_anything_is_written(
    sample: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(tmp_path / "upscaler")
    assert sample("--seeds=1", "--out", tmp_path / "out/grid.png") == 2
    assert one_sentence(capsys) == f"{tmp_path / 'upscaler'} does not exist."
    assert not (tmp_path / "out").exists()


def test_enlarged_pictures_count_when_a_grid_is_too_large(
    sample: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """99,000 posters of 8 x 8 pixels fit one PNG; enlarged 4 times they do not."""
    assert sample("--seeds=0-98999", "--out", tmp_path / "out/grid.png") == 2
    assert "too large" in one_sentence(capsys)
