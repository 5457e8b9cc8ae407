"""A client of the dashboard that speaks the browser's protocol and draws nothing, for benchmarks of the server.

``open_page("http://127.0.0.1:8501", "latent", seed=7).seconds`` : until all of the page is there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamlit.proto.Element_pb2 import Element
    from websockets.sync.client import ClientConnection

PATIENCE = 300.0  # seconds for an answer
MOST_BYTES = 256 * 2**20  # of a message


@dataclass(frozen=True)
class Answer:
    """What one link brought. pictures : names of the media files, which are digests of their content."""

    page: str
    seed: int
    seconds: float
    pictures: tuple[str, ...]
    raised: tuple[str, ...]


def open_page(address: str, page: str, seed: int) -> Answer:
    """Open a page by its link in a new tab, with a session of its own, and wait until all of it is there."""
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ClientState_pb2 import ClientState

    state = ClientState(query_string=f"seed={seed}", page_name="" if page == "start" else page)
    start = time.perf_counter()
    with connected(address) as connection:
        connection.send(BackMsg(rerun_script=state).SerializeToString())
        elements = list(elements_of(connection))
    seconds = time.perf_counter() - start
    pictures = tuple(PurePosixPath(picture.url).name for one in elements for picture in one.imgs.imgs)
    raised = tuple(f"{page}, seed {seed}: {one.exception.message}" for one in elements if one.HasField("exception"))
    return Answer(page, seed, seconds, pictures, raised)


@contextmanager
def connected(address: str) -> Iterator[ClientConnection]:
    """A session of its own, until the end of the block."""
    from websockets.sync.client import connect
    from websockets.typing import Subprotocol

    socket = f"{address.replace('http', 'ws', 1)}/_stcore/stream"
    protocols = [Subprotocol("streamlit")]
    with connect(
        socket, subprotocols=protocols, max_size=MOST_BYTES, open_timeout=PATIENCE, ping_interval=None
    ) as connection:
        yield connection


def elements_of(connection: ClientConnection) -> Iterator[Element]:
    """What stands on the page when the script has ended, in order."""
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    found: dict[tuple[int, ...], Element] = {}
    while True:
        message = ForwardMsg.FromString(connection.recv(timeout=PATIENCE))
        kind = message.WhichOneof("type")
        if kind == "new_session":
            found.clear()
        elif kind == "delta" and message.delta.HasField("new_element"):
            found[tuple(message.metadata.delta_path)] = message.delta.new_element
        elif kind == "script_finished" and message.script_finished == message.FINISHED_SUCCESSFULLY:
            break  # before it, scripts that gave way to another page end, too
    for path in sorted(found):
        yield found[path]


def resident(pid: int) -> float:
    """Memory of a process in MB; 0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
