"""Network rules: what stands in one, and which sockets it covers.

Grammar and tables as in apparmor.d(5) and the parser's own ``network.h``/``network.cc``
(https://gitlab.com/apparmor/apparmor, ``parser/``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

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

QUALIFIERS: frozenset[bytes] = frozenset((b"audit", b"allow", b"deny", b"prompt", b"quiet"))
"""What may stand before a rule's keyword (``owner`` is for file rules alone)."""

ACCESSES: frozenset[str] = frozenset(
    "create bind listen accept connect shutdown getattr setattr getopt setopt send write receive "
    "read".split()
)
"""What a network rule's access list may name (``net_perm`` in the parser's ``parser_yacc.y``)."""

_PRIORITY = re.compile(rb"priority\s*=\s*([+-]?\d+)\Z")
_CONDITION = re.compile(rb"(?:ip|port|peer|interface|label|if)\s*(?:=|\Z)")
_ACCESS = re.compile(rb"\(([^()]*)\)\Z")
_SEPARATOR = re.compile(rb"[\s,]+")


@dataclass(frozen=True, slots=True)
class NetworkRule:
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
        if self.protocol is not None and family not in _PROTOCOL_FAMILIES[self.protocol]:
            return False
        return self.type is None or self.type == socket_type


def priority(word: bytes) -> int | None:
    """The number in ``priority=N``; None for any other word."""
    match = _PRIORITY.match(word)
    return None if match is None else int(match[1][:9])


def parse_words(words: Sequence[bytes], holes: Sequence[bool] | None = None) -> NetworkRule | None:
    """Read a rule from its words (the comma left out); None when it is no network rule.

    ``holes`` says which words hold a template action: what it will be is not known.
    """
    mode, audit, rank, index = "allow", False, 0, 0
    for index, word in enumerate(words):
        if holes is not None and holes[index]:
            if word.endswith(b"network"):
                mode = "unknown"
                break
            mode = "unknown"
        elif word == b"network":
            break
        elif word == b"audit":
            audit = True
        elif word in QUALIFIERS:
            if mode != "unknown" and word != b"quiet":
                mode = word.decode()
        elif (number := priority(word)) is not None:
            rank = number
        else:
            return None
    else:
        return None
    access: frozenset[str] = frozenset()
    domain = kind = protocol = None
    conditions = unknown = False
    for position in range(index + 1, len(words)):
        word = words[position]
        text = word.decode("latin-1")
        if holes is not None and holes[position]:
            unknown = True
        elif conditions or _CONDITION.match(word):
            conditions = True
        elif match := _ACCESS.match(word):
            access = frozenset(
                part.decode("latin-1") for part in _SEPARATOR.split(match[1]) if part
            )
        elif text in ACCESSES and position == index + 1:
            access = frozenset((text,))  # one alone needs no parentheses
        elif text in FAMILIES and domain is None and kind is None and protocol is None:
            domain = text  # "packet", family and type by name, is the family when it comes first
        elif text in TYPES and kind is None:
            kind = text
        elif text in PROTOCOLS and protocol is None:
            protocol = text
            kind = kind or PROTOCOLS[text]
        else:
            unknown = True
    return NetworkRule(mode, audit, rank, access, domain, kind, protocol, conditions, unknown)


_RULE_WORD = re.compile(rb"\([^()]*\)|priority\s*=\s*[+-]?\d+|[^\s(),]+(?:\([^()]*\))?")


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
