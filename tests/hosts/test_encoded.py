"""Policy in base64: nothing of it is edited, and nothing of it is passed over."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

import patcher
from patcher import Status
from patcher.policy.search import searched

from .texts import POLICY

FIXED = POLICY.replace("  network,\n", "  network,\n  deny network alg,\n")


def _encoded(text: str, width: int, between: str) -> str:
    digits = base64.b64encode(text.encode()).decode()
    if not width:
        return digits
    return between.join(digits[at : at + width] for at in range(0, len(digits), width))


HOLDERS = [
    ("a.yaml", "kind: Secret\ndata:\n  profile: {}\n", 0, ""),
    ("a.yaml", "kind: Secret\ndata:\n  profile: |\n    {}\n", 76, "\n    "),
    ("c.yaml", 'write_files:\n- encoding: b64\n  content: "{}"\n', 0, ""),
    ("a.json", '{{"profile": "{}"}}\n', 0, ""),
    ("a.json", '{{"profile": "{}"}}\n', 64, "\\n"),
]
PROGRAMS = [
    ("a.sh", "echo '{}' | base64 -d > /etc/apparmor.d/x\n", 76, "\n"),
    ("a.sh", "base64 -d > /etc/apparmor.d/x <<EOF\n{}\nEOF\n", 76, "\n"),
    ("a.py", "p = b64decode({})\n", 0, ""),
    ("a.py", 'p = b64decode(\n    "{}"\n)\n', 60, '"\n    "'),
    ("a.go", 'package a\nvar p = "{}" +\n', 60, '" +\n\t"'),
    ("a.yaml", "- run: echo {} | base64 -d | sed -f x > y\n", 0, ""),
    ("a.ign", '{{"source": "data:text/plain;base64,{}"}}\n', 0, ""),
]


def _findings(holder: tuple[str, str, int, str], text: str) -> list[patcher.Finding]:
    path, form, width, between = holder
    content = form.format(_encoded(text, width, between)).encode()
    result = patcher.patch(path, content)
    assert result.content == content
    return list(result.findings)


@pytest.mark.parametrize("holder", HOLDERS + PROGRAMS)
@pytest.mark.parametrize("lead", ["", "#", "##"])
def test_one_that_is_affected_needs_review(holder: tuple[str, str, int, str], lead: str) -> None:
    """However its bytes are grouped."""
    (found,) = _findings(holder, f"{lead}\n{POLICY}")
    assert (found.status, found.host) == (Status.UNDER_INVESTIGATION, "base64")
    assert found.profile == "docker-default"
    assert found.reason.startswith("in base64: blanket network rule")


@pytest.mark.parametrize("holder", HOLDERS)
def test_one_that_is_fixed_is_so_where_it_is_a_value(holder: tuple[str, str, int, str]) -> None:
    (found,) = _findings(holder, FIXED)
    assert found.status is Status.FIXED


@pytest.mark.parametrize("holder", PROGRAMS)
def test_of_one_in_a_program_nothing_is_known(holder: tuple[str, str, int, str]) -> None:
    (found,) = _findings(holder, FIXED)
    assert found.status is Status.UNDER_INVESTIGATION


def test_what_is_no_policy_or_stands_in_the_open_is_no_text_in_base64() -> None:
    other = ("a.yaml", "data:\n  profile: {}\n", 0, "")
    assert _findings(other, "attach_disconnected is a flag, and mediate_deleted is one\n") == []
    (found,) = patcher.patch("apparmor.d/x", POLICY.encode()).findings
    assert found.status is Status.AFFECTED


def test_too_many_are_not_read() -> None:
    one = _encoded(POLICY, 0, "")
    (found,) = patcher.patch(
        "a.txt", "\n\n".join(f"{n}: {one}" for n in range(40)).encode()
    ).findings
    assert found.status is Status.UNDER_INVESTIGATION
    assert "so not read" in found.reason


PACKED = [
    ("a.yaml", "data:\n  profile.gz: {}\n"),
    ("a.sh", "echo {} | base64 -d | gunzip > /etc/apparmor.d/x\n"),
    ("a.py", 'p = "x-{}"\n'),
]


@pytest.mark.parametrize(("path", "form"), PACKED)
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_what_gzip_compressed_is_read(path: str, form: str, encode: object) -> None:
    assert callable(encode)
    for text in (POLICY, f"{POLICY}# {'~?>' * 9}\n"):
        digits = encode(gzip.compress(text.encode(), mtime=0)).decode()
        (found,) = patcher.patch(path, form.format(digits).encode()).findings
        assert (found.status, found.host) == (Status.UNDER_INVESTIGATION, "base64")
        assert found.reason.startswith("in base64: blanket network rule")


@pytest.mark.parametrize("lead", ["# ???>>>~~~\n", "#\xff\xfe\xfb\n", "# \xfb\xf0\n"])
def test_the_alphabet_for_urls_is_read(lead: str) -> None:
    digits = base64.urlsafe_b64encode((lead * 3).encode("latin-1") + POLICY.encode()).decode()
    assert set(digits) & {"-", "_"}
    (found,) = patcher.patch("a.py", f'p = "{digits}"\n'.encode()).findings
    assert (found.status, found.host) == (Status.UNDER_INVESTIGATION, "base64")


def test_what_gzip_compressed_is_bounded() -> None:
    digits = base64.b64encode(gzip.compress(b"\n" * (1 << 25), mtime=0)).decode()
    (found,) = patcher.patch("a.yaml", f"data: {digits}\n".encode()).findings
    assert found.status is Status.UNDER_INVESTIGATION
    assert "bytes in gzip" in found.reason
    digits = base64.b64encode(gzip.compress(b"a text of no policy\n", mtime=0)).decode()
    assert patcher.patch("a.yaml", f"data: {digits}\n".encode()).findings == ()
    for part in (digits[:60], digits[:44] + "A" * 20):
        assert patcher.patch("a.yaml", f"data: {part}\n".encode()).findings == ()


def test_each_member_that_gzip_compressed_is_read() -> None:
    """As ``cat a.gz b.gz`` puts them together (RFC 1952, section 2.2)."""
    members = [gzip.compress(text.encode(), mtime=0) for text in ("a text\n", "", POLICY)]
    digits = base64.b64encode(b"".join(members)).decode()
    (found,) = patcher.patch("a.yaml", f"data: {digits}\n".encode()).findings
    assert (found.status, found.host) == (Status.UNDER_INVESTIGATION, "base64")
    assert found.reason.startswith("in base64: blanket network rule")


def _release(text: str) -> str:
    """A Secret as Helm keeps a release in one: gzip in base64, which Kubernetes encodes again."""
    manifest = "kind: ConfigMap\ndata:\n  profile: |\n" + "".join(
        f"    {line}\n" for line in text.splitlines()
    )
    release = json.dumps({"name": "x", "manifest": manifest}).encode()
    inner = base64.b64encode(gzip.compress(release, mtime=0))
    return f"kind: Secret\ndata:\n  release: {base64.b64encode(inner).decode()}\n"


def test_a_release_of_helm_is_read() -> None:
    (found,) = patcher.patch("release.yaml", _release(POLICY).encode()).findings
    assert (found.status, found.host) == (Status.UNDER_INVESTIGATION, "base64")
    assert found.reason.startswith("in base64: in base64: blanket network rule")
    (found,) = patcher.patch("release.yaml", _release(FIXED).encode()).findings
    assert found.status is Status.FIXED
    (found,) = patcher.patch("release.sh", _release(FIXED).encode()).findings
    assert found.status is Status.UNDER_INVESTIGATION


def test_encodings_within_each_other_are_bounded() -> None:
    digits = FIXED
    for _ in range(6):
        digits = base64.b64encode(gzip.compress(digits.encode(), mtime=0)).decode()
    (found,) = patcher.patch("a.yaml", f"x: {digits}\n".encode()).findings
    assert found.status is Status.UNDER_INVESTIGATION
    assert "encodings within each other" in found.reason


@pytest.mark.parametrize(
    ("lead", "width"), [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (0, 76), (1, 76), (3, 76), (4, 76)]
)
def test_base32_is_read(lead: int, width: int) -> None:
    for text in (POLICY, FIXED):
        digits = base64.b32encode(f"{'#' * lead}\n{text}".encode()).decode()
        lines = [digits[at : at + (width or 9999)] for at in range(0, len(digits), width or 9999)]
        content = ("base32 -d <<EOF\n" + "\n".join(lines) + "\nEOF\n").encode()
        assert searched(content)
        (found,) = patcher.patch("a.sh", content).findings
        assert (found.status, found.host) == (Status.UNDER_INVESTIGATION, "base32")
