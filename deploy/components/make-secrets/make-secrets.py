"""Make a Secret of random passwords where there is none: `python make-secrets.py NAME KEY...`.

It asks the cluster's API server with its pod's token to create the Secret. A Secret that is there (409) stays as it is.
"""

from __future__ import annotations

import json
import os
import secrets
import ssl
import sys
import time
from http.client import HTTPException, HTTPSConnection
from pathlib import Path

ACCOUNT = Path(os.environ.get("SERVICE_ACCOUNT", "/var/run/secrets/kubernetes.io/serviceaccount"))
PATIENCE = 5.0  # seconds for one answer
TRIES = 60  # a second apart: the network's policies, or the right to create it, may come a moment later than this pod
CREATED, EXISTS = 201, 409


def main(name: str, *keys: str) -> int:
    body = json.dumps(secret(name, keys)).encode()
    for _ in range(TRIES):
        status, reason = create(body)
        if status in (CREATED, EXISTS):
            print(f"{name} is made" if status == CREATED else f"{name} was there already")
            return 0
        print(f"the API server does not make {name}: {status} {reason}", file=sys.stderr)
        time.sleep(1)
    return 1


def secret(name: str, keys: tuple[str, ...]) -> dict[str, object]:
    """192 random bits for each key, in digits that need no escape in a URL."""
    metadata = {"name": name, "labels": {"app.kubernetes.io/part-of": "sluice"}}
    passwords = {key: secrets.token_hex(24) for key in keys}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": passwords}


def create(body: bytes) -> tuple[int, str]:
    """The answer's status and reason; 0 where none came. A reason names no password."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
    namespace, token = ((ACCOUNT / part).read_text().strip() for part in ("namespace", "token"))
    trusted = ssl.create_default_context(cafile=ACCOUNT / "ca.crt")
    connection = HTTPSConnection(host, port, timeout=PATIENCE, context=trusted)
    head = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    try:
        connection.request("POST", f"/api/v1/namespaces/{namespace}/secrets", body, head)
        answer = connection.getresponse()
        return answer.status, answer.reason
    except (HTTPException, OSError) as error:
        return 0, str(error)
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
