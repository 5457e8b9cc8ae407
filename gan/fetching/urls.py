"""Addresses that may be asked: http or https, no password, and a host on the public internet.

    place = Place.parse("https://example.com/poster.jpg?size=2")     # FetchError with one sentence
    found = resolve(place.host, place.port)
    all(map(is_public, found))

Nothing is asked here, a host is only looked up; gan.fetching.http connects to an address that was found and checked.
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
