"""What patcher reads agrees with what AppArmor's parser compiles."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import patcher
from patcher import Status
from patcher.migrations import Migration, builtin
from patcher.policy.judgement import Judgement, judge
from patcher.policy.network import FAMILIES, PROTOCOLS, TYPES, parse_rule
from patcher.policy.reader import read
from tests.oracle.compiled import MISSING, Compiled, compile_policy

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(bool(MISSING), reason=MISSING or "there"),
]

INET_PROTOCOLS = {"inet": ("tcp", "udp", "icmp"), "inet6": ("tcp", "udp")}
KNOWN = [
    "network,",
    *(f"network {family}," for family in sorted(FAMILIES)),
    *(f"network {kind}," for kind in sorted(TYPES - {"packet"})),
    *(f"network {protocol}," for protocol in sorted(PROTOCOLS)),
    *(f"network {family} {kind}," for family in sorted(FAMILIES) for kind in sorted(TYPES)),
    *(f"network {family} {name}," for family, names in INET_PROTOCOLS.items() for name in names),
]
"""Every network rule of parser 3.0.8's grammar, without its qualifiers."""

# ``network,`` and ``network unspec,`` reach families that have no name or no socket: not compared.
COMPARED = sorted(FAMILIES - {"unspec"})


def compiled(text: bytes) -> dict[str, Compiled]:
    found = compile_policy(text)
    assert isinstance(found, dict), (found, text.decode())
    return found


def judged(text: bytes, family: str, kinds: Iterable[str]) -> dict[str, list[Judgement]]:
    return {
        profile.name: judge(profile, family, list(kinds), moby_style=True) for profile in read(text)
    }


def test_the_oracle_can_tell() -> None:
    text = b"profile oracle {\n network alg,\n deny network alg seqpacket,\n}\n"
    found = compiled(text)["oracle"]
    assert ("alg", "stream") in found.open
    assert ("alg", "seqpacket") not in found.open
    assert compile_policy(b"profile oracle {\n network nonsense,\n}\n") != {}
    assert isinstance(compile_policy(b"profile oracle {\n network nonsense,\n}\n"), str)


def test_what_each_rule_covers() -> None:
    text = "".join(f"profile oracle{i} {{\n {rule}\n}}\n" for i, rule in enumerate(KNOWN))
    found = compiled(text.encode())
    assert len(found) == len(KNOWN)
    for number, text_of_rule in enumerate(KNOWN):
        rule = parse_rule(text_of_rule.encode())
        assert rule is not None
        assert not rule.unknown
        by_reading = {
            (family, kind) for family in COMPARED for kind in TYPES if rule.covers(family, kind)
        }
        by_compiling = {each for each in found[f"oracle{number}"].open if each[0] in COMPARED}
        assert by_reading == by_compiling, text_of_rule


# -- generated policies

_QUALIFIERS = ["", "", "", "audit ", "allow ", "audit allow ", "deny ", "deny ", "audit deny "]
_LIKELY = [
    "network,", "network,", "network alg,", "network alg seqpacket,", "network alg stream,",
    "network seqpacket,", "network stream,", "network dgram,", "network vsock,",
    "network vsock dgram,", "network vsock stream,", "network vsock seqpacket,", "network inet,",
    "network raw,", "network tcp,",
]  # fmt: skip
_OTHERS = [
    "capability,", "capability net_raw,", "file,", "umount,", "deny mount,", "/a/{b,c}/** rw,",
    "deny @{PROC}/sys/[^k]** w,", '"/with space/{x, y}" r,', "/dev/{,u}random r,",
    "ptrace (trace,read) peer=x,", "signal (send, receive) peer=x,", "pivot_root,",
    "set rlimit nofile <= 1024,", "unix (connect, receive) type=stream,", "mount fstype=ext4,",
    "# network,", "# deny network alg,", "#network alg,", "dbus,", "owner /home/*/x rw,",
]  # fmt: skip
_BLANKS = st.sampled_from([" ", " ", " ", "\t", "  ", "\n    ", "\r\n  "])


