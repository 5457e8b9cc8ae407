r"""Put a class before the dashboard: many clients at once, each opening page after page, for some minutes.

    python scripts/benchmark_load.py
    python scripts/benchmark_load.py --clients 20 --seconds 120
    python scripts/benchmark_load.py --while-studying wider-64     # one person's study and another one's pages

One client alone opens every page with every seed first, on a server of its own. Then the clients do the same on a fresh
server, in an order of their own, and each answer must have that one client's pictures, byte for byte. Clients speak the
browser's protocol and draw nothing, so that the seconds are those of the server; they run on the same machine.

With --while-studying one client opens the Latent page with one seed after another, first alone, then while another
client has all filters of this checkpoint's generator measured.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.client import Answer, connected, elements_of, open_page, resident
from gan import PosterLensError, cli, list_checkpoints
from gan.cli import exit_code
from gan.errors import UsageError, counted
from gan.shipped import is_checkout, shipped
from xai.bench.pages.browser import HOUSE, served

if TYPE_CHECKING:
    from streamlit.proto.ClientState_pb2 import ClientState
    from streamlit.proto.Element_pb2 import Element
    from websockets.sync.client import ClientConnection

PAGES = ("start", "compare", "discriminator", "generator", "latent", "prune")
BEGIN, END = "<!-- load -->", "<!-- /load -->"
STARTS = 15.0  # seconds in which a study begins to compute
PAUSE = 2.0  # seconds between two looks at the memory


@dataclass(frozen=True)
class Load:
    """What the clients saw. alone : one client's answers. megabytes : the server's memory over time."""

    alone: Sequence[Answer]
    together: Sequence[Answer]
    megabytes: Sequence[float]

    @property
    def different(self) -> list[Answer]:
        """Answers of which a picture is not the one that a single user gets."""
        expected = {(one.page, one.seed): one.pictures for one in self.alone}
        return [one for one in self.together if one.pictures != expected[one.page, one.seed]]

    @property
    def raised(self) -> list[str]:
        """All errors, of one client and of many."""
        return [error for one in (*self.alone, *self.together) for error in one.raised]


# ---- one beside another one's study ------------------------------------------------------------------


def beside_study(script: Path, folder: Path, seeds: int) -> tuple[list[Answer], list[Answer]]:
    """Answers of the Latent page with new seeds: alone, and while the checkpoint's filters are measured.

    folder : of a checkpoint; what is measured is a copy without the study of its filters.

    Raises
    ------
    PosterLensError
        If the study was over before the last answer.
    """
    with tempfile.TemporaryDirectory() as copies:
        shutil.copytree(folder, Path(copies) / folder.name, ignore=shutil.ignore_patterns("filters.npz"))
        with served(script, ["--checkpoints", copies]) as server:
            open_page(server.address, "latent", 0)  # the networks are loaded, and the libraries
            alone = [open_page(server.address, "latent", seed) for seed in range(1, 1 + seeds)]
            with studying(server.address):
                meanwhile = [open_page(server.address, "latent", seed) for seed in range(1 + seeds, 1 + 2 * seeds)]
                with connected(server.address) as other:
                    if any(one.HasField("dataframe") for one in all_filters(other)):
                        raise PosterLensError("The study was over before the last answer: take fewer --seeds.")
    return alone, meanwhile


@contextmanager
def studying(address: str) -> Iterator[None]:
    """A client that has asked for the study, and waits for it."""
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates

    with connected(address) as connection:
        buttons = [one.button for one in all_filters(connection) if one.HasField("button")]
        (button,) = (one for one in buttons if one.label == "Measure all filters")
        state = client_state()
        state.widget_states.CopyFrom(WidgetStates(widgets=[WidgetState(id=button.id, trigger_value=True)]))
        connection.send(BackMsg(rerun_script=state).SerializeToString())
        time.sleep(STARTS)
        yield


def all_filters(connection: ClientConnection) -> list[Element]:
    """What stands on the Generator page's part with the table of all filters, which is there once they are measured."""
    from streamlit.proto.BackMsg_pb2 import BackMsg

    connection.send(BackMsg(rerun_script=client_state()).SerializeToString())
    return list(elements_of(connection))


def client_state() -> ClientState:
    """Of a browser that shows that part."""
    from streamlit.proto.ClientState_pb2 import ClientState

    return ClientState(query_string="lab=All+filters", page_name="generator")


def report_beside(alone: Sequence[Answer], meanwhile: Sequence[Answer]) -> str:
    """A table of both."""
    lines = ["| the Latent page, a new seed | answers | median s | longest s |", "| --- | ---: | ---: | ---: |"]
    for name, answers in (("alone", alone), ("while another session's study runs", meanwhile)):
        seconds = [one.seconds for one in answers]
        lines.append(f"| {name} | {len(seconds)} | {statistics.median(seconds):.2f} | {max(seconds):.2f} |")
    return "\n".join(lines)


# ---- many of them ------------------------------------------------------------------------------------


