"""The client address of a request."""

from ipaddress import ip_network

from stellary.core.http.addresses import client_address
from tests.support.each_case import for_each

PROXIES = (ip_network("10.0.0.0/8"), ip_network("::1"))


@for_each(
    "peer, forwarded, client",
    [
        # Without a proxy that is trusted nobody's word is taken.
        ("1.2.3.4", [], "1.2.3.4"),
        ("1.2.3.4", ["5.6.7.8"], "1.2.3.4"),
        # One that is trusted says who came to it; what stands before that, the client may have made up.
        ("10.0.0.1", ["5.6.7.8"], "5.6.7.8"),
        ("10.0.0.1", ["6.6.6.6, 5.6.7.8"], "5.6.7.8"),
        ("10.0.0.1", ["6.6.6.6", "5.6.7.8"], "5.6.7.8"),
        ("10.0.0.1", ["6.6.6.6, 5.6.7.8, 10.9.9.9"], "5.6.7.8"),
        ("10.0.0.1", ["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["5.6.7.8, "], "10.0.0.1"),
        ("10.0.0.1", ["5.6.7.8:1234"], "5.6.7.8"),
        ("::1", ["[2001:db8:1:2:3:4:5:6]:80"], "2001:db8:1:2::/64"),
        # One household has a network of 64 bits.
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("fe80::1%eth0", [], "fe80::/64"),
        ("::ffff:1.2.3.4", [], "1.2.3.4"),
        ("", [], "unknown"),
        (None, ["5.6.7.8"], "unknown"),
    ],
)
def test_address_is_the_nearest_untrusted_one(peer, forwarded, client):
    assert client_address(peer, forwarded, PROXIES) == client
