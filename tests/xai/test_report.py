from __future__ import annotations

import io
import json
import math
import zipfile
from collections import Counter
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import gan
import xai
from xai import report
from xai.errors import ExplanationError
from xai.render import limit, overlay, pool
from xai.trust import RULE

from .nets import pictures, quick

LAYER = {"activation": {"layer": "layers.1"}}


@pytest.fixture(scope="module")
def checkpoint(checkpoints: Path) -> gan.Checkpoint:
    return gan.load(checkpoints / "tiny")


@pytest.fixture(scope="module")
def methods(checkpoint: gan.Checkpoint) -> list[xai.Attribution]:
    score = xai.Score(checkpoint.discriminator)
    return [quick(name, score, **LAYER.get(name, {})) for name in ("deeplift", "lime", "activation")]


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return pictures(3, 8)


class Page(HTMLParser):
    """Raises where a tag is closed that was not opened last; remembers all tags and addresses."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def archive(
    folder: Path, checkpoint: gan.Checkpoint, methods: Sequence[xai.Attribution], findings: Sequence[report.Finding]
) -> tuple[dict[str, Any], Page]:
    """What stands in the JSON and on the page of an archive of one chunk."""
    report.write_chunk(folder / "chunk", 0, findings, methods)
    report.assemble(folder / "out", [folder / "chunk"], report.settings(checkpoint, methods))
    record = json.loads((folder / "out/explanations.json").read_text())
    return record, Page((folder / "out/index.html").read_text(encoding="utf-8"))


# ---- names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.jpg", "a.png", "A.webp"], ["a", "a-2", "A-3"]),
        (["action/a.jpg", "../../etc/passwd", "..", ""], ["action-a", "etc-passwd", "poster", "poster-2"]),
        (["Amélie.jpg", "千と千尋.png", "seed 3"], ["Amélie", "千と千尋", "seed-3"]),
        (["a.2.jpg", "a", "a-2.jpg", "a.jpg"], ["a-2", "a", "a-2-2", "a-3"]),
        (["C:\\a<b>&\"'.jpg", "a\x00b\nc", "x\udcff.jpg"], ["C-a-b", "a-b-c", "x"]),
    ],
)
def test_names_of_files_are_safe_and_unique(names: list[str], expected: list[str]) -> None:
    assert report.stems(names) == expected


@given(st.lists(st.text(max_size=300), max_size=12))
def test_any_names_can_be_files(names: list[str]) -> None:
    found = report.stems([*names, *names])
    assert len({stem.casefold() for stem in found}) == len(found) == 2 * len(names)
    for stem in found:
        assert 0 < len(stem.encode()) <= report.NAME_BYTES + 4
        assert not set(stem) & set("/\\.:<>|?*\"'\x00\n ")


# ---- numbers -----------------------------------------------------------------------------------------


def test_one_row_of_many_is_the_explanation_of_one(methods: list[xai.Attribution], images: torch.Tensor) -> None:
    for method in methods:
        one, many = method.attribute(images[1:2]), report.one_row(method.attribute(images), 1)
        assert torch.equal(one.values, many.values)
        assert one.score.tolist() == many.score.tolist()
        assert {key: value.tolist() for key, value in one.diagnostics.items()} == {
            key: value.tolist() for key, value in many.diagnostics.items()
        }
        assert (one.segments is None) == (many.segments is None)
        assert len(many.gap) == len(many.base_score) == 1


@pytest.mark.parametrize("trust", [False, True])
def test_progress_rises_to_one(trust: bool, methods: list[xai.Attribution], images: torch.Tensor) -> None:
    told: list[float] = []
    report.explain(methods[:2], ["a", "b"], images[:2], trust=trust, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert 0 < told[0] < 1


def test_the_archive_holds_what_the_methods_said(
    checkpoint: gan.Checkpoint, methods: list[xai.Attribution], images: torch.Tensor, tmp_path: Path
) -> None:
    findings = report.explain(methods, ["a.png", "b.png", "c.png"], images)
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


def test_maps_in_logits_share_one_end_of_colours(methods: list[xai.Attribution], images: torch.Tensor) -> None:
    [finding] = report.explain(methods, ["a"], images[:1])
    maps = report.heats(finding.explanations, 2)
    assert np.array_equal(maps["lime"], pool(finding.explanations["lime"].values[0, 0].numpy(), 2))
    shared, own = report.full_colours(maps), report.full_colours(maps, shared=False)
    assert shared["deeplift"] == shared["lime"] == limit(np.concatenate([maps["deeplift"], maps["lime"]]))
    assert shared["activation"] == own["activation"] == limit(maps["activation"])
    assert own["deeplift"] != own["lime"]


def test_an_overlay_is_what_the_page_shows_enlarged(
    checkpoint: gan.Checkpoint, methods: list[xai.Attribution], images: torch.Tensor, tmp_path: Path
) -> None:
    findings = report.explain(methods[2:], ["a"], images[:1])
    record, _ = archive(tmp_path, checkpoint, methods[2:], findings)
    values = findings[0].explanations["activation"].values[0, 0].numpy()
    end = record["posters"][0]["methods"]["activation"]["full_colour"]
    expected = overlay(gan.to_uint8(images[:1])[0], values, end, report.STRENGTH)
    stored = np.asarray(Image.open(tmp_path / "out/overlays/a-activation.png"))
    assert stored.shape == (128, 128, 3)
    assert np.array_equal(stored[::16, ::16], expected)


# ---- the page ----------------------------------------------------------------------------------------


def test_the_page_stands_alone_and_escapes_names(
    checkpoint: gan.Checkpoint, methods: list[xai.Attribution], images: torch.Tensor, tmp_path: Path
) -> None:
    names = ["<script>alert(1)</script>.png", "a\"b'c&d.png", "x\udcff\x07.png"]
    record, page = archive(tmp_path, checkpoint, methods, report.explain(methods, names, images))
    assert [poster["name"] for poster in record["posters"]] == names
    assert page.tags["script"] == page.tags["link"] == page.tags["iframe"] == 0
    assert page.tags["article"] == 3
    assert page.tags["img"] == 3 * 4
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert names[0] in page.text
    assert names[1] in page.text
    assert "x��.png" in page.text


def test_each_method_is_introduced_once(
    checkpoint: gan.Checkpoint, methods: list[xai.Attribution], images: torch.Tensor, tmp_path: Path
) -> None:
    _, page = archive(tmp_path, checkpoint, methods, report.explain(methods, list("abc"), images))
    for method in methods:
        assert page.text.count(method.promise) == page.text.count(method.caveat) == 1
    assert "a plain grey picture" in page.text
    assert RULE not in page.text


def test_a_verdict_stands_with_its_evidence(
    checkpoint: gan.Checkpoint, methods: list[xai.Attribution], images: torch.Tensor, tmp_path: Path
) -> None:
    findings = report.explain(methods[:1], ["a"], images[:1], trust=True)
    record, page = archive(tmp_path, checkpoint, methods[:1], findings)
    trust = findings[0].trust["deeplift"]
    stored = record["posters"][0]["methods"]["deeplift"]["trust"]
    assert stored["verdict"] == trust.verdict
    assert trust.verdict in page.text
    for check in trust.checks:
        assert check.meaning in page.text
        found = stored["checks"][check.key]
        assert found["level"] == check.level
        assert (found["value"] is None) if math.isnan(check.value) else (found["value"] == check.value)


def test_an_empty_map_is_said_to_be_empty(checkpoint: gan.Checkpoint, tmp_path: Path) -> None:
    methods = [xai.attribution("deeplift", xai.Score(checkpoint.discriminator))]
    findings = report.explain(methods, ["grey"], torch.zeros(1, 3, 8, 8))
    record, page = archive(tmp_path, checkpoint, methods, findings)
    assert record["posters"][0]["methods"]["deeplift"]["full_colour"] == 1.0
    assert "the map is empty" in page.text


def test_a_unit_has_a_score_and_no_verdict(checkpoint: gan.Checkpoint, images: torch.Tensor, tmp_path: Path) -> None:
    methods = [xai.attribution("deeplift", xai.Score(checkpoint.discriminator, "layers.1", 2))]
    _, page = archive(tmp_path, checkpoint, methods, report.explain(methods, ["a"], images[:1]))
    assert "D finds it" not in page.text
    assert "layers.1, unit 2, the mean of its map" in page.text
    assert "a high score" in page.text


# ---- archives ----------------------------------------------------------------------------------------


def test_skipped_pictures_stand_in_the_record_and_on_the_page(
    checkpoint: gan.Checkpoint, methods: list[xai.Attribution], images: torch.Tensor, tmp_path: Path
) -> None:
    report.write_chunk(tmp_path / "0", 0, [], methods, [("bad.jpg", "bad.jpg cannot be read.")])
    report.write_chunk(tmp_path / "1", 1, report.explain(methods, ["a"], images[:1]), methods)
    summary = report.assemble(tmp_path / "out", [tmp_path / "0", tmp_path / "1"], report.settings(checkpoint, methods))
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
        report.assemble(tmp_path / "out", [tmp_path / "0"], report.settings(checkpoint, methods))
    assert [file.name for file in tmp_path.iterdir()] == ["0"]


@pytest.mark.parametrize("broken", ["_write_values", "_png", "_json"])
def test_a_chunk_is_complete_or_absent(
    broken: str,
    methods: list[xai.Attribution],
    images: torch.Tensor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    findings = report.explain(methods, ["a"], images[:1])

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

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    archive(tmp_path, checkpoint, methods, report.explain(methods, ["a"], images[:1]))
    one, other = tmp_path / "chunk/values/lime-00000.npz", tmp_path / "out/values/lime-00000.npz"
    assert one.read_bytes() == other.read_bytes()


def test_a_zip_is_the_archive_and_always_the_same_bytes(
    checkpoint: gan.Checkpoint, methods: list[xai.Attribution], images: torch.Tensor, tmp_path: Path
) -> None:
    findings = report.explain(methods, ["a", "b"], images[:2])
    archive(tmp_path, checkpoint, methods, findings)
    data = report.archive_zip(checkpoint, methods, findings)
    assert data == report.archive_zip(checkpoint, methods, findings)
    with zipfile.ZipFile(io.BytesIO(data)) as zipped:
        stored = {name: zipped.read(name) for name in zipped.namelist()}
    folder = tmp_path / "out"
    assert stored == {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()
    }
