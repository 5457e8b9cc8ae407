"""Pictures of one update, on numbers of which the right colours are known."""

from __future__ import annotations

import numpy as np
import torch

from xai.discriminator.training_step import amplification, change_rgb, noise_rgb, request_rgb


def test_noise_is_one_square_a_dimension_and_white_where_there_is_none() -> None:
    z = torch.zeros(1, 3, 1, 1)
    z[0, 0], z[0, 2] = 3.0, -3.0
    squares = noise_rgb(z, (4, 4))[0, ::2, ::2].astype(int)
    assert squares[0, 0, 0] > squares[0, 0, 2]  # orange
    assert squares[1, 0, 0] < squares[1, 0, 2]  # purple
    assert (squares[[0, 1], 1] == 255).all()


def test_lighter_is_orange_darker_is_purple_and_nothing_stays_grey() -> None:
    asked = torch.zeros(1, 3, 1, 3)
    asked[0, :, 0, 0], asked[0, :, 0, 2] = 1.0, -1.0
    left, middle, right = request_rgb(asked, torch.zeros(1, 3, 1, 3))[0, 0].astype(int)
    assert left[0] > left[2]
    assert right[0] < right[2]
    assert len(set(middle)) == 1


def test_requests_share_one_scale() -> None:
    asked = torch.ones(2, 3, 4, 4)
    asked[1] *= 0.1
    strong, weak = request_rgb(asked, torch.zeros(2, 3, 4, 4)).astype(int)
    assert np.ptp(strong, axis=-1).mean() > 5 * np.ptp(weak, axis=-1).mean() > 0


def test_a_change_is_shown_with_the_stated_factor() -> None:
    changed = torch.full((1, 3, 2, 2), 0.1)
    changed[0, 0] = -0.1
    assert amplification(changed) == 8  # 16 would be more than the colours hold
    pixels = change_rgb(changed, 8)[0, 0, 0].astype(float)
    assert np.allclose(pixels, 127.5 * (1 + 8 * np.array([-0.1, 0.1, 0.1])), atol=1)
    assert amplification(torch.zeros(1, 3, 2, 2)) == amplification(torch.full((1, 3, 2, 2), 5.0)) == 1
