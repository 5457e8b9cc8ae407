"""The rate at which verdicts are fooled, on networks that cost nothing and with verdicts whose rate is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

import xai
from gan.checkpoints.record import Checkpoint
from tests.xai.nets import discriminator, generator
from xai.bench import verdicts
from xai.bench.tables import verdict_report
from xai.bench.verdicts import RIGHT, VerdictPlan, VerdictStudy, judge
from xai.bench.wrong_maps import WRONG, Wrong

FEW = VerdictPlan(maps=4, posters=2, cases=2, methods=("deeplift", "gradient_input"))


@dataclass(frozen=True)
class Verdict:
    verdict: str


def checkpoint(seed: int) -> Checkpoint:
    networks = generator(32, seed=seed), discriminator(32, seed=seed)
    return Checkpoint(*networks, networks[0].config, name=f"seed {seed}", digest=f"{seed:064d}")


def study(monkeypatch: pytest.MonkeyPatch, verdict: object, plan: VerdictPlan = FEW) -> VerdictStudy:
    monkeypatch.setattr(verdicts, "examine", verdict)
    monkeypatch.setattr(verdicts, "prepare", lambda c, p, *posters: real_prepare(c, replace(p, least=0.1), *posters))
    return judge(checkpoint(0), checkpoint(1), plan)


real_prepare = verdicts.prepare


def test_a_verdict_that_knows_wrong_maps_is_never_fooled_and_one_that_trusts_everything_always(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    knowing = study(monkeypatch, lambda method, *_: Verdict("do not trust" if isinstance(method, Wrong) else "trust"))
    assert knowing.rate(*WRONG).value == 0
    assert 0 < knowing.rate(*WRONG).high < 0.2  # 20 maps are not enough to promise 1 %
    assert knowing.rate(RIGHT).value == 1
    gullible = study(monkeypatch, lambda *_: Verdict("trust"))
    assert gullible.rate(*WRONG).value == 1
    refusing = study(monkeypatch, lambda *_: Verdict("caution"))
    assert refusing.rate(RIGHT).value == 0


def test_every_kind_is_judged_as_often_as_asked_for_and_with_each_genuine_method(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[str, str]] = []

    def note(method: xai.Attribution, *_: object) -> Verdict:
        if isinstance(method, Wrong):
            seen.append((method.name, method.genuine.name))
        return Verdict("caution")

    found = study(monkeypatch, note)
    assert {kind: len(found.verdicts[kind]) for kind in WRONG} == dict.fromkeys(WRONG, FEW.maps)
    assert {genuine for _, genuine in seen} == set(verdicts.GENUINE)
    assert set(found.by_method) == set(FEW.methods)


def test_the_report_gives_each_rate_with_its_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["trust", "caution", "caution", "caution", "caution"] * 4)
    found = study(monkeypatch, lambda method, *_: Verdict(next(answers) if isinstance(method, Wrong) else "trust"))
    text = verdict_report(found)
    assert "| random smooth map | 4 | 100.0 % (51.0 to 100.0 %) | 0 |" in text
    assert "| edge detector | 4 | 0.0 % (0.0 to 49.0 %) | 4 |" in text
    assert "together are trusted in 20.0 %" in text
    assert found.record()["verdicts"]["edges"] == {"caution": 4}


def test_the_same_plan_gives_the_same_verdicts() -> None:
    plan = replace(FEW, maps=2, posters=1, cases=2, methods=("deeplift",))
    first, second = (judge(checkpoint(0), checkpoint(1), plan) for _ in range(2))
    assert first.verdicts == second.verdicts
