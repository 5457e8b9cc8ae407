"""Posters are fetched from a server of this process that behaves in every way that a server should not."""

from __future__ import annotations

import csv
import io
import ipaddress
import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.datasets import CelebA

from gan import DataError, load_posters
from gan.fetch import (
    RETRIED,
    Collected,
    FetchError,
    HaltError,
    Item,
    Limiter,
    Manners,
    Options,
    Place,
    Web,
    collect,
    fetch_celeba,
    fetch_csv,
    fetch_kaggle,
    fetch_omdb,
    file_stem,
    imdb_id,
    is_public,
    read_ids,
    retry_after,
    split_genres,
)

PUBLIC, OTHER_PUBLIC = "93.184.216.34", "8.8.8.8"
QUIET = Options(workers=4, progress=False)
AGAIN = Options(workers=4, retry_failed=True, progress=False)
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


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def manners(**changes: Any) -> Manners:
    given: dict[str, Any] = {"rate": 1e4, "retries": 2, "backoff": 0.001, "timeout": 5.0, "allow_private": True}
    return Manners(**given | changes)


@pytest.fixture
def web() -> Web:
    return Web(manners())


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


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


# ---- which addresses may be asked --------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254",
        "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "::", "::1", "fe80::1",
        "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1", "::127.0.0.1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)  # fmt: skip
def test_addresses_of_this_machine_and_of_local_networks_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, OTHER_PUBLIC, "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_stays_what_it_is_inside_an_ipv6_address(inner: ipaddress.IPv4Address) -> None:
    expected = is_public(str(inner))
    assert is_public(f"::ffff:{inner}") == expected
    assert is_public(str(ipaddress.IPv6Address((0x64FF9B << 96) | int(inner)))) == expected
    assert is_public(str(ipaddress.IPv6Address((0x2002 << 112) | (int(inner) << 80)))) == expected


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd", "ftp://example.com/a.jpg", "data:image/png;base64,AAAA", "javascript:alert(1)", "",
        "a.jpg", "//example.com/a.jpg", "http://", "http:///a.jpg", "https://?", "http://[::1", "http://example.com:99999/",
        "http://user:secret@example.com/", "http://user@example.com/", "http://a..b/", f"http://{'a' * 70}.com/",
        "http://exa mple.com/", "http://example.com\\@127.0.0.1/",
    ],
)  # fmt: skip
def test_only_sound_http_addresses_are_asked(address: str) -> None:
    never = Web(resolve=lambda host, port: pytest.fail("a name was looked up"))
    with pytest.raises(FetchError, match=r"^The address .*\.$"):
        never.get(address)


def test_an_address_is_taken_apart_and_made_safe() -> None:
    place = Place.parse(" HTTPS://Bücher.example/pl akat/ä.jpg?q=ü%20&a=b#part ")
    assert place == Place("https", "xn--bcher-kva.example", 443, "/pl%20akat/%C3%A4.jpg?q=%C3%BC%20&a=b")
    assert Place.parse("http://example.com:81") == Place("http", "example.com", 81, "/")


@given(st.text(max_size=60))
def test_no_text_smuggles_a_header_into_a_request(text: str) -> None:
    try:
        place = Place.parse("http://example.com/" + text)
    except FetchError:
        return
    assert place.host == "example.com"
    assert re.fullmatch(r"[!-~]+", place.target)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0"])
def test_this_machine_is_not_asked_however_it_is_spelt(server: Server, host: str) -> None:
    server.routes["/a.jpg"] = send(picture())
    with pytest.raises(FetchError, match=r"is not a public address\.$"):
        Web(manners(allow_private=False)).get(f"http://{host}:{server.server_port}/a.jpg")
    assert server.asked == []


class Names:
    """A resolver of names, and connections that all end at one server whatever the address."""

    def __init__(self, server: Server, **addresses: list[list[str]]) -> None:
        self.server, self.addresses = server, {name.replace("_", "."): left for name, left in addresses.items()}
        self.looked_up: list[str] = []
        self.connected: list[str] = []

    def resolve(self, host: str, port: int) -> list[str]:
        self.looked_up.append(host)
        left = self.addresses[host]
        return left.pop(0) if len(left) > 1 else left[0]

    def connect(self, address: tuple[str, int], timeout: float) -> socket.socket:
        self.connected.append(address[0])
        return socket.create_connection(("127.0.0.1", self.server.server_port), timeout)

    def web(self, **changes: Any) -> Web:
        return Web(manners(allow_private=False), resolve=self.resolve, connect=self.connect, **changes)


def test_the_connection_goes_to_the_address_that_was_checked(server: Server) -> None:
    """DNS rebinding: the name would lead to this machine if it were looked up a second time."""
    server.routes["/a.jpg"] = send(b"poster")
    names = Names(server, poster_example=[[PUBLIC], ["127.0.0.1"]])
    assert names.web().get("http://poster.example/a.jpg") == b"poster"
    assert (names.looked_up, names.connected) == (["poster.example"], [PUBLIC])
    assert server.headers[0]["Host"] == "poster.example"


def test_a_name_with_one_private_address_among_others_is_refused(server: Server) -> None:
    names = Names(server, poster_example=[[PUBLIC, "10.0.0.1"]])
    with pytest.raises(FetchError, match=r"^poster\.example is not a public address\.$"):
        names.web().get("http://poster.example/a.jpg")
    assert names.connected == []


def test_the_next_address_is_tried_where_one_cannot_be_reached(server: Server) -> None:
    server.routes["/a.jpg"] = send(b"poster")
    names = Names(server, poster_example=[[OTHER_PUBLIC, PUBLIC]])

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        if address[0] == OTHER_PUBLIC:
            raise ConnectionRefusedError
        return names.connect(address, timeout)

    found = Web(manners(retries=0, allow_private=False), resolve=names.resolve, connect=connect)
    assert found.get("http://poster.example/a.jpg") == b"poster"


