from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import xai
from tests.xai.nets import affine, in_threads
from xai.networks.cache import Cache, one, size_in_bytes


def test_an_answer_is_made_once() -> None:
    cache, made = Cache(1000), []
    for _ in range(3):
        assert cache.get("key", lambda: made.append(1) or "answer") == "answer"
    assert len(made) == 1
    assert "key" in cache
    assert "other" not in cache


def test_a_score_caches_answers_for_other_methods() -> None:
    score, made = xai.Score(affine()), []
    for _ in range(3):
        assert score.cached("key", lambda: made.append(1) or "answer") == "answer"
    assert len(made) == 1


def test_the_least_recently_used_answer_goes_first() -> None:
    cache, made = Cache(8, size=one), []

    def ask(key: int) -> int:
        return cache.get(key, lambda: made.append(key) or key)

    for key in range(8):
        ask(key)
    ask(0)  # used again: the oldest is 1 now
    ask(8)
    assert made == list(range(9))
    ask(0), ask(2), ask(8)
    assert len(made) == 9
    ask(1)
    assert made[-1] == 1


def test_no_more_bytes_are_kept_than_allowed() -> None:
    cache = Cache(10 * 4000)
    for key in range(30):
        cache.get(key, lambda: torch.zeros(1000))
        assert sum(4000 for other in range(30) if other in cache) <= 10 * 4000
    assert [key for key in range(30) if key in cache] == list(range(20, 30))
    cache.get("large", lambda: torch.zeros(5000))  # takes the place of five
    assert [key for key in range(30) if key in cache] == list(range(25, 30))


def test_an_answer_that_alone_is_too_large_is_given_and_not_kept() -> None:
    cache = Cache(100)
    assert cache.get("key", lambda: torch.zeros(1000)).shape == (1000,)
    assert "key" not in cache


@dataclass(frozen=True)
class Answer:
    values: Tensor
    notes: dict[str, np.ndarray]


def test_bytes_are_those_of_all_numbers_within_an_answer() -> None:
    tensor, array = torch.zeros(3, 5), np.zeros(7)
    assert size_in_bytes(tensor) == 60
    assert size_in_bytes(tensor.double()) == 120
    assert size_in_bytes(array) == 56
    assert size_in_bytes(Answer(tensor, {"a": array, "b": array})) == 60 + 2 * 56
    assert size_in_bytes([tensor, (tensor, array)]) == 2 * 60 + 56
    assert size_in_bytes(nn.Linear(4, 3)) == 4 * (12 + 3)
    assert size_in_bytes("x" * 10_000) >= 10_000
    assert size_in_bytes(None) > 0


def test_what_could_not_be_made_is_not_kept() -> None:
    cache = Cache(1000)
    with pytest.raises(ZeroDivisionError):
        cache.get("key", lambda: 1 / 0)
    assert cache.get("key", lambda: 2) == 2


def test_an_answer_can_ask_for_another_one_while_it_is_made() -> None:
    cache = Cache(1000)
    assert cache.get("outer", lambda: cache.get("inner", lambda: 1) + 1) == 2


def test_two_that_ask_at_once_wait_for_one_computation_and_get_the_same_object() -> None:
    cache, made = Cache(10**6), []

    def make() -> object:
        made.append(threading.get_ident())  # appending is atomic
        time.sleep(0.05)
        return object()

    answers = in_threads(12, lambda _: [cache.get(key, make) for key in range(3)])
    assert len(made) == 3
    assert all(found is expected for row in answers for found, expected in zip(row, answers[0], strict=True))


def test_one_computation_that_fails_lets_the_next_that_waits_try() -> None:
    cache, tries = Cache(1000), []
    lock = threading.Lock()

    def make() -> str:
        with lock:
            tries.append(1)
            first = len(tries) == 1
        time.sleep(0.02)
        if first:
            raise KeyboardInterrupt  # as a stopped session raises
        return "answer"

    def job(_: int) -> str | None:
        try:
            return cache.get("key", make)
        except KeyboardInterrupt:
            return None

    answers = in_threads(4, job)
    assert sorted(answers, key=str) == [None, "answer", "answer", "answer"]
    assert len(tries) == 2


def test_other_keys_do_not_wait() -> None:
    cache, inside = Cache(1000), threading.Barrier(2, timeout=10)
    in_threads(2, lambda index: cache.get(index, inside.wait))  # the barrier opens only if both are being made


def test_many_threads_with_many_keys_keep_no_more_than_allowed() -> None:
    cache = Cache(64, size=one)
    found = in_threads(8, lambda index: [cache.get((index, key), lambda key=key: key) for key in range(100)])  # type: ignore[misc]
    assert found == [list(range(100))] * 8
    assert sum((index, key) in cache for index in range(8) for key in range(100)) <= 64
