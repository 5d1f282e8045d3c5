"""Which addresses belong to the public internet."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invariance_tf.datasets.facescrub.download import addresses

# From the registries of special addresses (IANA), and two ordinary ones.
SPECIAL_V4 = """
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1
    127.255.255.255 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1
    192.0.2.1 192.168.0.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1
    239.255.255.255 240.0.0.1 255.255.255.255
""".split()
PUBLIC_V4 = ["8.8.8.8", "100.63.255.255", "172.32.0.1", "192.169.0.1"]


@pytest.mark.parametrize("address", SPECIAL_V4)
def test_special_addresses_are_not_public_in_any_guise(address):
    assert not addresses.is_public(address)
    for guise in guises(address):
        assert not addresses.is_public(guise), guise


@pytest.mark.parametrize("address", PUBLIC_V4)
def test_public_addresses_are_public_in_every_legal_guise(address):
    assert addresses.is_public(address)
    mapped, _, translated, tunnelled = guises(address)
    for guise in [mapped, translated, tunnelled]:
        assert addresses.is_public(guise), guise


def guises(address):
    """IPv6 addresses that lead to one of IPv4, from their definitions."""
    number = int(ipaddress.IPv4Address(address))
    return [
        str(ipaddress.IPv6Address(value))
        for value in [
            (0xFFFF << 32) + number,
            number + (2 if number < 2 else 0),
            (0x64FF9B << 96) + number,
            (0x2002 << 112) + (number << 80) + 1,
        ]
    ]


@pytest.mark.parametrize(
    "address",
    """
    :: ::1 fe80::1 fe80::1%lo febf::1 fec0::1 fc00::1 fdff::1 ff02::1
    100::1 2001::1 2001:db8::1 5f00::1 4000::1 64:ff9b:1::8.8.8.8
    """.split(),
)
def test_special_addresses_of_ipv6_are_not_public(address):
    assert not addresses.is_public(address)


def test_hosts_of_the_web_are_public():
    for address in ["2606:4700::1111", "2a00:1450:4001::1", "2001:4860::8"]:
        assert addresses.is_public(address)


@given(st.ip_addresses(v=6))
def test_outside_of_2000_only_public_ipv4_is_reached(address):
    if addresses.is_public(str(address)) and int(address) >> 125 != 1:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        assert inner.is_global


def test_a_socket_is_only_opened_to_a_public_address():
    def info(address):
        family = 2 if "." in address else 10
        return family, 1, 6, "", (address, 80)

    with pytest.raises(addresses.PrivateAddressError, match="not public"):
        addresses.open_public_socket(info("127.0.0.1"))
    addresses.open_public_socket(info("8.8.8.8")).close()
    addresses.open_socket(info("127.0.0.1")).close()
