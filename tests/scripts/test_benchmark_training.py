from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import gan
from gan.training.cuda_graph import WARM_UP, GraphedStep
from gan.training.state import new_state
from gan.training.step import step
from tests import scripting
from tests.gan.training.recording import CpuCapture
from tests.scripting import one_sentence
from tests.scripting import script as load_script
from xai.bench.timings import training_steps

PAGE = "# Title\n<!-- speed -->\nold\n<!-- /speed -->\nafter\n"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark with networks of width 4, a few posters, one turn, and a peak of 1 TFLOP/s."""
    module = load_script("benchmark_training")
    monkeypatch.setattr(gan, "ModelConfig", lambda: replace(gan.PRESETS["dcgan"].model, width=4, latent=8))
    monkeypatch.setattr(training_steps, "POSTERS", 4)
    monkeypatch.setattr(module, "TURNS", 1)
    monkeypatch.setattr(module, "peak", lambda device: 1e12)
    return module


@pytest.fixture
def benchmark(script: ModuleType) -> Callable[..., int]:
    always = ["--device", "cpu", "--batch", "2", "--seconds", "0.001"]
    return lambda *arguments: script.main([*always, *map(str, arguments)])


def test_the_table_has_all_rungs_beside_the_tutorials_loop(
    benchmark: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert benchmark("--write", page) == 0
    printed = capsys.readouterr().out.rstrip("\n")
    about, _, _, _, *lines = printed.splitlines()
    assert about.startswith("64 x 64, batch 2, ")
    assert "peak 1,000 GFLOP/s" in about
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert [row[0] for row in rows] == ["the tutorial's loop", "channels last", "PosterLens, preset dcgan"]
    rates = [float(row[1].replace(",", "")) for row in rows]
    assert min(rates) > 0
    assert [float(row[2]) for row in rows] == pytest.approx([rate / rates[0] for rate in rates], abs=0.011)
    assert page.read_text() == PAGE.replace("old", printed)


def test_on_cuda_the_ladder_goes_on_to_the_step_as_a_graph(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU: which rungs there are, and what the project's own are given."""
    monkeypatch.setattr(script, "tutorial", lambda *_, **kinds: kinds)
    monkeypatch.setattr(script, "graphed_step", lambda config, device: (config.batch, device.type))
    monkeypatch.setattr(script, "ours", lambda posters, device, batch, step_fn=step: step_fn)
    jobs: dict[str, object] = {}
    monkeypatch.setattr(script, "in_turns", lambda found, *_: jobs.update(found) or dict.fromkeys(found, 1.0))
    rungs, _ = script.ladder(torch.device("cuda"), 2, 0.001)
    assert [rung.name for rung in rungs] == list(jobs)
    assert jobs == {
        "the tutorial's loop": {},
        "channels last": {"channels_last": True},
        "posters on the device": {"resident": True},
        "posters on the device, channels last, bfloat16": {"channels_last": True, "resident": True, "bfloat16": True},
        "PosterLens, preset dcgan": step,
        "PosterLens, preset dcgan, as a CUDA graph": (2, "cuda"),
    }


