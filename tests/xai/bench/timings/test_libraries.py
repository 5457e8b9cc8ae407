from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import gan
import xai
from tests.xai.nets import pictures
from xai.bench.timings import libraries
from xai.bench.timings.timing import Bench, Times


def values(answer: Any) -> Tensor:
    """The attributions, or scores, that a job has computed."""
    if isinstance(answer, xai.Explanation):
        return answer.values
    tensor = torch.as_tensor(answer)
    return tensor.squeeze(-1) if tensor.ndim in (2, 5) else tensor  # a dimension for the one output


JOBS = (libraries.forward, libraries.deeplift, libraries.deepshap)


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.__name__)
def test_each_method_is_timed_beside_a_library_that_computes_the_same(
    job: Callable[..., Any], checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[list[Any]] = []

    def once(count: int, *jobs: Callable[[int], Any]) -> list[Times]:
        answers.append([job(1) for job in jobs])
        return [Times((float(place),)) for place in range(1, len(jobs) + 1)]  # the peer takes longer

    monkeypatch.setattr(libraries, "turns", once)
    bench = Bench(checkpoints / "tiny", gan.load(checkpoints / "tiny"), pictures(18, 8), turns=1)
    rows = list(job(bench))
    for answer in answers:
        ours, *theirs = [values(one) for one in answer if one is not None]
        assert ours.abs().max() > 0
        if len(theirs[0]) < len(ours):  # all at once, and the one of this turn
            ours = ours[1:2]
        assert all(torch.allclose(ours, other.to(ours), atol=1e-4) for other in theirs)
    assert all(row.peer and row.theirs is not None and row.ratio is not None for row in rows)
    assert rows[0].ratio is not None
    assert rows[0].ratio.value == 2


def test_integrated_gradients_are_compared_at_their_gaps(checkpoints: Path) -> None:
    bench = Bench(checkpoints / "tiny", gan.load(checkpoints / "tiny"), pictures(18, 8), turns=1)
    [row] = libraries.gradients(bench)
    ours, captum = (float(part.split()[-1]) for part in row.note.split(","))
    assert 0 <= ours < 1e-2
    assert 0 <= captum < 1e-2