@st.composite
def network_rules(draw: st.DrawFn) -> str:
    """A network rule, laid out anyhow."""
    words = draw(st.sampled_from(_QUALIFIERS)).split()
    words += draw(st.sampled_from(_LIKELY) | st.sampled_from(KNOWN)).rstrip(",").split()
    text = words[0]
    for word in words[1:]:
        text += draw(_BLANKS) + word
    return text + draw(st.sampled_from([",", ",", ",", " ,", "\n  ,"]))


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """The rules of one profile, with their line breaks."""
    rules = draw(st.lists(network_rules() | st.sampled_from(_OTHERS), max_size=7))
    text = "\n"
    for rule in rules:
        comment = draw(st.sampled_from(["", "", " # why, network,", " # {"]))
        end = "\n" if rule.startswith("#") or comment else draw(st.sampled_from(["\n", "\n", " "]))
        text += draw(st.sampled_from(["  ", "\t", ""])) + rule + comment + end
    if draw(st.booleans()) and draw(st.booleans()):
        inside = draw(st.lists(network_rules() | st.sampled_from(["/x r,"]), max_size=3))
        text += "  audit {\n" + "\n".join(inside) + "\n  }\n"
    return text


@st.composite
def policies(draw: st.DrawFn) -> str:
    """A file of profiles, some with a child profile and a hat."""
    text = ""
    for number in range(draw(st.integers(1, 3))):
        flags = draw(st.sampled_from(["", " flags=(attach_disconnected,mediate_deleted)"]))
        nested = ""
        if draw(st.booleans()) and draw(st.booleans()):
            nested += f"  profile oracle{number}child {{{draw(bodies())}  }}\n"
            nested += f"  hat oracle{number}hat {{{draw(bodies())}  }}\n"
        before, after = draw(bodies()), draw(bodies())
        text += f"profile oracle{number}{flags} {{{before}{nested}{after}}}\n"
    return "@{PROC}=/proc/\n" + text


def agrees(judgement: Judgement, found: Compiled, family: str, kinds: Iterable[str]) -> bool:
    """Whether the status says what was compiled."""
    is_open = any((family, kind) in found.open for kind in kinds)
    if judgement.status is Status.AFFECTED:
        return is_open
    if judgement.status is Status.UNDER_INVESTIGATION:
        return is_open is ("on purpose" in judgement.reason)
    if judgement.status is Status.FIXED:
        return not is_open and any((family, kind) in found.denied for kind in kinds)
    return not is_open


def check(text: str, migrations: list[Migration]) -> None:
    """Reading and compiling agree before the patch and after it, and the patch denied the families
    that were open and changed nothing else."""
    content = text.encode()
    before = compiled(content)
    for migration in migrations:
        statuses = judged(content, migration.family, migration.socket_types)
        assert statuses.keys() == before.keys()
        for name, judgements in statuses.items():
            for judgement in judgements:
                assert agrees(judgement, before[name], migration.family, migration.socket_types), (
                    name, judgement, text,
                )  # fmt: skip
    result = patcher.patch("apparmor.d/x", content, migrations=migrations, profiles="all")
    after = compiled(result.content)
    edited = {
        (finding.profile, migration.family)
        for finding in result.findings
        for migration in migrations
        if finding.migration == migration.id and finding.edit is not None
    }
    for name in before:
        answered = {
            (migration.family, kind)
            for migration in migrations
            if (name, migration.family) in edited
            for kind in TYPES
        }
        assert after[name].allowed == before[name].allowed, text
        assert after[name].denied - before[name].denied <= answered, text
        assert before[name].denied <= after[name].denied, text
        assert not after[name].open & answered, text
    for migration in migrations:
        for name, judgements in judged(
            result.content, migration.family, migration.socket_types
        ).items():
            assert all(each.status is not Status.AFFECTED for each in judgements), (name, text)
            assert all(
                agrees(each, after[name], migration.family, migration.socket_types)
                for each in judgements
            ), (name, text)


