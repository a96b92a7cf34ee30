"""Finds network addresses: IPv4, IPv6 and MAC."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from planner.data.personal.span import Span
from planner.data.personal.words import has_word, named

_IPV4_END = re.compile(r"\.(?<=[0-9]\.)[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(?!\w|\.\w|-[A-Za-z])")
_IPV4_START = re.compile(r"(?<![\w.])[0-9]{1,3}\Z")
"""Searching from the first dot is fast, since dots are rarer than digits."""
_IPV6 = re.compile(
    r"[23](?<![\w:.][23])[0-9a-fA-F]{3}:[0-9a-fA-F:]{2,34}(?:(?:\.[0-9]{1,3}){3})?(?![\w:]|\.[0-9])"
)
"""All global unicast addresses are in 2000::/3 (RFC 4291, 2.4)."""
_MAC = re.compile(
    r"[0-9a-fA-F]{2}(?<![\w:-]..)([:-])(?:[0-9a-fA-F]{2}\1){4}[0-9a-fA-F]{2}(?!\w|[:-]\w)"
)
_CISCO_MAC = re.compile(
    r"\.(?<=[0-9a-fA-F]{4}\.)(?<![\w.].{4}\.)[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}(?!\w|\.\w)"
)
"""For `001b.4411.3ab7`, likewise."""
_EXAMPLES_4 = tuple(map(IPv4Network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")))
_EXAMPLES_6 = (IPv6Network("2001:db8::/32"), IPv6Network("3fff::/20"))
"""Documentation ranges (RFC 5737, 3849, 9637), which are included like `example.com`."""
_VERSION_BEFORE = re.compile(
    r"(?:[A-Za-z](?:[/-]|[=<>~]=)|\b(?:version|release|firmware|build|driver|section|chapter|oid)"
    r"\b[\s:=\"'(#]{0,16})\Z",
    re.IGNORECASE,
)
_IP_WORDS = has_word(
    "ips?|ipv4|address(?:es)?|addr|host|server|dns|nameserver|resolver|ping|gateway|client|peer"
)
_MAC_WORDS = has_word("mac|ether|ethernet|hwaddr|bssid|bluetooth|nic")
_LOW = 32
"""Four numbers below this are a version or a section, unless a word suggests an address."""


def addresses(text: str) -> Iterator[Span]:
    """Yield public IPv4 and IPv6 addresses, without port and prefix length.

    Private, loopback, link-local, multicast and reserved addresses identify nobody and are
    excluded; documentation addresses are included.
    """
    if text.count(".") >= 3:
        for end in _IPV4_END.finditer(text):
            first = _IPV4_START.search(text, max(0, end.start() - 3), end.start())
            if first:
                start, address = first.start(), first[0] + end[0]
                if _is_public_4(address) and not _is_version(text, start, address):
                    yield Span("IP", start, end.end())
    if text.count(":") >= 2:
        for match in _IPV6.finditer(text):
            if _is_public_6(match[0]):
                yield Span("IP", match.start(), match.end())


def _is_public_4(text: str) -> bool:
    try:
        address = IPv4Address(text)
    except ValueError:
        return False
    return _is_public(address) or any(address in network for network in _EXAMPLES_4)


def _is_public_6(text: str) -> bool:
    try:
        address = IPv6Address(text)
    except ValueError:
        return False
    return _is_public(address) or any(address in network for network in _EXAMPLES_6)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not address.is_multicast


def _is_version(text: str, start: int, address: str) -> bool:
    if _VERSION_BEFORE.search(text, max(0, start - 32), start):
        return True
    low = all(int(octet) < _LOW for octet in address.split("."))
    return low and not named(_IP_WORDS, text, start)


def mac_addresses(text: str) -> Iterator[Span]:
    """Yield MAC addresses such as `00:1b:44:11:3a:b7`, with colons or hyphens, or `001b.4411.3ab7`.

    Group addresses (RFC 7042, 2.1), all zeros and longer fingerprints are excluded. Six pairs
    without a letter are included only after a word such as `MAC`.
    """
    if text.count(":") >= 5 or text.count("-") >= 5:
        for match in _MAC.finditer(text):
            if _is_device(text, match.start(), match.end()):
                yield Span("MAC", match.start(), match.end())
    for match in _CISCO_MAC.finditer(text):
        start = match.start() - 4
        if _is_device(text, start, match.end()):
            yield Span("MAC", start, match.end())


def _is_device(text: str, start: int, end: int) -> bool:
    digits = re.sub("[:.-]", "", text[start:end])
    to_group = int(digits[1], 16) & 1
    certain = not digits.isdigit() or named(_MAC_WORDS, text, start)
    return not to_group and bool(digits.strip("0")) and certain
