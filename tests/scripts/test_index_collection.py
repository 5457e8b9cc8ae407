from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.scripting import SCRIPTS, one_sentence, running, script, wait_for
from xai.collection import detected, rows
from xai.collection import index as module
from xai.collection.index import Index, open_index
from xai.discriminator.concepts.detectors import DetectorUnavailableError


def study(checkpoints: Path, *options: object) -> int:
    return int(script("index_collection").main(["--checkpoint", str(checkpoints / "tiny"), *map(str, options)]))


def made(cache: Path) -> dict[bool, Index]:
    """The indexes in the cache, by whether they are of real posters."""
    found = [open_index(folder) for folder in (cache / "index").iterdir()]
    return {index.real: index for index in found if index is not None}


def contents(cache: Path) -> dict[str, bytes]:
    return {str(path.relative_to(cache)): path.read_bytes() for path in (cache / "index").rglob("*.npy")}


def test_the_study_makes_the_index_of_posters_and_seeds_and_says_where(
    checkpoints: Path, data: Path, private_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert study(checkpoints, "--data", data, "--seeds", 5) == 0
    found = made(private_cache)
    assert (len(found[True]), len(found[False])) == (32, 5)
    assert len(found[True].unseen) == 12
    assert {index.reference for index in found.values()} == {"posters"}
    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"{found[True].folder}: \d+ MB, \d+ s, [\d,]+ posters a second", said[0])
    assert said[1] == "  32 real posters, 12 held out; 4 filters of 1 layer; compared with the reference 'posters'"
    assert said[2].startswith(str(found[False].folder))
    assert said[3] == "  5 generated posters; 4 filters of 1 layer; compared with the reference 'posters'"
    before = contents(private_cache)
    assert study(checkpoints, "--data", data, "--seeds", 5) == 0
    assert contents(private_cache) == before
    assert "it was there" in capsys.readouterr().out


def test_without_posters_generated_ones_are_compared_with_generated_ones(
    checkpoints: Path, private_cache: Path
) -> None:
    assert study(checkpoints, "--seeds", 3) == 0
    assert study(checkpoints, "--seeds", 3, "--reference", "grey") == 0
    found = [open_index(folder) for folder in (private_cache / "index").iterdir()]
    assert {index.reference for index in found if index is not None} == {"generated", "grey"}
    assert all(index is not None and not index.real for index in found)


def test_other_posters_are_named_as_such(
    checkpoints: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(checkpoints / "tiny", folder)
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"kimg": 1.5', '"kimg": 1.5, "data": {"posters": 3}'))
    arguments = ["--checkpoint", str(folder), "--data", str(data), "--seeds", "0"]
    assert script("index_collection").main(arguments) == 2
    assert "was trained on other posters" in capsys.readouterr().err.splitlines()[-1]
    assert script("index_collection").main([*arguments, "--other-posters"]) == 0
    assert f"The posters of {data.name} are not those that tiny was trained on." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--seeds", "0"], "name --data, or some --seeds"),
        (["--data", "missing"], "does not exist"),
        (["--reference", "posters"], "needs pictures to choose from"),
        (["--genres", "Horror"], "no genre"),
    ],
)
def test_what_cannot_be_made_ends_with_one_line(
    options: list[str], says: str, checkpoints: Path, private_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert study(checkpoints, *options) == 2
    assert says in one_sentence(capsys)
    assert not (private_cache / "index").exists()


def test_a_cache_that_cannot_be_written_is_named(
    checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("POSTERLENS_CACHE", str(tmp_path / "file"))
    assert study(checkpoints, "--seeds", 3) == 2
    said = one_sentence(capsys)
    assert said.startswith(str(tmp_path / "file"))
    assert "cannot be written" in said


def test_ctrl_c_says_that_the_same_command_continues(
    checkpoints: Path,
    private_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(module, "BLOCK", 0)  # a poster a block
    write = rows._write_block

    def stop(group: rows.Group, block: int, arrays: rows.Arrays) -> None:
        if block == 4:
            raise KeyboardInterrupt
        write(group, block, arrays)

    with monkeypatch.context() as patch:
        patch.setattr(rows, "_write_block", stop)
        assert study(checkpoints, "--seeds", 8) == 130
    assert capsys.readouterr().err == "Stopped; the same command continues.\n"
    assert made(private_cache) == {}
    [blocks] = (private_cache / "index").glob("*/responses.blocks")
    assert len(list(blocks.iterdir())) == 4
    assert study(checkpoints, "--seeds", 8) == 0
    assert len(made(private_cache)[False]) == 8


def test_a_killed_study_goes_on_and_gives_the_same_bits(
    checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """8 x 8 posters are 256 a block: of 4,000 there are 16 blocks."""
    options = ["--checkpoint", checkpoints / "tiny", "--seeds", 4000]
    monkeypatch.setenv("POSTERLENS_CACHE", str(tmp_path / "killed"))
    arguments = list(map(str, options))
    with running("index_collection", *arguments) as process:
        while not (first := list((tmp_path / "killed").glob("index/*/responses.blocks/0.json"))):
            assert process.poll() is None
        wait_for(first[0], process)
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    assert made(tmp_path / "killed") == {}
    assert script("index_collection").main(arguments) == 0
    monkeypatch.setenv("POSTERLENS_CACHE", str(tmp_path / "whole"))
    assert script("index_collection").main(arguments) == 0
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole") != {}


def test_two_processes_share_the_blocks_and_give_the_same_bits(
    checkpoints: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--checkpoint", str(checkpoints / "tiny"), "--data", str(data), "--seeds", "600"]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, str(SCRIPTS / "index_collection.py"), *options],
        capture_output=True, text=True, timeout=240, check=False, cwd=SCRIPTS.parent,
        env=os.environ | {"POSTERLENS_CACHE": str(tmp_path / "two"), "OMP_NUM_THREADS": "1"}
        | {"PYTHONPATH": str(SCRIPTS.parent)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4
    monkeypatch.setenv("POSTERLENS_CACHE", str(tmp_path / "one"))
    assert script("index_collection").main(options) == 0
    assert contents(tmp_path / "two") == contents(tmp_path / "one") != {}
    assert np.isfinite(made(tmp_path / "two")[False].responses.contribution).all()


def test_faces_and_text_are_looked_for_where_that_is_asked(
    checkpoints: Path,
    data: Path,
    private_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(detected, "detector", lambda *_: lambda pixels: np.array([[0, 0, 1, 0.5]]))
    assert study(checkpoints, "--data", data, "--seeds", 0) == 0
    assert not (private_cache / "detected").exists()
    assert study(checkpoints, "--data", data, "--seeds", 0, "--detect") == 0
    assert "32 posters: faces on 100%, 1.0 on average; text on 50% of their area." in capsys.readouterr().out
    assert len(list((private_cache / "detected").iterdir())) == 1


def test_what_is_not_installed_is_said_before_anything_is_computed(
    checkpoints: Path,
    data: Path,
    private_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def unavailable(*_: object) -> None:
        raise DetectorUnavailableError("Finding text needs rapidocr.")

    monkeypatch.setattr(detected, "detector", unavailable)
    assert study(checkpoints, "--data", data, "--seeds", 0, "--detect") == 2
    assert "needs rapidocr" in one_sentence(capsys)
    assert not any(private_cache.rglob("index/*"))


def test_faces_and_text_are_looked_for_on_posters_only(
    checkpoints: Path, private_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert study(checkpoints, "--detect") == 2
    assert "name --data" in one_sentence(capsys)
