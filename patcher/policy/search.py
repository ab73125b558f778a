"""What to look for in a repository: the lines that a file must have to matter."""

from __future__ import annotations

from patcher.policy.network import FAMILIES, PROTOCOLS, TYPES

__all__ = ["KEYWORD", "QUALIFIERS", "RULE_END", "SEARCH"]

KEYWORD = (
    rb"(?:network|capability|file|u?mount|deny|audit|allow|signal|ptrace|unix|dbus|#?include|"
    rb"priority|pivot_root|set|all|abi|userns|mqueue|owner|remount|change_profile|profile|hat)\b"
)
_FAMILY = rb"(?:" + "|".join(sorted(FAMILIES | TYPES | PROTOCOLS.keys())).encode() + rb")\b"
_FILLED_IN = (
    rb"(?:\([a-z, \t]{1,80}\)|\{\{[^\n]{0,200}?\}\}|\{%[^\n]{0,200}?%\}|\{\w{0,60}\}"
    rb"|\$\{[^}\n]{0,80}\}|\$\w{1,60}|%\w|@\w{1,60}@|<[^>\n]{0,60}>|(?:ip|port|peer|interface|label)=[^,\n]{0,200})"
)
QUALIFIERS = rb"(?:(?:audit|allow|deny|prompt|quiet|priority=\S+)[ \t]+)*"
RULE_END = (
    rb"[ \t]*+,[ \t\r]*(?:$|[\"'`\\#{}<;+.)/@^]|" + KEYWORD + rb")"
    rb"|[ \t]+(?:" + _FAMILY + rb"[a-z \t]{0,80}(?:,|\r?$)|" + _FILLED_IN + rb"[a-z \t]{0,80},)"
)
# Prose says "the network" and "volume, network,": a rule follows nothing, a qualifier, or another
# rule. Lookbehinds of one length each, as Python wants them.
_FOLLOWS = (
    rb"(?:(?<![\w,;.)][ \t]network)|"
    + b"|".join(
        rb"(?<=%s[ \t]network)" % word
        for word in (
            *(b"audit", b"allow", b"deny", b"prompt", b"quiet", rb"=\d", rb"=\d\d", rb"=\d\d\d"),
            *(b"capability,", b"file,", b"mount,", b"signal,", b"ptrace,", b"unix,", b"dbus,"),
            *(b"pivot_root,", b"all,", b"userns,", b"[^a-z],"),
            *(rb"[ \t][rwmixkla]{%d}," % length for length in range(1, 7)),
        )
    )
    + rb")"
)
SEARCH: tuple[bytes, ...] = (
    rb"network(?<![\w.(\[:&*/-]network)" + _FOLLOWS + rb"(?:" + RULE_END + rb"|[ \t]*+,?[ \t\r]*$)",
    rb"mediate_deleted",
    rb"n\x00e\x00t\x00w\x00o\x00r\x00k\x00?,",
)
"""A file that matters has a line that matches one of these, in PCRE as in Python's ``re``.

A network rule, be it broken after its keyword; the flags of moby-style profiles; a network rule in
UTF-16. They are several, and each begins with letters, because that makes them fast."""
