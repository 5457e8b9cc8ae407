"""Where the checkpoints are that come with PosterLens.

gan.load(shipped() / "whole-64")       # or gan.load("whole-64")
"""

from __future__ import annotations

from pathlib import Path


def shipped() -> Path:
    """The folder of checkpoints: in a checkout all of them, installed from a wheel the one that opens first."""
    house = Path(__file__).parents[1]
    checkout, installed = house / "checkpoints", house / "posterlens/checkpoints"
    return checkout if checkout.is_dir() else installed


def is_checkout() -> bool:
    """Whether this runs from a checkout, whose folders are the user's own."""
    return (Path(__file__).parents[1] / "pyproject.toml").is_file()
