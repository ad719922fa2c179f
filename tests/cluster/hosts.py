"""A host of its own for a process of a test: a Linux network namespace, and cables to it that can be cut.

A cut loses every packet both ways without a sign: interfaces stay up, nothing is reset or refused, no address becomes
unreachable. Each end has the other's card as a permanent entry, so a cut names a card that no end has: frames
go out, and are dropped where they arrive. That needs root, iproute2 and the kernel's veth, and no packet filter.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
import random
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.forkserver import ensure_running
from types import TracebackType
from typing import IO, Self

from tests.support.child import Child

# Two addresses a cable, out of the range that is kept free for tests of networks (RFC 2544).
NETS = ipaddress.ip_network("198.18.0.0/15")
CLONE_NEWNET = 0x40000000  # <linux/sched.h>
NOBODY = "02:00:00:00:de:ad"  # a card that no end has
# The process outlives a test run that is killed: the end of its input makes it clear up.
JANITOR = 'cat; ip netns del "$0"'
_random = random.SystemRandom()  # two xdist workers started from one seed must not draw the same nets


class Host:
    """A namespace, there while the block runs. Its cables end with it, and it ends also when the tests are killed."""

    def __init__(self) -> None:
        self.name = f"sluice-{secrets.token_hex(4)}"

    def __enter__(self) -> Self:
        check_rights()
        self._janitor = subprocess.Popen(
            ["sh", "-c", JANITOR, self.name],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        ip("netns", "add", self.name)
        ip("-n", self.name, "link", "set", "lo", "up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._janitor.communicate()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread is in the host meanwhile, with all sockets that it opens and processes that it starts itself.

        Cables between namespaces change nothing in the machine's own network. A browser of another test that sees an
        interface come or go there breaks its connections off.
        """
        ensure_running()  # the server that forks for later tests must not be born in here
        with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{self.name}") as inside:
            go_to(inside)
            try:
                yield
            finally:
                go_to(before)

    def takes_in(self, child: Child) -> None:
        """A process that will run in the host; it is not started yet. Its pid stays its own: `ip` becomes it."""
        child.command = ["ip", "netns", "exec", self.name, *child.command]

    def cable(self) -> Cable:
        """One more cable, laid and whole."""
        cable = Cable(self.name)
        cable.lay()
        return cable


class Cable:
    """A cable that joins the host that this thread is on (`here`, an address) and another (`there`)."""

    def __init__(self, namespace: str) -> None:
        self._name = f"sl{secrets.token_hex(5)}"  # of both ends; the kernel takes 15 characters
        self._ends = ((), ("-n", namespace))
        self._cards = (a_card(), a_card())
        self._addresses = self.here, self.there = two_free_addresses()

    def lay(self) -> None:
        here, there = self._cards
        far = ("peer", "name", self._name, "address", there, "netns", self._ends[1][1])
        ip("link", "add", self._name, "address", here, "type", "veth", *far)
        for end, address in zip(self._ends, self._addresses, strict=True):
            ip(*end, "addr", "add", f"{address}/30", "dev", self._name)
            ip(*end, "link", "set", self._name, "up")
        self.heal()

    def cut(self) -> None:
        """From now on no packet arrives, on either end."""
        self._know(NOBODY, NOBODY)

    def heal(self) -> None:
        here, there = self._cards
        self._know(there, here)

    def _know(self, *cards: str) -> None:
        """The card that each end sends to: this end's first."""
        for end, address, card in zip(self._ends, reversed(self._addresses), cards, strict=True):
            ip(*end, "neigh", "replace", address, "lladdr", card, "dev", self._name, "nud", "permanent")


def go_to(network: IO[str]) -> None:
    """Moves this thread to a network namespace (setns(2); Python has it from 3.12 on)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(network.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def check_rights() -> None:
    """Missing rights fail a test and never skip it: a skip would hide that nothing was shown."""
    assert os.geteuid() == 0, "a host of its own is a network namespace, which needs root: run these tests with sudo"
    assert shutil.which("ip"), "a host of its own is made by `ip`: apt-get install iproute2"


def ip(*words: str) -> str:
    """The output of `ip`; an AssertionError has its refusal."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr.strip()}"
    return done.stdout


def a_card() -> str:
    """A random MAC address of the kind that no maker sells."""
    return ":".join(["02", *(f"{byte:02x}" for byte in secrets.token_bytes(5))])


def two_free_addresses() -> tuple[str, str]:
    """The two addresses of a net of four that this host has no address of."""
    taken = ip("-o", "-4", "addr")
    while True:
        first = int(NETS.network_address) + 4 * _random.randrange(NETS.num_addresses // 4)
        here, there = (str(ipaddress.ip_address(first + n)) for n in (1, 2))
        if f" {here}/" not in taken:
            return here, there
