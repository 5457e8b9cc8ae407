from __future__ import annotations

import copy
import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest
import torch
import torch.distributed as dist
from torch import nn

from gan import ModelConfig, PosterSet, TrainConfig, TrainingError, load, load_posters
from gan.evaluation import validation
from gan.evaluation.validation import Validation
from gan.files import in_use
from gan.training import distributed as several
from gan.training.devices import check_device, exact_and_fast, own_device
from gan.training.distributed import World, joined, synchronised
from gan.training.loop import train
from gan.training.runs.folder import read_stats
from gan.training.runs.plan import Plan
from gan.training.state import new_state
from gan.training.step import step
from tests.gan.short_runs import config_of, equal
from tests.gan.training.processes import finish, free_port, start

ROOT = Path(__file__).parents[3]


# ---- The parts ---------------------------------------------------------------------------------------


def test_alone_there_is_nobody_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined(torch.device("cpu")) as world:
        assert world == World(0, 1)
        assert world.first
        assert world.rows(8) == slice(0, 8)
        assert world.mean(torch.tensor(3.0)) == 3
    assert not dist.is_initialized()


def test_processes_share_a_batch_without_gap_or_overlap() -> None:
    assert [World(rank, 3).rows(12) for rank in range(3)] == [slice(0, 4), slice(4, 8), slice(8, 12)]
    assert [World(rank, 3).first for rank in range(3)] == [True, False, False]


@pytest.mark.parametrize(("batch", "size"), [(4, 3), (4, 4)])
def test_a_batch_that_cannot_be_shared_is_refused(
    batch: int, size: int, posters: PosterSet, tiny: ModelConfig, tmp_path: Path
) -> None:
    plan = Plan(tmp_path, tiny, config_of(1))
    with pytest.raises(TrainingError, match=rf"^A batch of {batch} cannot be divided among {size} processes\.$"):
        plan.check_world(World(0, size))


def batchnorm(given: Path, results: Path) -> None:
    """In each process: its rows through synchronised BatchNorm, there and back."""
    with joined(torch.device("cpu"), timedelta(seconds=60)) as world:
        for number, (images, target, weights) in enumerate(torch.load(given)):
            network = nn.Sequential(nn.BatchNorm2d(3))
            network.load_state_dict(weights)
            held = list(network.parameters())
            synchronised(network)
            assert [id(weight) for weight in network.parameters()] == [id(weight) for weight in held]
            rows = world.rows(len(images))
            part = images[rows].requires_grad_(True)
            result = network(part)
            ((result - target[rows]) ** 2).mean().backward()
            world.average_gradients(held)
            tensors = [result.detach(), part.grad, *(weight.grad for weight in held), *network.buffers()]
            torch.save(tensors, results / f"{number}-{world.rank}.pt")


def test_shared_batchnorm_is_batchnorm_of_the_joined_batch(tmp_path: Path) -> None:
    """Outputs, gradients of pictures and weights, running statistics; also far from zero, where digits are scarce."""
    given = []
    for centre, spread in ((0.0, 1.0), (100.0, 0.1)):
        random = torch.Generator().manual_seed(1)
        images = torch.randn(6, 3, 5, 4, generator=random) * spread + centre
        images[:3] += spread  # the processes' own statistics differ
        norm = nn.Sequential(nn.BatchNorm2d(3))
        with torch.no_grad():
            norm[0].weight.copy_(torch.tensor([0.5, 1.0, 2.0]))
            norm[0].bias.copy_(torch.tensor([0.1, 0.0, -1.0]))
        given.append((images, torch.randn(6, 3, 5, 4, generator=random), norm.state_dict()))
    torch.save(given, tmp_path / "given.pt")
    workers = start(batchnorm, tmp_path / "given.pt", tmp_path, logs=tmp_path)
    finish(workers)
    assert [worker.returncode for worker in workers] == [0, 0], [worker.output for worker in workers]

    for number, (images, target, weights) in enumerate(given):
        norm = nn.Sequential(nn.BatchNorm2d(3)).double()
        norm.load_state_dict(weights)
        images = images.double().requires_grad_(True)
        result = norm(images)
        ((result - target) ** 2).mean().backward()
        parts = [torch.load(tmp_path / f"{number}-{rank}.pt") for rank in range(2)]
        assert torch.allclose(torch.cat([part[0] for part in parts]).double(), result, atol=2e-3 if number else 1e-5)
        # Each process's loss is the mean over its own half: gradients of pictures are twice those of the whole's mean.
        gradients = torch.cat([part[1] for part in parts]).double() / 2
        assert torch.allclose(gradients, images.grad, rtol=1e-2, atol=1e-3 * images.grad.abs().max().item())
        expected = [*(weight.grad for weight in norm.parameters()), *norm.buffers()]
        for part in parts:
            for mine, theirs in zip(part[2:], expected, strict=True):
                assert torch.allclose(mine.double(), theirs.double(), rtol=1e-3, atol=1e-4)
        assert all(torch.equal(a, b) for a, b in zip(parts[0][2:], parts[1][2:], strict=True))


