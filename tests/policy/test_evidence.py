"""What speaks for and against a profile being moby-style, and how much."""

from __future__ import annotations

import pytest

from patcher.policy.evidence import Evidence, weigh
from patcher.policy.reader import read

FOR = {
    "flags=(attach_disconnected,mediate_deleted)": "flags=(attach_disconnected,mediate_deleted)",
    "named our-docker-default": "our-docker-default",
    "denies sysrq-trigger, kcore or mem under /proc": "deny @{PROC}/kcore rwklx,",
    "denies writing under /proc": "deny @{PROC}/* w,",
    "denies writing under /sys": "deny /sys/[^f]*/** wklx,",
    "deny mount,": "deny mount,",
    "blanket capability,": "capability,",
    "blanket file,": "file,",
    "blanket umount,": "umount,",
    "signals from the runtime": "signal (receive) peer=unconfined,",
}
"""What docker-default has: each is a point."""
NEEDED = list(FOR)[2]
"""One of the denies without which nothing is moby-style."""
MOUNT = "mount fstype=tmpfs -> /run/,\n"
AGAINST = {
    "but allows mounting": ("x", MOUNT, 1),
    "but allows many mounts, as system containers need": ("x", 4 * MOUNT, 3),
    "but allows pivot_root": ("x", "pivot_root,\n", 1),
}
"""What docker-default has not: the name, rules, and how many points it takes."""


def weighed(*notes: str, name: str = "x", rules: str = "") -> Evidence:
    """The evidence of a profile for which these notes speak."""
    parts = {note: FOR[note] for note in notes}
    flags = parts.pop("flags=(attach_disconnected,mediate_deleted)", "")
    name = parts.pop("named our-docker-default", name)
    body = "\n".join(parts.values())
    (profile,) = read(f"profile {name} {flags} {{\nnetwork,\n{rules}{body}\n}}\n".encode())
    return weigh([profile])


def points(number: int, *first: str) -> list[str]:
    """So many notes for a profile, these and one of the needed denies among them."""
    return list(dict.fromkeys((*first, NEEDED, *reversed(FOR))))[:number]


@pytest.mark.parametrize("note", FOR)
def test_four_points_are_enough_and_each_is_one(note: str) -> None:
    enough, short = weighed(*points(4, note)), weighed(*points(3, note))
    assert (enough.moby_style, short.moby_style) == (True, False)
    assert note in enough.notes
    assert note in short.notes


@pytest.mark.parametrize("note", AGAINST)
def test_what_speaks_against_it_takes_points(note: str) -> None:
    name, rules, taken = AGAINST[note]
    available = [each for each in points(10) if each != "named our-docker-default"]
    enough = weighed(*available[: 4 + taken], name=name, rules=rules)
    short = weighed(*available[: 3 + taken], name=name, rules=rules)
    assert (enough.moby_style, short.moby_style) == (True, False)
    assert note in enough.notes
    assert note in short.notes


@pytest.mark.parametrize(
    "header",
    [
        "/usr/bin/x",
        "profile /usr/bin/x",
        "profile x /usr/bin/x",
        'profile x "/usr/bin/{x,y}"',
        "profile x @{exec_path}",
        "profile docker-x /usr/bin/x\n ",
    ],
)
def test_what_is_attached_to_a_program_is_not_moby_style(header: str) -> None:
    """A runtime chooses a container's profile by its name."""
    rules = "network,\n" + "\n".join(list(FOR.values())[2:])
    for flags in ("", FOR["flags=(attach_disconnected,mediate_deleted)"]):
        (profile,) = read(f"{header} {flags} {{\n{rules}\n}}\n".encode())
        evidence = weigh([profile])
        assert "but attached to a program" in evidence.notes
        assert not evidence.moby_style


@pytest.mark.parametrize(
    ("name", "moby_style"),
    [
        ("docker-default", True),
        ('"cri-containerd.apparmor.d"', True),
        ("crio-default", True),
        ("containers-default-0.44.0", True),
        ("nerdctl-default", True),
        ("docker-default-web", False),
        ("docker-nginx", False),
        ("containers-default", False),
    ],
)
def test_the_name_that_a_runtime_loads_is_enough(name: str, moby_style: bool) -> None:
    (profile,) = read(f"profile {name} {{\n  network,\n}}\n".encode())
    assert weigh([profile]).moby_style is moby_style


