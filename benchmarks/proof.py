"""How long a proof takes for a typical profile: rendered, compiled before and after, compared.

    python benchmarks/proof.py [--rounds 15]

`apparmor_parser` must be installed. Each round is a new profile, so that nothing comes from the
cache; the host proof, which needs no parser, is measured beside it.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time

from patcher import engine, hosts
from patcher.migrations import choose
from patcher.options import Options
from patcher.proof import host, parser, policy
from patcher.results import Verdict

PLAIN = """\
profile NAME flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,
  umount,
  signal (receive) peer=unconfined,
  signal (send,receive) peer=NAME,
  deny @{PROC}/* w,
  deny @{PROC}/{[^1-9],[^1-9][^0-9],[^1-9s][^0-9y][^0-9s],[^1-9][^0-9][^0-9][^0-9/]*}/** w,
  deny @{PROC}/sys/[^k]** w,
  deny @{PROC}/sys/kernel/{?,??,[^s][^h][^m]**} w,
  deny @{PROC}/sysrq-trigger rwklx,
  deny @{PROC}/kcore rwklx,
  deny mount,
  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
  deny /sys/fs/cg[^r]*/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
  ptrace (trace,read,tracedby,readby) peer=NAME,
}
"""
BRANCHES = PLAIN.replace(
    "  signal (receive)", "{{if ge .Version 2}}\n  /x r,\n{{end}}\n  signal (receive)"
)
TEMPLATES = {"one rendering": PLAIN, "two renderings": BRANCHES}


def measured(template: str, name: str, by: parser.Parser) -> tuple[float, float, float]:
    """Seconds of the host proof, of the policy proof, and of the processor for both."""
    content = template.replace("NAME", name).encode()
    before = hosts.read("docker-default", content)
    result = engine.judge(before, Options())
    assert result.edits
    spent = _processor()
    started = time.perf_counter()
    proved, after = host.proved(before, result, choose())
    between = time.perf_counter()
    (proof,) = policy.prove(before, after, proved.findings, choose(), by)
    ended = time.perf_counter()
    assert proof is not None
    assert proof.verdict is Verdict.PROVED, proof
    return between - started, ended - between, _processor() - spent


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=15)
    rounds = options.parse_args().rounds
    started = time.perf_counter()
    by = parser.usable()
    print(f"{by.name}, trusted after {1000 * (time.perf_counter() - started):.0f} ms")
    for title, template in TEMPLATES.items():
        measured(template, "warm", by)
        times = [measured(template, f"profile-{number}", by) for number in range(rounds)]
        shown = ", ".join(
            f"{what} {1000 * statistics.median(values):.1f} ms (best {1000 * min(values):.1f})"
            for what, values in zip(
                ("host proof", "policy proof", "processor"), zip(*times, strict=True), strict=True
            )
        )
        print(f"{title}: {shown}")


if __name__ == "__main__":
    main()
