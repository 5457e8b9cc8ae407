from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gan
import xai
from tests.xai.archives import Page, archive
from xai.errors import ExplanationError
from xai.render import CHANGE, overlay
from xai.report import archive as report
from xai.report.findings import explain


def test_the_archive_holds_what_the_methods_said(
    checkpoint: gan.Checkpoint, methods: list[xai.Attribution], images: torch.Tensor, tmp_path: Path
) -> None:
    findings = explain(methods, ["a.png", "b.png", "c.png"], images)
    record, _ = archive(tmp_path, checkpoint, methods, findings)
    assert [poster["name"] for poster in record["posters"]] == ["a.png", "b.png", "c.png"]
    for method in methods:
        expected = method.attribute(images)
        stored = np.load(tmp_path / f"out/values/{method.name}-00000.npz")
        assert stored["values"].dtype == np.float32
        assert np.array_equal(stored["values"], expected.values.numpy())
        assert stored["names"].tolist() == ["a.png", "b.png", "c.png"]
        assert ("segments" in stored) == (expected.segments is not None)
        if method.name == "activation":
            assert np.array_equal(stored["diagnostic_map"], expected.diagnostics["map"].numpy())
        for row, poster in enumerate(record["posters"]):
            found = poster["methods"][method.name]
            assert found["score"] == float(expected.score[row])
            assert found["values"] == {"file": f"values/{method.name}-00000.npz", "row": row}
            assert (tmp_path / "out" / found["overlay"]).is_file()
    lime = record["posters"][0]["methods"]["lime"]
    assert lime["gap"] is None  # NaN
    assert set(lime["diagnostics"]) == {"r2", "segment_count", "samples", "split_half"}
    assert record["settings"]["methods"]["lime"]["samples"] == 40
    assert record["settings"]["target"] == {"kind": "logit"}
    assert set(record["versions"]) == {"posterlens", "torch", "numpy", "python"}


def test_the_settings_tell_references_and_targets_apart(checkpoint: gan.Checkpoint, images: torch.Tensor) -> None:
    score = xai.Score(checkpoint.discriminator, "layers.1", 2, (1, 3))
    found = [
        report.settings(checkpoint, [xai.attribution("deeplift", score, reference=chosen)])
        for chosen in (xai.reference("posters", images=images), xai.reference("posters", images=images + 0.1))
    ]
    assert found[0]["target"] == {"kind": "unit", "layer": "layers.1", "unit": 2, "place": [1, 3]}
    assert found[0]["reference"]["pictures"] == 3
    assert found[0]["reference"]["sha256"] != found[1]["reference"]["sha256"]
    assert found[0] == json.loads(json.dumps(found[0]))


def test_an_overlay_is_what_the_page_shows_enlarged(
    checkpoint: gan.Checkpoint, methods: list[xai.Attribution], images: torch.Tensor, tmp_path: Path
) -> None:
    findings = explain(methods[2:], ["a"], images[:1])
    record, _ = archive(tmp_path, checkpoint, methods[2:], findings)
    values = findings[0].explanations["activation"].values[0, 0].numpy()
    end = record["posters"][0]["methods"]["activation"]["full_colour"]
    expected = overlay(gan.to_uint8(images[:1])[0], values, end, report.STRENGTH, CHANGE)
    stored = np.asarray(Image.open(tmp_path / "out/overlays/a-activation.png"))
    assert stored.shape == (128, 128, 3)
    assert np.array_equal(stored[::16, ::16], expected)


def test_skipped_pictures_stand_in_the_record_and_on_the_page(
    checkpoint: gan.Checkpoint, methods: list[xai.Attribution], images: torch.Tensor, tmp_path: Path
) -> None:
    report.write_chunk(tmp_path / "0", 0, [], methods, [("bad.jpg", "bad.jpg cannot be read.")])
    report.write_chunk(tmp_path / "1", 1, explain(methods, ["a"], images[:1]), methods)
    summary = report.assemble(
        tmp_path / "out", [tmp_path / "0", tmp_path / "1"], report.settings(checkpoint, methods), methods
    )
    assert summary == report.Summary(1, (("bad.jpg", "bad.jpg cannot be read."),))
    record = json.loads((tmp_path / "out/explanations.json").read_text())
    assert record["skipped"] == [{"name": "bad.jpg", "reason": "bad.jpg cannot be read."}]
    assert "bad.jpg cannot be read." in Page((tmp_path / "out/index.html").read_text()).text
    assert (tmp_path / "out/values/activation-00001.npz").is_file()


def test_an_archive_without_a_poster_is_refused(
    checkpoint: gan.Checkpoint, methods: list[xai.Attribution], tmp_path: Path
) -> None:
    report.write_chunk(tmp_path / "0", 0, [], methods, [("bad.jpg", "bad.jpg cannot be read.")])
    with pytest.raises(ExplanationError, match=r"no usable picture to explain \(bad.jpg cannot be read.\)"):
        report.assemble(tmp_path / "out", [tmp_path / "0"], report.settings(checkpoint, methods), methods)
    assert [file.name for file in tmp_path.iterdir()] == ["0"]


@pytest.mark.parametrize("broken", ["_write_values", "quick_png", "_json"])
def test_a_chunk_is_complete_or_absent(
    broken: str,
    methods: list[xai.Attribution],
    images: torch.Tensor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    findings = explain(methods, ["a"], images[:1])

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report, broken, fail)
    with pytest.raises(OSError, match="No space"):
        report.write_chunk(tmp_path / "0", 0, findings, methods)
    assert list(tmp_path.iterdir()) == []


def test_where_the_disk_knows_no_second_names_files_are_copied(
    checkpoint: gan.Checkpoint,
    methods: list[xai.Attribution],
    images: torch.Tensor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(95, "Operation not supported")

    synced: list[Path] = []
    monkeypatch.setattr(Path, "hardlink_to", refuse)
    monkeypatch.setattr(report, "sync", synced.append)
    archive(tmp_path, checkpoint, methods, explain(methods, ["a"], images[:1]))
    one, other = tmp_path / "chunk/values/lime-00000.npz", tmp_path / "out/values/lime-00000.npz"
    assert one.read_bytes() == other.read_bytes()
    assert other.name in {path.name for path in synced}


def test_a_zip_is_the_archive_and_always_the_same_bytes(
    checkpoint: gan.Checkpoint, methods: list[xai.Attribution], images: torch.Tensor, tmp_path: Path
) -> None:
    findings = explain(methods, ["a", "b"], images[:2])
    archive(tmp_path, checkpoint, methods, findings)
    data = report.archive_zip(checkpoint, methods, findings)
    assert data == report.archive_zip(checkpoint, methods, findings)
    with zipfile.ZipFile(io.BytesIO(data)) as zipped:
        stored = {name: zipped.read(name) for name in zipped.namelist()}
    folder = tmp_path / "out"
    assert stored == {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()
    }