def measure(script: Path, clients: int, seconds: float, seeds: int, arguments: Sequence[str] = ()) -> Load:
    """One client alone, then all of them on a fresh server."""
    asked = [(page, seed) for page in PAGES for seed in range(1, seeds + 1)]
    with served(script, arguments) as server:
        alone = [open_page(server.address, *one) for one in asked]
    with served(script, arguments) as server, ThreadPoolExecutor(clients) as pool:
        jobs = [pool.submit(work, server.address, asked, seconds, number) for number in range(clients)]
        megabytes = list(memory(server.pid, jobs))
        together = [answer for job in jobs for answer in job.result()]
        megabytes.append(resident(server.pid))
    return Load(alone, together, megabytes)


def work(address: str, asked: Sequence[tuple[str, int]], seconds: float, number: int) -> list[Answer]:
    """What one client does for this time."""
    order, answers = random.Random(number), []  # noqa: S311 - an order, no secret
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answers.append(open_page(address, *order.choice(asked)))
    return answers


def memory(pid: int, jobs: Sequence[Future[list[Answer]]]) -> Iterator[float]:
    """The server's memory in MB, now and then, as long as somebody works."""
    while not all(job.done() for job in jobs):
        time.sleep(PAUSE)
        yield resident(pid)


def percentile(values: Sequence[float], percent: int) -> float:
    """Linear between the values; of a single one, that one."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


def report(load: Load, clients: int) -> str:
    """A table by page, and what holds of all answers."""
    lines = [
        f"| page | one client: median s | answers | {clients} clients: median s | 95th percentile s |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for page in PAGES:
        alone = [one.seconds for one in load.alone if one.page == page]
        together = [one.seconds for one in load.together if one.page == page]
        if together:
            figures = [statistics.median(alone), statistics.median(together), percentile(together, 95)]
            single, median, high = (f"{seconds:.2f}" for seconds in figures)
            lines.append(f"| {page} | {single} | {len(together)} | {median} | {high} |")
    early, late = load.megabytes[len(load.megabytes) // 2], load.megabytes[-1]
    return (
        "\n".join(lines) + "\n\n"
        f"{counted(len(load.together), 'answer')} to {counted(clients, 'client')}: {len(load.raised)} raised an "
        f"exception, {len(load.different)} had another picture than a single user gets. Memory of the server: "
        f"{early:.0f} MB after half of the time, {late:.0f} MB at the end, {max(load.megabytes):.0f} MB at most."
    )


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = cli.Parser(__doc__)
    parser.add_argument("--clients", type=cli.count(1, 200), default=20, help="default %(default)s")
    parser.add_argument("--seconds", type=cli.number(float, above=0), default=120.0, help="default %(default)s")
    parser.add_argument(
        "--seeds", type=cli.count(1, 1000), default=10, help="of posters on each page, default %(default)s"
    )
    parser.add_argument(
        "--checkpoints", type=Path, help="folder of checkpoints; those that come with PosterLens without it"
    )
    parser.add_argument(
        "--while-studying", metavar="CHECKPOINT", help="a name of the folder: measure pages beside its filters' study"
    )
    parser.add_argument("--write", type=Path, help=f"put the table between {BEGIN} and {END} of this page")
    chosen = parser.parse_args(arguments)
    if chosen.while_studying is not None:
        cli.refuse_unused(parser, chosen, "while_studying", "seeds checkpoints")
    return chosen


def run(options: argparse.Namespace) -> None:
    if options.write:
        cli.split_section(options.write, BEGIN, END)
    if options.checkpoints is not None and not list_checkpoints(options.checkpoints):
        raise UsageError(f"There is no checkpoint in {options.checkpoints}.")
    if options.while_studying is not None:
        run_beside(options)
        return
    given = [] if options.checkpoints is None else ["--checkpoints", str(options.checkpoints.resolve())]
    load = measure(HOUSE / "dashboard/app.py", options.clients, options.seconds, options.seeds, given)
    text = report(load, options.clients)
    print(text)
    if options.write:
        cli.replace_section(options.write, BEGIN, END, text)
    for error in sorted(set(load.raised)):
        print(error, file=sys.stderr)
    if load.raised or load.different:
        raise PosterLensError("Not every client was answered as a single user is.")


def run_beside(options: argparse.Namespace) -> None:
    """What --while-studying asks for."""
    folder = options.checkpoints or (HOUSE / "checkpoints" if is_checkout() else shipped())
    if options.while_studying not in list_checkpoints(folder):
        raise UsageError(f"There is no checkpoint {options.while_studying!r} in {folder}.")
    script, checkpoint = HOUSE / "dashboard/app.py", folder / options.while_studying
    alone, meanwhile = beside_study(script, checkpoint.resolve(), options.seeds)
    print(report_beside(alone, meanwhile))
    if raised := sorted({error for one in (*alone, *meanwhile) for error in one.raised}):
        raise PosterLensError(raised[0])


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    return exit_code(lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
