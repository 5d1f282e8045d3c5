"""Keeps downloads out of private networks."""

import ipaddress
import socket

WEB_V6 = ipaddress.ip_network("2000::/3")
# Where a network without IPv4 reaches the rest of the world.
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class PrivateAddressError(OSError):
    """Says that an address is not on the public internet."""


def is_public(address):
    """Returns whether an address is on the public internet.

    Loopback, private and shared networks, link-local, multicast and reserved
    addresses are not, nor are the forms of IPv6 that lead to one of them.

    Args:
        address: String, an address of IPv4 or IPv6.

    Returns:
        Boolean.

    Example:

    >>> is_public("8.8.8.8"), is_public("10.0.0.1"), is_public("::1")
    (True, False, False)
    >>> is_public("::ffff:127.0.0.1"), is_public("64:ff9b::7f00:1")
    (False, False)
    """
    address = ipaddress.ip_address(address)
    if address.version == 6:
        inner = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is None:
            return address in WEB_V6 and address.is_global
        address = inner
    is_special = address.is_multicast or address.is_reserved
    return address.is_global and not is_special


def open_public_socket(address_info):
    """Opens a socket for a connection to a public address only.

    aiohttp calls this for every connection, with the very address that it
    connects to: after each redirection, for numeric hosts too, and whatever a
    name server would answer a second time.

    Args:
        address_info: Tuple, as from `socket.getaddrinfo`.

    Returns:
        A `socket.socket` that is not connected yet.

    Raises:
        PrivateAddressError: If the address is not public.
    """
    if not is_public(address_info[4][0]):
        # The same text for every address: aiohttp keeps the text only if all
        # addresses of a name fail alike.
        raise PrivateAddressError("leads to an address that is not public")
    return open_socket(address_info)


def open_socket(address_info):
    """Opens a socket for a connection to any address."""
    family, kind, protocol, _, _ = address_info
    return socket.socket(family, kind, protocol)
