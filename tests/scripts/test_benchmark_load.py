"""Many clients at once: on the real server each is answered as one alone is, and what is not is found and said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.proto.Element_pb2 import Element

from gan import PosterLensError
from scripts import benchmark_load
from scripts.benchmark_load import PAGES, Answer, Load, beside_study, measure, percentile, report, report_beside
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


def test_one_page_beside_another_sessions_study_is_measured(checkpoints: Path) -> None:
    script = HOUSE / "dashboard/app.py"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmark_load, "STARTS", 0.0)
        patch.setattr(benchmark_load, "all_filters", lambda *_, whole=benchmark_load.all_filters: never_over(whole(*_)))
        alone, meanwhile = beside_study(script, checkpoints / "tiny", 1)
    assert [(one.page, one.seed) for one in (*alone, *meanwhile)] == [("latent", 1), ("latent", 2)]
    assert not any(one.raised for one in (*alone, *meanwhile))
    assert all(one.pictures for one in (*alone, *meanwhile))


def never_over(elements: list[Element]) -> list[Element]:
    """Without the table that there is at the end, which comes soon on the tiny networks."""
    return [one for one in elements if not one.HasField("dataframe")]


def test_a_study_that_is_over_too_soon_is_said(checkpoints: Path) -> None:
    table = Element()
    table.dataframe.SetInParent()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmark_load, "STARTS", 0.0)
        patch.setattr(benchmark_load, "all_filters", lambda *_, whole=benchmark_load.all_filters: [*whole(*_), table])
        with pytest.raises(PosterLensError, match="take fewer --seeds"):
            beside_study(HOUSE / "dashboard/app.py", checkpoints / "tiny", 1)


def test_both_are_a_table() -> None:
    slow = [replace(GOOD, page="latent", seconds=seconds) for seconds in (2.0, 3.0, 7.0)]
    rows = report_beside([GOOD], slow).splitlines()
    assert rows[2:] == ["| alone | 1 | 0.50 | 0.50 |", "| while another session's study runs | 3 | 3.00 | 7.00 |"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--clients", "3"], "--clients does nothing together with --while-studying"), ([], "There is no checkpoint 'x'")],
)
def test_what_does_not_go_with_a_study_is_said(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    try:
        code = benchmark_load.main(["--while-studying", "x", *arguments])
    except SystemExit as end:
        code = int(end.code or 0)
    assert code == 2
    assert said in capsys.readouterr().err


def test_a_folder_without_checkpoints_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark_load.main(["--checkpoints", str(tmp_path)]) == 2
    assert "There is no checkpoint in" in capsys.readouterr().err
