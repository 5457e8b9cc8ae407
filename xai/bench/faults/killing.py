"""Kill a program at random moments, look at what it left, let it end, and compare with a run that nobody disturbed.

    outcome = try_target(target, scripts, folder, times=20, draw=random.Random(0))
    outcome.half_written        # sentences; [] where everything under a final name was whole
    outcome.equal               # ends that gave what the undisturbed run gave, of outcome.ends

A moment is a time of the run, or a change of a file (gan.files writes beside and renames; so many moments lie
between the two), or some milliseconds after such a change.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from xai.bench.faults.dying import KILL
from xai.bench.faults.reading import temporaries, unreadable
from xai.errors import ExplanationError

ROW = 3  # kills until the program may end
HOUSE = Path(__file__).resolve().parents[3]
DELAY = 0.03  # seconds after a change, at most
MOST = 600.0  # seconds of a run


@dataclass(frozen=True)
class Target:
    """A program that writes.

    arguments : of the script, for a folder to work in, and for going on where something is there. read : what the
    program's own readers find in that folder, by name, as digests; it raises where they find half of something.
    saved : patterns of files that keep what is done; () where a run begins anew. growing : whether what is read
    may be an earlier state of what the undisturbed run ends with. recorded : see ``unreadable``.
    """

    name: str
    script: str
    arguments: Callable[[Path], Sequence[str]]
    read: Callable[[Path], Mapping[str, str]]
    saved: tuple[str, ...] = ()
    growing: bool = False
    recorded: tuple[str, ...] = ()


@dataclass(frozen=True)
class Whole:
    """The undisturbed run: its time, how often it changed a file, and what can be read of it."""

    seconds: float
    changes: int
    result: Mapping[str, str]


@dataclass
class Outcome:
    """What became of one target.

    amid : kills that left a temporary file, so in the middle of a write. lost : the most seconds of work that a kill
    took, None where a run begins anew. littered : temporary files that are left after an end.
    """

    name: str
    kills: int = 0
    amid: int = 0
    ends: int = 0
    equal: int = 0
    littered: int = 0
    lost: float | None = None
    half_written: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.half_written and self.ends == self.equal


# ---- a process ---------------------------------------------------------------------------------------


def command(target: Target, scripts: Path, folder: Path, dying: Sequence[str] = ()) -> list[str]:
    """The program, or the program that dies at a change."""
    script = [str(scripts / f"{target.script}.py"), *target.arguments(folder)]
    return [sys.executable, *(("-m", "xai.bench.faults.dying", str(folder), *dying) if dying else ()), *script]


def environment(folder: Path) -> dict[str, str]:
    """One thread, and a cache in this folder."""
    own = {"POSTERLENS_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HOUSE)}
    return os.environ | own


def ended(words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run until it ends, in whatever way."""
    return subprocess.run(  # noqa: S603 - our own
        words, capture_output=True, text=True, env=environment(folder), cwd=HOUSE, timeout=MOST, check=False
    )


def undisturbed(target: Target, scripts: Path, folder: Path) -> Whole:
    """Run it once; ExplanationError where it fails by itself, or what it wrote cannot be read."""
    folder.mkdir(parents=True)
    log = folder.with_name(f"{folder.name}.changes")
    start = time.perf_counter()
    done = ended(command(target, scripts, folder, ("0", "0", str(log))), folder)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise ExplanationError(f"{target.name} fails undisturbed: {done.stderr.strip()[-500:]}")
    if found := unreadable(folder, target.recorded):
        raise ExplanationError(f"{target.name} leaves undisturbed what cannot be read: {found[0]}")
    return Whole(seconds, int(log.read_text(encoding="utf-8")), dict(target.read(folder)))


