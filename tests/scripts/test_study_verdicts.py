"""scripts/study_verdicts.py: verdicts beside a checkpoint, found by the Compare page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import xai
from scripts import study_verdicts
from tests.dashboard.conftest import nothing_cached, open_app  # noqa: F401  # fixtures
from tests.dashboard.reading import OpenApp

METHODS = "deeplift,activation"


@pytest.fixture
def folder(checkpoints: Path, tmp_path: Path) -> Path:
    """A checkpoint whose verdicts on seed 0 are kept."""
    shutil.copytree(checkpoints / "tiny", tmp_path / "ck/tiny")
    chosen = ["--checkpoint", str(tmp_path / "ck/tiny"), "--seeds", "0", "--methods", METHODS]
    assert study_verdicts.main(chosen) == 0
    return tmp_path / "ck"


def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which methods' maps are examined from now on."""
    examine, names = xai.examine, []

    def remembered(method: xai.Attribution, *arguments: object) -> xai.Trust:
        names.append(method.name)
        return examine(method, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(xai, "examine", remembered)
    return names


QUERY = {"methods": ["DeepLIFT", "Activation map"]}


def test_the_first_visit_shows_kept_verdicts_without_measuring(
    open_app: OpenApp,  # noqa: F811
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = asked(monkeypatch)
    app = open_app("compare", QUERY | {"seed": "0"}, "--checkpoints", str(folder))
    assert not app.exception
    assert names == []
    assert sum("-badge[:material" in block.value for block in app.markdown) == 2
    app.button(key="evidence_deeplift").click().run()
    assert not app.exception
    app.number_input(key="seed").set_value(1).run()  # another poster is measured
    assert names == ["deeplift", "activation"]


@pytest.mark.parametrize("change", ["checks", "digest", "count"])
def test_what_was_kept_of_something_else_is_measured_again(
    open_app: OpenApp,  # noqa: F811
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    path = folder / "tiny/verdicts.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {change: 8 if change == "count" else "another"}))
    names = asked(monkeypatch)
    open_app("compare", QUERY | {"seed": "0"}, "--checkpoints", str(folder))
    assert names == ["deeplift", "activation"]
