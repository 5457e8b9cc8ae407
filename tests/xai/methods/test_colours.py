from __future__ import annotations

import numpy as np
import torch

import xai
from xai.methods.colours import full_colours, heats
from xai.render import limit, pool
from xai.report.findings import explain


def test_maps_in_logits_share_one_end_of_colours(methods: list[xai.Attribution], images: torch.Tensor) -> None:
    [finding] = explain(methods, ["a"], images[:1])
    maps = heats(finding.explanations, 2)
    assert np.array_equal(maps["lime"], pool(finding.explanations["lime"].values[0, 0].numpy(), 2))
    shared, own = full_colours(maps), full_colours(maps, shared=False)
    assert shared["deeplift"] == shared["lime"] == limit(np.concatenate([maps["deeplift"], maps["lime"]]))
    assert shared["activation"] == own["activation"] == limit(maps["activation"])
    assert own["deeplift"] != own["lime"]
