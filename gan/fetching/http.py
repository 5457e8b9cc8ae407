"""An HTTP client that is polite, and that connects to public addresses only.

    client = HttpClient(RequestPolicy(rate=2))
    client.get("https://example.com/poster.jpg")     # bytes; FetchError with one sentence
    client.stop.set()                                # ends all waiting and reading, in every thread

Neither URLs nor servers are trusted. A URL is http or https; its host is looked up once, every IP address of it must be
public, and the connection goes to one of just these addresses, so that a name that resolves differently a moment later
(DNS rebinding) gains nothing. Each redirect is checked in the same way. Proxies named in the environment are not used,
because what a proxy connects to cannot be checked.

Why not urllib3: its retries cannot be stopped and do not share a Retry-After between threads, its timeouts begin anew
with every byte, and a pinned address needs connection classes of one's own: this file was longer with it, not shorter.
"""

from __future__ import annotations

import email.utils
import http.client
import io
import math
import random
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote, urljoin

from gan.errors import FetchError
from gan.fetching.urls import Url, is_public, resolve
from gan.settings import Settings, setting

USER_AGENT = "PosterLens/0.1 (fetch_posters; research on movie posters)"
RETRY_STATUSES = frozenset({429, 500, 502, 503, 504})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 5
MAX_BACKOFF = 60.0  # seconds
MAX_RETRY_AFTER = 120.0  # seconds, whatever a server asks for
POLL_SECONDS = 0.25  # between two looks at HttpClient.stop
ASCII = "".join(map(chr, range(128)))

T = TypeVar("T")


class StoppedError(Exception):
    """``HttpClient.stop`` was set."""


class _TemporaryError(FetchError):
    """Worth a retry."""