@pytest.mark.parametrize(
    "location", ["http://inner.example/secret", "//inner.example/secret", "http://127.0.0.1/secret"]
)
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_to_a_private_address_is_not_followed(server: Server, location: str, code: int) -> None:
    server.routes |= {"/a.jpg": to(location, code), "/secret": send(b"secret")}
    names = Names(server, poster_example=[[PUBLIC]], inner_example=[["192.168.0.1"]])
    names.addresses["127.0.0.1"] = [["127.0.0.1"]]
    with pytest.raises(FetchError, match=r"is not a public address\.$"):
        names.web().get("http://poster.example/a.jpg")
    assert server.asked == ["/a.jpg"]


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://poster.example/a", "http://[", "http://me:pw@poster.example/"]
)
def test_a_redirect_to_something_else_than_http_is_not_followed(server: Server, web: Web, location: str) -> None:
    with pytest.raises(FetchError):
        web.get(server.url("/a.jpg", to(location)))
    assert server.asked == ["/a.jpg"]


def test_redirects_are_followed_from_where_they_stand(server: Server, web: Web) -> None:
    server.routes |= {"/deep/b": to("../c?x=ä&y=" + "ä".encode().decode("latin-1")), "/c": send(b"poster")}
    assert web.get(server.url("/a", to("/deep/b"))) == b"poster"
    assert server.asked == ["/a", "/deep/b", "/c?x=%E4&y=%C3%A4"]


def test_a_loop_of_redirects_ends(server: Server) -> None:
    with pytest.raises(FetchError, match="more than 3 redirects"):
        Web(manners(redirects=3)).get(server.url("/loop", to("/loop")))
    assert len(server.asked) == 4


def test_a_redirect_without_a_place_is_a_failure(server: Server, web: Web) -> None:
    with pytest.raises(FetchError, match="answered 302 Found"):
        web.get(server.url("/a", status(302)))


def test_the_project_names_itself(server: Server, web: Web) -> None:
    web.get(server.url("/a", send(b"poster")))
    assert server.headers[0]["User-Agent"].startswith("PosterLens/")


# ---- https -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(certificate, key) of poster.example."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=poster.example", "-addext", "subjectAltName=DNS:poster.example", "-keyout", key, "-out", made],
        check=True, capture_output=True,
    )  # fmt: skip
    return made, key


@pytest.fixture
def secure(server: Server, certificate: tuple[Path, Path]) -> Server:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.routes["/a.jpg"] = send(b"poster")
    return server


def test_https_checks_the_name_and_not_the_address_that_is_connected_to(
    secure: Server, certificate: tuple[Path, Path]
) -> None:
    names = Names(secure, poster_example=[[PUBLIC]], other_example=[[PUBLIC]])
    trusting = names.web(tls=ssl.create_default_context(cafile=certificate[0]))
    assert trusting.get("https://poster.example/a.jpg") == b"poster"
    assert secure.headers[0]["Host"] == "poster.example"
    with pytest.raises(FetchError, match=r"^other\.example has no certificate that can be verified\.$"):
        trusting.get("https://other.example/a.jpg")
    assert secure.asked == ["/a.jpg"]


def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(secure: Server) -> None:
    names = Names(secure, poster_example=[[PUBLIC]])
    with pytest.raises(FetchError, match="certificate"):
        names.web().get("https://poster.example/a.jpg")
    assert names.connected == [PUBLIC]


# ---- sizes and times ---------------------------------------------------------------------------------


def chunked(*chunks: bytes) -> list[bytes]:
    return [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks)]


def test_a_file_that_says_it_is_too_large_is_not_read(server: Server) -> None:
    with pytest.raises(FetchError, match=r"^The file is larger than 0\.1 MB\.$"):
        Web(manners(max_bytes=1e5)).get(server.url("/a", send(b"short", length=100_001)))
    assert len(server.asked) == 1


@pytest.mark.parametrize("form", ["to the end", "chunked"])
def test_a_file_that_does_not_say_its_size_is_read_up_to_the_limit(server: Server, form: str) -> None:
    over = threading.Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        block = b"x" * 65536
        header, chunk = chunked(block) if form == "chunked" else (b"HTTP/1.0 200 OK\r\n\r\n", block)
        handler.wfile.write(header)
        try:
            while True:
                handler.wfile.write(chunk)
        except OSError:
            over.set()

    with pytest.raises(FetchError, match=r"^The file is larger than 0\.2 MB\.$"):
        Web(manners(max_bytes=2e5)).get(server.url("/a", endless))
    assert over.wait(10), "the server can still send"
    assert len(server.asked) == 1


def test_a_chunked_file_is_read_whole(server: Server, web: Web) -> None:
    assert web.get(server.url("/a", raw(*chunked(b"pos", b"ter"), b"0\r\n\r\n"))) == b"poster"


@pytest.mark.parametrize(
    "broken",
    [
        send(b"half", length=8),
        raw(*chunked(b"half")),
        raw(b"HTTP/1.1 200 OK\r\nContent-Len"),
        raw(b"nonsense\r\n\r\n"),
        raw(),
    ],
)
def test_an_answer_that_breaks_off_is_asked_for_again(server: Server, web: Web, broken: Answer) -> None:
    assert web.get(server.url("/a", in_turn(broken, send(b"poster")))) == b"poster"
    with pytest.raises(FetchError, match=r"failed or broke off\. It was tried 3 times\.$"):
        web.get(server.url("/b", broken))


def test_no_more_is_read_than_the_server_said(server: Server, web: Web) -> None:
    assert web.get(server.url("/a", send(b"posterrubbish", length=6))) == b"poster"


