"""Network rules: what stands in one, and which sockets it covers.

Grammar and tables as in apparmor.d(5) and the parser's own ``network.h``/``network.cc``
(https://gitlab.com/apparmor/apparmor, ``parser/``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from patcher.policy.grammar import FILE_QUALIFIERS, Qualifiers, ends_in_network, qualifiers
from patcher.policy.patterns import regex

FAMILIES: frozenset[str] = frozenset(
    "unspec unix inet ax25 ipx appletalk netrom bridge atmpvc x25 inet6 rose netbeui security key "
    "netlink packet ash econet atmsvc rds sna irda pppox wanpipe llc ib mpls can tipc bluetooth "
    "iucv rxrpc isdn phonet ieee802154 caif alg nfc vsock kcm qipcrtr smc xdp mctp".split()
)
"""Address families (socket(2) domains) by the names that AppArmor gives them."""

TYPES: frozenset[str] = frozenset("stream dgram seqpacket rdm raw packet".split())
"""Socket types by the names that AppArmor gives them."""

PROTOCOLS: dict[str, str] = {"tcp": "stream", "udp": "dgram", "icmp": "raw"}
"""Protocols and the socket type that each stands for."""

_PROTOCOL_FAMILIES = {
    "tcp": ("inet", "inet6"),
    "udp": ("inet", "inet6"),
    "icmp": ("inet",),
}

ACCESSES: frozenset[str] = frozenset(
    "create bind listen accept connect shutdown getattr setattr getopt setopt send write receive "
    "read".split()
)
"""What a network rule's access list may name (``net_perm`` in the parser's ``parser_yacc.y``)."""

_INET_CONDITION = regex(rb"(?:\A|\s)(?:ip|port)\s*=|\bpeer\s*=\s*\((?:[^()]*[\s,])?(?:ip|port)\s*=")
_CONDITION = regex(rb"(?:ip|port|peer|interface|label|if)\s*(?:=|\Z)")
_ACCESS = regex(rb"\(([^()]*)\)\Z")
_SEPARATOR = regex(rb"[\s,]+")


class NetworkRule(NamedTuple):
    """One network rule, read; ``unknown`` words are template actions or not of the grammar."""

    mode: str
    """``allow``, ``deny`` or ``prompt``; ``unknown`` where a template action stands before it."""
    audit: bool = False
    priority: int = 0
    access: frozenset[str] = frozenset()
    domain: str | None = None
    type: str | None = None
    protocol: str | None = None
    conditions: bool = False
    unknown: bool = False
    inet_only: bool = False
    """It has an ``ip`` or ``port``, of its own or of its peer: without a domain, the parser makes
    rules for ``inet`` and ``inet6`` of it (``network_rule::network_rule`` in ``network.cc``)."""

    @property
    def blanket(self) -> bool:
        """No access list, domain, type, protocol or condition."""
        return not (
            self.access
            or self.domain
            or self.type
            or self.protocol
            or self.conditions
            or self.unknown
        )

    @property
    def creates(self) -> bool:
        """Whether creating a socket is among the accesses (an absent list means all)."""
        return not self.access or "create" in self.access

    def covers(self, family: str, socket_type: str) -> bool:
        """Whether the rule speaks of opening a socket of this family and type.

        A rule with an unknown word is said to cover what its known words leave open.
        """
        if not self.creates:
            return False
        if self.domain is not None and self.domain != family:
            return False
        if self.inet_only and self.domain is None and family not in ("inet", "inet6"):
            return False
        if self.protocol is not None and family not in _PROTOCOL_FAMILIES[self.protocol]:
            return False
        return self.type is None or self.type == socket_type


def parse_words(words: Sequence[bytes], holes: Sequence[bool] | None = None) -> NetworkRule | None:
    """Read a rule from its words (the comma left out); None when it is no network rule.

    ``holes`` says which words hold a template action: what it will be is not known.
    """
    holes = [False] * len(words) if holes is None else holes
    before = qualifiers(words, holes)
    index = before.words
    if not set(words[:index]).isdisjoint(FILE_QUALIFIERS):
        return None
    while index < len(words) and holes[index] and not ends_in_network(words[index]):
        index += 1
    if index == len(words) or not (words[index] == b"network" or holes[index]):
        return None
    mode = before.mode if words[before.words] == b"network" else "unknown"
    return _parse(words[index + 1 :], holes[index + 1 :], mode, before)


class _Parts:
    """What the words behind ``network`` say, one after the other."""

    def __init__(self) -> None:
        self.access: frozenset[str] = frozenset()
        self.domain: str | None = None
        self.type: str | None = None
        self.protocol: str | None = None

    def take(self, text: str, *, first: bool) -> bool:
        """Take a word without template actions; False for one that the grammar lacks here."""
        match = _ACCESS.match(text.encode("latin-1"))
        if match is not None:
            parts = _SEPARATOR.split(match[1])
            self.access = frozenset(part.decode("latin-1") for part in parts if part)
        elif text in ACCESSES and first:
            self.access = frozenset((text,))  # one alone needs no parentheses
        elif text in FAMILIES and not (self.domain or self.type or self.protocol):
            self.domain = text  # "packet", family and type by name, is the family when it is first
        elif text in TYPES and self.type is None:
            self.type = text
        elif text in PROTOCOLS and self.protocol is None:
            self.protocol = text
            self.type = self.type or PROTOCOLS[text]
        else:
            return False
        return True


def _parse(
    words: Sequence[bytes], holes: Sequence[bool], mode: str, before: Qualifiers
) -> NetworkRule:
    """Read what stands behind ``network``."""
    parts = _Parts()
    conditions = unknown = False
    for position, word in enumerate(words):
        if holes[position]:
            unknown = True
        elif conditions or _CONDITION.match(word):
            conditions = True
        elif not parts.take(word.decode("latin-1"), first=position == 0):
            unknown = True
    inet_only = conditions and not unknown and _INET_CONDITION.search(b" ".join(words))
    return NetworkRule(
        mode,
        before.audit,
        before.priority,
        parts.access,
        parts.domain,
        parts.type,
        parts.protocol,
        conditions,
        unknown,
        inet_only=bool(inet_only),
    )


_RULE_WORD = regex(rb"\([^()]*\)|priority\s*=\s*[+-]?\d+|[^\s(),]+(?:\([^()]*\))?")


def parse_rule(text: bytes) -> NetworkRule | None:
    """Read one rule as it stands in a profile (``deny network alg,``).

    None when it is no complete network rule: another keyword, no comma at its end, or more text.
    """
    body = text.strip()
    if not body.endswith(b",") or b"#" in body:
        return None
    words, position = [], 0
    body = body[:-1]
    while position < len(body):
        if body[position : position + 1].isspace():
            position += 1
            continue
        match = _RULE_WORD.match(body, position)
        if match is None:
            return None
        words.append(match[0])
        position = match.end()
    return parse_words(words)
