"""Fetch posters into a folder that load_posters reads: politely, in parallel, and only what is truly a picture.

    web = Web(Manners(rate=4))
    fetch_csv("MovieGenre.csv", "posters", web, id_column="imdbId")     # image addresses in a table
    fetch_omdb("ids.txt", "posters", os.environ["OMDB_API_KEY"], web)   # IMDb ids
    fetch_kaggle("OWNER/NAME", "posters")                               # optional extra ``kaggle``
    fetch_celeba("faces", root="celeba", download=True)

``posters`` then holds the pictures as they came, ``metadata.csv`` (file_name, genres joined by |) and ``failed.csv``
(id or address, reason). The same call again goes on where the last one stopped.

What a table or a server says is not trusted. An address is http or https; its host is looked up once, every address
found must be a public one, and the connection goes to just that address, so that a name that resolves differently a
moment later (DNS rebinding) leads nowhere. Redirects are checked in the same way, one by one. File names come from
ids or from a hash of the address, never from a server. Proxies named in the environment are not used, because what
a proxy connects to cannot be checked.
"""

from __future__ import annotations

import csv
import email.utils
import hashlib
import http.client
import importlib
import io
import ipaddress
import json
import random
import re
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

from tqdm import tqdm

from gan.data import MAX_FILE_BYTES
from gan.errors import DataError, PosterLensError
from gan.files import write_file
from gan.images import SUFFIXES, open_image

USER_AGENT = "PosterLens/0.1 (fetch_posters; research on movie posters)"
OMDB = "https://www.omdbapi.com/"
RETRIED = frozenset({429, 500, 502, 503, 504})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
LONGEST_BACKOFF = 60.0  # seconds
ASCII = "".join(map(chr, range(128)))
JSON_BYTES = 1_000_000
SAVE_SECONDS = 5.0  # between two writings of the lists

# Column names that are recognised when none is given, whatever their case.
ADDRESS_COLUMNS = ("poster", "poster_url", "image_url", "image", "url", "address")
ID_COLUMNS = ("imdbid", "imdb_id")
GENRE_COLUMNS = ("genres", "genre")
NO_GENRE = frozenset({"", "n/a", "(no genres listed)"})

Genres = tuple[str, ...]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class FetchError(PosterLensError):
    """Something that could not be fetched; ``status`` is what the server answered, if it did."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class HaltError(PosterLensError):
    """A reason for which nothing else can be fetched either: a refused key, a full disk."""


class _TemporaryError(FetchError):
    """Worth another try."""


class _StoppedError(Exception):
    """The person at the keyboard has stopped the run."""


# ---- one address -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Manners:
    """How to behave towards servers, and what to put up with from them.

    rate : requests a second to each host, shared by all workers. retries : after the first try. backoff : seconds
    before the first retry, doubled for each further one. longest_wait : seconds, the most that a server's Retry-After
    is believed. connect_timeout, timeout : seconds to connect to an address, and for all of one request. max_bytes :
    of one file. redirects : that are followed. allow_private : also addresses of this machine and the local network.
    """

    rate: float = 4.0
    retries: int = 4
    backoff: float = 1.0
    longest_wait: float = 120.0
    connect_timeout: float = 10.0
    timeout: float = 60.0
    max_bytes: float = 20e6
    redirects: int = 5
    allow_private: bool = False

    def __post_init__(self) -> None:
        for name in ("rate", "connect_timeout", "timeout", "max_bytes"):
            if not 1e-6 <= getattr(self, name) <= 1e9:  # also what the system's own clocks can count
                raise ValueError(f"{name} must be above 0 and at most a thousand million, not {getattr(self, name)}.")
        for name in ("retries", "backoff", "longest_wait", "redirects"):
            if not 0 <= getattr(self, name) <= 1e9:
                raise ValueError(f"{name} must be 0 to a thousand million, not {getattr(self, name)}.")


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


@dataclass(frozen=True)
class Place:
    """Where an address points: scheme, host (ASCII), port, and the path with its query, percent-encoded."""

    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, address: str) -> Place:
        """Take an address apart; FetchError unless it is a sound http or https address without a password."""
        try:
            parts = urlsplit(address.strip())
            port = parts.port
            host = (parts.hostname or "").encode("idna").decode("ascii")
        except ValueError:  # UnicodeError is one
            raise FetchError("The address is not well formed.") from None
        if parts.scheme not in ("http", "https"):
            raise FetchError("The address does not begin with http:// or https://.")
        if not host or not re.fullmatch(r"[\w.:%-]+", host, re.ASCII):
            raise FetchError("The address names no host.")
        if parts.username is not None or parts.password is not None:
            raise FetchError("The address holds a user name or a password, which is not sent.")
        path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
        query = "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~?") if parts.query else ""
        return cls(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path + query)


def resolve(host: str, port: int) -> list[str]:
    """IP addresses of a host, in the system's order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, also where it wraps an IPv4 address."""
    ip = _unwrapped(ipaddress.ip_address(address))
    special = ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback or ip.is_link_local
    return ip.is_global and not special and not (ip.version == 6 and ip.is_site_local)