@pytest.mark.parametrize(
    "slow",
    [
        raw(b"", pause=9.0),
        raw(b"HTTP/1.0 200 OK\r\n", *[b"X-A: b\r\n"] * 180, pause=0.05),
        raw(b"HTTP/1.0 200 OK\r\n\r\n", *[b"x"] * 180, pause=0.05),
    ],
    ids=["silent", "headers drop by drop", "body drop by drop"],
)
def test_a_server_has_one_time_for_all_of_its_answer(server: Server, slow: Answer) -> None:
    start = time.monotonic()
    with pytest.raises(FetchError, match=r"did not answer in time\.$"):
        Web(manners(timeout=0.3, retries=0)).get(server.url("/a", slow))
    assert 0.3 <= time.monotonic() - start < 5


def test_a_slow_answer_in_time_is_taken(server: Server, web: Web) -> None:
    slow = raw(
        b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\n", b"pos", b"ter", pause=0.3
    )  # longer than one look at Ctrl-C
    assert web.get(server.url("/a", slow)) == b"poster"


def test_stopping_ends_a_read_at_once(server: Server) -> None:
    patient = Web(manners(timeout=30.0))
    threading.Timer(0.1, patient.stop.set).start()
    start = time.monotonic()
    with pytest.raises(Exception, match=r"^$"):
        patient.get(server.url("/a", raw(b"", pause=9.0)))
    assert time.monotonic() - start < 5


def test_nobody_listening_is_one_sentence(web: Web) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(
        FetchError, match=r"^The connection to 127\.0\.0\.1 failed or broke off\. It was tried 3 times\.$"
    ):
        web.get(f"http://127.0.0.1:{port}/a")


def test_an_unknown_host_is_one_sentence() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(FetchError, match=r"^The host nowhere\.example is not known\.$"):
        Web(manners(), resolve=unknown).get("http://nowhere.example/a")


# ---- retries and pace --------------------------------------------------------------------------------


