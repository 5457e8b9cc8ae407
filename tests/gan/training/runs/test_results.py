from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gan import MetricsUnavailableError, ModelConfig, PosterSet, load
from gan.evaluation import features, validation
from gan.evaluation.metrics import METRICS
from gan.evaluation.validation import Validation
from gan.training import loop
from gan.training import state as states
from gan.training import step as steps
from gan.training.loop import train
from gan.training.runs import results
from gan.training.runs.folder import read_stats
from gan.training.runs.plan import Plan
from gan.training.state import State
from gan.training.step import STEP_METRICS
from tests.gan.short_runs import Pyramid, config_of, equal, state_of
from tests.gan.small_judge import Judge
from tests.gan.training.processes import finish, start

FAILURES: dict[str, tuple[BaseException, str]] = {
    "a full cache": (OSError(28, "No space left on device"), "No space left on device"),
    "no memory": (MemoryError(), "MemoryError"),
    "no memory of a device": (torch.OutOfMemoryError("CUDA out of memory.\nTried to"), "CUDA out of memory"),
    "a time limit": (TimeoutError("took too long"), "took too long"),
    "a missing package": (MetricsUnavailableError("not installed"), "not installed"),
    "an import": (ImportError("no module named timm"), "no module named timm"),
    "a broken judge": (RuntimeError("size mismatch"), "RuntimeError: size mismatch"),
    "a bug": (ZeroDivisionError(), "ZeroDivisionError"),
}


@pytest.fixture
def go(posters: PosterSet, tiny: ModelConfig, tmp_path: Path) -> Callable[..., Any]:
    def run(steps: int, resume: bool = False, **changes: Any) -> Any:
        config = config_of(steps, **{"eval_kimg": 0.008, "eval_samples": 16} | changes)
        return train(posters, Plan(tmp_path / "run", tiny, config, resume=resume, progress=False))

    return run


@pytest.mark.parametrize("failure", FAILURES)
def test_a_judge_that_fails_is_a_note_and_the_state_is_on_the_disk_before_it_is_asked(
    failure: str, go: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_judge: Judge
) -> None:
    """It works at step 2, fails at 4 and 6, and works again at 8."""
    error, words = FAILURES[failure]
    run, whole, saved = tmp_path / "run", validation.validate, []

    def failing(*arguments: Any) -> Validation:
        saved.append(torch.load(run / "state.pt", weights_only=True)["steps"])
        if saved[-1] in (4, 6):
            raise error
        return whole(*arguments)

    monkeypatch.setattr(validation, "validate", failing)
    assert go(8).steps == 8
    assert saved == [2, 4, 6, 8]
    rows = {row["step"]: row for row in read_stats(run)}
    assert list(rows) == list(range(1, 9))
    assert [step for step, row in rows.items() if "fd_lite1" in row] == [2, 8]
    assert [step for step, row in rows.items() if words in row.get("note", "")] in ([4, 6], [4])
    assert words in (run / "log.txt").read_text()
    best = min((rows[step]["fd_lite1"], step) for step in (2, 8))[1]
    assert load(run / "best").info["updates"] == best
    assert load(run / "latest").info["updates"] == 8


@pytest.mark.parametrize("failure", ["nan", "infinite"])
def test_a_distance_that_is_no_number_is_a_note_and_never_the_best(
    failure: str, go: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_judge: Judge
) -> None:
    go(2)
    before = load(tmp_path / "run/best").digest
    value = float("nan" if failure == "nan" else "-inf")
    made = Validation({"fd_lite1": value}, {}, (), 16, 16, 3, 0)
    monkeypatch.setattr(validation, "validate", lambda *_: made)
    assert go(4, resume=True).steps == 4
    row = read_stats(tmp_path / "run")[-1]
    assert "fd_lite1 is" in row["note"]
    assert "fd_lite1" not in row
    assert load(tmp_path / "run/best").digest == before


def test_features_that_are_nan_are_a_note(
    go: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_judge: Judge
) -> None:
    describe = features._describe
    monkeypatch.setattr(features, "_describe", lambda *given: describe(*given) * float("nan"))
    assert go(3).steps == 3
    assert "The validation at 0.01 kimg failed" in read_stats(tmp_path / "run")[1]["note"]


