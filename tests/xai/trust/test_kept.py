"""Verdicts that ship with a checkpoint: the same as measured ones, and never those of something else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import gan
import xai
from xai.trust import kept as kept_verdicts
from xai.trust import verdict
from xai.trust.checks import CHECKS
from xai.trust.kept import KeptVerdicts, decode, encode

SETTINGS = {"lime": {"samples": 64}, "shapley": {"grid": 2}}


@pytest.fixture(scope="module")
def methods(checkpoints: Path) -> list[xai.Attribution]:
    checkpoint = gan.load(checkpoints / "tiny")
    score, reference = xai.Score(checkpoint.need_discriminator()), xai.reference("grey")
    return [
        xai.attribution(name, score, reference=reference, **SETTINGS.get(name, {}))
        for name in ("deeplift", "lime", "activation")
    ]


@pytest.fixture(scope="module")
def examined(methods: list[xai.Attribution]) -> list[xai.Trust]:
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return [xai.examine(method, image, method.attribute(image)) for method in methods]


@pytest.fixture
def folder(methods: list[xai.Attribution], examined: list[xai.Trust], tmp_path: Path) -> Path:
    kept = KeptVerdicts("these weights", "generated", 16)
    for method, trust in zip(methods, examined, strict=True):
        kept.add(3, method.config, trust)
    kept.write(tmp_path)
    return tmp_path


def test_a_kept_verdict_is_the_measured_one_with_its_evidence(
    methods: list[xai.Attribution], examined: list[xai.Trust], folder: Path
) -> None:
    kept = KeptVerdicts.beside(folder, "these weights")
    assert kept is not None
    for method, trust in zip(methods, examined, strict=True):
        found = kept.find(3, method.config, "generated", 16)
        assert found is not None
        assert (found.verdict, found.badge, found.reason) == (trust.verdict, trust.badge, trust.reason)
        assert (found.resolution, found.size) == (trust.resolution, trust.size)
        for again, result in zip(found.checks, trust.checks, strict=True):
            assert again.check is result.check
            numbers = [[one.value, one.low, one.high] for one in (again, result)]
            np.testing.assert_array_equal(*numbers)
            assert again.level == result.level
            assert type(again.evidence) is type(result.evidence)
        if "curves_reference" in trust:
            curves = [one["curves_reference"].evidence.insertion for one in (found, trust)]
            np.testing.assert_allclose(*curves, rtol=1e-3, atol=1e-6)


def test_what_was_made_with_something_else_is_not_shown(
    methods: list[xai.Attribution], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = KeptVerdicts.beside(folder, "these weights")
    assert kept is not None
    deeplift, lime, _ = methods
    assert kept.find(4, deeplift.config, "generated", 16) is None
    assert kept.find(None, deeplift.config, "generated", 16) is None
    assert kept.find(3, deeplift.config, "grey", 16) is None
    assert kept.find(3, deeplift.config, "generated", 8) is None
    assert kept.find(3, lime.config | {"samples": 128}, "generated", 16) is None
    assert KeptVerdicts.beside(folder, "other weights") is None
    assert KeptVerdicts.beside(folder / "nowhere", "these weights") is None


def test_other_checks_make_kept_verdicts_old(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    today = kept_verdicts.version_of_checks()
    assert kept_verdicts.version_of_checks((replace(CHECKS[0], passes=0.5), *CHECKS[1:])) != today
    assert kept_verdicts.version_of_checks(CHECKS[1:]) != today
    monkeypatch.setattr(kept_verdicts, "VERSION", verdict.VERSION + 1)
    kept_verdicts._read.cache_clear()
    assert KeptVerdicts.beside(folder, "these weights") is None


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"checks": 1}', '{"digest": "x"}'])
def test_a_damaged_file_is_as_if_there_were_none(folder: Path, content: str) -> None:
    (folder / kept_verdicts.NAME).write_text(content)
    kept_verdicts._read.cache_clear()
    assert KeptVerdicts.beside(folder, "these weights") is None


def test_a_file_can_name_no_class_but_those_of_verdicts(
    methods: list[xai.Attribution], examined: list[xai.Trust], folder: Path
) -> None:
    path = folder / kept_verdicts.NAME
    record = json.loads(path.read_text())
    for name in ("subprocess.Popen", "xai.trust.verdict.time.sleep", "xai.trust.verdict.examine", "no.such.Class"):
        record["verdicts"]["3"]["deeplift"] = {"is": name}
        path.write_text(json.dumps(record))
        kept_verdicts._read.cache_clear()
        kept = KeptVerdicts.beside(folder, "these weights")
        assert kept is not None
        assert kept.find(3, methods[0].config, "generated", 16) is None


def test_every_part_of_a_verdict_can_be_kept(examined: list[xai.Trust]) -> None:
    for trust in examined:
        text = json.dumps(encode(trust))
        assert encode(decode(json.loads(text))) == json.loads(text)
