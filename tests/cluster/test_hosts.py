"""A cut cable must be silent, and nothing of a host may be left behind."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import pytest

from tests.cluster.hosts import Host, ip
from tests.support.child import Child, free_port
from tests.support.processes import ROOT, clean_environment
from tests.support.waiting import wait_until


def test_a_cut_cable_loses_everything_and_refuses_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Host() as host:
        cable, port = host.cable(), free_port()
        command = [sys.executable, "-m", "http.server", str(port), "--bind", cable.there]
        server = Child("server", command, clean_environment(), tmp_path_factory.mktemp("far"))
        host.takes_in(server)
        server.start()
        wait_until(lambda: connects(cable.there, port), 10, "it is reached by the cable")
        cable.cut()
        with pytest.raises(TimeoutError):
            socket.create_connection((cable.there, port), timeout=0.2)
        cable.heal()
        assert connects(cable.there, port)
        server.stop()


def connects(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=1).close()
    except ConnectionError:
        return False
    return True


def test_a_host_goes_with_its_killed_parent() -> None:
    program = (
        "from tests.cluster.hosts import Host\nwith Host() as h: print(h.cable().here, h.name, flush=True); input()"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        here, name = parent.stdout.readline().split()
        assert name in ip("netns", "list") and f" {here}/" in ip("-o", "-4", "addr")
        parent.send_signal(signal.SIGKILL)
        wait_until(lambda: name not in ip("netns", "list"), 10, "the namespace is gone")
        wait_until(lambda: f" {here}/" not in ip("-o", "-4", "addr"), 10, "the cable is gone")
