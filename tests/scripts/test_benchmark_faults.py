"""Kills, full disks, stepping clocks: a program that writes well passes, and one that does not is found and said."""

from __future__ import annotations

import json
import random
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts import benchmark_faults
from scripts.benchmark_faults import fault_row, report_faults, report_kills
from xai.bench.faults import disks
from xai.bench.faults.disks import Row, can_mount, full_disk, poster_of_the_same_date, read_only, stepping_clock
from xai.bench.faults.killing import Outcome, Target, try_target, undisturbed
from xai.bench.faults.reading import digest, digests, temporaries, unreadable
from xai.bench.faults.targets import make_targets

SCRIPTS = Path(benchmark_faults.__file__).parent
WELL = """
    from gan.files import write_file
    for number in range(20):
        write_file(out / f"{number}.json", json.dumps([number] * 1000).encode())
"""
HALVES = """
    for number in range(20):
        content = json.dumps([number] * 1000)
        with open(out / f"{number}.json", "w") as file:
            file.write(content[:2000])
            file.flush()
            time.sleep(0.02)
            file.write(content[2000:])
"""
OTHER = """
    done = (out / "0.json").exists()
    (out / "0.json").write_text("[0]")
    time.sleep(0.3)
    (out / "1.json").write_text(json.dumps(["begun before" if done else "at once"]))
"""
TRUSTING = """
    late = [path for path in out.glob("*.json") if path.stat().st_mtime > time.time() + 60]
    time.sleep(0.3)
    (out / "0.json").write_text(json.dumps(bool(late)))
"""
SAYS_NOTHING = """
    try:
        (out / "0.json").write_bytes(b"[" + b"0," * 20000 + b"0]")
    except OSError:
        pass
"""


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Target]:
    """A target that is a script of these lines, and quick, for it needs no torch."""

    def make(body: str, growing: bool = False) -> Target:
        head = "import json, sys, time\nfrom pathlib import Path\nout = Path(sys.argv[1])\n"
        (tmp_path / "fake.py").write_text(head + textwrap.dedent(body))
        return Target("fake", "fake", lambda folder: [str(folder)], digests, ("*.json",), growing)

    return make


def tried(target: Target, tmp_path: Path, times: int) -> Outcome:
    return try_target(target, tmp_path, tmp_path / "work", times, random.Random(0))


def test_a_program_that_writes_beside_and_renames_passes(program: Callable[..., Target], tmp_path: Path) -> None:
    outcome = tried(program(WELL), tmp_path, 6)
    assert outcome.good
    assert (outcome.kills, outcome.half_written, outcome.different) == (6, [], [])
    assert outcome.ends == outcome.equal >= 2
    assert outcome.lost is not None


def test_a_program_that_writes_in_two_halves_under_the_final_name_is_found_and_ends_with_1(
    program: Callable[..., Target], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmark_faults, "SCRIPTS", tmp_path)
    page = tmp_path / "page.md"
    for body, code in ((HALVES, 1), (WELL, 0)):
        page.write_text("<!-- faults --><!-- /faults -->\n<!-- disks -->as before<!-- /disks -->\n")
        monkeypatch.setattr(benchmark_faults, "make_targets", lambda folder, body=body: {"study": program(body, True)})
        assert benchmark_faults.main(["--only", "study", "--times", "6", "--write", str(page)]) == code
        said = capsys.readouterr()
        assert ("JSONDecodeError" in said.err) == (code == 1)
        assert "6 kills (seed 0): " in page.read_text()
        assert "<!-- disks -->as before<!-- /disks -->" in page.read_text()
        assert ("no half-written files read" in page.read_text()) == (code == 0)


def test_an_end_that_is_another_one_is_found(program: Callable[..., Target], tmp_path: Path) -> None:
    outcome = tried(program(OTHER), tmp_path, 4)
    assert not outcome.good
    assert outcome.equal < outcome.ends
    assert "1.json is another than in the undisturbed run." in outcome.different


def test_a_kill_comes_at_the_change_that_was_drawn(program: Callable[..., Target], tmp_path: Path) -> None:
    """A rename is a change, too: so a temporary file of full length is left."""
    target = program(WELL)
    whole = undisturbed(target, tmp_path, tmp_path / "whole")
    assert whole.changes == 40  # each file is opened and renamed
    assert set(whole.result) == {f"{number}.json" for number in range(20)}
    work = tmp_path / "work"
    work.mkdir()
    words = ["-m", "xai.bench.faults.dying", str(work), "4", "0", "log", str(tmp_path / "fake.py"), str(work)]
    assert disks.subprocess.run([sys.executable, *words], cwd=tmp_path, check=False).returncode == -9
    assert [path.name for path in work.glob("*.json")] == ["0.json"]
    (left,) = temporaries(work)
    assert len(json.loads(left.read_bytes())) == 1000


