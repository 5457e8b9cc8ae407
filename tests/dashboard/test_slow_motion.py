"""The page Slow motion: half steps, playing, going back, and a memory that all sessions share."""

from __future__ import annotations

import gc
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest

import gan
from dashboard.cached import slow_motion
from dashboard.cached.slow_motion import CHECKPOINT, NOTHING, Seat, Wish
from dashboard.panels.slow_motion import PLAYING, SEAT
from gan.training.loop import train
from gan.training.runs.plan import Plan
from gan.training.slow_motion.stage import Stage, nbytes
from gan.training.slow_motion.starts import drawn_posters, from_checkpoint
from tests.dashboard.reading import OpenApp, charts, errors, headings, texts
from tests.gan.short_runs import config_of, equal

SMALL = {"stage": CHECKPOINT, "stage_batch": "8", "stage_shown": "4"}  # the networks of the fixture, 8 x 8


@pytest.fixture(autouse=True)
def few_posters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_motion, "DRAWN", 24)


def stage_of(app: AppTest) -> Stage:
    seat: Seat = app.session_state[SEAT]
    assert seat.stage is not None
    return seat.stage


def click(app: AppTest, *names: str) -> AppTest:
    for name in names:
        app.button(key=f"stage_{name}").click().run()
        assert not app.exception
        assert not app.error
    return app


def ready(app: AppTest) -> set[str]:
    """Words of the buttons that can be pressed."""
    keys = ("step_d", "step_g", "play", "pause", "slower", "faster", "go_back", "save_this_state")
    shown = {button.key: button for button in app.button}
    return {key for key in keys if f"stage_{key}" in shown and not shown[f"stage_{key}"].disabled}


def shown_strips(app: AppTest, name: str) -> list[list[dict[str, Any]]]:
    """Frames of the strips of this title, as the browser gets them."""
    sheets = [json.loads(one.proto.json) for one in app.get("bidi_component") if one.proto.json]
    (sheet,) = [one for one in sheets if one.get("title") == name]
    frames: list[list[dict[str, Any]]] = sheet["strips"]
    return frames


def test_step_d_and_step_g_take_turns(open_app: OpenApp) -> None:
    app = open_app("slow_motion", SMALL)
    assert ready(app) == {"step_d", "play", "slower", "faster"}
    assert "*Step D* shows D a batch" in texts(app)
    click(app, "step_d")
    assert ready(app) >= {"step_g", "go_back"}
    assert "step_d" not in ready(app)
    assert headings(app) == ["Generated posters", "Real posters", "The same noise at every saved state"]
    click(app, "step_g")
    assert "step_d" in ready(app)
    assert "step_g" not in ready(app)
    assert stage_of(app).state.steps == 1
    assert "Step 1, both halves." in texts(app)
    assert set(charts(app)) == {"Losses", "Mean logits", "Accuracy of D"}


def test_the_page_steps_as_the_training_does(open_app: OpenApp, checkpoints: Path) -> None:
    app = click(open_app("slow_motion", SMALL), "step_d", "step_g", "step_d", "step_g")
    unstepped = Stage(from_checkpoint(gan.load(checkpoints / "tiny"), batch=8), drawn_posters((8, 8), 24))
    unstepped.run(2)
    # Each run of a page is a thread of its own, whose first sums may be in another order: not the same bits as here.
    assert stage_of(app).state.steps == 2
    for name, part in unstepped.state.parts().items():
        torch.testing.assert_close(stage_of(app).state.parts()[name].state_dict(), part.state_dict())