class Waits(threading.Event):
    """Notes for how long it was waited, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.seconds.append(timeout)
        return False


@pytest.mark.parametrize("code", sorted(RETRIED))
def test_a_server_in_trouble_is_asked_again(server: Server, web: Web, code: int) -> None:
    assert web.get(server.url("/a", in_turn(status(code), status(code), send(b"poster")))) == b"poster"


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 204, 206, 501, 799])
def test_a_plain_no_is_not_asked_again(server: Server, web: Web, code: int) -> None:
    with pytest.raises(FetchError, match=rf"^127\.0\.0\.1 answered {code}\b.*\.$") as raised:
        web.get(server.url("/a", status(code)))
    assert raised.value.status == code
    assert len(server.asked) == 1


def test_the_last_reason_and_the_number_of_tries_are_told(server: Server, web: Web) -> None:
    with pytest.raises(FetchError, match=r"^127\.0\.0\.1 answered 503 Service Unavailable\. It was tried 3 times\.$"):
        web.get(server.url("/a", status(503)))
    assert len(server.asked) == 3


def test_each_pause_is_about_twice_the_one_before_and_never_the_same(server: Server) -> None:
    pauses = []
    for _ in range(5):
        patient = Web(manners(retries=8, backoff=1.0), limiter=Limiter(1e4))
        patient.stop = waits = Waits()
        with pytest.raises(FetchError):
            patient.get(server.url("/a", status(500)))
        pauses.append(waits.seconds)
    for row in pauses:
        assert len(row) == 8
        for place, pause in enumerate(row):
            longest = min(2.0**place, 60.0)
            assert longest / 2 <= pause <= longest
    assert len({row[0] for row in pauses}) == 5


@pytest.mark.parametrize(("asked_for", "waited"), [("30", 30.0), ("100000", 120.0), ("0", 0.0)])
def test_retry_after_is_kept_to_but_not_for_ever(server: Server, asked_for: str, waited: float) -> None:
    clock = Clock()
    patient = Web(manners(), limiter=Limiter(1e3, clock, clock.sleep))
    body = patient.get(server.url("/a", in_turn(status(429, Retry_After=asked_for), send(b"poster"))))
    assert body == b"poster"
    assert clock.now - 1000 == pytest.approx(waited, abs=0.002)


def test_retry_after_is_a_number_or_a_date() -> None:
    assert retry_after("7") == 7
    assert retry_after(formatdate(time.time() + 100, usegmt=True)) == pytest.approx(100, abs=2)
    assert retry_after(formatdate(time.time() - 100, usegmt=True)) == 0
    assert [retry_after(text) for text in (None, "", "soon", "-3", "1.5", "9" * 5000)] == [None] * 6


def test_a_host_is_asked_no_faster_than_the_rate() -> None:
    clock = Clock()
    limiter = Limiter(4.0, clock, clock.sleep)
    times = []
    for _ in range(5):
        limiter.wait("a.example")
        times.append(clock.now - 1000)
    assert times == pytest.approx([0, 0.25, 0.5, 0.75, 1.0])


def test_each_host_has_its_own_pace_and_pauses_save_nothing_up() -> None:
    clock = Clock()
    limiter = Limiter(1.0, clock, clock.sleep)
    limiter.wait("a.example")
    limiter.wait("b.example")
    assert clock.now == 1000
    clock.sleep(100)
    limiter.wait("a.example")
    limiter.wait("a.example")
    assert clock.now == pytest.approx(1101)


def test_a_host_that_asks_for_quiet_is_left_alone_by_all() -> None:
    clock = Clock()
    limiter = Limiter(1000.0, clock, clock.sleep)
    limiter.hold("a.example", 30)
    limiter.hold("a.example", 10)
    limiter.wait("b.example")
    assert clock.now == 1000
    limiter.wait("a.example")
    assert clock.now == pytest.approx(1030)


def test_threads_share_one_pace() -> None:
    limiter, moments = Limiter(100.0), []

    def work() -> None:
        for _ in range(5):
            limiter.wait("a.example")
            moments.append(time.monotonic())

    threads = [threading.Thread(target=work) for _ in range(4)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(moments) == 20
    assert max(moments) - start >= 0.19
    for place, moment in enumerate(sorted(moments)):  # at no moment more requests than the rate allows
        assert moment - start >= place * 0.01 - 1e-4


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": 0},
        {"rate": float("nan")},
        {"timeout": -1},
        {"timeout": float("inf")},
        {"max_bytes": 0},
        {"retries": -1},
    ],
)
def test_impossible_manners_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Manners(**wrong)  # type: ignore[arg-type]


# ---- a folder of posters -----------------------------------------------------------------------------


def posters(server: Server, web: Web, out: Path, *rows: tuple[str, str, str], options: Options = QUIET) -> Collected:
    """Fetch rows of (id, path, genres)."""
    path = out.parent / f"{out.name}.csv"
    write_table(path, ("imdbId", "Poster", "Genre"), *((i, server.url(p) if p else "", g) for i, p, g in rows))
    return fetch_csv(path, out, web, options=options)


def test_pictures_are_kept_byte_for_byte_and_named_by_what_they_are(server: Server, web: Web, tmp_path: Path) -> None:
    files = {kind: picture(kind) for kind in ("JPEG", "PNG", "WEBP")}
    server.routes |= {"/1.png": send(files["JPEG"]), "/2.gif": send(files["PNG"], Content_Type="text/html")}
    server.routes |= {"/3": send(files["WEBP"], Content_Disposition='attachment; filename="../../evil.php"')}
    out = tmp_path / "out"
    found = posters(server, web, out, ("1", "/1.png", "Action|Drama"), ("2", "/2.gif", "Comedy, War"), ("3", "/3", ""))
    assert found == Collected(fetched=3, known=0, failed=0, left_out=0, with_genres=2)
    assert (out / "1.jpg").read_bytes() == files["JPEG"]
    assert (out / "2.png").read_bytes() == files["PNG"]
    assert (out / "3.webp").read_bytes() == files["WEBP"]
    assert table(out / "metadata.csv") == {"1.jpg": "Action|Drama", "2.png": "Comedy|War", "3.webp": ""}
    assert table(out / "failed.csv") == {}
    assert len(list(out.iterdir())) == 5
    loaded = load_posters(out, 8, progress=False)
    assert dict(zip(loaded.names, loaded.genres, strict=True)) == {
        "1.jpg": ("Action", "Drama"),
        "2.png": ("Comedy", "War"),
        "3.webp": (),
    }


def test_what_is_no_whole_picture_is_listed_with_a_reason_and_not_kept(
    server: Server, web: Web, tmp_path: Path
) -> None:
    whole = picture(size=(200, 300))
    server.routes |= {
        "/page": send(b"<!doctype html><title>Not found</title>", Content_Type="image/jpeg"),
        "/half": send(whole[: len(whole) // 2]),
        "/cut": send(whole, length=len(whole) - 40),
        "/gif": send(picture("GIF")),
        "/empty": send(b""),
        "/large": send(picture("PNG", "white", (5000, 4001), "1")),
        "/good": send(whole),
    }
    names = ("page", "half", "cut", "gif", "empty", "large", "gone", "good")
    found = posters(server, web, tmp_path / "out", *((name, f"/{name}", "") for name in names), ("none", "", ""))
    assert (found.fetched, found.failed) == (1, 8)
    reasons = table(tmp_path / "out/failed.csv")
    unreadable = "The file cannot be read as a JPEG, PNG or WebP picture."
    assert reasons == {
        "page": unreadable,
        "half": unreadable,
        "cut": unreadable,
        "gif": unreadable,
        "empty": unreadable,
        "large": "The file has 5000 x 4001 pixels; at most 20 million are read.",
        "gone": "127.0.0.1 answered 404 Not Found.",
        "none": "The table gives no address.",
    }
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["failed.csv", "good.jpg", "metadata.csv"]


def test_what_is_there_is_not_fetched_again(server: Server, web: Web, tmp_path: Path) -> None:
    rows = [(str(i), f"/{i}", "Drama") for i in range(4)]
    server.routes |= {f"/{i}": send(picture()) for i in range(3)}
    assert posters(server, web, tmp_path / "out", *rows).fetched == 3
    server.asked.clear()
    assert posters(server, web, tmp_path / "out", *rows) == Collected(0, 3, 0, 1, 3)
    assert server.asked == []


def test_a_picture_that_was_removed_is_fetched_again(server: Server, web: Web, tmp_path: Path) -> None:
    rows = [(str(i), f"/{i}", "") for i in range(3)]
    server.routes |= {f"/{i}": send(picture()) for i in range(3)}
    posters(server, web, tmp_path / "out", *rows)
    (tmp_path / "out/1.jpg").unlink()
    server.asked.clear()
    assert posters(server, web, tmp_path / "out", *rows).fetched == 1
    assert server.asked == ["/1"]


def test_what_failed_is_tried_again_only_when_asked_for(server: Server, web: Web, tmp_path: Path) -> None:
    rows = [("1", "/1", ""), ("2", "/2", "")]
    server.routes["/1"] = send(picture())
    assert posters(server, web, tmp_path / "out", *rows).failed == 1
    server.routes["/2"] = send(picture())
    assert posters(server, web, tmp_path / "out", *rows) == Collected(0, 1, 0, 1, 0)
    assert posters(server, web, tmp_path / "out", *rows, options=AGAIN) == Collected(1, 1, 0, 0, 0)
    assert table(tmp_path / "out/failed.csv") == {}


def test_another_source_adds_to_the_folder(server: Server, web: Web, tmp_path: Path) -> None:
    server.routes |= {"/1": send(picture()), "/2": send(picture())}
    posters(server, web, tmp_path / "out", ("1", "/1", "War"), ("bad", "/bad", ""))
    posters(server, web, tmp_path / "out", ("2", "/2", "Crime"))
    assert table(tmp_path / "out/metadata.csv") == {"1.jpg": "War", "2.jpg": "Crime"}
    assert set(table(tmp_path / "out/failed.csv")) == {"bad"}


def test_genres_that_are_learned_later_are_listed_without_fetching_again(
    server: Server, web: Web, tmp_path: Path
) -> None:
    server.routes["/1"] = send(picture())
    posters(server, web, tmp_path / "out", ("1", "/1", ""))
    posters(server, web, tmp_path / "out", ("1", "/1", "Horror"))
    assert table(tmp_path / "out/metadata.csv") == {"1.jpg": "Horror"}
    posters(server, web, tmp_path / "out", ("1", "/1", ""))
    assert table(tmp_path / "out/metadata.csv") == {"1.jpg": "Horror"}
    assert server.asked == ["/1"]


def test_two_rows_of_one_id_are_one_poster_with_the_genres_of_both(server: Server, web: Web, tmp_path: Path) -> None:
    server.routes |= {"/1": send(picture(colour="red")), "/2": send(picture(colour="blue"))}
    rows = [("7", "", "Drama"), ("7", "/1", "Drama|War"), ("7", "/2", "Crime")]
    assert posters(server, web, tmp_path / "out", *rows).fetched == 1
    assert server.asked == ["/1"]
    assert table(tmp_path / "out/metadata.csv") == {"7.jpg": "Drama|War|Crime"}


def test_without_ids_an_address_is_fetched_once_and_names_the_file_by_its_hash(
    server: Server, web: Web, tmp_path: Path
) -> None:
    address = server.url("/../a.php?b=c", send(picture()))
    server.routes["/../a.php"] = send(picture())
    source = write_table(tmp_path / "a.csv", ("IMAGE_URL",), (address,), (f" {address} ",), ("ftp://x",), ("",))
    found = fetch_csv(source, tmp_path / "out", Web(manners(retries=0)), options=QUIET)
    assert (found.fetched, found.failed) == (1, 2)
    assert len(server.asked) == 1
    [name] = table(tmp_path / "out/metadata.csv")
    assert re.fullmatch(r"[0-9a-f]{24}\.jpg", name)
    assert set(table(tmp_path / "out/failed.csv")) == {"ftp://x", "row 4"}


def test_a_run_that_was_killed_before_it_could_list_a_picture_leaves_no_twin(
    server: Server, web: Web, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "1.png").write_bytes(picture("PNG"))
    server.routes["/1"] = send(picture())
    assert posters(server, web, out, ("1", "/1", "")).fetched == 1
    assert sorted(path.name for path in out.iterdir()) == ["1.jpg", "failed.csv", "metadata.csv"]


@pytest.mark.parametrize("name", ["metadata.csv", "failed.csv"])
def test_a_foreign_list_is_left_alone(server: Server, web: Web, tmp_path: Path, name: str) -> None:
    (tmp_path / "out").mkdir()
    foreign = write_table(tmp_path / "out" / name, ("file_name", "genres", "title"), ("a.jpg", "War", "Ran"))
    before = foreign.read_bytes()
    with pytest.raises(DataError, match=r"was not written by this program; choose another folder\.$"):
        posters(server, web, tmp_path / "out", ("1", "/1", ""))
    assert foreign.read_bytes() == before
    assert server.asked == []


def test_a_folder_that_cannot_be_made_is_one_sentence(server: Server, web: Web, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(DataError, match=r"cannot be used: .*\.$"):
            collect([Item("1", "1")], lambda item: (picture(), ()), out, QUIET)


def test_a_full_disk_ends_the_run_and_keeps_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gan import fetch

    def full(path: Path, content: bytes) -> None:
        if path.name == "3.jpg":
            raise OSError(28, "No space left on device")
        write(path, content)

    write = fetch.write_file
    monkeypatch.setattr(fetch, "write_file", full)
    items, stop = [Item(str(i), str(i), genres=("War",)) for i in range(9)], threading.Event()
    with pytest.raises(HaltError, match=r"3\.jpg cannot be written: No space left on device\.$"):
        collect(items, lambda item: (picture(), item.genres), tmp_path, Options(1, progress=False), stop)
    assert stop.is_set()
    listed = table(tmp_path / "metadata.csv")
    assert {"0.jpg", "1.jpg", "2.jpg"} <= set(listed) == {path.name for path in tmp_path.glob("*.jpg")}
    assert table(tmp_path / "failed.csv") == {}


def test_an_interruption_leaves_every_picture_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gan import fetch

    class Bar(fetch.tqdm):  # type: ignore[misc]
        def update(self, n: float | None = 1) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "tqdm", Bar)
    items = [Item(str(i), str(i)) for i in range(40)]

    def obtain(item: Item) -> tuple[bytes, tuple[str, ...]]:
        time.sleep(0.02)
        return picture(), ("War",)

    with pytest.raises(KeyboardInterrupt):
        collect(items, obtain, tmp_path, QUIET)
    there = {path.name for path in tmp_path.iterdir()} - {"metadata.csv", "failed.csv"}
    assert 1 <= len(there) < 40
    assert table(tmp_path / "metadata.csv") == dict.fromkeys(there, "War")
    monkeypatch.undo()
    assert collect(items, obtain, tmp_path, QUIET).fetched == 40 - len(there)


def test_posters_are_fetched_in_parallel(tmp_path: Path) -> None:
    together = threading.Barrier(6)

    def obtain(item: Item) -> tuple[bytes, tuple[str, ...]]:
        together.wait(timeout=20)  # breaks unless six are here at a time
        return picture(), ()

    items = [Item(str(i), str(i)) for i in range(12)]
    assert collect(items, obtain, tmp_path, Options(workers=6, progress=False)).fetched == 12


def test_only_the_first_posters_are_fetched_when_so_asked(tmp_path: Path) -> None:
    items = [Item(str(i), str(i)) for i in range(12)]
    found = collect(items, lambda item: (picture(), ()), tmp_path, Options(first=3, progress=False))
    assert found.fetched == 3
    assert set(table(tmp_path / "metadata.csv")) == {"0.jpg", "1.jpg", "2.jpg"}


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"first": 0}])
def test_impossible_options_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Options(**wrong)  # type: ignore[arg-type]


@given(st.text(max_size=100))
def test_every_id_gives_a_harmless_file_name(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9_][a-z0-9_-]{0,63}", file_stem(name))


@given(st.text(max_size=12), st.text(max_size=12))
def test_two_ids_never_share_a_file_even_where_capitals_do_not_count(one: str, other: str) -> None:
    assert (file_stem(one).lower() == file_stem(other).lower()) == (one == other)


def test_a_plain_id_is_the_file_name() -> None:
    assert file_stem("tt0111161") == "tt0111161"
    assert file_stem("Alien") != file_stem("alien") == "alien"
    assert file_stem("Alien").startswith("alien-")


def test_genres_are_read_in_all_usual_forms() -> None:
    expected = ("Action", "Science Fiction")
    for text in (
        "Action|Science Fiction",
        " Action , Science Fiction,",
        "['Action', 'Science Fiction']",
        "Action|Action,Science Fiction",
    ):
        assert split_genres(text) == expected
    for text in ("", "N/A", "(no genres listed)", "[]", " | "):
        assert split_genres(text) == ()


# ---- a CSV with addresses ----------------------------------------------------------------------------


def test_columns_are_chosen_by_name_whatever_their_case(server: Server, web: Web, tmp_path: Path) -> None:
    server.routes["/1"] = send(picture())
    source = write_table(tmp_path / "a.csv", ("Name", "Kind", "Link"), ("ran", "War", server.url("/1")))
    columns = {"address_column": "link", "id_column": "NAME", "genres_column": "Kind"}
    assert fetch_csv(source, tmp_path / "out", web, **columns, options=QUIET).fetched == 1  # type: ignore[arg-type]
    assert table(tmp_path / "out/metadata.csv") == {"ran.jpg": "War"}


@pytest.mark.parametrize("column", ["address_column", "id_column", "genres_column"])
def test_a_column_that_is_not_there_is_one_sentence(web: Web, tmp_path: Path, column: str) -> None:
    source = write_table(tmp_path / "a.csv", ("Poster", "Year"), ("http://example.com/a", "1985"))
    with pytest.raises(DataError, match=r"^a\.csv has no column Link; it has Poster, Year\.$"):
        fetch_csv(source, tmp_path / "out", web, **{column: "Link"})  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"Title,Year\nRan,1985\n"])
def test_a_table_without_addresses_is_one_sentence(web: Web, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"^a\.csv has no column with image addresses; it has .*\.$"):
        fetch_csv(tmp_path / "a.csv", tmp_path / "out", web)
    assert not (tmp_path / "out").exists()


def test_a_table_that_is_not_there_is_one_sentence(web: Web, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read: No such file or directory\.$"):
        fetch_csv(tmp_path / "a.csv", tmp_path / "out", web)


def test_a_table_in_latin_1_with_short_and_long_rows_is_read(server: Server, web: Web, tmp_path: Path) -> None:
    address = server.url("/1", send(picture()))
    text = f"Title,Poster,imdbId,Genre\nAmélie,{address},1,Comédie,extra,extra\nshort\n"
    (tmp_path / "a.csv").write_bytes(text.encode("latin-1"))
    found = fetch_csv(tmp_path / "a.csv", tmp_path / "out", web, options=QUIET)
    assert (found.fetched, found.failed) == (1, 1)
    assert table(tmp_path / "out/metadata.csv") == {"1.jpg": "Comédie"}


# ---- OMDb --------------------------------------------------------------------------------------------

KEY = "s3cr3tkey"


def api(server: Server, films: dict[str, Any]) -> str:
    """The base address of an OMDb that knows these films; a number is a status."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        query = dict(part.split("=") for part in handler.path.partition("?")[2].split("&"))
        film = films[query["i"]] if query["apikey"] == KEY else 401
        if isinstance(film, int):
            status(film)(handler)
        else:
            send(film if isinstance(film, bytes) else json.dumps(film).encode())(handler)

    return server.url("/", answer)