def killed(target: Target, scripts: Path, folder: Path, whole: Whole, draw: Random) -> tuple[bool, str]:
    """Run it up to a random moment; whether it was killed then, and what it said if it ended by itself."""
    if draw.random() < 1 / 3:
        words, patience = command(target, scripts, folder), draw.uniform(0, whole.seconds)
    else:
        delay = draw.choice((0.0, draw.uniform(0, DELAY)))
        change, log = draw.randint(1, whole.changes), folder.with_name("changes")
        words, patience = command(target, scripts, folder, (str(change), str(delay), str(log))), MOST
    with subprocess.Popen(  # noqa: S603 - our own
        words, env=environment(folder), cwd=HOUSE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            _, said = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            process.kill()
            _, said = process.communicate()
    return process.returncode in (-KILL, KILL), said if process.returncode > 0 else ""


# ---- what it left ------------------------------------------------------------------------------------


def half_written(target: Target, folder: Path, whole: Whole) -> list[str]:
    """What stands under a final name and is not whole, in sentences."""
    problems = unreadable(folder, target.recorded)
    try:
        found = target.read(folder)
    except Exception as error:  # whatever the program's reader raises
        return [*problems, f"the program's reader: {type(error).__name__}: {str(error)[:200]}"]
    if target.growing:
        return problems
    for part in sorted({name.partition("/")[0] for name in found}):
        here, there = _of(part, found), _of(part, whole.result)
        if here != there:
            names = [name for name in sorted({*here, *there}) if here.get(name) != there.get(name)]
            problems.append(f"{part} is there in part: {', '.join(names[:3])} differs or is missing.")
    return problems


def _of(part: str, result: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in result.items() if name.partition("/")[0] == part}


def lost(target: Target, folder: Path, begun: float, now: float) -> float | None:
    """Seconds since something was saved, or since the first file of this run was there; None where nothing is saved."""
    if not target.saved:
        return None
    times = [path.stat().st_mtime for pattern in target.saved for path in folder.glob(pattern)]
    changed = [path.stat().st_mtime for path in folder.rglob("*") if path.is_file()]
    of_this = [one for one in changed if one >= begun]
    return now - max([*times, min(of_this)]) if of_this else 0.0


# ---- again and again ---------------------------------------------------------------------------------


def try_target(target: Target, scripts: Path, folder: Path, times: int, draw: Random) -> Outcome:
    """So many kills; after every few the program is run to its end and compared."""
    whole = undisturbed(target, scripts, folder / "whole")
    outcome = Outcome(target.name)
    for number in range(5 * times):
        if outcome.kills >= times:
            break
        work = folder / f"try-{number}"
        work.mkdir()
        for _ in range(min(ROW, times - outcome.kills)):
            begun = time.time()
            dead, said = killed(target, scripts, work, whole, draw)
            if not dead:
                outcome.different += [f"it ended by itself: {said.strip()[-300:]}"] if said else []
                break
            _count(outcome, target, work, whole, lost(target, work, begun, time.time()))
        _end(outcome, target, scripts, work, whole)
        shutil.rmtree(work)
    return outcome


def _count(outcome: Outcome, target: Target, work: Path, whole: Whole, seconds: float | None) -> None:
    outcome.kills += 1
    outcome.amid += bool(temporaries(work))
    outcome.half_written += half_written(target, work, whole)
    if seconds is not None:
        outcome.lost = max(outcome.lost or 0.0, seconds)


def _end(outcome: Outcome, target: Target, scripts: Path, work: Path, whole: Whole) -> None:
    outcome.ends += 1
    if not outcome.half_written and dict(target.read(work)) == whole.result:  # killed when all was done
        outcome.equal += 1
        return
    done = ended(command(target, scripts, work), work)
    outcome.littered += len(temporaries(work))
    if done.returncode:
        outcome.different.append(f"it does not end: {done.stderr.strip()[-300:]}")
        return
    outcome.half_written += unreadable(work, target.recorded)
    result = dict(target.read(work))
    names = [name for name in sorted({*result, *whole.result}) if result.get(name) != whole.result.get(name)]
    outcome.equal += not names
    outcome.different += [f"{name} is another than in the undisturbed run." for name in names]