def test_each_poster_has_its_logit_and_whether_it_fools_d(open_app: OpenApp) -> None:
    """The marks are of the logits that stand beside them, and are words, not colours."""
    app = click(open_app("slow_motion", SMALL), "step_d", "step_g")
    stage = stage_of(app)
    assert stage.d_step is not None
    assert stage.g_step is not None
    fakes, real = (shown_strips(app, f"{kind} posters of this step") for kind in ("generated", "real"))
    assert (len(fakes), len(real)) == (4, 4)
    for index, (noise, drawing, request, after, change) in enumerate(fakes):
        logit = stage.d_step.before.logit_fake[index].item()
        assert drawing["text"].startswith(f"{logit:+z.2f} → ")
        assert drawing["mark"] == ("✗ fools D" if logit > 0 else "✓ D says fake")
        assert drawing["wrong"] is (logit > 0)
        assert after["text"] == f"after {stage.g_step.verdicts.logit_fake[index].item():+z.2f}"
        assert (noise["text"], request["text"]) == ("noise", "D asks")
        assert "change × " in change["text"]
        assert all(frame["alt"] for frame in (noise, drawing, request, after, change))
    for index, (frame,) in enumerate(real):
        wrong = stage.d_step.before.logit_real[index].item() <= 0
        assert frame["mark"] == ("✗ D says fake" if wrong else "✓ D says real")


def test_a_d_that_compares_is_wrong_where_a_real_poster_is_below_its_generated_one(
    open_app: OpenApp, tmp_path: Path, posters: gan.PosterSet, tiny: gan.ModelConfig
) -> None:
    """Such logits have no zero: none is called real or fake."""
    plan = Plan(tmp_path / "runs/first", replace(tiny, norm_d=False), config_of(3, loss="relativistic"), progress=False)
    train(posters, plan)
    app = click(open_app("slow_motion", {"stage": "run runs/first", "stage_shown": "4"}), "step_d")
    before = stage_of(app).d_step.before
    fakes, real = (shown_strips(app, f"{kind} posters of this step") for kind in ("generated", "real"))
    for index, (fake, (shown,)) in enumerate(zip(fakes, real, strict=True)):
        wrong = bool(before.logit_real[index] <= before.logit_fake[index])
        assert fake[1]["mark"] == ("✗ above its real poster" if wrong else "✓ below its real poster")
        assert shown["mark"] == ("✗ below its generated one" if wrong else "✓ above its generated one")
    assert "above 0 is real" not in texts(app)


@pytest.mark.parametrize(("speed", "steps"), [("half a step", 2), ("1 step", 4), ("10 steps", 40)])
def test_playing_makes_a_tick_of_this_speed_in_each_run(open_app: OpenApp, speed: str, steps: int) -> None:
    app = open_app("slow_motion", SMALL | {"stage_speed": speed})
    click(app, "play")
    for _ in range(3):
        app.run()
    assert not app.exception
    assert stage_of(app).state.steps == steps
    assert ready(app) <= {"pause", "slower", "faster"}
    click(app, "pause")
    assert stage_of(app).state.steps == steps
    assert "play" in ready(app)


def test_slower_and_faster_move_the_speed(open_app: OpenApp) -> None:
    app = click(open_app("slow_motion", SMALL), "faster")
    assert app.session_state["stage_speed"] == "10 steps"
    click(app, "faster")
    assert "faster" not in ready(app)
    click(app, "slower", "slower", "slower")
    assert app.session_state["stage_speed"] == "half a step"
    assert "slower" not in ready(app)


def test_going_back_takes_a_saved_state_up_exactly(open_app: OpenApp) -> None:
    app = click(open_app("slow_motion", SMALL), "step_d", "step_g", "save_this_state")
    at_1 = {name: value.clone() for name, value in stage_of(app).state.generator.state_dict().items()}
    click(app, "step_d", "step_g", "step_d")
    logits = stage_of(app).d_step
    assert logits is not None
    assert stage_of(app).saved.steps == [0, 1]
    click(app, "go_back")  # the last one is chosen
    assert stage_of(app).state.steps == 1
    assert equal(stage_of(app).state.generator.state_dict(), at_1)
    click(app, "step_d", "step_g", "step_d")
    again = stage_of(app).d_step
    assert again is not None
    torch.testing.assert_close(again.before.logit_fake, logits.before.logit_fake)


def test_a_run_that_ends_stops_playing(open_app: OpenApp, monkeypatch: pytest.MonkeyPatch) -> None:
    from gan.training.slow_motion import starts

    monkeypatch.setattr(starts, "STEPS", 3)
    app = click(open_app("slow_motion", SMALL | {"stage_speed": "10 steps"}), "play")
    assert stage_of(app).state.steps == 3
    assert app.session_state[PLAYING] is False
    assert not ready(app) & {"play", "step_d", "step_g"}


