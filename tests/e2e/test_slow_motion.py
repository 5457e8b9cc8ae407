"""Slow motion in a real Chromium: both halves of a step, playing, and back."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import go_to, settle

pytestmark = pytest.mark.browser


def test_a_person_steps_plays_and_goes_back(page: Page) -> None:
    go_to(page, "Slow motion")
    main = page.get_by_test_id("stMain")
    main.get_by_role("button", name="Step D").click()
    expect(main.get_by_text("D's half.")).to_be_visible()
    expect(main.get_by_role("list", name="generated posters of this step").get_by_role("listitem")).to_have_count(8)
    main.get_by_role("button", name="Step G").click()
    expect(main.get_by_text("Step 1, both halves.")).to_be_visible()
    main.get_by_role("button", name="Play").click()
    expect(main.get_by_text("Step 3, both halves.")).to_be_visible()  # without a hand
    main.get_by_role("button", name="Pause").click()
    settle(page)
    main.get_by_role("button", name="Go back").click()
    expect(main.get_by_text("No steps made.")).to_be_visible()