def film(server: Server, path: str, genre: str = "Crime, Drama") -> dict[str, str]:
    return {"Response": "True", "Poster": server.url(path) if path else "N/A", "Genre": genre}


def ids(folder: Path, text: str, name: str = "ids.txt") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_omdb_gives_poster_and_genres(server: Server, web: Web, tmp_path: Path) -> None:
    base = api(server, {"tt0111161": film(server, "/a"), "tt0068646": film(server, "/b", "N/A")})
    server.routes |= {"/a": send(picture()), "/b": send(picture("PNG"))}
    found = fetch_omdb(
        ids(tmp_path, "111161\n tt0068646 # twice\n\n68646\n"), tmp_path / "out", KEY, web, base=base, options=QUIET
    )
    assert (found.fetched, found.failed, found.with_genres) == (2, 0, 1)
    assert table(tmp_path / "out/metadata.csv") == {"tt0111161.jpg": "Crime|Drama", "tt0068646.png": ""}
    assert len(server.asked) == 4
    server.asked.clear()
    assert fetch_omdb(tmp_path / "ids.txt", tmp_path / "out", KEY, web, base=base, options=QUIET).known == 2
    assert server.asked == []


def test_what_omdb_does_not_have_is_listed_with_a_reason(server: Server, web: Web, tmp_path: Path) -> None:
    missing = {"Response": "False", "Error": f"Incorrect\n IMDb ID {KEY}."}
    films: dict[str, Any] = {
        "tt0000001": missing,
        "tt0000002": film(server, ""),
        "tt0000003": b"<html>",
        "tt0000004": b"[]",
    }
    films |= {"tt0000005": b"[" * 200_000, "tt0000006": 404, "tt0000007": {"Response": "True"}}
    films |= {"tt0000008": {"Response": "True", "Poster": "file:///etc/passwd"}}
    source = ids(tmp_path, "1 2 3 4 5 6 7 8 nm0000001 -1".replace(" ", "\n"))
    assert fetch_omdb(source, tmp_path / "out", KEY, web, base=api(server, films), options=QUIET).failed == 10
    assert table(tmp_path / "out/failed.csv") == {
        "tt0000001": "OMDb says: Incorrect IMDb ID (key).",
        "tt0000002": "OMDb knows no poster of it.",
        "tt0000003": "OMDb's answer is not the JSON that was asked for.",
        "tt0000004": "OMDb's answer is not the JSON that was asked for.",
        "tt0000005": "OMDb's answer is not the JSON that was asked for.",
        "tt0000006": "127.0.0.1 answered 404 Not Found.",
        "tt0000007": "OMDb knows no poster of it.",
        "tt0000008": "The address does not begin with http:// or https://.",
        "nm0000001": "It is not an IMDb id.",
        "-1": "It is not an IMDb id.",
    }


