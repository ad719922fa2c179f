"""Each client protocol is described once, and everything that differs by protocol reads that description."""

from __future__ import annotations

from typing import Any

from backend.dialects.protocols import PROTOCOLS
from backend.entrance.protocols import OURS, ClientProtocol, Protocols, Refusal, is_upload
from backend.errors import ApiError, NotFound

ALL = Protocols(PROTOCOLS)


def scope_of(path: str, *names: bytes, **more: Any) -> dict[str, Any]:
    """A request's, with headers of these names."""
    return {"type": "http", "method": "POST", "path": path, "headers": [(name, b"1") for name in names], **more}


def test_a_protocol_s_routes_begin_with_its_prefixes_and_with_no_other_s() -> None:
    for protocol in PROTOCOLS:
        paths = [str(getattr(route, "path", "")) for router in protocol.routers for route in router.routes]
        for path in paths:
            assert path.startswith((*protocol.prefixes, *protocol.shared)), (protocol.name, path)
            assert path.startswith(protocol.shared or "-") or ALL.at(path) is protocol, path


def test_no_two_protocols_share_a_name_a_prefix_or_a_door() -> None:
    for values in (
        [protocol.name for protocol in PROTOCOLS],
        [prefix for protocol in PROTOCOLS for prefix in protocol.prefixes],
        [door for protocol in PROTOCOLS for door in protocol.doors],
    ):
        assert len(set(values)) == len(values)


def test_a_path_of_no_protocol_is_ours() -> None:
    assert ALL.of(scope_of("/api/threads")) is ALL.of(scope_of("/")) is OURS


def test_a_proxy_s_prefix_of_a_path_changes_nothing() -> None:
    assert ALL.of(scope_of("/sluice/v1/messages", root_path="/sluice")).name == "anthropic"


def test_on_a_shared_path_the_sender_s_header_decides_and_elsewhere_the_path() -> None:
    assert ALL.of(scope_of("/v1/models")).name == "openai"
    assert ALL.of(scope_of("/v1/models", b"anthropic-version")).name == "anthropic"
    assert ALL.of(scope_of("/v1/chat/completions", b"anthropic-version")).name == "openai"


def test_the_request_s_id_has_a_second_name_for_anthropic_s_clients() -> None:
    for scope in (scope_of("/v1/messages"), scope_of("/v1/chat/completions", b"anthropic-version")):
        assert ALL.id_headers(scope) == (b"request-id",)
    assert ALL.id_headers(scope_of("/v1/chat/completions")) == ()


def test_a_request_is_no_upload_before_its_protocol_is_known() -> None:
    assert not is_upload(scope_of("/v1/files"))


def test_a_new_protocol_is_one_more_record() -> None:
    def refuse(error: ApiError, request_id: str) -> Refusal:
        return Refusal(error.status, {"error": {"status": "NOT_FOUND"}})

    gemini = ClientProtocol("gemini", ("/v1beta/",), refuse, number_paths=("/v1beta/models/embed",))
    protocol = Protocols((*PROTOCOLS, gemini)).of(scope_of("/v1beta/models/x:generateContent"))
    assert protocol.refuse(NotFound("…"), "").body == {"error": {"status": "NOT_FOUND"}}