def _unwrapped(ip: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for: mapped, 6to4, or NAT64 (RFC 4291, 3056, 6052)."""
    if ip.version == 4:
        return ip
    if int(ip) >> 32 == int(ipaddress.IPv6Address("64:ff9b::")) >> 32:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip


class Web:
    """Fetches addresses; one object is shared by all threads, and keeps the pace for all of them.

    ``resolve`` (host, port -> IP addresses), ``connect`` ((IP address, port), seconds -> socket), ``tls`` and
    ``limiter`` can be replaced. Setting ``stop`` ends all waiting and reading at once.
    """

    def __init__(
        self,
        manners: Manners | None = None,
        *,
        resolve: Callable[[str, int], Sequence[str]] = resolve,
        connect: Callable[[tuple[str, int], float], socket.socket] = socket.create_connection,
        tls: ssl.SSLContext | None = None,
        limiter: Limiter | None = None,
    ) -> None:
        self.manners = manners or Manners()
        self.stop = threading.Event()
        self._limiter = limiter or Limiter(self.manners.rate, sleep=self._sleep)
        self._resolve, self._connect = resolve, connect
        self._given_tls = tls

    def get(self, address: str, max_bytes: float | None = None) -> bytes:
        """What stands at an address, after as many tries as the manners allow.

        Raises
        ------
        FetchError
            If the address is none that may be asked, or there is no complete answer of at most ``max_bytes``
            (default: as in the manners). The message names hosts only, so a key in an address stays secret.
        """
        limit = self.manners.max_bytes if max_bytes is None else max_bytes
        for attempt in range(self.manners.retries + 1):
            if attempt:
                self._sleep(self._backoff(attempt))
            try:
                return self._follow(address, limit)
            except _TemporaryError as error:
                last = error
        tries = "" if self.manners.retries == 0 else f" It was tried {self.manners.retries + 1} times."
        raise FetchError(f"{last}{tries}", last.status)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Made when it is first needed, because it reads all certificates of the system."""
        return self._given_tls or ssl.create_default_context()

    def _sleep(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise _StoppedError

    def _backoff(self, attempt: int) -> float:
        """Seconds; with jitter, so that workers that failed together do not come back together."""
        longest: float = self.manners.backoff * 2 ** min(attempt - 1, 10)
        return min(longest, LONGEST_BACKOFF) * random.uniform(0.5, 1.0)

    def _follow(self, address: str, limit: float) -> bytes:
        for _ in range(self.manners.redirects + 1):
            body, redirect = self._request(Place.parse(address), limit)
            if redirect is None:
                return body
            try:
                address = urljoin(address, redirect)
            except ValueError:
                raise FetchError("A redirect leads to an address that is not well formed.") from None
        raise FetchError(f"There are more than {self.manners.redirects} redirects.")

    def _request(self, place: Place, limit: float) -> tuple[bytes, str | None]:
        """One request: the body, or where else to ask."""
        self._limiter.wait(place.host)
        deadline = time.monotonic() + self.manners.timeout
        try:
            with closing(self._open(place)) as connected:
                connection = http.client.HTTPConnection(place.host, place.port)
                if place.scheme == "https":  # the scheme's own port is left out of the Host header
                    connection.default_port = http.client.HTTPS_PORT
                connection.sock = _TimedSocket(connected, deadline, self.stop)
                headers = {"User-Agent": USER_AGENT, "Connection": "close"}
                connection.request("GET", place.target, headers=headers)
                return self._answer(connection.getresponse(), place.host, limit)
        except TimeoutError:
            raise _TemporaryError(f"{place.host} did not answer in time.") from None
        except ssl.SSLCertVerificationError:
            raise FetchError(f"{place.host} has no certificate that can be verified.") from None
        except (OSError, http.client.HTTPException):
            raise _TemporaryError(f"The connection to {place.host} failed or broke off.") from None

    def _open(self, place: Place) -> socket.socket:
        """A connection to an address that was checked, under TLS for https."""
        connected = self._connect_to_any(self._addresses(place), place)
        if place.scheme == "http":
            return connected
        try:
            return self._tls.wrap_socket(connected, server_hostname=place.host)
        except BaseException:
            connected.close()
            raise

    def _addresses(self, place: Place) -> Sequence[str]:
        try:
            found = self._resolve(place.host, place.port)
        except socket.gaierror as error:
            kind = _TemporaryError if error.errno == socket.EAI_AGAIN else FetchError
            raise kind(f"The host {place.host} is not known.") from None
        if not self.manners.allow_private and not all(map(is_public, found)):
            raise FetchError(f"{place.host} is not a public address.")
        return found

    def _connect_to_any(self, addresses: Sequence[str], place: Place) -> socket.socket:
        last: OSError | None = None
        for address in addresses:
            try:
                return self._connect((address, place.port), self.manners.connect_timeout)
            except OSError as error:
                last = error
        raise last or OSError("no address")

    def _answer(self, response: http.client.HTTPResponse, host: str, limit: float) -> tuple[bytes, str | None]:
        status = response.status
        if status in REDIRECTS and (location := response.getheader("Location")):
            return b"", quote(location, safe=ASCII, encoding="latin-1")  # the very bytes: http.client reads Latin-1
        if status in RETRIED:
            if (wanted := retry_after(response.getheader("Retry-After"))) is not None:
                self._limiter.hold(host, min(wanted, self.manners.longest_wait))
            raise _TemporaryError(f"{host} answered {_status(status)}.", status)
        if status != HTTPStatus.OK:
            raise FetchError(f"{host} answered {_status(status)}.", status)
        return _body(response, host, limit), None


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


def _body(response: http.client.HTTPResponse, host: str, limit: float) -> bytes:
    declared = response.length
    too_large = f"The file is larger than {limit / 1e6:g} MB."
    if declared is not None and declared > limit:
        raise FetchError(too_large)
    body = bytearray()
    while chunk := response.read(65536):
        body += chunk
        if len(body) > limit:
            raise FetchError(too_large)
    if len(body) < (1 if declared is None else declared):  # an answer cut within its headers looks empty
        raise _TemporaryError(f"The connection to {host} failed or broke off.")
    return bytes(body)


class _TimedSocket:
    """A socket for http.client whose work ends at one deadline.

    A socket's own time-out begins anew with every byte, so a server that sends one now and then would hold a worker
    for ever.
    """

    def __init__(self, connected: socket.socket, deadline: float, stop: threading.Event) -> None:
        self._socket, self._deadline, self._stop = connected, deadline, stop

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(self._left())
        self._socket.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self))

    def close(self) -> None:
        """http.client closes before the body is read; Web closes the socket itself."""

    def receive_into(self, buffer: Any) -> int:
        while True:
            self._socket.settimeout(min(self._left(), 0.25))  # short, to notice Ctrl-C
            try:
                return self._socket.recv_into(buffer)
            except TimeoutError:
                continue

    def _left(self) -> float:
        if self._stop.is_set():
            raise _StoppedError
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _TimedReader(io.RawIOBase):
    def __init__(self, timed: _TimedSocket) -> None:
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._timed.receive_into(buffer)


