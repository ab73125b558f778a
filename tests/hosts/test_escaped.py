"""Policy of which letters stand in escapes or as numbers: nothing of it is edited, and none of it
is left out of a scan."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from urllib.parse import quote

import pytest

import patcher
from patcher import Status
from patcher.policy.search import searched

from .texts import POLICY

FIXED = POLICY.replace("  network,\n", "  network,\n  deny network alg,\n")


def _each(form: str, between: str = "") -> Callable[[str], str]:
    """Writes each byte of a text in this form."""
    return lambda text: between.join(form % byte for byte in text.encode())


def _some(form: str, every: int) -> Callable[[str], str]:
    """Writes every so many letters of a text in this form, and its line breaks as escapes."""

    def write(text: str) -> str:
        parts = (
            form % ord(letter) if letter.isalpha() and not index % every else letter
            for index, letter in enumerate(text)
        )
        return "".join(parts).replace("\n", "\\n")

    return write


def _dump(width: int, form: str) -> Callable[[str], str]:
    """Writes a text as xxd and hexdump print one."""

    def write(text: str) -> str:
        lines = []
        for at in range(0, len(text), width):
            part = text[at : at + width]
            digits = " ".join(f"{ord(letter):02x}" for letter in part)
            lines.append(form % (at, digits, part.replace("\n", ".")))
        return "\n".join(lines)

    return write


FORMS: dict[str, tuple[str, Callable[[str], str]]] = {
    "C": ('char *p = "{}";\n', _each("\\x%02x")),
    "capitals.py": ('p = "{}"\n', _each("\\x%02X")),
    "bash.sh": ("p=$'{}'\n", _each("\\x%02x")),
    "printf.sh": ("printf '{}' > /etc/apparmor.d/x\n", _each("\\%03o")),
    "echo.sh": ("echo -e '{}' > /etc/apparmor.d/x\n", _each("\\0%03o")),
    "u.json": ('{{"p": "{}"}}\n', _each("\\u%04x")),
    "braces.js": ('p = "{}"\n', _each("\\u{%x}")),
    "long.py": ('p = "{}"\n', _each("\\U%08x")),
    "bytes.go": ("package a\n\nvar p = []byte{{{}}}\n", _each("0x%02x", ", ")),
    "codes.js": ("p = String.fromCharCode({})\n", _each("%d", ",")),
    "list.py": ("p = bytes([{}])\n", _each("%d", ", ")),
    "octal.c": ("char p[] = {{{}}};\n", _each("0%03o", ", ")),
    "url.sh": ("curl -d p={}\n", _each("%%%02X")),
    "quoted.txt": ("p={}\n", quote),
    "mail.txt": ("{}\n", _each("=%02X")),
    "soft.txt": ("{}\n", lambda text: _each("=%02X")(text).replace("=2C", "=2C=\n")),
    "hex.html": ("<pre>{}</pre>\n", _each("&#x%x;")),
    "decimal.html": ("<pre>{}</pre>\n", _each("&#%d;")),
    "plain.sh": ("echo {} | xxd -r -p > x\n", _each("%02x")),
    "pairs.txt": ("{}\n", _each("%02x", " ")),
    "wrapped.sh": ("xxd -r -p > x <<EOF\n{}\nEOF\n", _dump(30, "%.0s%s%.0s")),
    "xxd.txt": ("{}\n", _dump(16, "%08x: %s  %s")),
    "hexdump.txt": ("{}\n", _dump(16, "%08x  %s  |%s|")),
    "second.c": ('char *p = "{}";\n', _some("\\x%02x", 2)),
    "third.py": ('p = "{}"\n', _some("\\u%04x", 3)),
    "fifth.sh": ("printf '{}' > x\n", _some("\\%03o", 5)),
}


@pytest.mark.parametrize("name", sorted(FORMS))
@pytest.mark.parametrize("lead", ["", "#", "##"])
def test_one_in_escapes_or_numbers_needs_review(name: str, lead: str) -> None:
    form, write = FORMS[name]
    for text in (POLICY, FIXED):
        content = form.format(write(f"{lead}\n{text}")).encode()
        assert searched(content)
        result = patcher.patch(name, content)
        assert result.content == content
        (found,) = result.findings
        assert found.status is Status.UNDER_INVESTIGATION
        assert found.host in ("escapes", "numbers")
        assert found.profile in ("docker-default", "")  # code may stand before `profile`
        assert "decode it, and see" in found.reason


@pytest.mark.parametrize(("every", "form"), [(1, "\\x%02x"), (2, "\\%03o"), (4, "\\x%02x")])
def test_it_is_what_the_shell_prints(every: int, form: str) -> None:
    """The file says, by bash's own word, what is reported of it."""
    write = _each(form) if every == 1 else _some(form, every)
    script = f"printf '{write(POLICY)}'\n"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == POLICY
    (found,) = patcher.patch("x.sh", script.encode()).findings
    assert found.status is Status.UNDER_INVESTIGATION


def test_the_rest_of_the_file_is_judged_as_before() -> None:
    octal = _each("\\%03o")(POLICY)
    hidden = f"printf '{octal}'\n".encode()
    plain = f"cat > x <<'EOF'\n{POLICY}EOF\n".encode()
    before = patcher.patch("x.sh", plain)
    both = patcher.patch("x.sh", plain + hidden)
    assert both.content == before.content + hidden
    assert [found.status for found in both.findings] == [
        Status.AFFECTED,
        Status.UNDER_INVESTIGATION,
    ]
    assert both.findings[1].line == plain.count(b"\n") + 1


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("x.py", 'p = """' + POLICY.replace("network", "netw\\x6frk") + '"""\n'),
        ("x.sh", "printf '" + POLICY.replace("network", "\\156etwork").replace("\n", "\\n") + "'"),
        ("x.c", 'char *p = "' + POLICY.replace("file", "\\x66ile").replace("\n", "\\n") + '";\n'),
    ],
)
def test_the_escapes_that_its_host_reads_are_no_encoding(path: str, content: str) -> None:
    (found,) = patcher.patch(path, content.encode()).findings
    assert found.status is Status.AFFECTED
    assert found.edit is not None


@pytest.mark.parametrize(
    "content",
    [
        'x = "\\x6d\\x65\\x64" + "mediate_deleted is a flag"\n',
        "x = [101, 95, 100, 101, 108, 101, 116, 101, 100]\n",
        _each("%02x")("mediate_deleted and attach_disconnected are flags\n") + "\n",
        _each("\\x%02x")("a network, and another network\n"),
    ],
)
def test_what_is_no_policy_when_it_is_decoded_is_no_finding(content: str) -> None:
    assert patcher.patch("x.py", content.encode()).findings == ()


def test_too_many_are_not_read() -> None:
    one = _each("%02x")("mediate_deleted") + "\n" * (1 << 18)
    (found,) = patcher.patch("x.txt", (one * 30).encode()).findings or (None,)
    assert found is None
    (found,) = patcher.patch("x.txt", ((one[:300] + " " * (1 << 17)) * 40).encode()).findings
    assert found.status is Status.UNDER_INVESTIGATION
    assert "so not read" in found.reason
    (found,) = patcher.patch("x.txt", b"\\x6e\\x65" * 40_000).findings
    assert "more than 50000 escapes, so not read" in found.reason
