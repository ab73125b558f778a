"""Network rules: every part of the grammar, and which sockets a rule covers."""

from __future__ import annotations

import pytest

from patcher.policy.grammar import priority
from patcher.policy.network import FAMILIES, TYPES, NetworkRule, parse_rule, parse_words


def rule(text: str) -> NetworkRule:
    found = parse_rule(text.encode())
    assert found is not None, text
    return found


@pytest.mark.parametrize(
    "text",
    [
        "network,",
        "  network ,",
        "network\n,",
        "allow network,",
        "audit network,",
        "audit allow network,",
        "priority=7 network,",
        "priority=-7 audit allow network,",
        "priority = 7 network,",
    ],
)
def test_blanket_whatever_stands_before_it(text: str) -> None:
    found = rule(text)
    assert found.blanket
    assert found.mode == "allow"
    assert all(found.covers(family, kind) for family in FAMILIES for kind in TYPES)


@pytest.mark.parametrize(
    "text",
    [
        "network inet,",
        "network stream,",
        "network tcp,",
        "network inet tcp,",
        "network (create),",
        "network create,",
        "network ip=127.0.0.1,",
        "network port=80,",
        "network peer=(ip=127.0.0.1 port=80),",
        "network interface=eth0,",
        "network label=foo,",
        "network something,",
    ],
)
def test_not_blanket(text: str) -> None:
    assert not rule(text).blanket


@pytest.mark.parametrize(
    ("text", "mode", "audit", "rank"),
    [
        ("network,", "allow", False, 0),
        ("deny network alg,", "deny", False, 0),
        ("audit deny network alg,", "deny", True, 0),
        ("priority=10 audit deny network alg,", "deny", True, 10),
        ("priority=+10 deny network alg,", "deny", False, 10),
        ("priority=-5 network,", "allow", False, -5),
        ("prompt network,", "prompt", False, 0),
        ("audit network,", "allow", True, 0),
        ("quiet deny network,", "deny", False, 0),
    ],
)
def test_qualifiers(text: str, mode: str, audit: bool, rank: int) -> None:
    found = rule(text)
    assert (found.mode, found.audit, found.priority) == (mode, audit, rank)


@pytest.mark.parametrize(
    ("text", "domain", "kind", "protocol"),
    [
        ("network alg,", "alg", None, None),
        ("network alg seqpacket,", "alg", "seqpacket", None),
        ("network seqpacket,", None, "seqpacket", None),
        ("network packet,", "packet", None, None),
        ("network packet raw,", "packet", "raw", None),
        ("network packet packet,", "packet", "packet", None),
        ("network inet packet,", "inet", "packet", None),
        ("network tcp,", None, "stream", "tcp"),
        ("network inet icmp,", "inet", "raw", "icmp"),
        ("network inet6 stream tcp,", "inet6", "stream", "tcp"),
        ("network inet dgram udp,", "inet", "dgram", "udp"),
    ],
)
def test_domain_type_and_protocol(
    text: str, domain: str | None, kind: str | None, protocol: str | None
) -> None:
    found = rule(text)
    assert (found.domain, found.type, found.protocol) == (domain, kind, protocol)
    assert not found.unknown


@pytest.mark.parametrize(
    ("text", "access", "creates"),
    [
        ("network (create) inet,", {"create"}, True),
        ("network (create, connect) inet,", {"create", "connect"}, True),
        ("network (send receive),", {"send", "receive"}, False),
        ("network create inet,", {"create"}, True),
        ("network send,", {"send"}, False),
        ("network inet,", set(), True),
    ],
)
def test_access_list(text: str, access: set[str], creates: bool) -> None:
    found = rule(text)
    assert found.access == access
    assert found.creates is creates
    assert not found.unknown
    assert found.covers("inet", "stream") is creates


@pytest.mark.parametrize(
    ("text", "family", "kind", "covered"),
    [
        ("network,", "alg", "seqpacket", True),
        ("network seqpacket,", "alg", "seqpacket", True),
        ("network alg,", "alg", "seqpacket", True),
        ("network alg seqpacket,", "alg", "seqpacket", True),
        ("network stream,", "alg", "seqpacket", False),
        ("network raw,", "alg", "seqpacket", False),
        ("network alg stream,", "alg", "seqpacket", False),
        ("network packet,", "alg", "seqpacket", False),
        ("network inet,", "alg", "seqpacket", False),
        ("network tcp,", "alg", "seqpacket", False),
        ("network tcp,", "vsock", "stream", False),
        ("network udp,", "inet6", "dgram", True),
        ("network tcp,", "inet", "dgram", False),
        ("network stream,", "vsock", "stream", True),
        ("deny network alg,", "alg", "seqpacket", True),
        ("network (send receive),", "alg", "seqpacket", False),
        ("network (create) alg,", "alg", "seqpacket", True),
    ],
)
def test_covers(text: str, family: str, kind: str, covered: bool) -> None:
    assert rule(text).covers(family, kind) is covered


@pytest.mark.parametrize(
    "text",
    [
        "network",
        "capability,",
        "net work,",
        "network, # comment",
        "network, network,x",
        "deny,",
        "audit deny,",
        "",
        ",",
        "owner network,",
    ],
)
def test_no_complete_network_rule(text: str) -> None:
    found = parse_rule(text.encode())
    assert found is None or not found.blanket


def test_a_template_action_is_not_known_to_be_anything() -> None:
    family = parse_words([b"network", b"{{.Family}}"], [False, True])
    assert family is not None
    assert family.unknown
    assert not family.blanket
    mode = parse_words([b"{{.Mode}}", b"network"], [True, False])
    assert mode is not None
    assert mode.mode == "unknown"


def test_priority() -> None:
    assert priority(b"priority=12") == 12
    assert priority(b"priority=-3") == -3
    assert priority(b"priority=x") is None
    assert priority(b"network") is None
