"""The rate at which verdicts are fooled, on networks that cost nothing and with verdicts whose rate is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

import xai
from gan.checkpoints.record import Checkpoint
from tests.xai.nets import discriminator, generator
from xai.bench import verdicts
from xai.bench.tables import verdict_report
from xai.bench.verdicts import RIGHT, VerdictPlan, VerdictStudy, evaluate
from xai.bench.wrong_maps import WRONG, Wrong
from xai.trust.check import Check
from xai.trust.checks import CHECKS

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
    return evaluate(checkpoint(0), checkpoint(1), plan)


real_prepare = verdicts.prepare


def test_a_verdict_that_knows_wrong_maps_is_never_fooled_and_one_that_trusts_everything_always(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    knowing = study(
        monkeypatch, lambda method, *_, **__: Verdict("do not trust" if isinstance(method, Wrong) else "trust")
    )
    assert knowing.rate(*WRONG).value == 0
    assert 0 < knowing.rate(*WRONG).high < 0.2  # 20 maps are not enough to promise 1 %
    assert knowing.rate(RIGHT).value == 1
    gullible = study(monkeypatch, lambda *_, **__: Verdict("trust"))
    assert gullible.rate(*WRONG).value == 1
    refusing = study(monkeypatch, lambda *_, **__: Verdict("caution"))
    assert refusing.rate(RIGHT).value == 0


def test_every_kind_is_judged_as_often_as_asked_for_and_with_each_genuine_method(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[str, str]] = []

    def note(method: xai.Attribution, *_: object, **__: object) -> Verdict:
        if isinstance(method, Wrong):
            seen.append((method.name, method.genuine.name))
        return Verdict("caution")

    found = study(monkeypatch, note)
    assert {kind: len(found.trusted[kind]) for kind in WRONG} == dict.fromkeys(WRONG, FEW.maps)
    assert {genuine for _, genuine in seen} == set(verdicts.GENUINE)
    assert set(found.by_method) == set(FEW.methods)


def test_the_report_gives_each_rate_with_its_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    found = study(
        monkeypatch, lambda method, *_, **__: Verdict("trust" if method.name in ("smooth", "deeplift") else "")
    )
    text = verdict_report(found)
    assert "| random smooth map | 4 | 4 | 100.0 % (51.0 to 100.0 %) |" in text
    assert "| edge detector | 4 | 0 | 0.0 % (0.0 to 49.0 %) |" in text
    assert "| *all wrong maps* | 20 | 4 | 20.0 %" in text
    assert found.record()["maps"]["edges"] == {"maps": 4, "trusted": 0}


def test_a_map_that_fails_a_cheap_check_is_not_examined_further_and_one_that_passes_is_examined_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    examined: list[int] = []

    def some(*_: object, checks: Sequence[Check]) -> Verdict:
        examined.append(len(checks))
        return Verdict("trust" if len(checks) == len(verdicts.FIRST) else "caution")

    assert study(monkeypatch, some).rate(*WRONG, RIGHT).value == 0
    assert examined[:2] == [len(verdicts.FIRST), len(CHECKS)]
    examined.clear()
    study(monkeypatch, lambda *_, checks: examined.append(len(checks)) or Verdict("do not trust"))
    assert set(examined) == {len(verdicts.FIRST)}


def test_the_same_plan_gives_the_same_verdicts() -> None:
    plan = replace(FEW, maps=2, posters=1, cases=2, methods=("deeplift",))
    first, second = (evaluate(checkpoint(0), checkpoint(1), plan) for _ in range(2))
    assert first.trusted == second.trusted