def test_training_killed_twice_ends_as_one_that_was_not(tmp_path: Path) -> None:
    """The real script and its own readers."""
    target = make_targets(tmp_path / "made", 12)["training"]
    outcome = try_target(target, SCRIPTS, tmp_path / "work", 2, random.Random(3))
    assert (outcome.good, outcome.kills, outcome.littered) == (True, 2, 0)
    assert outcome.half_written == outcome.different == []


def test_half_a_file_of_each_kind_is_found(tmp_path: Path) -> None:
    targets = make_targets(tmp_path / "made", 2)
    assert set(targets) == {"training", "study", "explain", "export", "cache"}
    whole = tmp_path / "made"
    (whole / "a.json").write_text(json.dumps({"seconds": 1.0, "value": [1, 2]}))
    (whole / "a.html").write_text("<html></html>\n")
    assert unreadable(whole) == []
    for path in [file for file in whole.rglob("*") if file.is_file()]:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        assert len(unreadable(whole)) == 1, path
        path.write_bytes(content)
    (whole / "a.strange").write_text("")
    assert unreadable(whole) == ["a.strange: no reader is known."]
    assert unreadable(whole, ["*.strange"]) == []
    assert digest({"seconds": 1.0, "value": [1, 2]}) == digest({"seconds": 2.0, "value": [1, 2]})
    assert digest({"value": [1, 2]}) != digest({"value": [1]})


def test_a_full_disk_and_a_folder_for_reading_are_said(program: Callable[..., Target], tmp_path: Path) -> None:
    good = program(
        """
        from gan.cli import exit_code
        from gan.files import write_file
        def job():
            for number in range(8):
                write_file(out / f"{number}.json", b"[" + b"0," * 9000 + b"0]")
        sys.exit(exit_code(job, out))
        """
    )
    whole = undisturbed(good, tmp_path, tmp_path / "work/whole")
    full, reading = (fault(good, tmp_path, tmp_path / "work", whole) for fault in (full_disk, read_only))
    assert full.good
    assert ("No space left" if can_mount() else "too large") in full.said
    assert reading.good
    assert can_mount() == (reading.made == "a mount for reading only")


@pytest.mark.skipif(not can_mount(), reason="a full disk is a small one that is mounted")
def test_a_program_that_keeps_quiet_on_a_full_disk_is_found(program: Callable[..., Target], tmp_path: Path) -> None:
    bad = program(SAYS_NOTHING)
    whole = undisturbed(bad, tmp_path, tmp_path / "work/whole")
    assert not full_disk(bad, tmp_path, tmp_path / "work", whole).good
    assert not read_only(bad, tmp_path, tmp_path / "work", whole).good


def test_without_a_mount_a_limit_on_files_stands_in(
    program: Callable[..., Target], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disks, "can_mount", lambda: False)
    bad = program(SAYS_NOTHING)
    whole = undisturbed(bad, tmp_path, tmp_path / "work/whole")
    row = full_disk(bad, tmp_path, tmp_path / "work", whole)
    assert (row.made, row.good) == ("a limit on a file's size", False)


class Last(random.Random):
    """The last of all moments: 30 ms after the last change of a file, so that there is one whose date can be moved."""

    def random(self) -> float:
        return 0.9

    def choice(self, several: Any) -> Any:
        return several[-1]

    def uniform(self, a: float, b: float) -> float:
        return b

    def randint(self, a: int, b: int) -> int:
        return b


def test_a_clock_that_steps_is_noticed_where_a_program_trusts_it(
    program: Callable[..., Target], tmp_path: Path
) -> None:
    for body, good in ((TRUSTING, False), (WELL, True)):
        target, folder = program(body), tmp_path / f"clock-{good}"
        whole = undisturbed(target, tmp_path, folder / "whole")
        assert stepping_clock(target, tmp_path, folder, whole, Last()).good == good


def test_a_poster_of_the_same_size_and_date_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    assert poster_of_the_same_date(tmp_path).good


def test_the_table_says_what_was_not_as_promised() -> None:
    good = Outcome("training", 9, 4, 3, 3, 1, 0.5)
    bad = Outcome("study", 2, 0, 1, 0, 0, None, ["filters.npz: half"])
    text = report_kills([good, bad], 7) + report_faults([Row("full disk: study", "a mount", False, "nothing")])
    assert "| training | 9 | 4 | 0 | 3 of 3 | 0.5 s | 1 |" in text
    assert "| study | 2 | 0 | 1 | 0 of 1 | begins anew | 0 |" in text
    assert "11 kills (seed 7): 1 half-written file read, 3 of 4 ends equal" in text
    assert "| full disk: study | a mount | **not as promised** | nothing |" in text
    assert fault_row(Row("a", "b", True, "c")) == "| a | b | as promised | c |"