def test_a_key_that_is_used_up_ends_the_run_and_the_next_one_goes_on(server: Server, tmp_path: Path) -> None:
    films: dict[str, Any] = {"tt0000001": film(server, "/a"), "tt0000002": 401, "tt0000003": film(server, "/a")}
    base, source = api(server, films), ids(tmp_path, "1\n2\n3\n")
    server.routes["/a"] = send(picture())
    one = Options(workers=1, progress=False)
    with pytest.raises(HaltError, match=r"^OMDb refuses the key: it is wrong, or has been used up for today\.$"):
        fetch_omdb(source, tmp_path / "out", KEY, Web(manners()), base=base, options=one)
    assert "tt0000001.jpg" in table(tmp_path / "out/metadata.csv")
    assert table(tmp_path / "out/failed.csv") == {}
    films["tt0000002"] = film(server, "/a")
    found = fetch_omdb(source, tmp_path / "out", KEY, Web(manners()), base=base, options=one)
    assert found.known + found.fetched == 3


@pytest.mark.parametrize(
    "answer",
    [status(401), status(404), status(500), raw(b""), to("http://127.0.0.1:1/"), to("file:///x"), send(b"<html>")],
)
def test_the_key_is_sent_to_the_api_only_and_written_nowhere(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str], answer: Answer
) -> None:
    def echo(handler: BaseHTTPRequestHandler) -> None:
        if "tt0000001" in handler.path:
            send(json.dumps(film(server, "/a")).encode())(handler)
        else:
            answer(handler)

    server.routes["/a"] = send(picture())
    source, said = ids(tmp_path, "1\n2\n"), ""
    try:
        fetch_omdb(source, tmp_path / "out", KEY, Web(manners()), base=server.url("/", echo))
    except HaltError as error:
        said = repr(error) + repr(error.__cause__)
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert KEY not in said + "".join(capfd.readouterr())
    assert KEY.encode() not in written
    assert not any(KEY in path for path in server.asked if path.startswith("/a"))
    assert any(KEY in path for path in server.asked)


