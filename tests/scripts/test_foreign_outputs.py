"""What somebody else has written is never replaced without being told to, by any script, and nothing is computed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from gan.files import members_of
from tests.gan.small_judge import Judge
from tests.scripting import SCRIPTS, one_sentence, script
from tests.scripts.test_wrong_options import NEEDED, run
from xai.trust.kept import KeptVerdicts

FILES = {  # options that name a file; {out} is where it is
    "benchmark": ["--json {out}"],
    "benchmark_attribution": ["--json {out}"],
    "benchmark_faults": [],
    "benchmark_load": [],  # as benchmark_training
    "benchmark_search": [],
    "benchmark_step": [],  # as benchmark_training
    "benchmark_training": [],  # --write replaces only what stands between two marks
    "benchmark_verdicts": ["--json {out}"],
    "evaluate": ["--out {out}"],
    "explain": ["--out {out}", "--out {out} --overwrite"],
    "export": ["--out {out}"],
    "fetch_posters": ["--out {out}"],
    "pack_posters": ["--out {out}", "--duplicates {out}"],
    "paint": ["--out {out}"],
    "push": [],  # it writes to the Hub
    "remove_text": ["--out {out}", "--contact-sheet {out}"],
    "sample": ["--out {out}"],
    "index_collection": [],  # it writes into the cache
    "open_dashboard": [],
    "report": ["--out {out}"],
    "study": [],  # it calls those below
    "study_collection": ["--out {out}"],
    "study_concepts": ["--out {out}"],
    "study_discriminator": ["--out {out}"],
    "study_filters": ["--out {out}"],
    "study_latents": [],  # --out names a folder
    "study_pruning": ["--out {out}", "--save {out}"],
    "study_removal": ["--json {out}"],
    "study_verdicts": [],
    "train": ["--out {out}"],
    "train_encoder": ["--out {out}"],
    "train_upscaler": ["--out {out}", "--ship {out}"],
}
INSIDE = [  # a folder that is named, and the foreign file or folder in it
    ("explain", "--out {folder}", "diary.txt"),
    ("explain", "--out {folder} --overwrite", "diary.txt"),
    ("export", "--out {folder}", "diary.txt"),
    ("export", "--out {folder}", "config.json"),
    ("remove_text", "--out {folder}", "diary.txt"),
    ("sample", "--out {folder} --single", "seed-000000.png"),
    ("sample", "--out {folder} --single --upscale", "seed-000000-lanczos.png"),
    ("study_latents", "--out {folder}", "latents.npz"),
    ("study_pruning", "--save {folder}", "diary.txt"),
    ("study_pruning", "--save {folder}", "config.json"),
    ("train", "--out {folder}", "options.json"),
    ("train", "--out {folder}", "stats.jsonl"),
    ("train", "--out {folder}", "log.txt"),
    ("train", "--out {folder}", "grids"),
    ("train", "--out {folder}", "best"),
    ("train", "--out {folder}", "latest"),
    ("train", "--out {folder}", "tensorboard"),
    ("train", "--out {folder}", "state.pt"),
    ("train_upscaler", "--out {folder}", "latest"),
    ("train_upscaler", "--out {folder}", "log.jsonl"),
    ("train_upscaler", "--out {folder}", "state.pt"),
    ("train_upscaler", "--out {folder} --ship {folder}", "diary.txt"),
    ("train_upscaler", "--out {folder} --ship {folder}", "upscaler.json"),
]
BESIDE = [  # files that go into the checkpoint's folder where nothing else is said
    ("evaluate", "--data {data} --device cpu --quiet", "evaluate.json"),
    ("study_concepts", "--generated 20", "concepts.npz"),
    ("study_discriminator", "--data {data}", "discriminator.npz"),
    ("study_filters", "", "filters.npz"),
    ("study_latents", "", "latents.npz"),
    ("study_pruning", "--data {data}", "pruning.json"),
    ("study_verdicts", "--seeds 0 --methods deeplift", "verdicts.json"),
]


def picture(path: Path) -> None:
    Image.new("RGB", (4, 4)).save(path, "PNG")


def folder_at(path: Path) -> None:
    path.mkdir()
    (path / "diary.txt").write_text("dear diary")


FOREIGN: dict[str, Callable[[Path], object]] = {
    "a text": lambda path: path.write_text("dear diary"),
    "an empty file": lambda path: path.touch(),
    "JSON of something else": lambda path: path.write_text('{"settings": 1, "digest": "0"}'),
    "JSON that is a list": lambda path: path.write_text('["digest", "rankings"]'),
    "JSON that is cut off": lambda path: path.write_text('{"digest": "0", "rankings": {'),
    "no text": lambda path: path.write_bytes(b"\x00\xff\xfe" * 7),
    "a picture": picture,
    "a dangling link": lambda path: path.symlink_to("nowhere"),
}


def content(folder: Path) -> dict[str, object]:
    return {
        path.relative_to(folder).as_posix(): path.readlink()
        if path.is_symlink()
        else path.is_dir() or path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }


def test_every_script_and_every_output_is_here() -> None:
    assert set(FILES) == {path.stem for path in SCRIPTS.glob("[!_]*.py")}


@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.parametrize(("name", "options"), [(name, one) for name, all_of in FILES.items() for one in all_of])
def test_a_foreign_file_is_never_replaced(
    name: str,
    options: str,
    foreign: str,
    given: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    small_judge: Judge,
) -> None:
    out = tmp_path / "theirs"
    FOREIGN[foreign](out)
    refused(name, f"{needed(name, options)} {options}", out, given | {"here": tmp_path, "out": out}, tmp_path, capsys)
    assert not small_judge.sizes


@pytest.mark.parametrize(("name", "options", "inside"), INSIDE)
def test_a_foreign_file_in_a_folder_is_never_replaced(
    name: str, options: str, inside: str, given: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    if "." in inside:
        (folder / inside).write_text("dear diary")
    else:
        folder_at(folder / inside)
    places = given | {"here": tmp_path, "folder": folder}
    refused(name, f"{needed(name, options)} {options}", folder, places, tmp_path, capsys)


@pytest.mark.parametrize(("name", "options", "file"), BESIDE)
def test_a_foreign_file_in_a_checkpoint_is_never_replaced(
    name: str, options: str, file: str, given: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = tmp_path / "mine"
    shutil.copytree(given["checkpoint"], checkpoint)
    (checkpoint / file).write_text("dear diary")
    places = given | {"checkpoint": checkpoint}
    refused(name, f"--checkpoint {{checkpoint}} {options}", checkpoint / file, places, tmp_path, capsys)


def needed(name: str, options: str) -> str:
    return "--checkpoint {checkpoint}" if "--save" in options else NEEDED[name]


def refused(
    name: str, options: str, out: Path, places: dict[str, Path], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content(here)
    assert run(name, [part.format(**places) for part in options.split()]) == 2
    assert str(out) in one_sentence(capsys)
    assert content(here) == before


def test_overwrite_replaces_a_foreign_file_and_nothing_is_needed_for_an_own_one(
    given: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "encoder.safetensors"
    out.write_text("dear diary")
    options = f"--checkpoint {given['checkpoint']} --out {out} --steps 1".split()
    assert run("train_encoder", options) == 2
    assert run("train_encoder", [*options, "--overwrite"]) == 0
    first = out.read_bytes()
    assert run("train_encoder", [*options, "--seed", "1"]) == 0
    assert out.read_bytes() != first


ROOT = SCRIPTS.parent
SHIPPED = [
    ("train_encoder", "ENCODER", "checkpoints/dcgan-64/encoder.safetensors"),
    ("study_discriminator", "TABLE", "checkpoints/dcgan-64/discriminator.npz"),
    ("study_concepts", "STUDY", "checkpoints/dcgan-64/concepts.npz"),
    ("study_filters", "TABLE", "checkpoints/dcgan-64/filters.npz"),
    ("study_latents", "STUDY", "checkpoints/dcgan-64/latents.npz"),
    ("study_pruning", "STUDY", "checkpoints/dcgan-64/pruning.json"),
    ("benchmark", "NUMBERS", "docs/benchmark.json"),
    ("benchmark_attribution", "NUMBERS", "docs/attribution.json"),
    ("study_removal", "NUMBERS", "docs/removal.json"),
    *(("evaluate", "EVALUATION", str(path.relative_to(ROOT))) for path in ROOT.glob("checkpoints/*/evaluate.json")),
]


@pytest.mark.parametrize(("name", "kind", "file"), SHIPPED)
def test_what_a_script_wrote_before_is_known_as_its_own_and_as_no_other(name: str, kind: str, file: str) -> None:
    found = members_of(ROOT / file)
    assert found >= getattr(script(name), kind)
    others = {(one, other) for one, other, _ in SHIPPED if one != name}
    assert not [one for one, other in others if found >= getattr(script(one), other)]


def test_verdicts_are_known_as_such(tmp_path: Path) -> None:
    assert members_of(KeptVerdicts("0", "grey", 1).write(tmp_path)) >= script("study_verdicts").STUDY
    (tmp_path / "numbers.json").write_text(json.dumps({"settings": {}, "maps": {}, "right by method": {}}))
    assert members_of(tmp_path / "numbers.json") >= script("benchmark_verdicts").NUMBERS
