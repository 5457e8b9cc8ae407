"""The localisation benchmark from the command line, on networks that cost nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

import gan
import xai
from gan.data.synthetic import write_folder
from tests.scripting import exit_code_of, script
from tests.xai.nets import discriminator, generator, oblong, scramble

PAGE = "# Before\n\n<!-- benchmark: begin -->\nold\n<!-- benchmark: end -->\n\nAfter.\n"


@pytest.fixture(scope="module")
def module() -> ModuleType:
    return script("benchmark_attribution")


@pytest.fixture
def run(module: ModuleType, tmp_path: Path) -> Callable[..., int]:
    """The script on a checkpoint of 32 x 32 pixels, with few and easy cases."""
    gan.save(tmp_path / "small", generator(32), discriminator(32), {})
    few = ["--checkpoint", str(tmp_path / "small"), "--cases=2", "--least=0.2", "--quick"]
    return lambda *arguments: module.main([*few, *map(str, arguments)])


def without_times(text: str) -> str:
    return re.sub(r"\d+\.\d\d \|$|\d+ minutes", "", text, flags=re.MULTILINE)


def test_one_command_fills_the_page_and_the_json(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, figures = tmp_path / "page.md", tmp_path / "figures.json"
    page.write_text(PAGE)
    write_folder(tmp_path / "posters", 60, size=(32, 48))
    assert run("--data", tmp_path / "posters", "--write", page, "--json", figures) == 0
    text = page.read_text()
    assert text.startswith("# Before\n\n<!-- benchmark: begin -->\n")
    assert text.endswith("<!-- benchmark: end -->\n\nAfter.\n")
    assert "\nold\n" not in text
    assert capsys.readouterr().out.strip() in text
    for name in xai.METHODS:
        assert text.count(f"\n| {xai.METHODS[name].title} |") == 5  # over all, at each detail, and of each kind
    assert text.count("| *edge detector (Sobel)* |") == text.count("| *chance* |") == 4
    assert "held-out posters" in text
    assert str(tmp_path) not in text

    found = json.loads(figures.read_text())
    assert str(tmp_path) not in figures.read_text()
    assert found["settings"]["digest"] == gan.load(tmp_path / "small").digest
    assert found["settings"]["reference"] == "posters"
    assert [case["kind"] for case in found["cases"]] == ["patch"] * 2 + ["noise"] * 2 + ["synthetic"] * 2
    assert all(abs(case["delta"]) >= found["settings"]["least_logit"] for case in found["cases"])
    assert set(found["measures"]) == {*xai.METHODS, "ceiling", "random", "edges", "centre"}
    assert found["measures"]["ceiling"]["mass"] == [1] * 6
    assert all(len(values) == 6 for measures in found["measures"].values() for values in measures.values())
    ranks = [one["measured"]["rank"]["value"] for one in found["all"]]
    assert ranks == sorted(ranks, reverse=True)


def test_without_posters_generated_ones_stand_in_and_it_is_said_and_repeated(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    texts = []
    for _ in range(2):
        assert run() == 0
        texts.append(without_times(capsys.readouterr().out))
    assert texts[0] == texts[1]
    assert "generated posters (no real posters were given)" in texts[0]
    assert "reference `generated`" in texts[0]


@pytest.mark.parametrize("posters", [False, True])
def test_posters_of_two_to_three_are_measured_whole(
    posters: bool, module: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = oblong(norm_d=True, genres=())
    networks = (scramble(lambda: gan.Generator(config)).eval(), scramble(lambda: gan.Discriminator(config)).eval())
    gan.save(tmp_path / "whole", *networks, {})
    write_folder(tmp_path / "posters", 60, size=(32, 48))
    given = ["--checkpoint", str(tmp_path / "whole"), "--cases=2", "--least=0.2", "--quick", "--methods", "deeplift"]
    given += ["--data", str(tmp_path / "posters")] * posters
    assert module.main([*given, "--json", str(tmp_path / "figures.json")]) == 0, capsys.readouterr().err
    found = json.loads((tmp_path / "figures.json").read_text())
    assert [kind["kept"] for kind in found["kinds"].values()] == [2, 2, 2]
    assert all(ceiling == 1 for ceiling in found["measures"]["ceiling"]["mass"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--cases=1"], "--cases"),
        (["--least=0"], "--least"),
        (["--least=nan"], "--least"),
        (["--seed=-1"], "--seed"),
        (["--least=1e9"], "ask for less"),
        (["--checkpoint=nowhere"], "does not exist"),
        (["--write=nowhere.md"], "nowhere.md"),
        (["--json=nowhere/figures.json"], "nowhere"),
        (["--reference=posters"], "needs pictures"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert exit_code_of(lambda: run(*arguments)) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert said in lines[0]


def test_methods_can_be_measured_alone(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--methods", "gradcam", "deeplift") == 0
    text = capsys.readouterr().out
    assert text.count("\n| Grad-CAM |") == text.count("\n| DeepLIFT |") == 5
    assert "LIME" not in text
    assert "Occlusion" not in text


def test_posters_of_which_none_is_held_out_are_too_few(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_folder(tmp_path / "few", 1, first_seed=1, size=(32, 48))
    assert run("--data", tmp_path / "few") == 2
    assert "held out" in capsys.readouterr().err


def test_a_discriminator_that_tells_no_poster_from_another_is_not_measured(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blind = discriminator(32)
    torch.nn.init.zeros_(blind.layers[0].weight)
    gan.save(tmp_path / "blind", generator(32), blind, {})
    assert run("--checkpoint", tmp_path / "blind") == 2
    assert "do not differ" in capsys.readouterr().err


@pytest.mark.parametrize("page", ["nothing", PAGE + PAGE, "<!-- benchmark: end --> <!-- benchmark: begin -->"])
def test_a_page_without_one_pair_of_marks_is_refused_and_left_alone(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str], page: str
) -> None:
    path = tmp_path / "page.md"
    path.write_text(page)
    assert run("--write", path) == 2
    assert "benchmark: begin" in capsys.readouterr().err
    assert path.read_text() == page
