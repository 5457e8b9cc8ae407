from __future__ import annotations

import importlib.util
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import gan
import xai
from gan.synthetic import write_folder
from xai import findings, report

SCRIPT = Path(__file__).parents[1] / "scripts/explain.py"
QUICK = ["--methods=deeplift,lime", "--set", "lime.samples=40"]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scripts_explain", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def explain(script: ModuleType, checkpoints: Path) -> Callable[..., int]:
    return lambda *arguments: script.main(["--checkpoint", str(checkpoints / "tiny"), *map(str, arguments)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven posters, one of them in a folder of its own; not to be changed by a test."""
    made = tmp_path_factory.mktemp("some")
    write_folder(made, 11, size=(32, 48))
    (made / "metadata.csv").unlink()
    (made / "more").mkdir()
    first = sorted(made.glob("*.*"))[0]
    first.rename(made / "more" / sorted(made.glob("*.*"))[1].name)
    return made


def one_sentence(capsys: pytest.CaptureFixture[str]) -> str:
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert line.endswith((".", "?"))
    return line.removeprefix("error: ")


def contents(folder: Path) -> dict[str, Any]:
    """All files by name: bytes, but JSON without seconds."""
    return {
        file.relative_to(folder).as_posix(): timeless(file.read_bytes(), file.suffix)
        for file in folder.rglob("*")
        if file.is_file()
    }


def timeless(data: bytes, suffix: str) -> Any:
    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without(one) for key, one in value.items() if key != "seconds"}
        return [without(one) for one in value] if isinstance(value, list) else value

    return without(json.loads(data)) if suffix == ".json" else data


def record(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "explanations.json").read_text())
    return found


def values(folder: Path, method: str) -> np.ndarray[Any, Any]:
    return np.concatenate([np.load(file)["values"] for file in sorted((folder / "values").glob(f"{method}-*"))])


# ---- what is written ---------------------------------------------------------------------------------


def test_a_folder_is_explained_with_the_numbers_of_the_library(
    explain: Callable[..., int],
    folder: Path,
    checkpoints: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "new" / "out"
    assert explain("--images", folder, "--out", out, "--batch=4", "--seed=3", *QUICK) == 0
    assert capsys.readouterr().out == f"11 posters explained; open {out / 'index.html'}\n"
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    found = record(out)
    assert [poster["name"] for poster in found["posters"]] == paths
    images = torch.cat([gan.read_poster(folder / path, 8) for path in paths])
    score = xai.Score(gan.load(checkpoints / "tiny").discriminator)
    for name, options in (("deeplift", {}), ("lime", {"samples": 40})):
        expected = xai.attribution(name, score, seed=3, **options).attribute(images)
        assert np.array_equal(values(out, name), expected.values.numpy())
        assert [poster["methods"][name]["score"] for poster in found["posters"]] == expected.score.tolist()
    assert len(list((out / "overlays").iterdir())) == 22
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_the_size_of_a_chunk_changes_no_number(explain: Callable[..., int], folder: Path, tmp_path: Path) -> None:
    for size in (1, 8):
        assert explain("--images", folder, "--out", tmp_path / str(size), f"--batch={size}", *QUICK) == 0
    for method in ("deeplift", "lime"):
        assert np.array_equal(values(tmp_path / "1", method), values(tmp_path / "8", method))
    one, eight = contents(tmp_path / "1"), contents(tmp_path / "8")
    assert one["index.html"] == eight["index.html"]
    assert {name: data for name, data in one.items() if name.endswith("png")} == {
        name: data for name, data in eight.items() if name.endswith("png")
    }


def test_a_zip_and_its_folder_give_the_same(explain: Callable[..., int], folder: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "posters"), "zip", folder)
    assert explain("--images", folder, "--out", tmp_path / "a", *QUICK) == 0
    assert explain("--images", archive, "--out", tmp_path / "b", *QUICK) == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_the_download_of_a_page_equals_the_command_line(
    explain: Callable[..., int], folder: Path, checkpoints: Path, tmp_path: Path
) -> None:
    """The page explains one poster, with the reference and the settings that it has."""
    poster = sorted(folder.glob("*.*"))[0]
    arguments = ["--methods=deeplift,deepshap,lime,activation", "--set", "activation.layer=layers.1", "--trust"]
    assert explain("--images", poster, "--out", tmp_path / "out", "--reference=generated", *arguments) == 0

    checkpoint = gan.load(checkpoints / "tiny")
    score = xai.Score(checkpoint.discriminator)
    reference = xai.reference("generated", generator=checkpoint.generator, count=16)
    options: dict[str, dict[str, Any]] = {"activation": {"layer": "layers.1"}}
    methods = [
        xai.attribution(name, score, reference=reference, **options.get(name, {}))
        for name in ("deeplift", "deepshap", "lime", "activation")
    ]
    image = gan.read_poster(poster.read_bytes(), 8)
    found = {method.name: method.attribute(image) for method in methods}
    trust = {method.name: xai.examine(method, image, found[method.name]) for method in methods}
    finding = findings.Finding(poster.name, findings.stems([poster.name])[0], image, found, trust)
    with zipfile.ZipFile(io.BytesIO(report.archive_zip(checkpoint, methods, [finding]))) as archive:
        page = {name: timeless(archive.read(name), Path(name).suffix) for name in archive.namelist()}
    assert page == contents(tmp_path / "out")


def test_seeds_are_explained_as_they_are_drawn_alone(
    explain: Callable[..., int], checkpoints: Path, tmp_path: Path
) -> None:
    assert explain("--seeds=4,7-8", "--out", tmp_path / "out", *QUICK) == 0
    found = record(tmp_path / "out")
    assert [(poster["name"], poster["file"]) for poster in found["posters"]] == [
        ("seed 4", "seed-4"), ("seed 7", "seed-7"), ("seed 8", "seed-8")
    ]  # fmt: skip
    checkpoint = gan.load(checkpoints / "tiny")
    with torch.no_grad():
        image = checkpoint.generator(gan.latents([7], checkpoint.config))
    expected = xai.attribution("deeplift", xai.Score(checkpoint.discriminator)).attribute(image)
    assert np.array_equal(values(tmp_path / "out", "deeplift")[1:2], expected.values.numpy())
    assert found["posters"][1]["sha256"] == report.digest_of(image)


def test_broken_pictures_are_skipped_and_named(
    explain: Callable[..., int], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder, tmp_path / "in")
    (tmp_path / "in/000-bad.jpg").write_bytes(b"broken")
    (tmp_path / "in/zz-gone.png").symlink_to(tmp_path / "nowhere")
    assert explain("--images", tmp_path / "in", "--out", tmp_path / "out", "--batch=1", *QUICK) == 0
    reasons = [
        ("000-bad.jpg", "000-bad.jpg cannot be read as a JPEG, PNG or WebP picture."),
        ("zz-gone.png", "zz-gone.png cannot be read: No such file or directory."),
    ]
    assert capsys.readouterr().err.splitlines() == [
        "2 files could not be read:",
        *(f"  {name}: {reason}" for name, reason in reasons),
    ]
    found = record(tmp_path / "out")
    assert [(one["name"], one["reason"]) for one in found["skipped"]] == reasons
    assert len(found["posters"]) == 11


def test_posters_of_one_name_in_two_folders_stay_apart(
    explain: Callable[..., int], folder: Path, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        shutil.copytree(folder / "more", tmp_path / name)
    assert explain("--images", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "out", *QUICK) == 0
    [poster] = [path.name for path in (folder / "more").iterdir()]
    assert [one["name"] for one in record(tmp_path / "out")["posters"]] == [f"a/{poster}", f"b/{poster}"]
    assert len(list((tmp_path / "out/overlays").iterdir())) == 4


def test_a_unit_is_explained_against_references_of_ones_own(
    explain: Callable[..., int], folder: Path, tmp_path: Path
) -> None:
    arguments = ["--layer=layers.1", "--unit=2", "--place=1,3", "--reference=own", "--reference-images", folder]
    assert explain("--images", folder / "more", "--out", tmp_path / "out", "--methods=deepshap", *arguments) == 0
    settings = record(tmp_path / "out")["settings"]
    assert settings["target"] == {"kind": "unit", "layer": "layers.1", "unit": 2, "place": [1, 3]}
    assert (settings["reference"]["kind"], settings["reference"]["pictures"]) == ("own", 11)


@pytest.mark.parametrize("kind", ["black", "white", "blur", "mean", "posters", "generated"])
def test_every_reference_can_be_had(kind: str, explain: Callable[..., int], folder: Path, tmp_path: Path) -> None:
    arguments = ["--methods=deeplift", f"--reference={kind}", "--reference-images", folder, "--references=3"]
    assert explain("--seeds=1", "--out", tmp_path / "out", *arguments) == 0
    assert record(tmp_path / "out")["settings"]["reference"]["kind"] == kind


def test_posters_are_read_only_a_little_ahead(script: ModuleType) -> None:
    begun: list[int] = []

    def read(item: int) -> int:
        begun.append(item)
        return -item

    with script.ThreadPoolExecutor(2) as pool:
        answers = script.ahead(pool, read, range(100), 5)
        assert begun == []
        assert [next(answers) for _ in range(3)] == [0, -1, -2]
        time.sleep(0.05)
        assert sorted(begun) == [0, 1, 2, 3, 4, 5, 6]
        assert list(answers) == [-item for item in range(3, 100)]


# ---- bad input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--methods=deeplif"], "There is no method 'deeplif'; did you mean 'deeplift'?"),
        (["--methods=lime", "--set=lime.sampels=3"], "LIME has no setting 'sampels'; did you mean 'samples'?"),
        (["--methods=lime", "--set=lmie.samples=3"], "There is no method 'lmie'; did you mean 'lime'?"),
        (["--methods=lime", "--set=lime.samples=many"], "lime.samples is int, not 'many'."),
        (["--methods=lime", "--set=lime.samples=1"], "LIME needs at least 4 samples and 1 segment."),
        (["--methods=lime", "--set=lime.samples"], "--set takes METHOD.SETTING=VALUE"),
        (["--methods=lime", "--set=samples=3"], "--set takes METHOD.SETTING=VALUE"),
        (["--methods=lime", "--set=occlusion.window=3"], "occlusion is not among --methods."),
        (["--methods=lime", "--set=lime.reference=grey"], "--reference chooses it."),
        (["--methods=activation", "--set=activation.unit=1.5"], "activation.unit is int or none, not '1.5'."),
        (["--methods=activation", "--set=activation.layer=layers.9"], "layers.9"),  # found out at the first poster
        (["--methods=deeplift", "--layer=layers.1", "--unit=99"], "layers.1 has units 0 to 3; 99 is none of them."),
        (["--methods=deeplift", "--layer=layers.9", "--unit=0"], "layers.9"),
        (["--methods=deeplift", "--layer=layers.1"], "--layer needs --unit."),
        (["--methods=deeplift", "--unit=1"], "--unit and --place need --layer."),
        (["--methods=deeplift", "--layer=layers.1", "--unit=1", "--place=9"], "--place is ROW,COLUMN"),
        (["--methods=deeplift", "--reference=posters"], "--reference posters needs --reference-images."),
        (["--methods=deeplift", "--reference-images=none"], "none is not there."),
        (["--methods=deeplift", "--batch=0"], "must be at least 1"),
        (["--methods=deeplift", "--seeds=3-1"], "neither a seed nor a range"),
        (["--methods=deeplift", "--images=none.jpg"], "none.jpg is not there."),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    arguments: list[str],
    reason: str,
    explain: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert explain("--seeds=0", "--out", "out", *arguments) == 2
    assert reason in one_sentence(capsys)
    assert list(tmp_path.iterdir()) == []


def test_without_posters_there_is_nothing_to_do(
    explain: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain("--out", tmp_path / "out") == 2
    assert one_sentence(capsys) == "Name posters: --images, --seeds, or both."


def test_no_usable_picture_is_one_sentence_and_leaves_nothing(
    explain: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    assert explain("--images", tmp_path / "in", "--out", tmp_path / "out", *QUICK) == 2
    assert one_sentence(capsys) == "No JPEG, PNG or WebP picture was found."
    (tmp_path / "in/bad.jpg").write_bytes(b"broken")
    assert explain("--images", tmp_path / "in", "--out", tmp_path / "out", *QUICK) == 2
    assert one_sentence(capsys).startswith("There is no usable picture to explain (bad.jpg cannot be read as")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_damaged_weights_are_one_sentence_and_leave_nothing(
    explain: Callable[..., int], checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(checkpoints / "tiny", tmp_path / "nan")
    file = tmp_path / "nan/discriminator.safetensors"
    weights = load_file(file)
    save_file({key: value * float("nan") for key, value in weights.items()}, file)
    assert explain("--seeds=0", "--checkpoint", tmp_path / "nan", "--out", tmp_path / "out", *QUICK) == 2
    assert one_sentence(capsys) == "The network's answer is not finite: its weights are damaged."
    assert [path.name for path in tmp_path.iterdir()] == ["nan"]


def test_an_output_is_replaced_only_when_told_and_only_if_it_is_one(
    explain: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, dear = tmp_path / "out", tmp_path / "dear"
    assert explain("--seeds=1", "--out", out, *QUICK) == 0
    capsys.readouterr()
    assert explain("--seeds=2", "--out", out, *QUICK) == 2
    assert one_sentence(capsys) == f"{out} exists already; --overwrite replaces it."
    assert record(out)["posters"][0]["name"] == "seed 1"
    assert explain("--seeds=2", "--out", out, "--overwrite", *QUICK) == 0
    assert [poster["name"] for poster in record(out)["posters"]] == ["seed 2"]
    assert len(list((out / "overlays").iterdir())) == 2
    dear.mkdir()
    (dear / "diary.txt").touch()
    capsys.readouterr()
    assert explain("--seeds=2", "--out", dear, "--overwrite", *QUICK) == 2
    assert "was not written by this script" in one_sentence(capsys)
    assert {path.name for path in tmp_path.iterdir()} == {"out", "dear"}


# ---- stopping and sharing ----------------------------------------------------------------------------


def stop_after(chunks: int, script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From now on Ctrl-C comes when so many chunks are explained; the list counts them."""
    calls: list[int] = []
    original = script.findings_of

    def counted(*arguments: Any) -> Any:
        if len(calls) == chunks:
            raise KeyboardInterrupt
        calls.append(1)
        return original(*arguments)

    monkeypatch.setattr(script, "findings_of", counted)
    return calls


def test_what_is_finished_is_not_computed_again(
    script: ModuleType,
    explain: Callable[..., int],
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--images", folder, "--batch=2", *QUICK]
    assert explain(*arguments, "--out", tmp_path / "whole") == 0
    capsys.readouterr()
    with monkeypatch.context() as patch:
        stop_after(4, script, patch)
        assert explain(*arguments, "--out", tmp_path / "out") == 130
        assert capsys.readouterr().err == "Stopped; the same command continues.\n"
        assert not (tmp_path / "out").exists()
    with monkeypatch.context() as patch:
        calls = stop_after(99, script, patch)
        assert explain(*arguments, "--out", tmp_path / "out") == 0
    assert len(calls) == 2
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"out", "whole"}


@pytest.mark.parametrize(
    ("changed", "what"),
    [(["--seed=1"], "settings"), (["--batch=3"], "batch"), (["--seeds=9"], "posters")],
)
def test_other_settings_do_not_continue_a_run(
    changed: list[str],
    what: str,
    script: ModuleType,
    explain: Callable[..., int],
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--images", folder, "--batch=2", "--methods=deeplift", "--out", tmp_path / "out"]
    with monkeypatch.context() as patch:
        stop_after(2, script, patch)
        assert explain(*arguments) == 130
    capsys.readouterr()
    assert explain(*arguments, *changed) == 2
    assert f"was begun with other {what}: " in one_sentence(capsys)
    assert explain(*arguments, *changed, "--overwrite") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_failing_disk_leaves_what_is_finished(
    explain: Callable[..., int],
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--images", folder, "--batch=2", "--methods=deeplift", "--out", tmp_path / "out"]
    original = report.write_chunk

    def full(path: Path, index: int, *rest: Any) -> None:
        if index == 3:
            raise OSError(28, "No space left on device")
        original(path, index, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(report, "write_chunk", full)
        assert explain(*arguments) == 2
        assert one_sentence(capsys) == f"{tmp_path / 'out'} cannot be written: No space left on device."
    assert not (tmp_path / "out").exists()
    assert (tmp_path / ".out.partial/00002/posters.json").exists()
    assert explain(*arguments) == 0


def command(checkpoints: Path, *arguments: object) -> list[str]:
    return [str(SCRIPT), "--checkpoint", str(checkpoints / "tiny"), *map(str, arguments)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_continues_where_it_was(
    number: signal.Signals, explain: Callable[..., int], checkpoints: Path, tmp_path: Path
) -> None:
    arguments = ["--seeds=0-29", "--batch=1", "--methods=deeplift,lime", "--set=lime.agreement=1"]
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, *command(checkpoints, *arguments, "--out", out)],
        stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    finished = tmp_path / ".out.partial/00001/posters.json"
    patience = time.monotonic() + 120
    while not finished.exists() and process.poll() is None and time.monotonic() < patience:
        time.sleep(0.005)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    if number == signal.SIGTERM:
        assert (process.returncode, errors) == (130, "Stopped; the same command continues.\n")
    assert not out.exists()
    before = finished.stat()
    assert explain(*arguments, "--out", out) == 0
    assert explain(*arguments, "--out", tmp_path / "whole") == 0
    assert contents(out) == contents(tmp_path / "whole")
    assert before.st_mtime < (out / "values/lime-00029.npz").stat().st_mtime
    assert {path.name for path in tmp_path.iterdir()} == {"out", "whole"}


def torchrun(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", *arguments],
        capture_output=True, text=True, timeout=240, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_two_processes_share_the_work_and_give_the_same_bits(
    explain: Callable[..., int], folder: Path, checkpoints: Path, tmp_path: Path
) -> None:
    arguments = ["--images", folder, "--batch=2", *QUICK]
    done = torchrun(*command(checkpoints, *arguments, "--out", tmp_path / "two"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"11 posters explained; open {tmp_path / 'two/index.html'}\n"
    assert explain(*arguments, "--out", tmp_path / "one") == 0
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two"}


def test_a_failing_process_ends_all_and_what_is_finished_stays(
    explain: Callable[..., int], folder: Path, checkpoints: Path, tmp_path: Path
) -> None:
    """The second process finds a file in the way of its first chunk."""
    arguments = ["--images", folder, "--batch=2", *QUICK]
    broken = tmp_path / "broken.py"
    broken.write_text(
        f"import os, runpy, sys\nfrom xai import report\nkeep = report.write_chunk\n"
        "def write(path, index, *rest):\n"
        "    if index == 3:\n        raise OSError(5, 'Input/output error')\n"
        "    keep(path, index, *rest)\n"
        "report.write_chunk = write\n"
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
    )
    done = torchrun(str(broken), *command(checkpoints, *arguments, "--out", tmp_path / "out")[1:])
    assert done.returncode != 0
    assert "cannot be written: Input/output error." in done.stderr
    assert not (tmp_path / "out").exists()
    assert (tmp_path / ".out.partial/00001/posters.json").exists()
    assert explain(*arguments, "--out", tmp_path / "out") == 0
    assert len(record(tmp_path / "out")["posters"]) == 11