@given(policies())
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
def test_generated_policies(text: str) -> None:
    check(text, list(builtin()))


@pytest.mark.parametrize(
    "body",
    [
        "audit { network, }",
        "audit {\n network,\n deny network alg,\n}",
        "allow { network, }\nnetwork inet,",
        "audit { network, }\nnetwork,",
        "network,\naudit { deny network alg, }",
        "^oraclehat { network, }",
        "hat oraclehat { network, deny network alg, }\nnetwork,",
        "profile oraclechild { network, }\ndeny network alg,",
        "profile oraclechild { deny network alg, }\nnetwork,",
        "network\n,",
        "audit\nnetwork,",
        "network ,",
        "network,\tcapability,",
        "network, capability, deny network alg,",
        "network,\r\ncapability,\r\n",
        "network alg\n,",
        "set rlimit nofile <= 3, network,",
        "/{a,b} r, network,",
        "/a,b r,network,",
        '"/x y" r, network,',
        "deny network, network alg,",
        "network alg,\nnetwork,",
        "network seqpacket,\ndeny network alg stream,",
        "network seqpacket,\ndeny network seqpacket,",
        "deny network alg,",
        "network vsock stream,\nnetwork vsock dgram,",
        "network stream,\ndeny network vsock stream,",
    ],
)
def test_policies_by_hand(body: str) -> None:
    text = f"profile oracle {{\n{body}\n}}\n"
    found = compile_policy(text.encode())
    if isinstance(found, str):
        pytest.fail(f"{found}: {body}")
    # The parser names a hat without its caret.
    if "^" not in body:
        check(text, list(builtin()))
    else:
        (status,) = judged(text.encode(), "alg", ["seqpacket"])["^oraclehat"]
        assert status.status is Status.AFFECTED
        assert ("alg", "seqpacket") in found["oraclehat"].open


@pytest.mark.parametrize(
    "body",
    [
        "network,}",
        "network,capability,",
        "network,#c",
        "network create,",
        "priority=1 network,",
        "prompt network,",
        "deny audit network,",
        "owner network,",
        "network # c\n alg,",
        "deny { network, }",
        "if true { network, }",
    ],
)
def test_newer_grammar_and_errors_are_read_without_a_word(body: str) -> None:
    """What the parser of 3.0 refuses is newer grammar, or another parser's matter: it is read."""
    text = f"profile oracle {{\n{body}\n}}\n".encode()
    assert isinstance(compile_policy(text), str)
    assert patcher.patch("apparmor.d/x", text, profiles="all").content.startswith(b"profile oracle")


def test_if_blocks() -> None:
    """Parser 3.0.8 drops the rules of the arm not taken, and those of the arm taken too; newer
    ones keep them: both arms get their rule, and the policy still compiles."""
    text = (
        b"${oracle_on}=true\nprofile oracle {\n if ${oracle_on} {\n  network,\n } else {\n"
        b"  audit network,\n }\n}\n"
    )
    assert isinstance(compile_policy(text), dict)
    result = patcher.patch("apparmor.d/x", text, profiles="all")
    assert len(result.edits) == 2
    assert isinstance(compile_policy(result.content), dict)


def test_an_inserted_rule_stands_where_the_parser_reads_it() -> None:
    """The shape of docker-default and its forks, compiled before and after."""
    head = "profile oracle flags=(attach_disconnected,mediate_deleted) {\n"
    tail = (
        "  capability,\n  file,\n  umount,\n  deny mount,\n  deny @{PROC}/* w,\n"
        "  deny /sys/kernel/security/** rwklx,\n  ptrace (trace,read) peer=x,\n}\n"
    )
    for anchor in (
        "  network,\n",
        "  network, # all\n",
        "\tnetwork,\r\n",
        "  network, capability, ",
    ):
        check("@{PROC}=/proc/\n" + head + anchor + tail, list(builtin()))
