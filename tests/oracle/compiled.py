"""What AppArmor's own compiler makes of a policy's network rules.

``apparmor_parser -D rule-exprs`` prints a line for each family and type that a rule names, and
whether it denies. Without a features file it compiles no network rule at all, so the one of
AppArmor 3.0 is named.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

PARSER = shutil.which("apparmor_parser", path="/usr/sbin:/sbin:/usr/bin:/bin")
FEATURES = Path("/etc/apparmor.d/abi/3.0")
MISSING = (
    "apparmor_parser is not installed"
    if PARSER is None
    else f"{FEATURES} is missing"
    if not FEATURES.exists()
    else ""
)

FAMILY_NUMBERS = {
    name: number
    for number, name in enumerate(
        "unspec unix inet ax25 ipx appletalk netrom bridge atmpvc x25 inet6 rose - netbeui "
        "security key netlink packet ash econet atmsvc rds sna irda pppox wanpipe llc ib mpls can "
        "tipc bluetooth iucv rxrpc isdn phonet ieee802154 caif alg nfc vsock kcm qipcrtr smc xdp "
        "mctp".split()
    )
    if name != "-"
}
"""AF_* of linux/socket.h; 12 is DECnet, which AppArmor does not name."""

TYPE_NUMBERS = {"stream": 1, "dgram": 2, "raw": 3, "rdm": 4, "seqpacket": 5, "packet": 10}
"""SOCK_* of linux/net.h."""

_NAMES = {number: name for name, number in FAMILY_NUMBERS.items()}
_TYPES = {number: name for name, number in TYPE_NUMBERS.items()}
_PROFILE = re.compile(r"aare: (oracle\w*)   ->")
_RULE = re.compile(
    r"rule: \\x0e\\x00\\x(?P<family>[0-9a-f]{2})(?:\\x00\\x(?P<type>[0-9a-f]{2})|\.\.)  ->"
    r"[^\n]*?(?P<deny> deny)? \(0x"
)

Socket = tuple[str, str]


@dataclass(slots=True)
class Compiled:
    """The sockets that one compiled profile speaks of."""

    allowed: set[Socket] = field(default_factory=set)
    denied: set[Socket] = field(default_factory=set)

    @property
    def open(self) -> set[Socket]:
        """What a process may open: a deny wins."""
        return self.allowed - self.denied


def compile_policy(text: bytes) -> dict[str, Compiled] | str:
    """What is compiled, by profile (their names begin with ``oracle``); the parser's message when
    it refuses the policy."""
    assert PARSER is not None
    done = subprocess.run(
        [PARSER, "-Q", "-K", "-j0", "--features-file", str(FEATURES), "-D", "rule-exprs"],
        input=text,
        capture_output=True,
        timeout=120,
        check=False,
    )
    output = (done.stdout + done.stderr).decode("utf-8", "replace")
    if done.returncode:
        return output[-300:]
    compiled: dict[str, Compiled] = {}
    current = Compiled()
    for line in output.splitlines():
        if header := _PROFILE.match(line):
            assert header[1] not in compiled, header[1]
            current = compiled[header[1]] = Compiled()
        elif rule := _RULE.match(line):
            family = _NAMES.get(int(rule["family"], 16))
            kinds = (
                list(TYPE_NUMBERS)
                if rule["type"] is None
                else [_TYPES[int(rule["type"], 16)]]
                if int(rule["type"], 16) in _TYPES
                else []
            )
            sockets = current.denied if rule["deny"] else current.allowed
            sockets.update((family, kind) for kind in kinds if family is not None)
    return compiled
