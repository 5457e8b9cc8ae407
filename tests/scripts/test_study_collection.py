"""The study of a collection from the command line: all parts, or those that need no posters; stopped, it goes on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gan
from gan.evaluation.estimates import Estimate
from tests.gan.small_judge import Judge
from tests.scripting import script
from xai.collection import study as module
from xai.collection.clusters import Stability
from xai.collection.detected import Detected
from xai.collection.omissions.kinds import Kind, Kinds
from xai.collection.study import FILE, PARTS, CollectionStudy
from xai.networks.packing import packed

study = script("study_collection")
Labels = dict[str, Any]
FEW = ["--seeds", "60", "--drawn", "60"]


@pytest.fixture(autouse=True)
def small_features(small_judge: Judge) -> None:
    """A small network in place of EfficientNet."""


@pytest.fixture
def folder(checkpoints: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoints / "tiny", tmp_path / "tiny"))


def same(one: CollectionStudy, other: CollectionStudy) -> bool:
    (arrays, record), (others, anew) = packed(one), packed(other)
    equal = all(np.array_equal(arrays[name], others[name], equal_nan=arrays[name].dtype.kind == "f") for name in arrays)
    return equal and str(record) == str(anew)


def test_the_study_is_written_into_the_checkpoint_and_read_back(
    folder: Path, data: Path, private_cache: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- collection -->\nold\n<!-- /collection -->\nafter\n")
    arguments = ["--checkpoint", str(folder), "--data", str(data), "--other-posters", *FEW]
    assert study.main([*arguments, "--write", str(page)]) == 0
    found = CollectionStudy.beside(folder, gan.load(folder).digest)
    assert found is not None
    assert (found.real, found.held_out, found.generated, found.drawn) == (32, 12, 60, 60)
    assert {one.space for one in found.hubs} == {"layers.1", "colour", "layout", "hash"}
    said = capsys.readouterr().out
    assert "32 real posters (12 held out), 60 generated posters" in said
    for hub in found.hubs:
        assert hub.text in said
    assert page.read_text().startswith("before\n<!-- collection -->\n### Over depth")
    assert CollectionStudy.beside(folder, "another") is None
    assert study.main(arguments) == 0  # its own file is replaced, and nothing is computed again
    again = CollectionStudy.beside(folder, gan.load(folder).digest)
    assert again is not None
    assert same(found, again)


def test_without_posters_what_needs_them_is_left_out_and_said(
    folder: Path, private_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert study.main(["--checkpoint", str(folder), *FEW]) == 0
    found = CollectionStudy.beside(folder, gan.load(folder).digest)
    assert found is not None
    assert (found.real, found.posters) == (0, "")
    assert found.depth is None
    assert found.copies is None
    assert found.hubs
    assert all(line.rstrip().endswith("real posters.") for line in found.missing if "need" in line)
    assert len(found.missing) >= 2
    for line in found.missing:
        assert line in capsys.readouterr().out or line in found.text


def test_a_study_that_is_stopped_keeps_its_finished_parts(
    folder: Path, data: Path, private_cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--checkpoint", str(folder), "--data", str(data), "--other-posters", *FEW]

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    second = list(PARTS)[1]
    with monkeypatch.context() as patch:
        patch.setitem(PARTS, second, module.Part("stopped", 1, object, stop))
        assert study.main(arguments) == 130
    assert "continues" in capsys.readouterr().err
    assert not (folder / FILE).exists()
    assert [path.name for path in private_cache.glob("collection/*/*.npz")] == [f"{next(iter(PARTS))}.npz"]
    first = PARTS[next(iter(PARTS))]
    with monkeypatch.context() as patch:
        patch.setitem(PARTS, next(iter(PARTS)), module.Part(first.title, 1, first.result, stop))
        assert study.main(arguments) == 0  # the first part is not computed again


def test_a_damaged_part_is_made_again(folder: Path, data: Path, private_cache: Path) -> None:
    arguments = ["--checkpoint", str(folder), "--data", str(data), "--other-posters", *FEW]
    assert study.main(arguments) == 0
    whole = CollectionStudy.load(folder / FILE)
    for path in private_cache.glob("collection/*/*.npz"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert study.main(arguments) == 0
    assert same(CollectionStudy.load(folder / FILE), whole)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--checkpoint", "missing"], "does not exist"),
        (["--out", "missing/study.npz"], "folder that exists"),
        (["--data", "missing"], "does not exist"),
        (["--condition", "Horror"], "no genre"),
        (["--seeds", "1"], "--seeds"),
        (["--write", "missing.md"], "is not a page that can be read"),
    ],
)
def test_a_study_that_cannot_be_made_ends_with_one_line(
    checkpoints: Path, data: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--checkpoint", str(checkpoints / "tiny"), "--data", str(data), "--other-posters"]
    assert script_code([*given, *arguments]) == 2
    assert says in capsys.readouterr().err.splitlines()[-1]


def script_code(arguments: list[str]) -> int:
    """Exit code, of options that are refused as well."""
    try:
        return int(study.main(arguments))
    except SystemExit as error:
        return int(str(error.code))


def test_faces_and_text_that_were_looked_for_afterwards_become_kinds(
    folder: Path, data: Path, private_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kinds alone are made again, and once; so few posters have no clusters, so that a stand-in names the labels."""
    arguments = ["--checkpoint", str(folder), "--data", str(data), "--other-posters", *FEW]
    asked: list[set[str]] = []

    def named(extracted: object, posters: gan.PosterSet, generator: object, labels: Labels, progress: object) -> Kinds:
        asked.append(set(labels))
        one, some = Estimate(1.0, 1.0, 1.0), np.arange(2)
        every = [Kind(name, "label", (), one, one, one, one, one, some, some) for name in ("Horror", *labels)]
        return Kinds(tuple(every), 12, 20, 60, 60, Stability(2, one, one))

    monkeypatch.setattr(module, "kinds", named)
    assert study.main(arguments) == 0
    found = Detected(np.arange(32) % 3, np.arange(32) % 3 / 10, np.linspace(0, 1, 32))
    monkeypatch.setattr(module, "open_detected", lambda posters: found)
    for _ in range(2):
        assert study.main(arguments) == 0
    assert asked == [set(), set(found.labels)]
    again = CollectionStudy.beside(folder, gan.load(folder).digest)
    assert again is not None
    assert again.kinds is not None
    assert {"Horror", "no face", "one face"} <= {kind.name for kind in again.kinds.kinds}
