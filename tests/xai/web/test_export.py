"""The folders that are written are complete or absent, others' files stay, and the numbers are xai's own."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
from pathlib import Path

import onnx
import pytest
import torch

import gan
from gan.checkpoints.conditioning import with_genres
from gan.errors import UsageError
from gan.networks.dcgan import latents
from tests.xai import built
from tests.xai.nets import one_sentence
from xai.generator.painting import levels
from xai.latents.sobol import local_sensitivity
from xai.latents.study import LatentStudy
from xai.networks.hooks import activations
from xai.web import export
from xai.web.export import HERE, MODELS, write_onnx, write_page
from xai.web.facts import POSTERS, facts
from xai.web.onnx_model import OnnxUnavailableError

SHIPPED = Path(__file__).parents[3] / "checkpoints"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# ---- the folders -------------------------------------------------------------------------------------


def test_both_networks_are_written_as_onnx(out: Path) -> None:
    write_onnx(built.checkpoint(), out)
    assert names(out) == set(MODELS)
    for name in MODELS:
        onnx.checker.check_model(onnx.load(out / name), full_check=True)


def test_a_page_has_all_that_its_files_ask_for(out: Path, tmp_path: Path) -> None:
    write_page(built.checkpoint(), out, tmp_path)
    there = names(out)
    asked = {"index.html", "generator.onnx", "discriminator.onnx", "page.json", "vendor/LICENSE"}
    for file in out.iterdir():
        if file.suffix in (".html", ".js"):
            text = file.read_text()
            found = re.findall(r"""(?:from |URL\(|src=|href=)["'](?:\./)?([\w./-]+\.\w+)["']""", text)
            asked |= {name for name in found if not name.startswith("data:")}
    asked |= set(re.findall(r"const RUNTIME = '(.+?)'", (out / "networks.js").read_text()))
    assert {"vendor/ort.wasm.bundle.min.mjs", "vendor/ort-wasm-simd-threaded.wasm.gz", "page.css", "seeds.js"} <= asked
    assert asked <= there


def test_nothing_on_the_page_names_another_server() -> None:
    for file in (HERE / "page").iterdir():
        assert not re.search(r"(https?:)?//\w+\.\w", re.sub(r"^\s*//.*$", "", file.read_text(), flags=re.M)), file.name
    policy = re.search(r'Content-Security-Policy" content="(.+?)"', (HERE / "page/index.html").read_text())
    assert policy
    assert "default-src 'none'" in policy[1]
    assert "http" not in policy[1]


def test_the_runtime_is_the_one_that_the_note_beside_it_names() -> None:
    note = (HERE / "vendor/README.md").read_text()
    version = re.search(r"onnxruntime-web-([\d.]+)\.tgz", note)
    assert version
    assert f"ONNX Runtime Web v{version[1]}" in (HERE / "vendor/ort.wasm.bundle.min.mjs").read_text()[:200]
    assert gzip.decompress((HERE / "vendor/ort-wasm-simd-threaded.wasm.gz").read_bytes())[:4] == b"\0asm"


def test_an_existing_file_is_replaced_only_on_request_and_others_stay(out: Path, tmp_path: Path) -> None:
    out.mkdir()
    (out / "index.html").write_text("somebody's")
    (out / "CNAME").write_text("posters.example")
    with pytest.raises(UsageError) as error:
        write_page(built.checkpoint(), out, tmp_path)
    assert "index.html exists already; --overwrite" in one_sentence(error.value)
    assert names(out) == {"index.html", "CNAME"}
    write_page(built.checkpoint(), out, tmp_path, overwrite=True)
    assert (out / "CNAME").read_text() == "posters.example"
    assert "PosterLens" in (out / "index.html").read_text()
    write_page(built.checkpoint(), out, tmp_path, overwrite=True)
    assert (out / "CNAME").exists()


def test_what_fails_on_the_way_leaves_nothing(out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> bytes:
        raise OnnxUnavailableError("Not today.")

    monkeypatch.setattr(export, "discriminator_model", fail)
    for write in (lambda: write_onnx(built.checkpoint(), out), lambda: write_page(built.checkpoint(), out, tmp_path)):
        with pytest.raises(OnnxUnavailableError):
            write()
        assert not list(tmp_path.iterdir())


def test_a_checkpoint_without_a_discriminator_is_refused_before_any_work(out: Path, tmp_path: Path) -> None:
    half = gan.Checkpoint(built.generator(), None, built.generator().config, name="half")
    with pytest.raises(gan.CheckpointError) as error:
        write_page(half, out, tmp_path)
    assert "half has no discriminator" in one_sentence(error.value)


# ---- the numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("aspect", ["1:1", "2:3"])
def test_the_layers_are_those_that_can_be_painted_with_and_so_are_their_levels(aspect: str, tmp_path: Path) -> None:
    checkpoint = built.checkpoint(aspect)
    generator = checkpoint.need_generator()
    record = json.loads(json.dumps(facts(checkpoint, tmp_path)))
    [layer] = record["layers"]
    maps = activations(generator, latents([0], checkpoint.config), [layer["name"]])[layer["name"]]
    assert (layer["name"], layer["units"], layer["height"], layer["width"]) == (built.LAYER, *maps.shape[1:])
    expected = levels(generator, built.LAYER)
    assert torch.allclose(torch.tensor(layer["mean"]), expected.mean, rtol=1e-5)
    assert torch.allclose(torch.tensor(layer["strong"]), expected.strong, rtol=1e-5)
    assert record["size"] == list(checkpoint.config.size)


def test_dimensions_come_by_how_much_they_change_the_poster(tmp_path: Path) -> None:
    checkpoint = built.checkpoint()
    record = facts(checkpoint, tmp_path)
    order = [one["index"] for one in record["dimensions"]]
    assert order[-1] == built.DRIVES_NOTHING
    assert order[-2] == built.DRIVES_WEAK
    posters = latents(range(POSTERS), checkpoint.config)
    rms = local_sensitivity(checkpoint.need_generator(), posters).rms
    assert [one["rms"] for one in record["dimensions"]] == pytest.approx(rms[order].tolist(), rel=1e-5)


def test_a_study_beside_the_checkpoint_saves_measuring_unless_it_is_of_other_weights(tmp_path: Path) -> None:
    shutil.copy(SHIPPED / "dcgan-64/latents.npz", tmp_path)
    checkpoint = gan.load(SHIPPED / "dcgan-64")
    study = LatentStudy.beside(tmp_path, checkpoint.digest)
    assert study is not None
    calls: list[float] = []
    record = facts(checkpoint, tmp_path, calls.append)
    assert not calls
    assert record["dimensions"][0]["index"] == int(study.local.rms.argmax())
    facts(built.checkpoint(), tmp_path, calls.append)
    assert calls


def test_requested_genres_are_named(tmp_path: Path) -> None:
    trained = gan.load(SHIPPED / "genres-64")
    calls: list[float] = []

    def stop(done: float) -> None:
        calls.append(done)
        raise InterruptedError

    with pytest.raises(InterruptedError):  # the sensitivity is that of the conditioned network: measured anew
        facts(with_genres(trained, "Horror"), SHIPPED / "genres-64", stop)
    horror = gan.Checkpoint(
        built.generator(), None, built.generator().config, {"requested_genres": {"Horror": 1.0, "Comedy": -0.5}}
    )
    assert facts(horror, tmp_path)["genres"] == "Horror +1, Comedy -0.5"


def test_the_same_checkpoint_gives_the_same_bytes(tmp_path: Path) -> None:
    digests = []
    for name in ("a", "b"):
        write_page(built.checkpoint(), tmp_path / name, tmp_path)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        digests.append(hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest())
    assert digests[0] == digests[1]