# ---- many posters into a folder ----------------------------------------------------------------------


@dataclass(frozen=True)
class Item:
    """A poster to get.

    id : what the lists and the person call it. stem : its file name without the ending. source : an address, or the
    path of a local file; empty where the source has to be asked for it.
    """

    id: str
    stem: str
    source: str = ""
    genres: Genres = ()


@dataclass(frozen=True)
class Collected:
    """Counts: fetched now, there before, failed now, left out because they had failed before; files with genres."""

    fetched: int
    known: int
    failed: int
    left_out: int
    with_genres: int


@dataclass(frozen=True)
class Options:
    """workers : threads. retry_failed : also try what failed before. first : only so many posters of the source."""

    workers: int = 8
    retry_failed: bool = False
    first: int | None = None
    progress: bool = True

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"workers must be at least 1, not {self.workers}.")
        if self.first is not None and self.first < 1:
            raise ValueError(f"first must be at least 1, not {self.first}.")


Obtain = Callable[[Item], tuple[bytes, Genres]]


def collect(
    items: Iterable[Item],
    obtain: Obtain,
    out: str | Path,
    options: Options | None = None,
    stop: threading.Event | None = None,
) -> Collected:
    """Obtain all items in parallel and keep those that are pictures, with their genres.

    ``obtain`` gives an item's bytes and genres or raises a PosterLensError, whose sentence goes to ``failed.csv``.
    Whatever ends the run, Ctrl-C too, the folder is then in order: every picture whole, every list complete. ``stop``
    is set when the run has to end early.

    Raises
    ------
    HaltError
        If it makes no sense to go on; what was fetched until then is kept.
    DataError
        If the folder holds a ``metadata.csv`` or ``failed.csv`` of another kind, or cannot be written to.
    """
    options, stop = options or Options(), stop or threading.Event()
    folder = _Folder(Path(out))
    wanted = _merged(items)[: options.first]
    missing = [item for item in wanted if not folder.has(item)]
    todo = [item for item in missing if options.retry_failed or item.id not in folder.failed]
    fetched = failed = 0
    with ThreadPoolExecutor(options.workers, "fetch") as pool:
        jobs: dict[Future[tuple[str, Genres]], Item] = {}
        bar = tqdm(desc="Fetching posters", total=len(todo), unit="poster", disable=not (options.progress and todo))
        try:
            for item in todo:
                jobs[pool.submit(folder.keep, item, obtain)] = item
            for job in as_completed(jobs):
                good = folder.settle(jobs.pop(job), job)
                fetched, failed = fetched + good, failed + (not good)
                bar.set_postfix(failed=failed, refresh=False)
                bar.update()
                folder.save(every=SAVE_SECONDS)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
        finally:
            bar.close()
            folder.settle_rest(jobs)
            folder.save()
    with_genres = sum(bool(genres) for genres in folder.genres.values())
    return Collected(fetched, len(wanted) - len(missing), failed, len(missing) - len(todo), with_genres)