def test_omdb_without_a_key_asks_nobody(web: Web, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="needs a key"):
        fetch_omdb(ids(tmp_path, "1"), tmp_path / "out", " ", web)


def test_ids_are_read_from_text_and_from_tables(tmp_path: Path) -> None:
    assert read_ids(ids(tmp_path, "\ufefftt1\r\n# remark\n2 # two\n")) == ["tt1", "2"]
    links = ids(tmp_path, "movieId,imdbId,tmdbId\n1,0114709,862\n2,,\n", "links.csv")
    assert read_ids(links) == ["0114709"]
    assert read_ids(links, "tmdbid") == ["862"]
    with pytest.raises(DataError, match=r"^links\.csv has no column id; it has movieId, imdbId, tmdbId\.$"):
        read_ids(links, "id")
    with pytest.raises(DataError, match=r"holds no ids\.$"):
        read_ids(ids(tmp_path, "# nothing\n"))
    with pytest.raises(DataError, match=r"is not a text file\.$"):
        (tmp_path / "picture.txt").write_bytes(picture())
        read_ids(tmp_path / "picture.txt")
    with pytest.raises(DataError, match=r"cannot be read: "):
        read_ids(tmp_path / "none.txt")


def test_an_imdb_id_has_one_spelling() -> None:
    assert {imdb_id(text) for text in ("114709", "0114709", "tt0114709", " tt114709 ", "114709.0")} == {"tt0114709"}
    assert imdb_id("10872600") == "tt10872600"
    assert imdb_id("nm0000001") == "nm0000001"


# ---- Kaggle ------------------------------------------------------------------------------------------


def hub(root: Path) -> SimpleNamespace:
    """A kagglehub whose only data set lies in a folder."""
    return SimpleNamespace(dataset_download=lambda handle: str(root) if handle == "owner/posters" else 1 / 0)


