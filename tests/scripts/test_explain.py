from __future__ import annotations

import io
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import gan
import xai
from tests.scripting import one_sentence
from tests.scripts.explaining import QUICK, contents, record, timeless, values
from xai.report import archive as report
from xai.report import findings

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
        ("000-bad.jpg", "000-bad.jpg cannot be read as a picture."),
        ("zz-gone.png", "zz-gone.png is a link to nothing."),
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


def test_nothing_is_imported_that_takes_long_and_is_not_needed(checkpoints: Path, tmp_path: Path) -> None:
    arguments = ["--checkpoint", checkpoints / "tiny", "--seeds=0", "--methods=deeplift", "--out", tmp_path / "out"]
    slow = {"captum", "shap", "lime", "matplotlib", "scipy", "skimage", "sklearn", "streamlit", "sympy", "torchvision"}
    code = (
        f"import sys\nfrom scripts import explain\nassert explain.main({list(map(str, arguments))}) == 0\n"
        f"print({slow | {'torch._dynamo'}} & sys.modules.keys())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "set()"


# ---- bad input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--methods=deeplif"], "There is no method 'deeplif'; did you mean 'deeplift'?"),
        (["--methods=lime", "--set=lime.sampels=3"], "LIME has no setting 'sampels'; did you mean 'samples'?"),
        (["--methods=lime", "--set=lmie.samples=3"], "There is no method 'lmie'; did you mean 'lime'?"),
        (["--methods=lime", "--set=lime.samples=many"], "lime.samples must be a whole number, not many."),
        (["--methods=lime", "--set=lime.samples=1"], "lime.samples must be at least 4, not 1."),
        (["--methods=lime", "--set=lime.samples"], "--set takes METHOD.SETTING=VALUE"),
        (["--methods=lime", "--set=samples=3"], "--set takes METHOD.SETTING=VALUE"),
        (["--methods=lime", "--set=occlusion.window=3"], "occlusion is not among --methods."),
        (["--methods=lime", "--set=lime.reference=grey"], "--reference chooses it."),
        (["--methods=activation", "--set=activation.unit=1.5"], "activation.unit must be a whole number, not 1.5."),
        (["--methods=activation", "--set=activation.layer=layers.9"], "layers.9"),  # found out at the first poster
        (["--methods=deeplift", "--layer=layers.1", "--unit=99"], "layers.1 has units 0 to 3; 99 is none of them."),
        (["--methods=deeplift", "--layer=layers.9", "--unit=0"], "layers.9"),
        (["--methods=deeplift", "--layer=layers.1"], "--layer needs --unit."),
        (["--methods=deeplift", "--unit=1"], "--unit and --place need --layer."),
        (["--methods=deeplift", "--layer=layers.1", "--unit=1", "--place=9"], "--place is ROW,COLUMN"),
        (["--methods=deeplift", "--reference=posters"], "--reference posters needs --reference-images."),
        (["--methods=deeplift", "--reference-images=none"], "none does not exist."),
        (["--methods=deeplift", "--seeds=3-1"], "neither a seed nor a range"),
        (["--methods=deeplift", "--images=none.jpg"], "none.jpg does not exist."),
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
    assert one_sentence(capsys) == "No picture was found (JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF)."
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
    assert "holds values that are not finite" in one_sentence(capsys)
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
    assert "was not written by an explanation of posters" in one_sentence(capsys)
    assert {path.name for path in tmp_path.iterdir()} == {"out", "dear"}
