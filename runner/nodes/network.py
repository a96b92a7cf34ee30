"""The network interface of an address of this machine."""

import ipaddress
import socket
import struct
from contextlib import suppress
from pathlib import Path

_SIOCGIFADDR = 0x8915
"""Linux's request for the IPv4 address of an interface (netdevice(7))."""
_MOST_NAME_BYTES = 15


def plain(address: str) -> str:
    """Return an address without its interface, and an IPv4 address written as an IPv6 one as
    IPv4."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def interface_of(address: str) -> str:
    """Return the name of the interface with an address; empty where it cannot be known."""
    wanted = ipaddress.ip_address(plain(address))
    if wanted.version == 4 and wanted.is_loopback:
        return _loopback()
    if wanted.version == 4:
        names = (name for _, name in socket.if_nameindex())
        return next((name for name in names if _address(name) == str(wanted)), "")
    with suppress(OSError):
        for line in Path("/proc/net/if_inet6").read_text("ascii").splitlines():
            words = line.split()
            if ipaddress.IPv6Address(bytes.fromhex(words[0])) == wanted:
                return words[-1]
    return ""


def _loopback() -> str:
    names = [name for _, name in socket.if_nameindex()]
    return next((name for name in ("lo", "lo0") if name in names), "")


def _address(name: str) -> str:
    """Return the IPv4 address of an interface; empty without one."""
    try:
        import fcntl

        asked = struct.pack("256s", name.encode()[:_MOST_NAME_BYTES])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            return socket.inet_ntoa(fcntl.ioctl(own.fileno(), _SIOCGIFADDR, asked)[20:24])
    except OSError:
        return ""


def free_port() -> int:
    """Return a port on which nothing listens at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as own:
        own.bind(("", 0))
        found: int = own.getsockname()[1]
    return found
