"""Ask servers for files: politely, and only those that anybody on the internet may ask.

    web = Web(Manners(rate=2))
    web.get("https://example.com/poster.jpg")     # bytes; FetchError with one sentence
    web.stop.set()                                # ends all waiting and reading, in every thread

What an address or a server says is not trusted. An address is http or https; its host is looked up once, every IP
address found must be a public one, and the connection goes to just that address, so that a name that resolves
differently a moment later (DNS rebinding) leads nowhere. Redirects are checked in the same way, one by one. Proxies
named in the environment are not used, because what a proxy connects to cannot be checked.
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
from gan.fetching.urls import Place, is_public, resolve

USER_AGENT = "PosterLens/0.1 (fetch_posters; research on movie posters)"
RETRIED = frozenset({429, 500, 502, 503, 504})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 5
LONGEST_BACKOFF = 60.0  # seconds
LONGEST_RETRY_AFTER = 120.0  # seconds, the most that a server is believed
STOP_CHECK = 0.25  # seconds between two looks at Web.stop
ASCII = "".join(map(chr, range(128)))

T = TypeVar("T")


class StoppedError(Exception):
    """``Web.stop`` was set: nothing more is wanted."""


class _TemporaryError(FetchError):
    """Worth another try."""


@dataclass(frozen=True)
class Manners:
    """How to behave towards servers, and what to put up with from them.

    rate : requests a second to each host, shared by all workers. retries : after the first try. backoff : seconds
    before the first retry, doubled for each further one. connect_timeout, timeout : seconds to look a host up, to
    connect to an address and to agree on TLS (each), and for all of one request. max_bytes : of one file.
    allow_private : also addresses of this machine and the local network.
    """

    rate: float = 4.0
    retries: int = 4
    backoff: float = 1.0
    connect_timeout: float = 10.0
    timeout: float = 60.0
    max_bytes: float = 20e6
    allow_private: bool = False

    def __post_init__(self) -> None:
        for name in ("rate", "connect_timeout", "timeout", "max_bytes"):
            if not 1e-6 <= getattr(self, name) <= 1e9:  # also what the system's own clocks can count
                raise ValueError(f"{name} must be above 0 and at most a thousand million, not {getattr(self, name)}.")
        for name in ("retries", "backoff"):
            if not 0 <= getattr(self, name) <= 1e9:
                raise ValueError(f"{name} must be 0 to a thousand million, not {getattr(self, name)}.")


class Web:
    """Fetches addresses; one object is shared by all threads, and keeps the pace for all of them.

    ``resolve`` (host, port -> IP addresses), ``connect`` ((IP address, port), seconds -> socket), ``limiter`` and
    ``tls`` are attributes that can be replaced before the first request.
    """

    def __init__(self, manners: Manners | None = None) -> None:
        self.manners = manners or Manners()
        self.stop = threading.Event()
        self.limiter = Limiter(self.manners.rate, sleep=self._sleep)
        self.resolve: Callable[[str, int], Sequence[str]] = resolve
        self.connect: Callable[[tuple[str, int], float], socket.socket] = socket.create_connection

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Made when it is first needed, because it reads all certificates of the system."""
        return ssl.create_default_context()

    def get(self, address: str) -> bytes:
        """What stands at an address, after as many tries as the manners allow.

        Raises
        ------
        FetchError
            If the address is none that may be asked, or there is no complete answer of the size allowed. The message
            names hosts only, so a key in an address stays secret.
        StoppedError
            If ``stop`` is set before the answer is complete.
        """
        for attempt in range(self.manners.retries + 1):
            if attempt:
                self._sleep(self._backoff(attempt))
            try:
                return self._follow(address)
            except _TemporaryError as error:
                last = error
        tries = "" if self.manners.retries == 0 else f" It was tried {self.manners.retries + 1} times."
        raise FetchError(f"{last}{tries}", last.status)

    def _sleep(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise StoppedError

    def _backoff(self, attempt: int) -> float:
        """Seconds; with jitter, so that workers that failed together do not come back together."""
        longest: float = self.manners.backoff * 2 ** min(attempt - 1, 10)
        return min(longest, LONGEST_BACKOFF) * random.uniform(0.5, 1.0)

    def _follow(self, address: str) -> bytes:
        for _ in range(MOST_REDIRECTS + 1):
            body, redirect = self._request(Place.parse(address))
            if redirect is None:
                return body
            try:
                address = urljoin(address, redirect)
            except ValueError:
                raise FetchError("A redirect leads to an address that is not well formed.") from None
        raise FetchError(f"There are more than {MOST_REDIRECTS} redirects.")

    def _request(self, place: Place) -> tuple[bytes, str | None]:
        """One request: the body, or where else to ask."""
        self.limiter.wait(place.host)
        deadline = _Deadline(self.manners.timeout, self.stop)
        try:
            with closing(self._open(place, deadline)) as connected:
                connection = http.client.HTTPConnection(place.host, place.port)
                if place.scheme == "https":  # the scheme's own port is left out of the Host header
                    connection.default_port = http.client.HTTPS_PORT
                connection.sock = _TimedSocket(connected, deadline)
                headers = {"User-Agent": USER_AGENT, "Connection": "close"}
                connection.request("GET", place.target, headers=headers)
                return self._answer(connection.getresponse(), place.host)
        except TimeoutError:
            raise _TemporaryError(f"{place.host} did not answer in time.") from None
        except ssl.SSLCertVerificationError:
            raise FetchError(f"{place.host} has no certificate that can be verified.") from None
        except (OSError, http.client.HTTPException):
            raise _TemporaryError(f"The connection to {place.host} failed or broke off.") from None

    def _open(self, place: Place, deadline: _Deadline) -> socket.socket:
        """A connection to an IP address that was checked, under TLS for https."""
        connected = self._connect_to_any(self._look_up(place, deadline), place.port, deadline)
        if place.scheme == "http":
            return connected
        try:
            connected.settimeout(deadline.left(self.manners.connect_timeout))
            return self.tls.wrap_socket(connected, server_hostname=place.host)
        except BaseException:
            connected.close()
            raise

    def _look_up(self, place: Place, deadline: _Deadline) -> Sequence[str]:
        """IP addresses of a host; FetchError unless all of them may be asked."""
        try:
            in_time = deadline.within(self.manners.connect_timeout)
            found = _bounded(lambda: self.resolve(place.host, place.port), in_time)
        except TimeoutError:
            raise _TemporaryError(f"The host {place.host} could not be looked up in time.") from None
        except socket.gaierror as error:
            kind = _TemporaryError if error.errno == socket.EAI_AGAIN else FetchError
            raise kind(f"The host {place.host} is not known.") from None
        if not self.manners.allow_private and not all(map(is_public, found)):
            raise FetchError(f"{place.host} is not a public address.")
        return found

    def _connect_to_any(self, addresses: Sequence[str], port: int, deadline: _Deadline) -> socket.socket:
        last: OSError | None = None
        for address in addresses:
            seconds = deadline.left(self.manners.connect_timeout)
            try:
                return self.connect((address, port), seconds)
            except OSError as error:
                last = error
        raise last or OSError("no address")

    def _answer(self, response: http.client.HTTPResponse, host: str) -> tuple[bytes, str | None]:
        status = response.status
        if status in REDIRECTS and (location := response.getheader("Location")):
            return b"", quote(location, safe=ASCII, encoding="latin-1")  # the very bytes: http.client reads Latin-1
        if status in RETRIED:
            if (wanted := retry_after(response.getheader("Retry-After"))) is not None:
                self.limiter.hold(host, min(wanted, LONGEST_RETRY_AFTER))
            raise _TemporaryError(f"{host} answered {_status(status)}.", status)
        if status != HTTPStatus.OK:
            raise FetchError(f"{host} answered {_status(status)}.", status)
        return self._body(response, host), None

    def _body(self, response: http.client.HTTPResponse, host: str) -> bytes:
        limit, declared = self.manners.max_bytes, response.length
        too_large = FetchError(f"The file is larger than {limit / 1e6:g} MB.")
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
    """One pace for each host, kept by all threads together."""

    def __init__(
        self,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._interval = 1 / rate
        self._clock, self._sleep = clock, sleep
        self._free: dict[str, float] = {}  # when each host may next be asked
        self._lock = threading.Lock()

    def wait(self, host: str) -> None:
        """Sleep until it is this thread's turn to ask the host."""
        while (pause := self._claim(host)) > 1e-6:  # another thread may have taken the turn meanwhile
            self._sleep(pause)

    def hold(self, host: str, seconds: float) -> None:
        """Nobody asks this host for so long."""
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


# ---- what a server says ------------------------------------------------------------------------------


def retry_after(header: str | None) -> float | None:
    """Seconds to wait by a Retry-After header, which is a number of seconds or a date (RFC 9110, 10.2.3)."""
    if header is None:
        return None
    if re.fullmatch(r"\d{1,9}", header.strip(), re.ASCII):
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _status(status: int) -> str:
    """In our own words: what the server calls it could be anything."""
    known = {entry.value: entry.phrase for entry in HTTPStatus}
    return f"{status} {known.get(status, '')}".rstrip()


# ---- one time for all of a request -------------------------------------------------------------------


class _Deadline:
    """The time that all steps of a request share; setting ``stop`` ends it at once."""

    def __init__(self, seconds: float, stop: threading.Event) -> None:
        self._end, self._stop = time.monotonic() + seconds, stop

    def left(self, at_most: float = math.inf) -> float:
        """Seconds left, or ``at_most``; TimeoutError if there are none, StoppedError if nothing more is wanted."""
        if self._stop.is_set():
            raise StoppedError
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, at_most)

    def within(self, seconds: float) -> _Deadline:
        """A deadline for one step, not after this one."""
        return _Deadline(self.left(seconds), self._stop)


def _bounded(work: Callable[[], T], deadline: _Deadline) -> T:
    """What a call gives that can neither be interrupted nor told a time-out, as the system's look-up of names.

    It runs in a thread of its own, which is left behind when the time is over; as a daemon it does not keep the program
    from ending.
    """
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=run, name="look up a host", daemon=True).start()
    while not result.done():
        wait([result], deadline.left(STOP_CHECK))
    return result.result()


class _TimedSocket(io.RawIOBase):
    """A socket for http.client whose work ends at a deadline.

    A socket's own time-out begins anew with every byte, so a server that sends one now and then would hold a worker
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
            self._socket.settimeout(self._deadline.left(STOP_CHECK))
            try:
                return self._socket.recv_into(buffer)
            except TimeoutError:
                continue

    def close(self) -> None:
        """http.client closes before the body is read; Web closes the socket itself."""
