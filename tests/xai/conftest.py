from __future__ import annotations

import pytest

from xai.methods._quiet import quiet


@pytest.fixture(autouse=True)
def quiet_libraries() -> None:
    """pytest takes filters of warnings back after each test; the product sets them once a process."""
    quiet.cache_clear()