@pytest.mark.parametrize(
    "rule",
    [
        "deny {{.Root}}/proc/kcore rwklx,",
        "deny ${ROOT}/proc/kcore rwklx,",
        "deny %s/proc/kcore rwklx,",
        "MODE @{PROC}/kcore rwklx,",
        "QUALIFIER /sys/firmware/** rwklx,",
        "{{.Deny}} mount,",
        "{{if .Strict}}deny{{end}} mount,",
        "${{cond ? 'deny @{PROC}/kcore rwklx,' : ''}}".replace("{{", "{").replace("}}", "}"),
        "<%= 'deny mount,' if strict %>",
    ],
)
def test_a_placeholder_hides_no_deny(rule: str) -> None:
    (profile,) = read(f"profile x {{\n  network,\n  {rule}\n}}\n".encode())
    assert weigh([profile]).denies


def test_a_denied_signal_is_none_from_the_runtime() -> None:
    (profile,) = read(b"profile x {\n deny signal (receive) peer=unconfined,\n}\n")
    assert "signals from the runtime" not in weigh([profile]).notes


def test_three_mounts_are_not_many() -> None:
    assert "but allows mounting" in weighed(*points(5), rules=3 * MOUNT).notes


@pytest.mark.parametrize(
    "rules",
    [
        "deny mount options=(ro, remount) -> /,\n" * 4,
        "deny pivot_root,\n",
        "profile /usr/bin/child {\n/x r,\n}\n",
    ],
)
def test_what_is_denied_and_what_children_are_attached_to_takes_nothing(rules: str) -> None:
    profile, *_ = read(f"profile x {{\nnetwork,\nfile,\n{rules}}}\n".encode())
    assert not [note for note in weigh([profile]).notes[:-1] if note.startswith("but ")]


def test_a_child_profile_is_not_said_to_be_attached() -> None:
    _, child = read(b"profile x {\nprofile /usr/bin/child {\nnetwork,\n}\n}\n")
    assert "but attached to a program" not in weigh([child]).notes


def test_without_a_deny_of_docker_default_nothing_is_moby_style() -> None:
    every = [each for each in FOR if not each.startswith("den")]
    evidence = weighed(*every, rules="deny mount fstype=tmpfs,\ndeny /etc/** w,\n")
    assert not evidence.moby_style
    assert set(evidence.notes) - set(every) == {
        "named our-docker-default",
        "but denies nothing that docker-default denies",
    } - set(every)


@pytest.mark.parametrize(
    ("rules", "note"),
    [
        ("deny /proc/sysrq-trigger rwklx,", "denies sysrq-trigger, kcore or mem under /proc"),
        ('deny "@{PROC}/kmem" rwklx,', "denies sysrq-trigger, kcore or mem under /proc"),
        ("deny @{PROC}/mem rwklx,", "denies sysrq-trigger, kcore or mem under /proc"),
        ("deny @{PROC}/memory w,", "denies writing under /proc"),
        ("deny /proc/bus/** wklx,", "denies writing under /proc"),
        ("deny @{sys}/kernel/** wklx,", "denies writing under /sys"),
        ("deny wklx /sys/kernel/**,", "denies writing under /sys"),
        ("deny file /sys/kernel/** wklx,", "denies writing under /sys"),
    ],
)
def test_denies_in_other_words(rules: str, note: str) -> None:
    assert [each for each in weighed(rules=rules).notes if "denies" in each] == [note]


@pytest.mark.parametrize(
    "rules",
    [
        "signal (send, receive) peer=unconfined,",
        "signal (receive),",
        "signal (send) peer=unconfined,",
        "audit capability chown,",
        "deny file,",
        "/proc/kcore r,",
        "mount,",
        "deny mount options=ro,",
        "deny unix peer=/sys/x,",
    ],
)
def test_what_only_looks_like_it_is_no_evidence(rules: str) -> None:
    evidence = weighed(rules=rules)
    assert [note for note in evidence.notes if not note.startswith("but ")] == []


@pytest.mark.parametrize(
    "name",
    [
        "our-docker-default", "cri-containerd.apparmor.d", "containerd-default",
        "containers-default-1", "crio-default", "libpod", "podman-x", "nerdctl-default", "buildkit",
        "MOBY", "docker-nginx",
    ],
)  # fmt: skip
def test_known_names(name: str) -> None:
    assert f"named {name}" in weighed(name=name).notes
    assert f"named x-{name}" in weighed(name=f"x-{name}").notes


@pytest.mark.parametrize("name", ["docker", "default", "crio", "container", "x"])
def test_other_names(name: str) -> None:
    assert not [note for note in weighed(name=name).notes if note.startswith("named")]


def test_fragments_make_one_profile() -> None:
    one, other = read(b"network,\ncapability,\nfile,\n"), read(b"umount,\ndeny mount,\n")
    assert not weigh(one).moby_style
    assert not weigh(other).moby_style
    assert weigh([*one, *other]).moby_style
