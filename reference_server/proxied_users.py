"""Sign-in by a trusted proxy, which names the user in a header."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

import attrs

from stellary.contract.errors import Invalid
from stellary.core.accounts.proxied_users import find_or_create_user
from stellary.core.accounts.users import address
from stellary.core.http.addresses import Network, is_within
from stellary.core.kernel.unit import Actor
from stellary.core.kernel.units import Units


@attrs.frozen
class ProxiedUsers:
    """The users that a trusted proxy has signed in.

    Attributes:
        units: Runs the transactions.
        header: The header with the e-mail address of the user, in lower case.
        proxies: The proxies whose header is used.
    """

    units: Units
    header: str
    proxies: Sequence[Network]

    async def identify(
        self, peer: str | None, headers: Mapping[str, str], addresses: Sequence[str]
    ) -> Actor | None:
        """Return the user of a request; None if no proxy has signed in one, or the request has a token.

        Args:
            peer: The address of the connection.
            headers: The headers of the request, with lower-case names.
            addresses: The values of the header with the user's address.

        Raises:
            Invalid: The header is repeated, or is not an e-mail address.
            Forbidden: The account is deactivated.
        """
        if not any(addresses) or "authorization" in headers or not is_within(peer, self.proxies):
            return None
        if len(addresses) > 1:
            raise Invalid(f"{self.header} must be sent once", code="repeated_header")
        try:
            email = address(addresses[0])
        except Invalid:
            raise Invalid(f"{self.header} must be an e-mail address", code="invalid_header") from None
        return await asyncio.to_thread(partial(find_or_create_user, self.units, email))
