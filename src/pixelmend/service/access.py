"""Who may use the service: keys, and the names and origins that requests may come by.

A service that only this machine reaches needs no keys; any other does, unless its owner says that something in front of
it keeps strangers out. Keys are kept as digests, and compared in a time that tells nothing of them.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pixelmend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

VARIABLE = "PIXELMEND_KEYS"
"""The environment variable that holds keys, separated by commas."""
SHORTEST = 16
"""Characters of the shortest key that is taken: a shorter one could be guessed."""
_OWNER = 12
"""Digits of a key's digest that stand for whoever holds it, in logs and beside jobs."""


class Keys:
    """The keys that open the service.

    Args:
        keys: As they were given; none where anybody may use it.

    Raises:
        UsageError: One that is too short, or that no header can carry.
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        given = tuple(keys)
        for number, key in enumerate(given, 1):
            if len(key) < SHORTEST or not key.isascii() or not key.isprintable() or " " in key:
                raise UsageError(
                    f"key {number} cannot be used: got {len(key)} characters, wanted {SHORTEST} or more, printable "
                    "ASCII without spaces; make one with: openssl rand -hex 24"
                )
        self._digests = tuple(_digest(key) for key in given)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._digests)

    def owner(self, authorization: str) -> str | None:
        """Whose key a request carries.

        Args:
            authorization: The header of this name; "" where there is none.

        Returns:
            The first digits of the key's digest; None where it is no key of ours.
        """
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        got, found = _digest(key.strip()), None
        for digest in self._digests:  # all of them, so that the time tells nothing
            if hmac.compare_digest(digest, got):
                found = digest[:_OWNER]
        return found


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def read_keys(file: Path | None, variable: str) -> Keys:
    """The keys of a file and of the environment together.

    Args:
        file: One key a line; lines that are empty or begin with # say nothing. None for no file.
        variable: What `VARIABLE` holds, "" for nothing.

    Raises:
        UsageError: The file cannot be read or holds none, or see `Keys`.
    """
    keys = [key.strip() for key in variable.split(",") if key.strip()]
    if file is not None:
        try:
            lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            raise UsageError(f"cannot read --keys {file}: {why}; wanted a file with one key a line") from None
        found = [line for line in lines if line and not line.startswith("#")]
        if not found:
            raise UsageError(f"--keys {file} holds no key: write one a line, or leave --keys out")
        keys += found
    return Keys(keys)


@dataclass(frozen=True, eq=False)
class Access:
    """Who may use the service, and by which names.

    Attributes:
        keys: That open it; none where anybody may use it who reaches it.
        hosts: Names beside those of the place itself that requests may call the service by ("pictures.example.org").
        origins: Of pages elsewhere whose scripts may use it ("https://example.org").
        without_keys: Whether a place that others reach may be open to all of them.

    Raises:
        UsageError: A host with a port or a path, or an origin that is none.
    """

    keys: Keys = field(default_factory=Keys)
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    without_keys: bool = False

    def __post_init__(self) -> None:
        """Refuse what could never match."""
        for host in self.hosts:
            if host != host_of(host) or "/" in host or not host:
                raise UsageError(
                    f"got --allow-host {host!r}, wanted a name in small letters without a port: example.org"
                )
        for origin in self.origins:
            parts = urlsplit(origin)
            if (
                parts.scheme not in {"http", "https"}
                or origin != f"{parts.scheme}://{parts.netloc}"
                or not parts.netloc
            ):
                raise UsageError(f"got --allow-origin {origin!r}, wanted such as https://example.org, without a path")

    def check(self, host: str) -> None:
        """Refuse to open a place to strangers by accident.

        Args:
            host: That the service is to be bound to.

        Raises:
            UsageError: Others reach it, and there are no keys.
        """
        if self.keys or self.without_keys or is_loopback(host):
            return
        raise UsageError(
            f"--host {host} is reached from other machines, and there are no keys: give --keys FILE (or {VARIABLE}), "
            "or say --without-keys where something in front of it keeps strangers out"
        )

    def knows(self, host: str, bound: str) -> bool:
        """Whether a request may call the service by a name; others are those of pages that point theirs at us.

        Args:
            host: The header of this name.
            bound: What the service is bound to.
        """
        name = host_of(host)
        if name in {bound.lower(), "localhost", *self.hosts} or is_loopback(name):
            return True
        # Bound to every address of the machine, it has many; an address cannot be pointed elsewhere, as a name can.
        return _is_any(bound) and _is_address(name)


def host_of(header: str) -> str:
    """The name in a Host header, in small letters, without the port and the brackets of IPv6.

    >>> host_of("Example.org:8400"), host_of("[::1]:8400"), host_of("127.0.0.1")
    ('example.org', '::1', '127.0.0.1')
    """
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    name, colon, port = text.rpartition(":")
    return name if colon and port.isdigit() else text


def is_loopback(host: str) -> bool:
    """Whether a name or address is reached from this machine alone."""
    return host.lower() == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_any(host: str) -> bool:
    return host == "" or (_is_address(host) and ipaddress.ip_address(host).is_unspecified)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
