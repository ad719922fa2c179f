"""Who is asking, and whose budget it is. On loopback without accounts everybody is the same local principal."""

from __future__ import annotations

from typing import NamedTuple

from wire.ids import LOCAL_PRINCIPAL, PrincipalId, TenantId


class Principal(NamedTuple):
    id: PrincipalId
    tenant: TenantId


LOCAL = Principal(LOCAL_PRINCIPAL, TenantId("local"))


def principal_of() -> Principal:
    """The caller of this request."""
    return LOCAL