@pytest.mark.parametrize("part", ["save_latest", "draw_grid"])
def test_a_checkpoint_or_a_grid_that_cannot_be_made_is_a_note(
    part: str, go: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loop, part, full)
    assert go(3, eval_kimg=0, snapshot_kimg=0.008, grid_kimg=0.008).steps == 3
    notes = [row.get("note", "") for row in read_stats(tmp_path / "run")]
    assert ["No space left on device" in note for note in notes] == [False, True, True]
    assert torch.load(tmp_path / "run/state.pt", weights_only=True)["steps"] == 3


def test_a_best_state_that_cannot_be_written_stays_the_one_of_before(
    go: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_judge: Judge
) -> None:
    values = iter([9.0, 5.0, 7.0])
    monkeypatch.setattr(validation, "validate", lambda *_: Validation({"fd_lite1": next(values)}, {}, (), 16, 16, 3, 0))
    save = results.checkpoint.save

    def full_once(folder: Path, *arguments: Any, **more: Any) -> None:
        if folder.name == "best" and (folder / "config.json").exists() and not full:
            full.append(folder)
            raise OSError(28, "No space left on device")
        save(folder, *arguments, **more)

    full: list[Path] = []
    monkeypatch.setattr(results.checkpoint, "save", full_once)
    go(6)
    assert load(tmp_path / "run/best").info["updates"] == 6  # 7 is better than 9, and 5 was never kept


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_a_validation_stops_cleanly(
    number: int, go: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_judge: Judge
) -> None:
    whole = validation.validate

    def interrupted(*arguments: Any) -> Validation:
        os.kill(os.getpid(), number)
        return whole(*arguments)

    monkeypatch.setattr(validation, "validate", interrupted)
    state = go(50)
    assert 2 <= state.steps <= 3
    assert torch.load(tmp_path / "run/state.pt", weights_only=True)["steps"] == state.steps
    assert "fd_lite1" in read_stats(tmp_path / "run")[1]


