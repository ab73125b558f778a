"""The ABIs of AppArmor that ``abi`` rules name: policy is compiled for the features in that file.

Where a features file has no ``network`` or ``network_v8``, parsers 3.0.8 to 6.0 compile no network
rule that upstream's kernels enforce: the kernel then allows every socket, whatever is denied.
"""

from __future__ import annotations

from collections.abc import Iterator

from patcher.policy.includes import BASE
from patcher.policy.patterns import regex

MEDIATING = frozenset(
    ("abi/3.0", "abi/4.0", "abi/4.0-ip", "abi/5.0", "abi/5.0-interface"),
)
"""Those of AppArmor's own (``profiles/apparmor.d/abi`` in its sources) that mediate sockets."""
_LAX = regex(r"abi/kernel-5\.4-(?:vanilla|outoftree-network)")
"""Those of its own that do not."""

_OPEN = rb"(?:<\"?|\\*[\"<]|\\+u003[cC]|&lt;|&quot;)"
_CLOSE = rb"(?:\"?>|\\*[\">]|\\+u003[eE]|&gt;|&quot;)"
_RULE = regex(
    rb"abi(?:(?<!\wabi)|(?<=\\[nrt]abi))(?:\s|\\[nrt]){0,80}"
    rb"(?:" + _OPEN + rb"\s*(?P<marked>[^<>\"\\&;,\n\r]{1,120}?)\s*" + _CLOSE + rb"|"
    rb"(?<=[ \tnrt\n\r])(?P<plain>[\w.{}$%@-]*/[\w.{}$%@/-]{1,120}"
    rb"|\{\{[^{}\n]{1,120}\}\}|\$\{?\w{1,80}\}?|@\w{1,80}@|%[sv]))(?:\s|\\[nrt]){0,80},"
)
"""An ``abi`` rule in any host: in a JSON file or an escaped string, too."""
_COMMENTED = regex(rb"(?:\A|[\r\n]|\\n)[ \t]*#[^\r\n\"'`]*\Z")
_FILLED_IN = regex(r"[{}$%]|@\w+@")
_LINE = 200
_UPSTREAM = regex(rb"\{\{-? ?if \.Abi ?-?\}\}\Z")
"""Before the ``abi <{{.Abi}}>,`` of moby's own template, in which its program puts ``abi/3.0``, or
nothing where the system lacks that (``apparmor/apparmor.go`` of moby/profiles). A fork that puts
something else there is its own."""


def why_not_mediated(text: bytes) -> str:
    """Say why policy in a text may be compiled without network rules; empty if no ``abi`` rule in
    it says so."""
    for name in _named(text):
        if _LAX.match(name):
            return f"{name} compiles no network rule: every socket is allowed"
        if _FILLED_IN.search(name):
            return (
                f"which ABI `{name}` becomes is not known: without one that mediates sockets, "
                "all are allowed"
            )
        if name not in MEDIATING:
            return f"whether the ABI {name} mediates sockets is not known: without, all are allowed"
    return ""


def _named(text: bytes) -> Iterator[str]:
    """The names of the ABIs that the rules in a text name."""
    if b"abi" not in text:
        return
    for rule in _RULE.finditer(text):
        if _COMMENTED.search(text, max(rule.start() - _LINE, 0), rule.start()):
            continue
        name = (rule["marked"] or rule["plain"]).decode("utf-8", "replace")
        before = text[max(rule.start() - _LINE, 0) : rule.start()]
        if name != "{{.Abi}}" or _UPSTREAM.search(before) is None:
            yield "/".join(filter(None, name.removeprefix(BASE).split("/")))
