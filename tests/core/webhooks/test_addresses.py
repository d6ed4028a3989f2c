"""Public and private addresses."""

from stellary.core.webhooks.rules.addresses import is_public
from tests.support.each_case import for_each


@for_each(
    "address",
    ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8", "168.63.129.17", "192.0.1.1"],
)
def test_public(address):
    assert is_public(address)


@for_each(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "192.0.0.1",
        "192.0.0.9",
        "192.0.0.170",
        "192.88.99.1",
        "168.63.129.16",
        "::ffff:168.63.129.16",
        "fec0::1",
        "feff::1",
        "3fff::1",
        "localhost",
        "",
    ],
)
def test_not_public(address):
    assert not is_public(address)
