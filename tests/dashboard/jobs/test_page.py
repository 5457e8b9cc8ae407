"""What a page shows of a job: its place, its progress, who else waits, why it failed; and what its buttons do."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.jobs import server
from dashboard.jobs.runner import Order, Seen
from gan.errors import UsageError
from tests.dashboard.reading import OpenApp, ask, texts

QUERY = {"lab": "All filters"}


class Queue:
    """A runner without processes, in which every job stands as a test says."""

    def __init__(self, seen: Seen | None) -> None:
        self.seen, self.did = seen, list[str]()

    def watch(self, order: Order, session: str) -> Seen | None:
        return self.seen

    def ask(self, order: Order, session: str) -> None:
        self.did.append("asked")
        self.seen = Seen(mine=True)

    def leave(self, order: Order, session: str) -> None:
        self.did.append("left")
        self.seen = None


def opened(open_app: OpenApp, monkeypatch: pytest.MonkeyPatch, seen: Seen | None) -> tuple[AppTest, Queue]:
    queue = Queue(seen)
    monkeypatch.setattr(server, "runner", lambda: queue)
    app = open_app("generator", QUERY)
    assert not app.exception
    return app, queue


def keys(app: AppTest) -> set[str | None]:
    return {button.key for button in app.button}


def bar(app: AppTest) -> tuple[float, str]:
    """How full it is, in percent, and what it says."""
    (element,) = app.get("progress")
    return element.proto.value, element.proto.text


@pytest.mark.parametrize(
    ("seen", "value", "said"),
    [
        (Seen(mine=True, before=2), 0, "posters: waiting, 2 jobs before it"),
        (Seen(mine=True, before=1, others=1), 0, "1 job before it; 1 other person waits for it, too"),
        (Seen(mine=True, running=True, part=0.25, seconds=60), 25, "60 s, about 3 minutes left"),
        (Seen(mine=True, running=True, part=0.5, seconds=1, others=2), 50, "1 s; 2 other people wait for it, too"),
    ],
)
def test_place_and_progress_are_shown(
    open_app: OpenApp, monkeypatch: pytest.MonkeyPatch, seen: Seen, value: int, said: str
) -> None:
    app, _ = opened(open_app, monkeypatch, seen)
    assert bar(app)[0] == value
    assert bar(app)[1].endswith(said)
    assert "measure_cancel" in keys(app)
    assert "measure" not in keys(app)


def test_a_job_that_is_cancelled_is_offered_again(open_app: OpenApp, monkeypatch: pytest.MonkeyPatch) -> None:
    app, queue = opened(open_app, monkeypatch, Seen(mine=True, before=2))
    app.button(key="measure_cancel").click().run()
    assert queue.did == ["left"]
    assert {"measure", "measure_cancel"} & keys(app) == {"measure"}
    app.button(key="measure").click().run()
    assert queue.did == ["left", "asked"]
    assert {"measure", "measure_cancel"} & keys(app) == {"measure_cancel"}


def test_who_left_a_job_sees_that_it_goes_on_for_others(open_app: OpenApp, monkeypatch: pytest.MonkeyPatch) -> None:
    app, _ = opened(open_app, monkeypatch, Seen(mine=False, others=2, running=True, part=0.5))
    assert "It goes on for 2 other people." in texts(app)
    assert "measure" in keys(app)


def test_why_a_job_failed_is_said_beside_the_button(open_app: OpenApp, monkeypatch: pytest.MonkeyPatch) -> None:
    app, _ = opened(open_app, monkeypatch, Seen(failure="M*A*S*H cannot be read."))
    assert "M*A*S*H cannot be read." in texts(app)
    assert "measure" in keys(app)


def test_a_queue_that_is_full_is_a_sentence(open_app: OpenApp, monkeypatch: pytest.MonkeyPatch) -> None:
    app, queue = opened(open_app, monkeypatch, None)

    def refuse(*_: object) -> None:
        raise UsageError("You wait for 4 jobs already.")

    monkeypatch.setattr(queue, "ask", refuse)
    app.button(key="measure").click().run()
    assert not app.exception
    assert "You wait for 4 jobs already." in texts(app)


def test_a_job_whose_result_cannot_be_kept_says_why_and_is_offered_again(
    open_app: OpenApp, private_cache: Path
) -> None:
    (private_cache / "filters").write_text("not a folder")
    app = open_app("generator", QUERY)
    ask(app, "measure")
    assert not app.exception
    assert "cannot be written" in texts(app)
    (private_cache / "filters").unlink()
    ask(app, "measure")
    assert "cannot be written" not in texts(app)
    assert "measure" not in keys(app)
