"""Addresses are asked from a server of this process that behaves in every way that a server should not."""

from __future__ import annotations

import ipaddress
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gan.errors import FetchError
from gan.fetching.http import RETRY_STATUSES, HttpClient, Limiter, RequestPolicy, StoppedError, retry_after
from gan.fetching.urls import Url, is_public
from tests.gan.fetching.local_server import Answer, Server, in_turn, picture, policy, raw, send, serving, status, to

PUBLIC, OTHER_PUBLIC = "93.184.216.34", "8.8.8.8"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def client() -> HttpClient:
    return HttpClient(policy())


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


@settings(max_examples=50, deadline=None)
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
    never = HttpClient()
    never.resolve = lambda host, port: pytest.fail("a name was looked up")
    with pytest.raises(FetchError, match=r"^The address .*\.$"):
        never.get(address)


def test_an_address_is_taken_apart_and_made_safe() -> None:
    url = Url.parse(" HTTPS://Bücher.example/pl akat/ä.jpg?q=ü%20&a=b#part ")
    assert url == Url("https", "xn--bcher-kva.example", 443, "/pl%20akat/%C3%A4.jpg?q=%C3%BC%20&a=b")
    assert Url.parse("http://example.com:81") == Url("http", "example.com", 81, "/")


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60))
def test_no_text_smuggles_a_header_into_a_request(text: str) -> None:
    try:
        url = Url.parse("http://example.com/" + text)
    except FetchError:
        return
    assert url.host == "example.com"
    assert re.fullmatch(r"[!-~]+", url.target)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0"])
def test_this_machine_is_not_asked_however_it_is_spelt(server: Server, host: str) -> None:
    server.routes["/a.jpg"] = send(picture())
    with pytest.raises(FetchError, match=r"is not a public address\.$"):
        HttpClient(policy(allow_private=False)).get(f"http://{host}:{server.server_port}/a.jpg")
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

    def client(self) -> HttpClient:
        client = HttpClient(policy(allow_private=False))
        client.resolve, client.connect = self.resolve, self.connect
        return client


def test_the_connection_goes_to_the_address_that_was_checked(server: Server) -> None:
    """DNS rebinding: the name would lead to this machine if it were looked up a second time."""
    server.routes["/a.jpg"] = send(b"poster")
    names = Names(server, poster_example=[[PUBLIC], ["127.0.0.1"]])
    assert names.client().get("http://poster.example/a.jpg") == b"poster"
    assert (names.looked_up, names.connected) == (["poster.example"], [PUBLIC])
    assert server.headers[0]["Host"] == "poster.example"


def test_a_name_with_one_private_address_among_others_is_refused(server: Server) -> None:
    names = Names(server, poster_example=[[PUBLIC, "10.0.0.1"]])
    with pytest.raises(FetchError, match=r"^poster\.example is not a public address\.$"):
        names.client().get("http://poster.example/a.jpg")
    assert names.connected == []


def test_the_next_address_is_tried_where_one_cannot_be_reached(server: Server) -> None:
    server.routes["/a.jpg"] = send(b"poster")
    names = Names(server, poster_example=[[OTHER_PUBLIC, PUBLIC]])

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        if address[0] == OTHER_PUBLIC:
            raise ConnectionRefusedError
        return names.connect(address, timeout)

    client = HttpClient(policy(retries=0, allow_private=False))
    client.resolve, client.connect = names.resolve, connect
    assert client.get("http://poster.example/a.jpg") == b"poster"


@pytest.mark.parametrize(
    ("code", "location"),
    [
        (301, "http://inner.example/secret"), (302, "//inner.example/secret"), (303, "http://127.0.0.1/secret"),
        (307, "http://inner.example/secret"), (308, "//inner.example/secret"),
    ],
)  # fmt: skip
def test_a_redirect_to_a_private_address_is_not_followed(server: Server, code: int, location: str) -> None:
    server.routes |= {"/a.jpg": to(location, code), "/secret": send(b"secret")}
    names = Names(server, poster_example=[[PUBLIC]], inner_example=[["192.168.0.1"]])
    names.addresses["127.0.0.1"] = [["127.0.0.1"]]
    with pytest.raises(FetchError, match=r"is not a public address\.$"):
        names.client().get("http://poster.example/a.jpg")
    assert server.asked == ["/a.jpg"]


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://poster.example/a", "http://[", "http://me:pw@poster.example/"]
)
def test_a_redirect_to_another_scheme_is_not_followed(server: Server, client: HttpClient, location: str) -> None:
    with pytest.raises(FetchError):
        client.get(server.url("/a.jpg", to(location)))
    assert server.asked == ["/a.jpg"]