class _Folder:
    """The folder of posters with its two lists. Only ``keep`` is called by workers."""

    def __init__(self, path: Path) -> None:
        try:
            path.mkdir(parents=True, exist_ok=True)
            there = {entry.name for entry in path.iterdir()}
        except OSError as error:
            raise DataError(f"{path} cannot be used: {error.strerror}.") from error
        self.path = path
        listed = _read_list(path / "metadata.csv", "file_name", "genres")
        self.genres = {name: split_genres(genres) for name, genres in listed.items()}
        self.failed = _read_list(path / "failed.csv", "id", "reason")
        self._names = {Path(name).stem: name for name in self.genres if name in there}
        self._saved = time.monotonic()

    def has(self, item: Item) -> bool:
        """Whether the poster is there and listed; its genres are brought up to date."""
        name = self._names.get(item.stem)
        if name is None:
            return False
        self.genres[name] = item.genres or self.genres[name]
        self.failed.pop(item.id, None)
        return True

    def keep(self, item: Item, obtain: Obtain) -> tuple[str, Genres]:
        """Obtain a poster, check it, write it: its file name and genres."""
        content, genres = obtain(item)
        open_image(content, "The file")
        name = item.stem + picture_suffix(content)
        try:
            write_file(self.path / name, content)
            for suffix in (".jpg", ".png", ".webp"):  # of a run that was killed before it could list it
                if item.stem + suffix != name:
                    (self.path / (item.stem + suffix)).unlink(missing_ok=True)
        except OSError as error:
            raise HaltError(f"{self.path / name} cannot be written: {error.strerror}.") from error
        return name, genres

    def settle(self, item: Item, job: Future[tuple[str, Genres]]) -> bool:
        """List what became of an item: whether it was fetched. HaltError and bugs are raised."""
        try:
            name, genres = job.result()
        except HaltError:
            raise
        except PosterLensError as error:
            self.failed[item.id] = str(error)
            return False
        self.genres[name] = genres
        self.failed.pop(item.id, None)
        return True

    def settle_rest(self, jobs: Mapping[Future[tuple[str, Genres]], Item]) -> None:
        """List what was finished while the run was being stopped."""
        for job, item in jobs.items():
            if job.done() and not job.cancelled() and job.exception() is None:
                self.settle(item, job)

    def save(self, every: float = 0.0) -> None:
        """Write both lists, unless they were written less than ``every`` seconds ago."""
        if time.monotonic() - self._saved < every:
            return
        joined = {name: "|".join(genres) for name, genres in self.genres.items()}
        try:
            _write_list(self.path / "metadata.csv", "file_name", "genres", joined)
            _write_list(self.path / "failed.csv", "id", "reason", self.failed)
        except OSError as error:
            raise HaltError(f"The lists in {self.path} cannot be written: {error.strerror}.") from error
        self._saved = time.monotonic()


