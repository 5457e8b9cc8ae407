"""The script that measures the approximate search."""

from __future__ import annotations

import pytest

from scripts import benchmark_search


def test_it_prints_a_line_for_each_kind_of_rows(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("faiss")
    small = ["--rows", "10000", "--dimensions", "8", "--queries", "5"]
    assert benchmark_search.main(small) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["clustered", "uniform"]
    assert benchmark_search.main([*small, "--only", "uniform"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_without_faiss_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark_search, "find_spec", lambda name: None)
    assert benchmark_search.main([]) == 2
    assert "pip install posterlens[faiss]" in capsys.readouterr().err