def test_a_synchronised_network_keeps_its_weights_names_and_optimizer(tiny: ModelConfig) -> None:
    state = new_state(replace(tiny, resolution=16), config_of(1))
    before = copy.deepcopy(state.generator.state_dict())
    synchronised(state.generator)
    assert equal(state.generator.state_dict(), before)
    held = {id(weight) for group in state.optimizer_g.param_groups for weight in group["params"]}
    assert held == {id(weight) for weight in state.generator.parameters()}
    norms = [layer for layer in state.generator.layers if isinstance(layer, nn.BatchNorm2d)]
    assert len(norms) == 2
    assert all(type(norm) is several._SharedBatchNorm and norm.training for norm in norms)


# ---- A run -------------------------------------------------------------------------------------------


def four_steps(given: Path, results: Path) -> None:
    """In each process: four steps of each run on its rows of the batch."""
    with joined(torch.device("cpu"), timedelta(seconds=60)) as world:
        for number, (model, config, real, labels) in enumerate(torch.load(given, weights_only=False)):
            state = new_state(model, config)
            synchronised(state.generator), synchronised(state.discriminator)
            rows = world.rows(config.batch)
            part = None if labels is None else labels[rows]
            metrics = []
            for _ in range(4):
                found = step(state, real[rows], part, config, world)
                metrics.append({name: world.mean(value) for name, value in found.items()})
            weights = [state.generator.state_dict(), state.discriminator.state_dict(), state.ema.state_dict()]
            torch.save((metrics, weights, state.averages), results / f"{number}-{world.rank}.pt")


def test_two_processes_are_one_with_the_doubled_batch(posters: PosterSet, tiny: ModelConfig, tmp_path: Path) -> None:
    """With BatchNorm and without, with genres, augmentation, LeCam, R1 and R2."""
    changes = {"batch": 8, "augment": "color,translation,cutout", "lr_g": 1e-3, "lr_d": 1e-3}
    deep = replace(tiny, resolution=16)
    images = torch.nn.functional.interpolate(posters.tensor(range(8)), scale_factor=2)
    labels = torch.randint(-1, 2, (8, 2), generator=torch.Generator().manual_seed(0)).to(torch.int8)
    runs = [
        (deep, config_of(100, lecam=0.3, **changes), images, None),
        (
            replace(deep, norm_d=False, genres=("Comedy", "Drama"), embedding=3),
            config_of(100, loss="relativistic", penalty=1.0, penalty_every=2, label_ramp_kimg=0, **changes),
            images,
            labels,
        ),
    ]
    torch.save(runs, tmp_path / "runs.pt")
    workers = start(four_steps, tmp_path / "runs.pt", tmp_path, logs=tmp_path)
    finish(workers)
    assert [worker.returncode for worker in workers] == [0, 0], [worker.output for worker in workers]
    for number, (model, config, real, known) in enumerate(runs):
        state = new_state(model, config)
        first = copy.deepcopy(state.discriminator.state_dict())
        alone = [step(state, real, known, config) for _ in range(4)]
        weights = [state.generator.state_dict(), state.discriminator.state_dict(), state.ema.state_dict()]
        assert not torch.allclose(first["layers.0.weight"], weights[1]["layers.0.weight"], atol=1e-3)
        results = [torch.load(tmp_path / f"{number}-{rank}.pt") for rank in range(2)]
        for metrics, shared, averages in results:
            for mine, theirs in zip(metrics, alone, strict=True):
                assert mine.keys() == theirs.keys()
                for name in mine.keys() - {"accuracy_d"}:
                    assert torch.allclose(mine[name], theirs[name], atol=1e-4, rtol=1e-3), name
            for mine, theirs in zip(shared, weights, strict=True):
                for key, value in theirs.items():
                    # Adam divides by the gradient's own size: where that is nothing but rounding, so is its direction.
                    far = (mine[key].double() - value.double()).abs() > 1e-4
                    assert far.double().mean() < 0.02, (number, key, far.sum())
            assert torch.allclose(averages, state.averages, atol=1e-5)
        assert equal(results[0][1], results[1][1])  # among themselves, to the last bit


