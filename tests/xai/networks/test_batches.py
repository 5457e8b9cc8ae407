from __future__ import annotations

import pytest
import torch

import gan
import xai
from tests.xai.nets import given_discriminator, tall_pictures
from xai.networks.batches import at_once


@pytest.mark.parametrize(
    ("size", "rows"), [((8, 8), 32), ((64, 64), 32), ((96, 64), 21), ((128, 128), 8), ((256, 256), 2), ((384, 256), 1)]
)
def test_a_batch_holds_as_many_pixels_at_every_size(size: tuple[int, int], rows: int) -> None:
    assert at_once(32, size) == rows


def test_at_least_one_picture_goes_through() -> None:
    assert at_once(4, (4096, 4096)) == 1
    assert at_once(1, (1, 1)) == 1


@pytest.mark.parametrize("side", [128, 256])
def test_no_method_shows_the_network_more_pictures_at_once_than_fit(side: int) -> None:
    """A pass of 64 pictures of 64 x 64 is what batches are sized for."""
    network = gan.Discriminator(gan.ModelConfig(side, width=1, aspect="2:3", norm_d=False)).eval()
    score, most = xai.Score(network), []
    chain = score.chain
    assert chain is not None
    for name in ("gradient", "trace"):
        asked = getattr(chain, name)
        object.__setattr__(chain, name, lambda x, *rest, a=asked: most.append(len(x)) or a(x, *rest))
    image = tall_pictures(1, side)
    for name, settings in {
        "deeplift": {},
        "integrated_gradients": {"steps": 9, "most_steps": 9},
        "expected_gradients": {"samples": 9},
        "smoothgrad": {"samples": 9},
    }.items():
        found = xai.attribution(name, score, **settings).attribute(image)
        assert found.values.shape == image.shape
        assert found.values.isfinite().all()
    assert max(most) <= max(2, at_once(64, network.config.size))


def test_a_score_in_parts_is_the_score_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    score, images = xai.Score(given_discriminator()), tall_pictures(7, 32)
    whole = score(images)
    monkeypatch.setattr("xai.networks.score.ROWS", 3)
    assert torch.allclose(score(images), whole, atol=1e-5)
