"""Many clients at once: on the real server each is answered as one alone is, and what is not is found and said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scripts import benchmark_load
from scripts.benchmark_load import PAGES, Answer, Load, measure, percentile, report
from xai.bench.pages.browser import HOUSE

GOOD = Answer("compare", 3, 0.5, ("a.png", "b.png"), ())


@pytest.fixture(scope="module")
def load(checkpoints: Path) -> Load:
    return measure(HOUSE / "dashboard/app.py", 2, 5.0, 2, ["--checkpoints", str(checkpoints)])


def test_every_client_is_answered_as_one_alone_is(load: Load) -> None:
    assert not load.raised
    assert not load.different
    assert {(one.page, one.seed) for one in load.alone} == {(page, seed) for page in PAGES for seed in (1, 2)}
    assert {one.page for one in load.together} <= set(PAGES)
    assert load.together
    assert min(load.megabytes) > 50


def test_answers_have_the_pictures_of_their_poster(load: Load) -> None:
    pictures = {(one.page, one.seed): one.pictures for one in load.alone}
    assert all(pictures[page, 1] for page in ("compare", "latent"))
    assert all(pictures[page, 1] != pictures[page, 2] for page in ("compare", "latent"))


def test_another_picture_and_an_exception_are_found_and_end_badly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replace(GOOD, pictures=("a.png", "c.png"))
    failed = replace(GOOD, raised=("compare, seed 3: out of memory",))
    bad = Load([GOOD], [GOOD, other, failed], [100.0, 110.0])
    assert bad.different == [other]
    assert bad.raised == ["compare, seed 3: out of memory"]
    for found, code in ((bad, 2), (Load([GOOD], [GOOD], [100.0]), 0)):
        monkeypatch.setattr(benchmark_load, "measure", lambda *given, found=found: found)
        assert benchmark_load.main([]) == code
    said = capsys.readouterr()
    assert "3 answers to 20 clients: 1 raised an exception, 1 had another picture" in said.out
    assert "out of memory" in said.err


def test_a_page_is_told_from_another_one(load: Load) -> None:
    slow = replace(GOOD, page="latent", seconds=2.0)
    rows = report(Load([GOOD, slow], [GOOD, slow, replace(slow, seconds=4.0)], [100.0]), 2).splitlines()
    assert rows[2:4] == ["| compare | 0.50 | 1 | 0.50 | 0.50 |", "| latent | 2.00 | 2 | 3.00 | 3.90 |"]
    assert percentile([0.0, 1.0], 95) == pytest.approx(0.95)


def test_a_folder_without_checkpoints_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark_load.main(["--checkpoints", str(tmp_path)]) == 2
    assert "There is no checkpoint in" in capsys.readouterr().err