def picture_suffix(content: bytes) -> str:
    """.jpg, .png or .webp, by the first bytes of a picture that open_image has read."""
    if content.startswith(b"\x89PNG"):
        return ".png"
    return ".webp" if content.startswith(b"RIFF") else ".jpg"


def file_stem(name: str) -> str:
    """A file name for an id, the same on every system: the id itself if it is a plain one, else with a hash of it.

    Capitals are hashed too, because some file systems do not tell them from small letters.
    """
    if re.fullmatch(r"[a-z0-9_][a-z0-9_-]{0,63}", name):
        return name
    plain = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")[:40]
    return f"{plain}-{_digest(name)[:16]}".lstrip("-")


def split_genres(text: str) -> Genres:
    """Genres from ``Action|Drama``, ``Action, Drama`` or ``['Action', 'Drama']``, each once, in order."""
    names = (name.strip(" \t'\"") for name in re.split(r"[|,\r\n]", text.strip().strip("[]")))
    return tuple(dict.fromkeys(name for name in names if name.lower() not in NO_GENRE))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _merged(items: Iterable[Item]) -> list[Item]:
    """One item a file: of two with the same name the first counts, with the genres of both."""
    by_stem: dict[str, Item] = {}
    for item in items:
        first = by_stem.get(item.stem, item)
        genres = tuple(dict.fromkeys(first.genres + item.genres))
        by_stem[item.stem] = replace(first, source=first.source or item.source, genres=genres)
    return list(by_stem.values())


