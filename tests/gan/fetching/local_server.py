"""A server of this process that behaves in every way that a server should not, and what goes with it.

with serving() as server:
    HttpClient(policy()).get(server.url("/a.jpg", send(picture())))
    server.asked      # ["/a.jpg"]
"""

from __future__ import annotations

import csv
import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from PIL import Image

from gan.fetching.http import RequestPolicy

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Answers each path by the function in ``routes``, and remembers who asked for what."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        self.routes: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    def url(self, path: str, answer: Answer | None = None) -> str:
        """The address of a path, which is answered so from now on."""
        if answer is not None:
            self.routes[path] = answer
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what is tested here."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.headers.append(dict(self.headers))
        self.server.routes.get(self.path.partition("?")[0], status(404))(self)

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def policy(**changes: Any) -> RequestPolicy:
    given: dict[str, Any] = {"rate": 1e4, "retries": 2, "backoff": 0.001, "timeout": 5.0, "allow_private": True}
    return RequestPolicy(**given | changes)


def picture(kind: str = "JPEG", colour: str = "navy", size: tuple[int, int] = (40, 60), mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, kind)
    return file.getvalue()


def send(body: bytes, code: int = 200, length: int | None = None, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def status(code: int, **headers: str) -> Answer:
    return send(b"<html>no</html>", code, **headers)


def to(location: str, code: int = 302) -> Answer:
    return send(b"", code, Location=location)


def in_turn(*answers: Answer) -> Answer:
    """Another answer each time, the last one for ever."""
    left = list(answers)
    return lambda handler: (left.pop(0) if len(left) > 1 else left[0])(handler)


def raw(*parts: bytes, pause: float = 0.0) -> Answer:
    """Bytes as they are, headers included, with a pause after each part."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        for part in parts:
            handler.wfile.write(part)
            handler.wfile.flush()
            time.sleep(pause)

    return answer


def table(path: Path) -> dict[str, str]:
    """A list of two columns without its header."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    return dict(rows)


def write_table(path: Path, *rows: tuple[str, ...]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path