def test_a_second_ctrl_c_during_a_validation_leaves_at_once_with_the_state_saved(
    go: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impatient(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(validation, "validate", impatient)
    with pytest.raises(KeyboardInterrupt):
        go(50)
    assert torch.load(tmp_path / "run/state.pt", weights_only=True)["steps"] == 2


# ---- Killed while it validates -----------------------------------------------------------------------


def killed(posters: PosterSet, model: ModelConfig, run: Path, when: str) -> None:
    """In a process of its own: a run that is killed before, while or after the second best state is written."""
    patch = pytest.MonkeyPatch()
    from tests.gan.small_judge import judge_by

    judge_by(patch, Judge())
    values = iter([9.0, 5.0])
    whole, save = validation.validate, results.checkpoint.save

    def validate(*arguments: Any) -> Validation:
        made = whole(*arguments)
        value = next(values)
        if value == 5.0 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        return Validation(**vars(made) | {"metrics": {"fd_lite1": value}})

    def save_and_die(folder: Path, *arguments: Any, **more: Any) -> None:
        save(folder, *arguments, **more)
        if folder.name == "best" and load(folder).info["updates"] == 4:
            os.kill(os.getpid(), signal.SIGKILL)

    patch.setattr(validation, "validate", validate)
    if when == "after":
        patch.setattr(results.checkpoint, "save", save_and_die)
    train(posters, Plan(run, model, config_of(8, eval_kimg=0.008, eval_samples=16, grid_kimg=0.008), progress=False))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_that_is_killed_while_it_validates_is_the_uninterrupted_run_when_it_is_resumed(
    when: str, posters: PosterSet, tiny: ModelConfig, tmp_path: Path, small_judge: Judge
) -> None:
    """The validation that was lost is made up for: log, grids, state and best are those of the other run."""
    (worker,) = start(killed, posters, tiny, tmp_path / "parts", when, logs=tmp_path, size=1)
    finish([worker])
    assert worker.returncode == -signal.SIGKILL, worker.output
    assert torch.load(tmp_path / "parts/state.pt", weights_only=True)["steps"] == 4
    assert [row["step"] for row in read_stats(tmp_path / "parts")] == [1, 2, 3]

    whole = validation.validate
    config = config_of(8, eval_kimg=0.008, eval_samples=16, grid_kimg=0.008)
    for name, values in (("parts", [5.0, 7.0, 6.0]), ("whole", [9.0, 5.0, 7.0, 6.0])):
        left = iter(values)

        def validate(*arguments: Any) -> Validation:
            return Validation(**vars(whole(*arguments)) | {"metrics": {"fd_lite1": next(left)}})  # noqa: B023

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(validation, "validate", validate)
            train(posters, Plan(tmp_path / name, tiny, config, resume=name == "parts", progress=False))
    runs = [tmp_path / "parts", tmp_path / "whole"]
    logs = [read_stats(run) for run in runs]
    for row in (*logs[0], *logs[1]):
        del row["seconds"], row["images_per_second"]
    assert logs[0] == logs[1]
    files = [state_of(run) for run in runs]
    assert all(equal([files[0][name]], [files[1][name]]) for name in files[1])
    bests = [load(run / "best") for run in runs]
    assert bests[0].digest == bests[1].digest
    assert bests[0].info["updates"] == bests[1].info["updates"] == 4
    grids = [{path.name: path.read_bytes() for path in (run / "grids").iterdir()} for run in runs]
    assert grids[0] == grids[1]


def test_a_restored_run_does_not_forget_its_best(
    go: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state it goes back to was saved before it was found to be the best."""
    values, diversities = iter([5.0, 7.0, 8.0, 9.0]), iter([0.9, 0.9, 0.9, 0.1, *[0.9] * 9])
    monkeypatch.setattr(validation, "validate", lambda *_: Validation({"fd_lite1": next(values)}, {}, (), 16, 16, 3, 0))
    monkeypatch.setattr("gan.training.runs.guard_rails.diversity", lambda *_: next(diversities))
    state = go(6, eval_kimg=0.008)
    assert state.restores == 1
    assert load(tmp_path / "run/best").info["fd_lite1"] == 5.0


# ---- What is logged -----------------------------------------------------------------------------------

TERMS = {
    "plain": ({}, {}, set()),
    "penalties": ({"norm_d": False}, {"penalty": 1.0, "penalty_every": 2}, {"r1", "r2"}),
    "lecam": ({}, {"lecam": 0.3}, {"lecam"}),
    "critic": ({}, {"critic": 1.0}, {"critic_d", "critic_g"}),
    "genres": (
        {"genres": ("Comedy", "Drama"), "embedding": 3},
        {"critic": 1.0},
        {"critic_d", "critic_g", "genres_d", "genres_g"},
    ),
}
ALWAYS = {"loss_d", "loss_g", "accuracy_d", "skipped_d", "logit_gap", "logit_real", "logit_fake"}


@pytest.mark.parametrize("kind", TERMS)
def test_every_term_of_a_loss_is_logged_by_its_name(
    kind: str, posters: PosterSet, tiny: ModelConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(states.BACKBONES, "efficientnet-lite0", Pyramid)
    model, changes, terms = TERMS[kind]
    config = config_of(4, tick_kimg=0.008, **changes)
    train(posters, Plan(tmp_path / "run", replace(tiny, **model), config, progress=False))
    for row in read_stats(tmp_path / "run"):
        assert row.keys() & STEP_METRICS.keys() == ALWAYS | terms
        assert all(name in (tmp_path / "run/log.txt").read_text() for name in terms)


def test_a_new_term_is_logged_without_further_ado(
    posters: PosterSet, tiny: ModelConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is due in every second step, and averaged over those."""

    def regularise(terms: steps.Terms, state: State, *_: Any) -> None:
        if state.steps % 2:
            terms.add("mine", 0 * terms.total + state.steps, 0.5)

    monkeypatch.setattr(steps, "regularise", regularise)
    train(posters, Plan(tmp_path / "run", tiny, config_of(4, tick_kimg=0.016), progress=False))
    assert read_stats(tmp_path / "run")[-1]["mine"] == 2.0  # the mean of 1 and 3


def test_no_term_of_a_loss_has_the_name_of_a_metric_of_the_validation() -> None:
    """Both stand in one row of the log, and on one page."""
    assert "coverage" in METRICS
    assert not STEP_METRICS.keys() & (METRICS.keys() | {"diversity", "kimg", "step", "seconds"})