def put(root: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(picture("PNG" if name.endswith("png") else "JPEG", f"#0000{number:02x}"))


def test_a_kaggle_data_set_is_taken_over_with_its_genres(tmp_path: Path) -> None:
    root = tmp_path / ".cache/versions/1"  # kagglehub's own folder is a hidden one
    put(root, "Images/tt1.jpg", "Images/tt2.png", "Images/tt3.jpg", ".hidden/tt4.jpg", "__MACOSX/._tt5.jpg")
    (root / "Images/tt3.jpg").write_bytes(b"broken")
    write_table(
        root / "train.csv", ("Id", "Genre", "Action"), ("tt1", "['Action', 'Drama']", "1"), ("tt9", "['War']", "0")
    )
    write_table(root / "other.csv", ("a", "b"), ("1", "2"))
    found = fetch_kaggle("owner/posters", tmp_path / "out", hub(root), options=QUIET)
    assert found == Collected(fetched=2, known=0, failed=1, left_out=0, with_genres=1)
    assert table(tmp_path / "out/metadata.csv") == {"tt1.jpg": "Action|Drama", "tt2.png": ""}
    assert set(table(tmp_path / "out/failed.csv")) == {"Images/tt3.jpg"}
    assert (tmp_path / "out/tt1.jpg").read_bytes() == (root / "Images/tt1.jpg").read_bytes()
    assert fetch_kaggle("owner/posters", tmp_path / "out", hub(root), options=QUIET).known == 2


def test_pictures_of_one_name_in_two_folders_are_both_kept(tmp_path: Path) -> None:
    root = tmp_path / "data"
    put(root, "a/1.jpg", "b/1.jpg", "b/2.jpg")
    write_table(root / "films.csv", ("imdbId", "Genre"), ("1", "War"), ("2", "Crime"))
    fetch_kaggle("owner/posters", tmp_path / "out", hub(root), options=QUIET)
    genres = table(tmp_path / "out/metadata.csv")
    assert sorted(genres.values()) == ["Crime", "War", "War"]
    assert genres["2.jpg"] == "Crime"
    assert {(tmp_path / "out" / name).read_bytes() for name in genres} == {p.read_bytes() for p in root.rglob("*.jpg")}


def test_the_column_that_names_the_pictures_is_found_and_others_do_not_count(tmp_path: Path) -> None:
    root = tmp_path / "data"
    put(root, *(f"p/{number}.jpg" for number in (101, 102, 103, 1990)))
    films = [
        ("1990", "101", "x/102.JPG", "War"),
        ("1990", "103", "x/101.jpg", "Crime"),
        ("1991", "999", "103.jpg", "Drama"),
    ]
    write_table(root / "films.csv", ("year", "next", "file", "genres"), *films)
    write_table(root / "years.csv", ("year", "genre"), ("1990", "Wrong"), ("1991", "Wrong"), ("1992", "Wrong"))
    fetch_kaggle("owner/posters", tmp_path / "out", hub(root), options=QUIET)
    assert table(tmp_path / "out/metadata.csv") == {
        "101.jpg": "Crime",
        "102.jpg": "War",
        "103.jpg": "Drama",
        "1990.jpg": "",
    }


def test_kaggle_errors_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FetchError, match=r"^Kaggle does not give owner/none: division by zero\.$"):
        fetch_kaggle("owner/none", tmp_path / "out", hub(tmp_path))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"^The Kaggle data set owner/posters holds no JPEG, PNG or WebP pictures\.$"):
        fetch_kaggle("owner/posters", tmp_path / "out", hub(tmp_path / "empty"))
    for handle in ("posters", "../x", "a/b/c", "https://www.kaggle.com/datasets/a/b", ""):
        with pytest.raises(FetchError, match=r"is no Kaggle handle; one looks like OWNER/NAME\.$"):
            fetch_kaggle(handle, tmp_path / "out", hub(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "kagglehub", None)  # as if it were not installed
    with pytest.raises(FetchError, match=r'^Kaggle data sets need kagglehub: pip install -e "\.\[kaggle\]"\.$'):
        fetch_kaggle("owner/posters", tmp_path / "out")
    assert not (tmp_path / "out").exists()


# ---- CelebA ------------------------------------------------------------------------------------------


class SmallCelebA(CelebA):  # type: ignore[misc]
    """torchvision's own class, without the check sums of the real files."""

    file_list: list[tuple[str, str, str]] = []  # noqa: RUF012


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    base = tmp_path / "root/celeba"
    put(base / "img_align_celeba", "000001.jpg", "000002.jpg", "000003.jpg")
    names = [f"00000{number}.jpg" for number in (1, 2, 3)]
    (base / "list_eval_partition.txt").write_text(
        "".join(f"{n} {part}\n" for n, part in zip(names, (0, 0, 2), strict=True))
    )
    (base / "identity_CelebA.txt").write_text("".join(f"{n} 7\n" for n in names))
    (base / "list_bbox_celeba.txt").write_text("3\nimage_id x y w h\n" + "".join(f"{n} 1 2 3 4\n" for n in names))
    (base / "list_landmarks_align_celeba.txt").write_text("3\na b\n" + "".join(f"{n} 1 2\n" for n in names))
    rows = ("-1  1", " 1  1", "-1 -1")
    attributes = "".join(f"{n} {row}\n" for n, row in zip(names, rows, strict=True))
    (base / "list_attr_celeba.txt").write_text(f"3\nSmiling Young \n{attributes}")
    return tmp_path / "root"


def test_celeba_is_exported_with_attributes_in_place_of_genres(faces: Path, tmp_path: Path) -> None:
    found = fetch_celeba(tmp_path / "out", faces, source=SmallCelebA, options=QUIET)
    assert found.fetched == 3
    assert table(tmp_path / "out/metadata.csv") == {
        "000001.jpg": "Young",
        "000002.jpg": "Smiling|Young",
        "000003.jpg": "",
    }
    original = faces / "celeba/img_align_celeba/000002.jpg"
    assert (tmp_path / "out/000002.jpg").read_bytes() == original.read_bytes()


def test_a_part_of_celeba_can_be_chosen(faces: Path, tmp_path: Path) -> None:
    assert fetch_celeba(tmp_path / "out", faces, split="train", source=SmallCelebA, options=QUIET).fetched == 2
    assert set(table(tmp_path / "out/metadata.csv")) == {"000001.jpg", "000002.jpg"}


def test_celeba_is_downloaded_only_when_so_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloads = []
    monkeypatch.setattr(CelebA, "download", lambda self: downloads.append(self.root))
    with pytest.raises(FetchError, match=r"^There is no complete CelebA in .*; --download fetches it\.$"):
        fetch_celeba(tmp_path / "out", tmp_path)
    assert downloads == []
    with pytest.raises(FetchError, match=r"cannot be downloaded to .*: Dataset not found or corrupted"):
        fetch_celeba(tmp_path / "out", tmp_path, download=True)
    assert downloads == [str(tmp_path)]
    assert not (tmp_path / "out").exists()
