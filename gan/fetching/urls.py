"""URLs that may be requested: http or https, no password, and a host on the public internet.

    url = Url.parse("https://example.com/poster.jpg?size=2")     # FetchError with one sentence
    addresses = resolve(url.host, url.port)
    all(map(is_public, addresses))

Nothing is requested here, a host is only looked up; gan.fetching.http connects to an address that was checked.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from gan.errors import FetchError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Url:
    """The parts of a URL.

    scheme : http or https. host : in ASCII (IDNA). port : the scheme's own where none is named.
    target : path and query, percent-encoded.
    """

    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, text: str) -> Url:
        """Split and normalise; FetchError unless it is a well-formed http or https URL without a password."""
        try:
            parts = urlsplit(text.strip())
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
    """IP addresses of a host, in the system's order; OSError if there are none."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


def is_public(address: str) -> bool:
    """Whether an IP address, or the IPv4 address that it embeds, belongs to the public internet."""
    ip = _embedded(ipaddress.ip_address(address))
    special = ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback or ip.is_link_local
    return ip.is_global and not special and not (ip.version == 6 and ip.is_site_local)


def _embedded(ip: Address) -> Address:
    """The IPv4 address that an IPv6 address embeds: mapped, 6to4, or NAT64 (RFC 4291, 3056, 6052); else itself."""
    if ip.version == 4:
        return ip
    if int(ip) >> 32 == int(ipaddress.IPv6Address("64:ff9b::")) >> 32:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
