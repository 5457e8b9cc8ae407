from __future__ import annotations

from pathlib import Path

import pytest

from gan.training.runs.output import Output, duration, status_line

ROW = {
    "kimg": 1.5, "step": 94, "seconds": 3723.4, "images_per_second": 50.0, "loss_d": 1.25, "r1": 0.03, "accuracy_d": 0.8
}  # fmt: skip


@pytest.mark.parametrize(("seconds", "text"), [(4.4, "4s"), (200, "3m 20s"), (3723.4, "1h 02m 03s"), (59.9, "1m 00s")])
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_status_line_has_length_time_speed_and_every_term() -> None:
    line = " ".join(status_line(ROW | {"a_new_term": 2.0}).split())
    assert line == "kimg 1.50 time 1h 02m 03s sec/kimg 20.0 loss_d 1.25 r1 0.03 accuracy_d 0.8 a_new_term 2"


@pytest.mark.parametrize("shown", [True, False])
def test_without_a_terminal_there_is_one_line_a_tick_and_no_bar(
    shown: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Output(tmp_path, 100, shown=shown) as output:
        output.say("Begun.")
        for done in range(1, 4):
            output.advance(16)
            output.status(ROW | {"kimg": float(done)})
        output.say("D overpowers G.")
    out, err = capsys.readouterr()
    assert not err
    log = (tmp_path / "log.txt").read_text().splitlines()
    told = [line.split("  ", 1)[1] for line in log]
    assert told[0] == "Begun."
    assert [line.split()[:2] for line in told[1:4]] == [["kimg", f"{done}.00"] for done in (1, 2, 3)]
    assert told[4] == "D overpowers G."
    assert out.splitlines() == (told if shown else [])


def test_a_log_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "log.txt").mkdir()
    with Output(tmp_path, 100, shown=False) as output:
        output.say("Begun.")


def test_a_resumed_run_goes_on_in_the_same_log(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with Output(tmp_path, 100, shown=False) as output:
            output.say(text)
    assert [line.split()[-1] for line in (tmp_path / "log.txt").read_text().splitlines()] == ["one", "two"]