def _read_list(path: Path, key: str, value: str) -> dict[str, str]:
    if not path.exists():
        return {}
    table = read_table(path)
    if table.columns != (key, value):  # writing it again would lose the other columns
        raise DataError(f"{path} was not written by this program; choose another folder.")
    return {row[key]: row[value] for row in table.rows}


def _write_list(path: Path, key: str, value: str, entries: Mapping[str, str]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((key, value))
    writer.writerows(sorted(entries.items()))
    write_file(path, text.getvalue().encode("utf-8", "surrogatepass"))


@dataclass(frozen=True)
class Table:
    """A CSV file: its columns, and rows in which every column has a text."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]

    def find(self, name: str | None, usual: Sequence[str]) -> str | None:
        """The column of this name, in small or large letters; without a name the first usual one, or None."""
        if name is not None:
            return self.need(name, usual, "")
        by_lower = {column.lower(): column for column in reversed(self.columns)}
        return next((by_lower[column] for column in usual if column in by_lower), None)

    def need(self, name: str | None, usual: Sequence[str], what: str) -> str:
        """As find; DataError where there is no such column. ``what`` says what stands in it."""
        found = self.find(None, usual if name is None else (name.lower(),))
        if found is None:
            missing = f"column {name}" if name is not None else f"column with {what}"
            raise DataError(f"{self.path.name} has no {missing}; it has {', '.join(self.columns) or 'none at all'}.")
        return found


def read_table(path: str | Path) -> Table:
    """Read a CSV file with a header; UTF-8, or else Latin-1, in which well-known poster tables come."""
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        text = content.decode("utf-8-sig", "surrogatepass")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    try:
        columns = tuple(reader.fieldnames or ())
        rows = tuple({name: row[name] for name in columns} for row in reader)
    except csv.Error as error:
        raise DataError(f"{path.name} is not a valid CSV table: {error}.") from error
    return Table(path, columns, rows)


# ---- the sources -------------------------------------------------------------------------------------


def fetch_csv(
    table: str | Path,
    out: str | Path,
    web: Web | None = None,
    *,
    address_column: str | None = None,
    id_column: str | None = None,
    genres_column: str | None = None,
    options: Options | None = None,
) -> Collected:
    """Fetch the image addresses in a CSV file.

    A column that is not named is looked for by its usual names (ADDRESS_COLUMNS, ID_COLUMNS, GENRE_COLUMNS). Without
    ids a poster is named by a hash of its address. Errors as in :func:`collect`, and DataError without addresses.
    """
    web = web or Web()
    found = read_table(table)
    address = found.need(address_column, ADDRESS_COLUMNS, "image addresses")
    name = found.find(id_column, ID_COLUMNS)
    genres = found.find(genres_column, GENRE_COLUMNS)
    items = [_row_item(row, number, address, name, genres) for number, row in enumerate(found.rows, 1)]

    def obtain(item: Item) -> tuple[bytes, Genres]:
        if not item.source:
            raise FetchError("The table gives no address.")
        return web.get(item.source), item.genres

    return collect(items, obtain, out, options, web.stop)


def _row_item(row: Mapping[str, str], number: int, address: str, name: str | None, genres: str | None) -> Item:
    source = row[address].strip()
    known = split_genres(row[genres]) if genres else ()
    if name and (given := row[name].strip()):
        return Item(given, file_stem(given), source, known)
    if source:
        return Item(source, _digest(source)[:24], source, known)
    return Item(f"row {number}", file_stem(f"row {number}"), "", known)


def fetch_omdb(
    ids: str | Path,
    out: str | Path,
    key: str,
    web: Web | None = None,
    *,
    id_column: str | None = None,
    base: str = OMDB,
    options: Options | None = None,
) -> Collected:
    """Ask the OMDb API for each IMDb id, and fetch the poster that it names.

    ``ids`` is a text file with an id a line, or a .csv with a column ``imdbId``; 114709, 0114709 and tt0114709 are the
    same. The key goes to ``base`` only, and into no message or file. Errors as in :func:`collect`; HaltError when the
    key is refused or used up for the day.
    """
    if not key.strip():
        raise FetchError("The OMDb API needs a key.")
    web = web or Web()
    key = key.strip()

    def obtain(item: Item) -> tuple[bytes, Genres]:
        record = _omdb_record(web, base, key, item.id)
        poster = record.get("Poster")
        if not isinstance(poster, str) or poster in ("", "N/A"):
            raise FetchError("OMDb knows no poster of it.")
        return web.get(poster), split_genres(str(record.get("Genre", "")))

    items = [Item(imdb, file_stem(imdb)) for imdb in map(imdb_id, read_ids(ids, id_column))]
    return collect(items, obtain, out, options, web.stop)


def read_ids(path: str | Path, id_column: str | None = None) -> list[str]:
    """Ids from a text file, one a line (# begins a remark), or from a column of a .csv; DataError if there are none."""
    path = Path(path)
    if path.suffix.lower() == ".csv":
        table = read_table(path)
        column = table.need(id_column, ID_COLUMNS, "IMDb ids (imdbId)")
        found = [row[column] for row in table.rows]
    else:
        try:
            found = [line.partition("#")[0] for line in path.read_text("utf-8-sig").splitlines()]
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError:
            raise DataError(f"{path} is not a text file.") from None
    ids = [text.strip() for text in found if text.strip()]
    if not ids:
        raise DataError(f"{path} holds no ids.")
    return ids


def imdb_id(text: str) -> str:
    """An IMDb id as OMDb wants it (tt and at least seven digits) where the text can be read as one."""
    digits = re.fullmatch(r"(?:tt)?(\d{1,10})(?:\.0)?", text.strip(), re.ASCII)  # .0: a column that was once of floats
    return f"tt{int(digits[1]):07d}" if digits else text


def _omdb_record(web: Web, base: str, key: str, imdb: str) -> dict[str, Any]:
    if not re.fullmatch(r"tt\d{7,10}", imdb, re.ASCII):
        raise FetchError("It is not an IMDb id.")
    try:
        answer = web.get(f"{base}?{urlencode({'i': imdb, 'apikey': key})}", JSON_BYTES)
        record = json.loads(answer)
    except FetchError as error:
        if error.status in (401, 403):
            raise HaltError("OMDb refuses the key: it is wrong, or has been used up for today.") from None
        raise
    except (ValueError, RecursionError):
        raise FetchError("OMDb's answer is not the JSON that was asked for.") from None
    if not isinstance(record, dict):
        raise FetchError("OMDb's answer is not the JSON that was asked for.")
    if record.get("Response") != "True":
        words = " ".join(str(record.get("Error", "no reason")).replace(key, "(key)").split())[:200]
        raise FetchError(f"OMDb says: {words.rstrip('.!')}.")
    return record


def fetch_kaggle(
    handle: str, out: str | Path, hub: ModuleType | Any = None, *, options: Options | None = None
) -> Collected:
    """Fetch a Kaggle data set through kagglehub and take over its pictures, with genres where a table tells them.

    A table counts if it has a column ``genre`` or ``genres`` and another one that names the pictures.

    Raises
    ------
    FetchError
        If kagglehub is not installed, or there is no such data set, or it needs a login.
    DataError
        If it holds no pictures; and as in :func:`collect`.
    """
    root = Path(_kaggle_download(handle, hub or _kagglehub()))
    pictures = _files(root, SUFFIXES)
    if not pictures:
        raise DataError(f"The Kaggle data set {handle} holds no JPEG, PNG or WebP pictures.")
    genres = table_genres(_files(root, {".csv"}), {path.stem.lower() for path in pictures})
    count = Counter(file_stem(path.stem) for path in pictures)
    items = []
    for path in pictures:
        name = path.relative_to(root).as_posix()
        stem = file_stem(path.stem if count[file_stem(path.stem)] == 1 else name)
        items.append(Item(name, stem, str(path), genres.get(path.stem.lower(), ())))
    return collect(items, _copy, out, options)


def _kagglehub() -> ModuleType:
    try:
        return importlib.import_module("kagglehub")
    except ImportError:
        raise FetchError('Kaggle data sets need kagglehub: pip install -e ".[kaggle]".') from None


def _kaggle_download(handle: str, hub: ModuleType | Any) -> str:
    if not re.fullmatch(r"[\w-]+/[\w-]+(/versions/\d+)?", handle, re.ASCII):
        raise FetchError(f"{handle} is no Kaggle handle; one looks like OWNER/NAME.")
    try:
        return str(hub.dataset_download(handle))
    except Exception as error:  # kagglehub passes on whatever its own libraries raise
        words = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise FetchError(f"Kaggle does not give {handle}: {words.rstrip('.')}.") from error


def table_genres(tables: Iterable[Path], stems: set[str]) -> dict[str, Genres]:
    """Genres by picture (file name without its ending, in small letters) from those tables that tell them.

    The column that names the pictures is the one that names most of them. It must name half of the pictures, or half of
    its rows must be pictures: a column of years fits a few file names by chance.
    """
    found: dict[str, Genres] = {}
    for path in sorted(tables):
        try:
            table = read_table(path)
        except DataError:  # some other file
            continue
        genre = table.find(None, GENRE_COLUMNS)
        named = {c: {_picture_key(row[c]) for row in table.rows} & stems for c in table.columns if c != genre}
        best = max(named, key=lambda column: len(named[column]), default=None)
        if genre is None or best is None or 2 * len(named[best]) < min(len(stems), len(table.rows)):
            continue
        for row in table.rows:
            if (key := _picture_key(row[best])) in named[best]:
                found[key] = tuple(dict.fromkeys(found.get(key, ()) + split_genres(row[genre])))
    return found


def _picture_key(text: str) -> str:
    name = PurePosixPath(text.strip().lower())
    return name.stem if name.suffix in SUFFIXES else name.name


def _files(root: Path, suffixes: Collection[str]) -> list[Path]:
    """Files with these endings below a folder, sorted; none that is hidden."""
    found = (path for path in root.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    return sorted(p for p in found if not any(part.startswith((".", "__MACOSX")) for part in p.relative_to(root).parts))


def _copy(item: Item) -> tuple[bytes, Genres]:
    try:
        path = Path(item.source)
        if path.stat().st_size > MAX_FILE_BYTES:
            raise FetchError(f"The file is larger than {MAX_FILE_BYTES / 1e6:g} MB.")
        return path.read_bytes(), item.genres
    except OSError as error:
        raise FetchError(f"The file cannot be read: {error.strerror}.") from None


def fetch_celeba(
    out: str | Path,
    root: str | Path,
    *,
    split: str = "all",
    download: bool = False,
    source: Callable[..., Any] | None = None,
    options: Options | None = None,
) -> Collected:
    """Export CelebA (Liu et al. 2015) as picture files, each face's attributes in place of genres.

    ``root`` is torchvision's folder, with ``celeba/`` in it; only ``download`` fetches anything (1.4 GB from Google
    Drive, through gdown). FetchError if the data set is not there; and as in :func:`collect`.
    """
    if source is None:
        from torchvision.datasets import CelebA

        source = CelebA
    try:
        faces = source(str(root), split=split, target_type="attr", download=download)
    except Exception as error:  # gdown and zipfile raise many kinds
        if not download:
            raise FetchError(f"There is no complete CelebA in {root}; --download fetches it.") from error
        words = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
        raise FetchError(f"CelebA cannot be downloaded to {root}: {words}.") from error
    folder = Path(faces.root) / faces.base_folder / "img_align_celeba"
    items = []
    for name, row in zip(faces.filename, faces.attr.tolist(), strict=True):
        has = tuple(title for title, value in zip(faces.attr_names, row, strict=False) if value and title)
        items.append(Item(name, file_stem(PurePosixPath(name).stem), str(folder / name), has))
    return collect(items, _copy, out, options)
