r"""Kill what writes at random moments, fill its disk, step its clock, and see that nothing half-written is ever read.

    python scripts/benchmark_faults.py
    python scripts/benchmark_faults.py --times 100 --seed 1 --write docs/reliability.md
    python scripts/benchmark_faults.py --only training explain --times 6

--times kills are shared among training, a study, explain, an export, the cache and the dashboard's server, in small.
Every file under its final name is read by the program's own reader, and after at most three kills the program may end
and must have what a run has that nobody disturbed. Exit status 1: something half-written was read, or an end was
another one.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gan
from dashboard.client import Answer, open_page
from gan import cli
from gan.cli import exit_code
from gan.errors import counted
from xai.bench.faults.disks import Row, full_disk, poster_of_the_same_date, read_only, stepping_clock
from xai.bench.faults.dying import KILL
from xai.bench.faults.killing import ROW, Outcome, Whole, try_target, undisturbed
from xai.bench.faults.reading import temporaries, unreadable
from xai.bench.faults.targets import make_targets, tiny
from xai.bench.pages.browser import HOUSE, served

SCRIPTS = Path(__file__).resolve().parent
SERVER, DISK, CLOCK, REPLACED = "server", "disk", "clock", "replaced"
KILLED = ("training", "study", "explain", "export", "cache", SERVER)
FAULTS = (*KILLED, DISK, CLOCK, REPLACED)
KILLS, OTHERS = (("<!-- faults -->", "<!-- /faults -->"), ("<!-- disks -->", "<!-- /disks -->"))  # marks of a page
APP = HOUSE / "dashboard/app.py"
PAGES = [(page, seed) for page in ("start", "compare", "generator", "latent") for seed in (1, 2)]
BUSY = 10.0  # seconds in which a server is killed
CLIENTS = 2
ANSWERS, MOST_SWAPS = 40, 400  # of a checkpoint that is open


# ---- the dashboard's server --------------------------------------------------------------------------


def pictures_of(address: str) -> dict[tuple[str, int], tuple[str, ...]]:
    """What every page shows; PosterLensError where one raises."""
    answers = [open_page(address, *asked) for asked in PAGES]
    raised = [error for one in answers for error in one.raised]
    if raised:
        raise gan.PosterLensError(raised[0])
    return {(one.page, one.seed): one.pictures for one in answers}


def kill_server(folder: Path, times: int, draw: random.Random) -> Outcome:
    """Kill the server while clients ask for pages; the next one, of the same cache, shows what it would have shown."""
    checkpoints, outcome = tiny(folder / "checkpoints/tiny", 0).parent, Outcome(SERVER)
    arguments = ["--checkpoints", str(checkpoints)]
    with served(APP, arguments) as server:
        expected = pictures_of(server.address)
    while outcome.kills < times:
        cache = folder / f"cache-{outcome.kills}"
        cache.mkdir()
        for _ in range(min(ROW, times - outcome.kills)):
            with served(APP, arguments, cache) as server, ThreadPoolExecutor(CLIENTS) as pool:
                jobs = [pool.submit(ask_until_dead, server.address, draw.random()) for _ in range(CLIENTS)]
                time.sleep(draw.uniform(0, BUSY))
                os.kill(server.pid, KILL)
                [job.result() for job in jobs]
            outcome.kills += 1
            outcome.amid += bool(temporaries(cache))
            outcome.half_written += unreadable(cache) + unreadable(checkpoints)
        with served(APP, arguments, cache) as server:
            found = pictures_of(server.address)
        outcome.ends += 1
        outcome.equal += found == expected
        outcome.different += [
            f"{page} of seed {seed}" for page, seed in PAGES if found[page, seed] != expected[page, seed]
        ]
    outcome.lost = 0.0  # all that a person chose is in the address
    return outcome


def ask_until_dead(address: str, order: float) -> None:
    """A client who opens page after page."""
    draw = random.Random(order)  # noqa: S311 - an order, no secret
    try:
        while True:
            open_page(address, *draw.choice(PAGES))
    except Exception:  # noqa: S110 - whatever a client says when the server is gone
        pass


# ---- a checkpoint that is replaced while it is open ---------------------------------------------------


def replaced_checkpoint(folder: Path) -> list[Row]:
    """Replaced again and again by a run, while clients look at it; then in place, with the date that it had."""
    path = tiny(folder / "checkpoints/tiny", 0)
    arguments, expected = ["--checkpoints", str(path.parent)], []
    for seed in (0, 1):
        tiny(path, seed)
        with served(APP, arguments) as server:
            expected.append(pictures_of(server.address))
    with served(APP, arguments) as server:
        answers = answers_meanwhile(server.address, path)
        mixed = [one for one in answers if one.pictures not in [kind[one.page, one.seed] for kind in expected]]
        raised = [error for one in answers for error in one.raised]
        tiny(path, 0)
        before = pictures_of(server.address)
        replace_in_place(path, tiny(folder / "other", 1))
        after = pictures_of(server.address)
    said = f"{counted(len(answers), 'answer')}, {len(mixed)} of neither or of both, {len(raised)} with an error"
    return [
        Row("a checkpoint is replaced while it is open", "again and again", not mixed + raised, said),
        Row(
            "a checkpoint is replaced in place, its date stays", "same size and date",
            (before, after) == (expected[0], expected[1]), "nothing: the next answer is of the new one",
        ),
    ]  # fmt: skip


def answers_meanwhile(address: str, path: Path) -> list[Answer]:
    """What clients get while networks are saved there again and again."""
    draw = random.Random(0)  # noqa: S311 - a pause, no secret
    done, count = threading.Event(), [0]

    def client(order: int) -> list[Answer]:
        mine, answers = random.Random(order), []  # noqa: S311 - an order, no secret
        while not done.is_set():
            answers.append(open_page(address, *mine.choice(PAGES)))
            count[0] += 1
        return answers

    pictures_of(address)  # so that imports are done
    with ThreadPoolExecutor(CLIENTS) as pool:
        jobs = [pool.submit(client, order) for order in range(CLIENTS)]
        for number in range(MOST_SWAPS):
            time.sleep(draw.uniform(0, 1))
            tiny(path, number % 2)
            if count[0] >= ANSWERS or any(job.done() for job in jobs):
                break
        done.set()
        return [answer for job in jobs for answer in job.result()]


def replace_in_place(path: Path, other: Path) -> None:
    """Other weights in the same files, as a program may leave them that keeps dates."""
    for file in path.glob("*.safetensors"):
        about = file.stat()
        file.write_bytes((other / file.name).read_bytes())
        os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))


# ---- all of it ---------------------------------------------------------------------------------------


def kills(only: Sequence[str], times: int, seed: int, folder: Path) -> Iterator[Outcome]:
    """Each target that is asked for, with its part of the kills."""
    chosen = [name for name in KILLED if name in only]
    targets = make_targets(folder / "made")
    for place, name in enumerate(chosen):
        part = times // len(chosen) + (place < times % len(chosen))
        draw = random.Random(f"{seed} {name}")  # noqa: S311 - a moment, no secret
        if part and name == SERVER:
            yield kill_server(folder / name, part, draw)
        elif part:
            yield try_target(targets[name], SCRIPTS, folder / name, part, draw)


def faults(only: Sequence[str], seed: int, folder: Path) -> Iterator[Row]:
    """Disk, clock and replaced files."""
    targets = make_targets(folder / "made too") if {DISK, CLOCK} & set(only) else {}
    wholes: dict[str, Whole] = {}
    for name, target in targets.items():
        wholes[name] = undisturbed(target, SCRIPTS, folder / "disks" / name / "whole")
        if DISK in only:
            yield full_disk(target, SCRIPTS, folder / "disks" / name, wholes[name])
            yield read_only(target, SCRIPTS, folder / "disks" / name, wholes[name])
        if CLOCK in only and target.saved:
            draw = random.Random(seed)  # noqa: S311 - a moment, no secret
            yield stepping_clock(target, SCRIPTS, folder / "disks" / name, wholes[name], draw)
    if CLOCK in only:
        yield poster_of_the_same_date(folder / "same date")
    if REPLACED in only:
        yield from replaced_checkpoint(folder / "replaced")


def outcome_row(one: Outcome) -> str:
    lost = "begins anew" if one.lost is None else "nothing" if not one.lost else f"{one.lost:.1f} s"
    figures = (one.kills, one.amid, len(one.half_written), f"{one.equal} of {one.ends}", lost, one.littered)
    return f"| {one.name} | {' | '.join(map(str, figures))} |"


def fault_row(one: Row) -> str:
    return f"| {one.fault} | {one.made} | {'as promised' if one.good else '**not as promised**'} | {one.said} |"


def report_kills(outcomes: Sequence[Outcome], seed: int) -> str:
    """A table, and what holds of all kills; "" where there was none."""
    if not outcomes:
        return ""
    kills, ends, equal = (sum(getattr(one, name) for one in outcomes) for name in ("kills", "ends", "equal"))
    half = sum(len(one.half_written) for one in outcomes)
    lines = [
        "| killed | kills | amid a write | half-written files read | ends equal to an undisturbed run | "
        "most work lost | temporary files left |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *map(outcome_row, outcomes),
        "",
        f"{counted(kills, 'kill')} (seed {seed}): {counted(half, 'half-written file')} read, "
        f"{equal} of {ends} ends equal to an undisturbed run.",
    ]
    return "\n".join(lines)


def report_faults(rows: Sequence[Row]) -> str:
    """A table; "" where nothing was tried."""
    lines = ["| fault | made by | | what is said |", "| --- | --- | --- | --- |", *map(fault_row, rows)]
    return "\n".join(lines) if rows else ""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--times", type=cli.count(1, 10_000), default=100, help="kills in all, default %(default)s")
    parser.add_argument("--seed", type=cli.seed(), default=0, help="of the moments, default %(default)s")
    parser.add_argument(
        "--only", nargs="+", choices=FAULTS, default=list(FAULTS), metavar="FAULT", help=", ".join(FAULTS)
    )
    parser.add_argument(
        "--write",
        type=Path,
        help=f"put kills and faults between the marks {KILLS[0]} and {OTHERS[0]} of this page and their ends",
    )
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> bool:
    """Print each row as soon as it is there; whether all of it ended as promised."""
    if options.write:
        for marks in (KILLS, OTHERS):
            cli.split_section(options.write, *marks)
    outcomes, rows = list[Outcome](), list[Row]()
    with tempfile.TemporaryDirectory() as temporary:
        for outcome in kills(options.only, options.times, options.seed, Path(temporary)):
            outcomes.append(outcome)
            print(outcome_row(outcome), flush=True)
            for text in [*outcome.half_written, *outcome.different]:
                print(f"{outcome.name}: {text}", file=sys.stderr, flush=True)
        for row in faults(options.only, options.seed, Path(temporary)):
            rows.append(row)
            print(fault_row(row), flush=True)
    for marks, text in ((KILLS, report_kills(outcomes, options.seed)), (OTHERS, report_faults(rows))):
        if text:
            print("\n" + text)
        if text and options.write:
            cli.replace_section(options.write, *marks, text)
    return all(one.good for one in outcomes) and all(row.good for row in rows)


def main(arguments: list[str] | None = None) -> int:
    options, good = parse(arguments), []
    code = exit_code(lambda: good.append(run(options)), "the table")
    return code or int(not all(good))


if __name__ == "__main__":
    sys.exit(main())