def test_a_second_click_on_the_way_is_one_sentence(open_app: OpenApp) -> None:
    app = click(open_app("slow_motion", SMALL), "step_d")
    app.session_state["stage_move"] = ("d",)
    app.run()
    assert not app.exception
    assert any("G comes next" in warning.value for warning in app.warning)


def test_another_start_is_another_stage(open_app: OpenApp) -> None:
    app = click(open_app("slow_motion", SMALL), "step_d")
    before = stage_of(app)
    app.run()
    assert stage_of(app) is before
    app.segmented_control(key="stage_batch").set_value(16).run()
    assert stage_of(app) is not before
    assert stage_of(app).config.batch == 16
    assert stage_of(app).d_step is None


def test_who_comes_back_finds_the_stage_as_it_was_and_paused(open_app: OpenApp) -> None:
    app = click(open_app("slow_motion", SMALL), "play")
    steps, stage = stage_of(app).state.steps, stage_of(app)
    app.switch_page("app_pages/training.py").run()
    app.switch_page("app_pages/slow_motion.py").run()
    assert stage_of(app) is stage
    assert stage.state.steps == steps
    assert "play" in ready(app)


def test_from_nothing_begins_with_small_networks(open_app: OpenApp) -> None:
    app = open_app("slow_motion")
    assert stage_of(app).state.generator.config.size == (32, 32)
    assert "posters drawn by a program" in texts(app)
    click(app, "step_d", "step_g")


def test_a_checkpoint_is_fed_real_posters_where_there_are_some(open_app: OpenApp, poster_folder: Path) -> None:
    app = open_app("slow_motion", SMALL, "--posters", str(poster_folder))
    assert "37 posters of 8 × 8 pixels, real posters" in texts(app)
    assert "Adam's moments begin anew" in texts(app)


def test_a_run_is_taken_up_from_its_saved_state(
    open_app: OpenApp, tmp_path: Path, posters: gan.PosterSet, tiny: gan.ModelConfig
) -> None:
    train(posters, Plan(tmp_path / "runs/first", tiny, config_of(3), progress=False))
    app = open_app("slow_motion", {"stage": "run runs/first"})
    assert stage_of(app).state.steps == 3
    assert "The run has reached its length; here it goes on." in texts(app)
    click(app, "step_d", "step_g")
    assert stage_of(app).state.steps == 4
    (tmp_path / "runs/first/state.pt").write_bytes(b"broken")
    app = open_app("slow_motion", {"stage": "run runs/first"})
    assert not app.exception
    assert any("is damaged" in warning.value for warning in app.warning)


# ---- Memory ---------------------------------------------------------------------------------------------------


def seat_of(checkpoint: gan.Checkpoint) -> Seat:
    return Seat(Wish(NOTHING, "", 8, 0), Stage(from_checkpoint(checkpoint, batch=8), drawn_posters((8, 8), 8)), "")


def test_stages_beyond_the_memory_are_put_away_the_longest_unused_first(
    checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seats = [seat_of(gan.load(checkpoints / "tiny")) for _ in range(3)]
    assert seats[0].stage is not None
    monkeypatch.setattr(slow_motion, "MEMORY", int(2.5 * nbytes(seats[0].stage.state)))
    for seat in (seats[0], seats[1], seats[0], seats[2]):
        slow_motion.use(seat)
    assert [seat.stage is None for seat in seats] == [False, True, False]


def test_a_session_that_ends_leaves_no_stage_and_no_file(checkpoints: Path) -> None:
    seat = seat_of(gan.load(checkpoints / "tiny"))
    slow_motion.use(seat)
    assert seat.stage is not None
    folder = seat.stage.saved._folder
    assert folder.exists()
    del seat
    gc.collect()
    assert not folder.exists()
    assert not list(slow_motion._seats()[1])


def test_a_stage_that_was_put_away_says_so(open_app: OpenApp) -> None:
    app = click(open_app("slow_motion", SMALL), "step_d")
    app.session_state[SEAT].stage = None
    app.run()
    assert not app.exception
    assert any("was put away" in note.value for note in app.info)
    next(button for button in app.button if button.label == "Begin again").click().run()
    assert stage_of(app).state.steps == 0
    assert not errors(app)
