"""Certificates of a cluster that lives as long as its tests: one authority, one server's, one for the front proxy."""

from __future__ import annotations

import subprocess
from pathlib import Path

FRONT_PROXY = "front-proxy"  # the user as whom the API server passes a caller on to an API server behind it
# Every program listens on 127.0.0.1; the metrics adapter is called under its Service's name.
NAMES = "IP:127.0.0.1,DNS:localhost,DNS:keda-metrics-apiserver.keda.svc"
LEAF = f"""subjectAltName={NAMES}
basicConstraints=CA:FALSE
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""


class Authority:
    """A folder with ca.crt, tls.crt and tls.key (any server), proxy.crt and proxy.key, and accounts.key for tokens."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        self.home = home
        (home / "leaf").write_text(LEAF)
        self._openssl("genrsa -out accounts.key 2048")
        self._openssl(
            "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=authority"
            " -addext keyUsage=critical,keyCertSign,cRLSign"
        )
        self._sign("tls", "server")
        self._sign("proxy", FRONT_PROXY)

    def _sign(self, file: str, name: str) -> None:
        self._openssl(f"req -newkey rsa:2048 -nodes -keyout {file}.key -out asked -subj /CN={name}")
        signed = f"x509 -req -in asked -CA ca.crt -CAkey ca.key -CAcreateserial -out {file}.crt -days 2"
        self._openssl(f"{signed} -extfile leaf")

    def _openssl(self, words: str) -> None:
        subprocess.run(["openssl", *words.split()], cwd=self.home, check=True, capture_output=True)

    def __getitem__(self, file: str) -> str:
        """The path of one of the folder's files."""
        return str(self.home / file)