def torchrun(data: Path, run: Path, *options: str, **settings: str) -> subprocess.Popen[str]:
    """The literal command, on the smallest networks."""
    command = [str(Path(sys.executable).with_name("torchrun")), "--nproc-per-node", "2", "--master-port"]
    command += [str(free_port()), "scripts/train.py", "--data", str(data), "--out", str(run), "--device=cpu"]
    command += ["--resolution=8", "--latent=8", "--width=4", "--batch=4", "--threads=1", "--eval-kimg=0"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | settings
    return subprocess.Popen(
        [*command, *options], cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_the_same_command_under_torchrun_is_the_same_run(
    poster_folder: Path, posters: PosterSet, tiny: ModelConfig, tmp_path: Path
) -> None:
    process = torchrun(poster_folder, tmp_path / "run", "--kimg=0.04", "--tick-kimg=0.02", "--lecam=0.3")
    try:
        out, err = process.communicate(timeout=240)
    finally:
        process.kill()
    assert process.returncode == 0, err
    begun, *ticks, ended = out.splitlines()  # of the first process alone
    assert begun.startswith("Begun: 37 posters to train on, 3 held out; 2 threads of ")
    assert [line.split()[:2] for line in ticks] == [["kimg", "0.02"], ["kimg", "0.04"]]
    assert ended.startswith("10 steps in")

    config = TrainConfig(kimg=0.04, batch=4, tick_kimg=0.02, lecam=0.3, eval_kimg=0)
    state = train(posters, Plan(tmp_path / "alone", tiny, config, progress=False))
    record = torch.load(tmp_path / "run/state.pt", weights_only=True)
    assert record["steps"] == state.steps == 10
    for part in ("generator", "discriminator", "ema"):
        for key, value in getattr(state, part).state_dict().items():
            assert torch.allclose(record[part][key].double(), value.double(), atol=1e-3), key
    rows = [read_stats(tmp_path / name) for name in ("run", "alone")]
    assert [row["step"] for row in rows[0]] == [row["step"] for row in rows[1]] == [5, 10]
    for name in ("loss_d", "loss_g", "logit_gap", "diversity"):
        assert [row[name] for row in rows[0]] == pytest.approx([row[name] for row in rows[1]], abs=1e-3)
    assert load(tmp_path / "run/latest").info["updates"] == 10


def train_on(data: Path, run: Path) -> None:
    """In each process: a run without end, which notices after half a minute that another process is lost."""
    several.PATIENCE = timedelta(seconds=30)
    posters = load_posters(data, 8, progress=False)
    config = config_of(1_000_000, tick_kimg=0.02, snapshot_kimg=0.02, grid_kimg=1000)
    try:
        train(posters, Plan(run, ModelConfig(8, 8, 4), config, progress=False))
    except TrainingError as error:
        print(f"error: {error}")
        sys.exit(2)


@pytest.mark.parametrize("victim", [0, 1])
def test_a_lost_process_ends_the_other_with_one_sentence_and_a_state_to_go_on_from(
    victim: int, poster_folder: Path, posters: PosterSet, tiny: ModelConfig, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    workers = start(train_on, poster_folder, run, logs=tmp_path)
    survivor = workers[1 - victim]
    try:
        for _ in range(2400):
            if (run / "state.pt").exists():
                break
            assert all(worker.returncode is None for worker in workers), [worker.output for worker in workers]
            time.sleep(0.05)
        workers[victim].kill()
        survivor.process.join(60)
    finally:
        for worker in workers:
            worker.kill()
    assert survivor.returncode == 2, survivor.output
    message = "error: Another process was lost; go on from the last saved state with --resume."
    assert survivor.output.splitlines()[-1] == message
    steps = torch.load(run / "state.pt", weights_only=True)["steps"]
    config = config_of(steps + 3, tick_kimg=0.02)
    assert train(posters, Plan(run, tiny, config, resume=True, progress=False)).steps == steps + 3


def test_a_process_that_never_comes_is_a_lost_one(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with (
        pytest.raises(TrainingError, match=r"^Another process was lost; go on from the last saved state"),
        joined(torch.device("cpu"), timedelta(seconds=1)),
    ):
        pass
    assert not dist.is_initialized()


# ---- The first process alone --------------------------------------------------------------------------


def slow_validation(data: Path, run: Path, patience: float, seconds: float) -> None:
    """In each process: a validation that takes much longer than a message may."""

    def judge(*_: object) -> Validation:
        time.sleep(seconds)
        return Validation({"fd_lite1": 1.0}, {}, (), 16, 16, 3, 0)

    several.PATIENCE = timedelta(seconds=patience)
    validation.validate = judge
    posters = load_posters(data, 8, progress=False)
    state = train(posters, Plan(run, ModelConfig(8, 8, 4), config_of(4, eval_kimg=0.008), progress=False))
    print("steps", state.steps)


def test_a_long_validation_kills_nobody(poster_folder: Path, tmp_path: Path) -> None:
    workers = start(slow_validation, poster_folder, tmp_path / "run", 4.0, 10.0, logs=tmp_path)
    finish(workers)
    assert [worker.returncode for worker in workers] == [0, 0], [worker.output for worker in workers]
    assert all(worker.output.splitlines()[-1] == "steps 4" for worker in workers)
    assert load(tmp_path / "run/best").info["updates"] == 2


def alone(outcome: str) -> None:
    """In each process: a block of the first one that goes well, fails, or ends the process."""
    with joined(torch.device("cpu"), timedelta(seconds=5)) as world:
        try:
            with world.first_alone() as first:
                if first and outcome == "fails":
                    raise ValueError("no")
                if first and outcome == "dies":
                    os._exit(3)
                print("in the block", first)
        except Exception as error:
            print(type(error).__name__)
            raise


@pytest.mark.parametrize(
    ("outcome", "second"),
    [("goes well", "in the block False"), ("fails", "FirstProcess"), ("dies", "LostProcess")],
)
def test_the_others_learn_how_the_first_process_ended_its_block(outcome: str, second: str, tmp_path: Path) -> None:
    workers = start(alone, outcome, logs=tmp_path)
    finish(workers)
    assert second in workers[1].output
    assert ("in the block True" in workers[0].output) == (outcome == "goes well")


def locked_out(data: Path, run: Path) -> None:
    """In each process: a run in a folder in which another process trains."""
    try:
        train(load_posters(data, 8, progress=False), Plan(run, ModelConfig(8, 8, 4), config_of(1), progress=False))
    except TrainingError as error:
        print(f"{type(error).__name__}: {error}")


def test_only_the_first_process_holds_the_lock_and_all_end_where_it_is_taken(
    poster_folder: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with in_use(run):
        workers = start(locked_out, poster_folder, run, logs=tmp_path)
        finish(workers)
    assert workers[0].output.startswith("TrainingError: Another process is training in ")
    assert workers[1].output.startswith("FirstProcessError: ")


def test_a_set_up_in_which_no_number_arrives_is_no_lost_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise dist.DistBackendError("NCCL error: invalid usage\nDuplicate GPU detected")

    monkeypatch.setattr(several, "rendezvous", lambda *_, **__: iter([(dist.HashStore(), 0, 2)]))
    monkeypatch.setattr(dist, "init_process_group", lambda *_, **__: None)
    monkeypatch.setattr(dist, "all_reduce", fail)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with (
        pytest.raises(TrainingError, match=r"^The processes cannot exchange numbers \(NCCL error: invalid usage\)\.$"),
        joined(torch.device("cpu")),
    ):
        pass


def test_each_process_opens_its_own_device_only(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    monkeypatch.setattr(torch, "zeros", lambda *_, device: opened.append(str(device)) or mock.Mock())
    for rank in range(3):
        monkeypatch.setenv("LOCAL_RANK", str(rank))
        check_device(own_device("cuda"))
    monkeypatch.delenv("LOCAL_RANK")
    assert opened == ["cuda:0", "cuda:1", "cuda:2"]
    assert str(own_device("cuda")) == "cuda"
    assert str(own_device("cuda:1")) == "cuda:1"


def test_how_cuda_computes_is_chosen_and_put_back() -> None:
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    matmul.allow_tf32 = True
    try:
        with exact_and_fast(torch.device("cuda")):
            assert (matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark) == (False, False, True)
        assert (matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark) == (True, *before[1:])
        with exact_and_fast(torch.device("cpu")):
            assert (matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark) == (True, *before[1:])
    finally:
        matmul.allow_tf32 = before[0]


def test_other_errors_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several, "_meet", lambda *_: World(0, 2))
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RuntimeError, match="shapes"), joined(torch.device("cpu")):
        raise RuntimeError("shapes cannot be multiplied")