def test_redirects_are_followed_from_where_they_stand(server: Server, client: HttpClient) -> None:
    server.routes |= {"/deep/b": to("../c?x=ä&y=" + "ä".encode().decode("latin-1")), "/c": send(b"poster")}
    assert client.get(server.url("/a", to("/deep/b"))) == b"poster"
    assert server.asked == ["/a", "/deep/b", "/c?x=%E4&y=%C3%A4"]


def test_a_loop_of_redirects_ends(server: Server, client: HttpClient) -> None:
    with pytest.raises(FetchError, match=r"^There are more than 5 redirects\.$"):
        client.get(server.url("/loop", to("/loop")))
    assert len(server.asked) == 6


def test_a_redirect_without_a_place_is_a_failure(server: Server, client: HttpClient) -> None:
    with pytest.raises(FetchError, match="answered 302 Found"):
        client.get(server.url("/a", status(302)))


def test_the_project_names_itself(server: Server, client: HttpClient) -> None:
    client.get(server.url("/a", send(b"poster")))
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
    trusting = names.client()
    trusting.tls = ssl.create_default_context(cafile=certificate[0])
    assert trusting.get("https://poster.example/a.jpg") == b"poster"
    assert secure.headers[0]["Host"] == "poster.example"
    with pytest.raises(FetchError, match=r"^other\.example has no certificate that can be verified\.$"):
        trusting.get("https://other.example/a.jpg")
    assert secure.asked == ["/a.jpg"]


def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(secure: Server) -> None:
    names = Names(secure, poster_example=[[PUBLIC]])
    with pytest.raises(FetchError, match="certificate"):
        names.client().get("https://poster.example/a.jpg")
    assert names.connected == [PUBLIC]


def test_a_server_that_never_agrees_on_tls_is_given_up_in_time() -> None:
    start = time.monotonic()
    with (
        socket.create_server(("127.0.0.1", 0)) as deaf,
        pytest.raises(FetchError, match=r"^127\.0\.0\.1 did not answer in time\.$"),
    ):
        HttpClient(policy(timeout=0.3, connect_timeout=50.0, retries=0)).get(
            f"https://127.0.0.1:{deaf.getsockname()[1]}/a"
        )
    assert time.monotonic() - start < 20


# ---- sizes and times ---------------------------------------------------------------------------------


def chunked(*chunks: bytes) -> list[bytes]:
    return [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks)]


def test_a_file_that_says_it_is_too_large_is_not_read(server: Server) -> None:
    with pytest.raises(FetchError, match=r"^The file is larger than 0\.1 MB\.$"):
        HttpClient(policy(max_mb=0.1)).get(server.url("/a", send(b"short", length=100_001)))
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
        HttpClient(policy(max_mb=0.2)).get(server.url("/a", endless))
    assert over.wait(10), "the server can still send"
    assert len(server.asked) == 1


def test_a_chunked_file_is_read_whole(server: Server, client: HttpClient) -> None:
    assert client.get(server.url("/a", raw(*chunked(b"pos", b"ter"), b"0\r\n\r\n"))) == b"poster"


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
def test_an_answer_that_breaks_off_is_asked_for_again(server: Server, client: HttpClient, broken: Answer) -> None:
    assert client.get(server.url("/a", in_turn(broken, send(b"poster")))) == b"poster"
    with pytest.raises(FetchError, match=r"failed or broke off\. It was tried 3 times\.$"):
        client.get(server.url("/b", broken))


def test_no_more_is_read_than_the_server_said(server: Server, client: HttpClient) -> None:
    assert client.get(server.url("/a", send(b"posterrubbish", length=6))) == b"poster"


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
        HttpClient(policy(timeout=0.3, retries=0)).get(server.url("/a", slow))
    assert 0.3 <= time.monotonic() - start < 5


def test_a_slow_answer_in_time_is_taken(server: Server, client: HttpClient) -> None:
    slow = raw(
        b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\n", b"pos", b"ter", pause=0.3
    )  # longer than one look at Ctrl-C
    assert client.get(server.url("/a", slow)) == b"poster"


def test_stopping_ends_a_read_at_once(server: Server) -> None:
    patient = HttpClient(policy(timeout=30.0))
    threading.Timer(0.1, patient.stop.set).start()
    start = time.monotonic()
    with pytest.raises(StoppedError):
        patient.get(server.url("/a", raw(b"", pause=9.0)))
    assert time.monotonic() - start < 5


