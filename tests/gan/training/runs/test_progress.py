from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gan.files import in_use
from gan.training.runs.progress import RunProgress, read_progress, train_options

WRITTEN = 1_000_000.0  # seconds since the epoch


def run(folder: Path, kimg: list[float], tick: float = 30.0, options: Any = None) -> Path:
    """A run with a line every ``tick`` seconds, the last one at ``WRITTEN``."""
    rows = [{"kimg": value, "step": index, "seconds": tick * index} for index, value in enumerate(kimg)]
    (folder / "stats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    os.utime(folder / "stats.jsonl", (WRITTEN, WRITTEN))
    if options is not None:
        (folder / "options.json").write_text(json.dumps(options))
    return folder


def progress(folder: Path, later: float) -> RunProgress:
    found = read_progress(folder, WRITTEN + later)
    assert found is not None
    return found


TO_EIGHT = {"train": {"kimg": 8}}


def test_a_run_whose_log_grows_is_running_and_says_how_long_it_will_take(tmp_path: Path) -> None:
    found = progress(run(tmp_path, [0, 1, 2], options=TO_EIGHT), 4)
    assert (found.state, found.share, found.silent) == ("running", 0.25, 4)
    assert found.seconds_left == pytest.approx(180)  # six thousand more, a thousand in half a minute


@pytest.mark.parametrize(("tick", "later", "state"), [(1, 59, "running"), (1, 61, "stopped"), (60, 299, "running")])
def test_a_run_is_taken_to_have_stopped_after_some_ticks_of_silence(
    tmp_path: Path, tick: float, later: float, state: str
) -> None:
    assert progress(run(tmp_path, [0, 1, 2], tick, TO_EIGHT), later).state == state


def test_a_run_is_going_on_as_long_as_its_lock_is_held_however_silent(tmp_path: Path) -> None:
    run(tmp_path, [0, 1, 2], options=TO_EIGHT)
    with in_use(tmp_path):
        assert progress(tmp_path, 5000).state == "running"
    assert progress(tmp_path, 0).state == "stopped"  # at once, after a crash too


def test_a_run_that_reached_its_target_is_finished_however_fresh_its_log(tmp_path: Path) -> None:
    found = progress(run(tmp_path, [7, 8.008], options=TO_EIGHT), 0)
    assert (found.state, found.share, found.seconds_left) == ("finished", 1.0, 0.0)


@pytest.mark.parametrize("options", [None, [], {"train": None}, {"train": {"kimg": "many"}}, {"model": {}}])
def test_without_a_target_nothing_is_claimed(tmp_path: Path, options: Any) -> None:
    found = progress(run(tmp_path, [0, 1], options=options), 0)
    assert (found.state, found.share, found.seconds_left) == ("unknown", None, None)


def test_a_run_that_has_begun_is_running_before_its_first_line(tmp_path: Path) -> None:
    run(tmp_path, [], options=TO_EIGHT)
    os.utime(tmp_path / "options.json", (WRITTEN, WRITTEN))
    assert read_progress(tmp_path) is None
    with in_use(tmp_path):
        found = progress(tmp_path, 40)
        assert (found.state, found.share, found.silent, found.seconds_left) == ("running", 0.0, 40.0, None)
    assert read_progress(tmp_path) is None


def test_one_line_says_no_speed_and_no_line_no_progress(tmp_path: Path) -> None:
    assert progress(run(tmp_path, [1], options=TO_EIGHT), 0).seconds_left is None
    assert read_progress(tmp_path / "nowhere") is None


def test_a_checkpoint_names_the_settings_of_its_training(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"info": {"train": {"kimg": 450.0, "eval_samples": 1000}}}))
    assert train_options(tmp_path)["eval_samples"] == 1000
