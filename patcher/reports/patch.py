"""What ``apply`` would commit as a mailbox that ``git am`` takes: one mail for each commit.

The format is that of ``git format-patch``. A carriage return is quoted, so that
``git am`` needs no ``--keep-cr``. With ``--committer-date-is-author-date``, and as the same person,
git makes the very commit that ``apply`` would have made at that moment.
"""

from __future__ import annotations

import binascii
import re
from email.header import Header
from email.utils import formatdate

from patcher import __version__
from patcher.reports import Style
from patcher.reports.diff import dressed, unified
from patcher.results import PlannedCommit, Target, Totals
from patcher.text import printable

_FIRST = b"From %s Mon Sep 17 00:00:00 2001\n"
"""git's own constant date: what splits mailboxes knows it."""
_LONGEST = 900
"""Bytes of a line that every mail program leaves in one piece; RFC 5322 allows 998."""


class Report:
    """A mail for each target that has something to commit."""

    def __init__(self, style: Style) -> None:
        self._terminal, self._color = style.terminal, style.color

    def start(self) -> bytes:
        return b""

    def target(self, target: Target) -> bytes:
        if target.planned is None:
            return b""
        return dressed(_mail(target, target.planned), terminal=self._terminal, color=self._color)

    def finish(self, totals: Totals) -> bytes:
        return b""


def _mail(target: Target, planned: PlannedCommit) -> bytes:
    name, _, rest = planned.author.rpartition(" <")
    address, _, date = rest.rpartition("> ")
    seconds, _, zone = date.partition(" ")
    subject, _, body = planned.message.rstrip("\n").partition("\n")
    at = f"{target.repository}, base {target.base} at {target.commit}, branch {target.branch}"
    text = "\n".join(
        [body.strip("\n"), "---", f"of {printable(at)}", ""] if body else ["---", ""]
    ).encode("utf-8", "replace")
    content = text + b"\n" + b"".join(unified(file) for file in target.files)
    content += b"-- \npatcher " + __version__.encode() + b"\n\n"
    encoding, content = _encoded(content)
    head = [
        f"From: {_name(name)} <{address}>",
        f"Date: {_date(int(seconds), zone)}",
        f"Subject: {_header('[PATCH] ', subject)}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=UTF-8",
        f"Content-Transfer-Encoding: {encoding}",
        "",
        "",
    ]
    first = _FIRST % (target.commit or "").encode("ascii")
    return first + "\n".join(head).encode("utf-8", "surrogateescape") + content


def _encoded(content: bytes) -> tuple[str, bytes]:
    """The name of the transfer encoding, and the content in it."""
    lines = content.split(b"\n")
    if not any(
        len(line) > _LONGEST or b"\r" in line or b"\0" in line or line.startswith(b"From ")
        for line in lines
    ):
        return "8bit", content
    coded = [binascii.b2a_qp(line, istext=False) for line in lines]
    coded = [b"=46rom " + line[5:] if line.startswith(b"From ") else line for line in coded]
    return "quoted-printable", b"\n".join(coded)


def _name(name: str) -> str:
    if name.isascii():
        special = re.search(r'[()<>\[\]:;@\\,."]', name)
        return '"' + re.sub(r'(["\\])', r"\\\1", name) + '"' if special else name
    return Header(name, "utf-8", maxlinelen=10_000).encode()


def _header(before: str, text: str) -> str:
    if text.isascii():
        return before + text
    return before + Header(text, "utf-8", maxlinelen=76, header_name="Subject: [PATCH]").encode()


def _date(seconds: int, zone: str) -> str:
    """As RFC 5322 writes it, in the author's own time zone."""
    sign = -1 if zone.startswith("-") else 1
    minutes = sign * (int(zone[1:3]) * 60 + int(zone[3:5]))
    return formatdate(seconds + minutes * 60).replace("-0000", zone)