def test_nobody_listening_is_one_sentence(client: HttpClient) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(
        FetchError, match=r"^The connection to 127\.0\.0\.1 failed or broke off\. It was tried 3 times\.$"
    ):
        client.get(f"http://127.0.0.1:{port}/a")


def asking(resolve: Callable[[str, int], list[str]], **changes: Any) -> HttpClient:
    """A HttpClient that looks names up so."""
    client = HttpClient(policy(**changes))
    client.resolve = resolve
    return client


def test_an_unknown_host_is_one_sentence() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(FetchError, match=r"^The host nowhere\.example is unknown\.$"):
        asking(unknown).get("http://nowhere.example/a")


def test_a_look_up_that_fails_for_now_is_tried_again() -> None:
    looked_up = []

    def busy(host: str, port: int) -> list[str]:
        looked_up.append(host)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with pytest.raises(FetchError, match=r"^The host slow\.example is unknown\. It was tried 3 times\.$"):
        asking(busy).get("http://slow.example/a")
    assert looked_up == ["slow.example"] * 3


@pytest.fixture
def silence() -> Iterator[Callable[[str, int], list[str]]]:
    """A look-up that nobody answers until the test is over."""
    over = threading.Event()

    def silent(host: str, port: int) -> list[str]:
        over.wait(60)
        return []

    yield silent
    over.set()


def test_a_look_up_that_nobody_answers_is_given_up_in_time(silence: Callable[[str, int], list[str]]) -> None:
    start = time.monotonic()
    with pytest.raises(FetchError, match=r"^The host slow\.example could not be looked up in time\.$"):
        asking(silence, connect_timeout=0.2, retries=0).get("http://slow.example/a")
    assert 0.2 <= time.monotonic() - start < 20


def test_stopping_ends_a_look_up_at_once(silence: Callable[[str, int], list[str]]) -> None:
    patient = asking(silence, connect_timeout=50.0, timeout=50.0)
    threading.Timer(0.1, patient.stop.set).start()
    start = time.monotonic()
    with pytest.raises(StoppedError):
        patient.get("http://slow.example/a")
    assert time.monotonic() - start < 20


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


@pytest.mark.parametrize("code", sorted(RETRY_STATUSES))
def test_a_server_in_trouble_is_asked_again(server: Server, client: HttpClient, code: int) -> None:
    assert client.get(server.url("/a", in_turn(status(code), status(code), send(b"poster")))) == b"poster"


@pytest.mark.parametrize("code", [401, 404, 204, 501, 799])
def test_a_plain_no_is_not_asked_again(server: Server, client: HttpClient, code: int) -> None:
    with pytest.raises(FetchError, match=rf"^127\.0\.0\.1 answered {code}\b.*\.$") as raised:
        client.get(server.url("/a", status(code)))
    assert raised.value.status == code
    assert len(server.asked) == 1


def test_the_last_reason_and_the_number_of_tries_are_told(server: Server, client: HttpClient) -> None:
    with pytest.raises(FetchError, match=r"^127\.0\.0\.1 answered 503 Service Unavailable\. It was tried 3 times\.$"):
        client.get(server.url("/a", status(503)))
    assert len(server.asked) == 3


def test_each_pause_is_about_twice_the_one_before_and_never_the_same(server: Server) -> None:
    pauses = []
    for _ in range(3):
        patient = HttpClient(policy(retries=8, backoff=1.0))
        patient.limiter, waits = Limiter(1e4), Waits()
        patient.stop = waits
        with pytest.raises(FetchError):
            patient.get(server.url("/a", status(500)))
        pauses.append(waits.seconds)
    for row in pauses:
        assert len(row) == 8
        for url, pause in enumerate(row):
            longest = min(2.0**url, 60.0)
            assert longest / 2 <= pause <= longest
    assert len({row[0] for row in pauses}) == 3


@pytest.mark.parametrize(("asked_for", "waited"), [("30", 30.0), ("100000", 120.0), ("0", 0.0)])
def test_retry_after_is_kept_to_but_not_for_ever(server: Server, asked_for: str, waited: float) -> None:
    clock = Clock()
    patient = HttpClient(policy())
    patient.limiter = Limiter(1e3, clock, clock.sleep)
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
    for url, moment in enumerate(sorted(moments)):  # at no moment more requests than the rate allows
        assert moment - start >= url * 0.01 - 1e-4


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": 0},
        {"rate": float("nan")},
        {"timeout": -1},
        {"timeout": float("inf")},
        {"max_mb": 0},
        {"retries": -1},
    ],
)
def test_impossible_manners_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RequestPolicy(**wrong)  # type: ignore[arg-type]
