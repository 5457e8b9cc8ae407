"""What is said about a trained upscaler."""

from __future__ import annotations

from gan.upscaling.report import table


def test_the_table_shows_feature_distances_where_they_were_measured() -> None:
    row = {"factor": 4, "method": "lanczos", "psnr": 20.123, "ssim": 0.61234, "features": 0.2512}
    last = table([row], 128).splitlines()[-1]
    assert last == "| 32 → 128 | lanczos | 20.12 dB |  |  | 0.6123 | 0.251 |"