def test_the_projects_own_rung_trains_step_by_step_and_by_recordings_alike(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warm-up lasts until a recording is made, so that none is made while the clock runs."""
    states, capture = [], CpuCapture()
    monkeypatch.setattr(
        training_steps, "new_state", lambda *arguments: states.append(new_state(*arguments)) or states[-1]
    )
    posters = gan.PosterSet(torch.zeros(4, 64, 64, 3, dtype=torch.uint8).numpy(), tuple("abcd"), ((),) * 4)
    cpu = torch.device("cpu")
    jobs = {name: script.ours(posters, cpu, 2, step_fn) for name, step_fn in (("a", step), ("b", GraphedStep(capture)))}
    monkeypatch.setattr(script, "steps_a_second", lambda *_: capture.recorded)
    assert script.in_turns(jobs, cpu, 1, 1.0) == {"a": 1, "b": 1}
    eager, replayed = (state.generator.state_dict() for state in states)
    assert states[0].steps == states[1].steps == WARM_UP + 1
    assert all(torch.equal(replayed[name], value) for name, value in eager.items())


def test_each_kind_of_device_has_a_table_of_its_own(script: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE + PAGE.replace("speed -->", "speed cuda -->").replace("old", "of a GPU"))
    assert script.main(["--device", "cpu", "--batch", "2", "--seconds", "0.001", "--write", str(page)]) == 0
    assert "old" not in page.read_text()
    assert "<!-- speed cuda -->\nof a GPU\n<!-- /speed cuda -->" in page.read_text()


def test_a_rungs_efficiency_is_its_work_over_what_the_machine_could_do(script: ModuleType) -> None:
    rung = script.Rung("any", rate=50, flops=2e9)
    assert rung.efficiency(4e11) == 0.25
    assert "| any | 50.0 | 1.00 | 25% |" in script.table([rung], 4e11, torch.device("cpu"), 2)


@pytest.mark.parametrize("options", [{}, {"resident": True}, {"channels_last": True}, {"bfloat16": True}])
def test_every_kind_of_the_tutorials_loop_trains_both_networks(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, options: dict[str, bool]
) -> None:
    made = []
    for kind in ("Generator", "Discriminator"):
        network = getattr(gan, kind)
        monkeypatch.setattr(gan, kind, lambda config, network=network: made.append(network(config)) or made[-1])
    posters = gan.PosterSet(torch.zeros(4, 64, 64, 3, dtype=torch.uint8).numpy(), tuple("abcd"), ((),) * 4)
    one_step = script.tutorial(posters, torch.device("cpu"), 2, **options)
    before = [[weight.detach().clone() for weight in network.parameters()] for network in made]
    one_step()
    for network, old in zip(made, before, strict=True):
        pairs = list(zip(network.parameters(), old, strict=True))
        assert all(weight.isfinite().all() and not torch.equal(weight, first) for weight, first in pairs)


@pytest.mark.parametrize(("resolution", "width"), [(8, 4), (16, 6), (32, 4)])
def test_the_work_of_a_poster_is_what_torch_counts_in_a_step(script: ModuleType, resolution: int, width: int) -> None:
    model = replace(gan.PRESETS["dcgan"].model, resolution=resolution, width=width, latent=8)
    config = replace(gan.PRESETS["dcgan"].train, batch=4)
    state = new_state(model, config, torch.device("cpu"))
    real = torch.zeros(4, 3, resolution, resolution)
    with FlopCounterMode(display=False) as counter:
        step(state, real, None, config)
    assert script.flops_of_a_poster(model) == pytest.approx(counter.get_total_flops() / 4, rel=0.02)


def test_the_peak_is_that_of_a_matrix_product(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load_script("benchmark_training")
    clock = iter(range(1000))
    monkeypatch.setattr(whole.time, "perf_counter", lambda: float(next(clock)))  # every product takes a second
    monkeypatch.setattr(whole.torch, "randn", lambda *shape, **_: torch.zeros(1, 1))
    assert whole.peak(torch.device("cpu")) == 2 * 2048**3


def test_a_page_without_marks_is_a_sentence_before_anything_is_measured(
    benchmark: Callable[..., int],
    script: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = tmp_path / "page.md"
    page.write_text("no marks")
    measured = []
    monkeypatch.setattr(script, "ladder", lambda *arguments: measured.append(arguments))
    assert benchmark("--write", page) == 2
    marks = "<!-- speed --> and <!-- /speed -->"
    assert one_sentence(capsys) == f"{page} must hold the marks {marks}, once each and in this order."
    assert page.read_text() == "no marks"
    assert not measured


def test_a_device_that_torch_does_not_know_is_one_sentence(
    script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scripting.exit_code_of(lambda: script.main(["--device", "abacus"])) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert "abacus" in line
