"""All lessons in a real browser: every step, one wrong and one right answer, the way back, the link, and a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard.lessons import files
from dashboard.lessons.lesson import Lesson, Question
from dashboard.pages import PAGES
from tests.e2e.conftest import PATIENCE, settle

pytestmark = pytest.mark.browser
PANEL = ".st-key-lesson_panel"
LESSONS = [files.read(path) for path in sorted(files.SHIPPED.glob("*.md"))]


@pytest.fixture
def window(address: str, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, height = getattr(request, "param", (1280, 900))
    context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    yield page
    context.close()


def panel(page: Page) -> Locator:
    return page.locator(PANEL)


def assert_at(page: Page, lesson: Lesson, number: int) -> None:
    step = lesson.steps[number - 1]
    expect(panel(page).get_by_role("heading", name=step.title, level=3)).to_be_visible()
    heading = PAGES[step.page].heading or PAGES[step.page].title
    expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible()
    expect(page).to_have_url(re.compile(rf"[?&]lesson={lesson.name}&step={number}(&|$)"))
    settle(page)
    expect(panel(page).get_by_text("The page has moved on")).to_have_count(0)


def check(page: Page, question: Question, choice: str) -> Locator:
    """Choose, check, and return what the panel says to it."""
    panel(page).get_by_text(choice, exact=True).click()
    panel(page).get_by_role("button", name="Check").click()
    return panel(page).get_by_test_id("stAlert")


def answer_wrong_and_right(page: Page, question: Question) -> None:
    right = question.choices.index(str(question.right))
    wrong = question.choices[1 if right == 0 else 0]
    expect(check(page, question, wrong)).to_contain_text("Not quite")
    expect(check(page, question, question.choices[right])).to_contain_text("Right.")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_lesson_is_walked_from_its_link_to_its_end(address: str, window: Page, lesson: Lesson) -> None:
    window.goto(f"{address}/?lesson={lesson.name}")
    answered = False
    for number, step in enumerate(lesson.steps, 1):
        assert_at(window, lesson, number)
        if step.question and step.question.right is not None and step.question.choices and not answered:
            answer_wrong_and_right(window, step.question)
            expect(window).to_have_url(re.compile(rf"done={lesson.name}\.{number}"))
            answered = True
        panel(window).get_by_role("button", name="Finish" if number == len(lesson.steps) else "Next").click()
    expect(panel(window)).to_have_count(0)
    expect(window.get_by_role("heading", name="PosterLens", level=1)).to_be_visible()


def test_a_computed_answer_is_checked_wrong_and_right(address: str, window: Page) -> None:
    lesson = next(one for one in LESSONS if one.name == "what-is-a-gan")
    window.goto(f"{address}/?lesson={lesson.name}&step=2")
    assert_at(window, lesson, 2)
    shown = window.get_by_test_id("stSidebar").get_by_text("D finds it").inner_text()
    right, wrong = ("real", "fake") if "D finds it real" in shown else ("fake", "real")
    question = lesson.steps[1].question
    assert question is not None
    expect(check(window, question, wrong)).to_contain_text("Not quite")
    expect(check(window, question, right)).to_contain_text("Right. D's logit is")


@pytest.mark.parametrize("window", [(390, 844)], indirect=True)
def test_on_a_phone_the_panel_is_a_sheet_that_folds_and_comes_back(address: str, window: Page) -> None:
    lesson = next(one for one in LESSONS if one.name == "why-fake")
    window.goto(f"{address}/?lesson={lesson.name}")
    for number in range(1, len(lesson.steps) + 1):
        assert_at(window, lesson, number)
        window.wait_for_function(f"document.querySelector('{PANEL}')?.getBoundingClientRect().x === 0")
        box = panel(window).bounding_box()
        assert box is not None
        assert box["width"] == 390
        assert box["y"] >= 844 / 2 - 1
        if number < len(lesson.steps):
            panel(window).get_by_role("button", name="Next").click()
    panel(window).get_by_role("button", name="Fold").click()
    expect(panel(window).get_by_role("button", name="Unfold")).to_be_visible()
    expect(panel(window).get_by_role("button", name="Back")).to_have_count(0)


def test_what_one_does_on_the_page_does_not_lose_the_lesson(address: str, window: Page) -> None:
    lesson = next(one for one in LESSONS if one.name == "why-fake")
    window.goto(f"{address}/?lesson={lesson.name}")
    assert_at(window, lesson, 1)
    window.get_by_test_id("stSidebarNav").get_by_role("link", name="Prune").click()
    expect(window.get_by_role("heading", name="Prune", level=1)).to_be_visible()
    settle(window)
    panel(window).get_by_role("button", name="Back to this step").click()
    assert_at(window, lesson, 1)
    window.reload()
    assert_at(window, lesson, 1)