@dataclass(frozen=True)
class RequestPolicy(Settings):
    """How servers are treated, and what is accepted from them.

    rate : requests a second to each host, shared by all threads.
    retries : further attempts after the first. backoff : seconds before the first of them, doubled for each next one.
    connect_timeout : seconds each for the lookup of a host, the connection and the TLS handshake.
    timeout : seconds for one whole request. max_mb : size of one file in MB.
    allow_private : whether addresses of this machine and of the local network are allowed.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    rate: float = setting(4.0, "requests a second to each host", low=0.001, high=10_000)
    retries: int = setting(4, "further attempts after the first", low=0, high=100)
    backoff: float = setting(1.0, "seconds before the first retry, doubled for each next one", low=0, high=3600)
    connect_timeout: float = setting(
        10.0, "seconds each for lookup, connection and TLS handshake", low=0.001, high=3600
    )
    timeout: float = setting(60.0, "seconds for one whole request", low=0.001, high=86_400)
    max_mb: float = setting(20.0, "size of one file in MB", low=0.001, high=10_000)
    allow_private: bool = setting(False, "also connect to this machine and the local network")


class HttpClient:
    """GET requests by a policy; one object is shared by all threads.

    ``resolve`` (host, port -> IP addresses), ``connect`` ((IP address, port), seconds -> socket), ``limiter`` and
    ``tls`` are attributes that can be replaced before the first request.
    """

    def __init__(self, policy: RequestPolicy | None = None) -> None:
        self.policy = policy or RequestPolicy()
        self.stop = threading.Event()
        self.limiter = Limiter(self.policy.rate, sleep=self._sleep)
        self.resolve: Callable[[str, int], Sequence[str]] = resolve
        self.connect: Callable[[tuple[str, int], float], socket.socket] = socket.create_connection

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Made when first needed: it reads all certificates of the system."""
        return ssl.create_default_context()

    def get(self, url: str) -> bytes:
        """The body of the answer, after at most ``retries`` further attempts.

        Raises
        ------
        FetchError
            If the URL is not allowed, or there is no complete answer of the allowed size. The message names hosts
            only, so a key in a URL stays secret.
        StoppedError
            If ``stop`` is set before the answer is complete.
        """
        for attempt in range(self.policy.retries + 1):
            if attempt:
                self._sleep(self._backoff(attempt))
            try:
                return self._follow(url)
            except _TemporaryError as error:
                last = error
        tries = "" if self.policy.retries == 0 else f" It was tried {self.policy.retries + 1} times."
        raise FetchError(f"{last}{tries}", last.status)

    def _sleep(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise StoppedError

    def _backoff(self, attempt: int) -> float:
        """Seconds; with jitter, so that workers that failed together do not come back together."""
        longest: float = self.policy.backoff * 2 ** min(attempt - 1, 10)
        return min(longest, MAX_BACKOFF) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret

    def _follow(self, url: str) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            body, redirect = self._request(Url.parse(url))
            if redirect is None:
                return body
            try:
                url = urljoin(url, redirect)
            except ValueError:
                raise FetchError("A redirect leads to an address that is not well formed.") from None
        raise FetchError(f"There are more than {MAX_REDIRECTS} redirects.")

    def _request(self, url: Url) -> tuple[bytes, str | None]:
        """One request: the body, or the location of a redirect."""
        self.limiter.wait(url.host)
        deadline = _Deadline(self.policy.timeout, self.stop)
        try:
            with closing(self._open(url, deadline)) as connected:
                connection = http.client.HTTPConnection(url.host, url.port)
                if url.scheme == "https":  # else http.client writes :443 into the Host header
                    connection.default_port = http.client.HTTPS_PORT
                connection.sock = _TimedSocket(connected, deadline)
                headers = {"User-Agent": USER_AGENT, "Connection": "close"}
                connection.request("GET", url.target, headers=headers)
                return self._answer(connection.getresponse(), url.host)
        except TimeoutError:
            raise _TemporaryError(f"{url.host} did not answer in time.") from None
        except ssl.SSLCertVerificationError:
            raise FetchError(f"{url.host} has no certificate that can be verified.") from None
        except (OSError, http.client.HTTPException):
            raise _TemporaryError(f"The connection to {url.host} failed or broke off.") from None

    def _open(self, url: Url, deadline: _Deadline) -> socket.socket:
        """A connection to an IP address that was checked, with TLS for https."""
        connected = self._connect_to_any(self._look_up(url, deadline), url.port, deadline)
        if url.scheme == "http":
            return connected
        try:
            connected.settimeout(deadline.left(self.policy.connect_timeout))
            return self.tls.wrap_socket(connected, server_hostname=url.host)
        except BaseException:
            connected.close()
            raise

    def _look_up(self, url: Url, deadline: _Deadline) -> Sequence[str]:
        """IP addresses of a host; FetchError unless all of them are allowed."""
        try:
            by = deadline.within(self.policy.connect_timeout)
            addresses = _bounded(lambda: self.resolve(url.host, url.port), by)
        except TimeoutError:
            raise _TemporaryError(f"The host {url.host} could not be looked up in time.") from None
        except socket.gaierror as error:
            kind = _TemporaryError if error.errno == socket.EAI_AGAIN else FetchError
            raise kind(f"The host {url.host} is unknown.") from None
        if not self.policy.allow_private and not all(map(is_public, addresses)):
            raise FetchError(f"{url.host} is not a public address.")
        return addresses

    def _connect_to_any(self, addresses: Sequence[str], port: int, deadline: _Deadline) -> socket.socket:
        last: OSError | None = None
        for address in addresses:
            seconds = deadline.left(self.policy.connect_timeout)
            try:
                return self.connect((address, port), seconds)
            except OSError as error:
                last = error
        raise last or OSError("no address")

    def _answer(self, response: http.client.HTTPResponse, host: str) -> tuple[bytes, str | None]:
        status = response.status
        if status in REDIRECTS and (location := response.getheader("Location")):
            return b"", quote(
                location, safe=ASCII, encoding="latin-1"
            )  # its bytes as sent: http.client decodes Latin-1
        if status in RETRY_STATUSES:
            if (seconds := retry_after(response.getheader("Retry-After"))) is not None:
                self.limiter.hold(host, min(seconds, MAX_RETRY_AFTER))
            raise _TemporaryError(f"{host} answered {_status(status)}.", status)
        if status != HTTPStatus.OK:
            raise FetchError(f"{host} answered {_status(status)}.", status)
        return self._body(response, host), None

    def _body(self, response: http.client.HTTPResponse, host: str) -> bytes:
        limit, declared = self.policy.max_mb * 1e6, response.length
        too_large = FetchError(f"The file is larger than {self.policy.max_mb:g} MB.")
        if declared is not None and declared > limit:
            raise too_large
        body = bytearray()
        while chunk := response.read(65536):
            body += chunk
            if len(body) > limit:
                raise too_large
        if len(body) < (1 if declared is None else declared):  # an answer cut within its headers looks empty
            raise _TemporaryError(f"The connection to {host} failed or broke off.")
        return bytes(body)


class Limiter:
    """A rate limit for each host, shared by all threads."""

    def __init__(
        self,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._interval = 1 / rate
        self._clock, self._sleep = clock, sleep
        self._free: dict[str, float] = {}  # when the next request to each host may start
        self._lock = threading.Lock()

    def wait(self, host: str) -> None:
        """Sleep until this thread may send a request to the host."""
        while (pause := self._claim(host)) > 1e-6:  # another thread may have been faster meanwhile
            self._sleep(pause)

    def hold(self, host: str, seconds: float) -> None:
        """No request to this host for this many seconds."""
        with self._lock:
            until = self._clock() + seconds
            self._free[host] = max(self._free.get(host, until), until)

    def _claim(self, host: str) -> float:
        with self._lock:
            now = self._clock()
            pause = self._free.get(host, now) - now
            if pause <= 1e-6:
                self._free[host] = now + self._interval
            return pause


def retry_after(header: str | None) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110, 10.2.3): a number or a date; None where it is neither."""
    if header is None:
        return None
    if re.fullmatch(r"\d{1,9}", header.strip(), re.ASCII):
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _status(status: int) -> str:
    """With the standard phrase: the server's own could be anything."""
    phrases = {entry.value: entry.phrase for entry in HTTPStatus}
    return f"{status} {phrases.get(status, '')}".rstrip()


class _Deadline:
    """The time limit that all steps of one request share; setting ``stop`` ends it at once."""

    def __init__(self, seconds: float, stop: threading.Event) -> None:
        self._end, self._stop = time.monotonic() + seconds, stop

    def left(self, at_most: float = math.inf) -> float:
        """Seconds left, or ``at_most``; TimeoutError if there are none, StoppedError if ``stop`` is set."""
        if self._stop.is_set():
            raise StoppedError
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, at_most)

    def within(self, seconds: float) -> _Deadline:
        """A deadline for one step, at most as late as this one."""
        return _Deadline(self.left(seconds), self._stop)


def _bounded(work: Callable[[], T], deadline: _Deadline) -> T:
    """The result of a call that has no timeout of its own and cannot be interrupted, as the system's name lookup.

    It runs in a daemon thread, which is abandoned at the deadline and does not keep the program from ending.
    """
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=run, name="look up a host", daemon=True).start()
    while not result.done():
        wait([result], deadline.left(POLL_SECONDS))
    return result.result()


class _TimedSocket(io.RawIOBase):
    """A socket for http.client that respects a deadline.

    A socket's own timeout begins anew with every byte, so a server that sends one now and then would hold a thread
    for ever.
    """

    def __init__(self, connected: socket.socket, deadline: _Deadline) -> None:
        self._socket, self._deadline = connected, deadline

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(self._deadline.left())
        self._socket.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            self._socket.settimeout(self._deadline.left(POLL_SECONDS))
            try:
                return self._socket.recv_into(buffer)
            except TimeoutError:
                continue

    def close(self) -> None:
        """http.client closes before the body is read; HttpClient closes the socket itself."""
