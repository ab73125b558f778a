"""JUnit's XML, as CI servers take it (https://llg.cubic.org/docs/junit/): a suite for each
repository and branch, a case for each finding.

What exit status 1 stands for is a failure; what a person must look at is skipped, with the reason;
what could not be read is an error.
"""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from patcher.reports import Style
from patcher.reports.text import called, valid
from patcher.reports.weight import Weight, failure, weight, words
from patcher.results import Located, Target, Totals
from patcher.text import printable

_NO_XML = str.maketrans({"\ufffe": "\ufffd", "\uffff": "\ufffd"})
"""Characters that XML 1.0 has not, beside those that `printable` escapes."""


class Report:
    """Suites as the targets come."""

    def __init__(self, style: Style) -> None:
        pass

    def start(self) -> bytes:
        return b'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="patcher">\n'

    def target(self, target: Target) -> bytes:
        name = called(target)
        cases = [_case(target, located) for located in target.findings]
        if (why := failure(target)) is not None:
            cases.append(_broken(name, why))
        elif not cases:
            cases.append(f"<testcase classname={_attribute(name)} name={_attribute(_NOTHING)}/>")
        numbers = " ".join(
            f'{what}="{sum(f"<{tag}" in case for case in cases)}"'
            for what, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
        )
        suite = [f'<testsuite name={_attribute(name)} tests="{len(cases)}" {numbers} time="0">']
        return _encoded("\n".join([*suite, *cases, "</testsuite>"]) + "\n")

    def finish(self, totals: Totals) -> bytes:
        end = ""
        if totals.gap:
            case = _broken("patcher", totals.gap)
            suite = '<testsuite name="patcher" tests="1" failures="0" errors="1" skipped="0"'
            end = f'{suite} time="0">\n{case}\n</testsuite>\n'
        return _encoded(f"{end}</testsuites>\n")


_NOTHING = "no AppArmor profile that matters"


def _case(target: Target, located: Located) -> str:
    finding = located.finding
    name = f"{finding.migration}: {finding.profile or 'rules'}, line {finding.line}"
    head = f"<testcase classname={_attribute(printable(located.path))} name={_attribute(name)}"
    head += ' time="0"'
    said = words(target, located)
    what = weight(target, located)
    if what is Weight.CLEAN:
        return f"{head}/>"
    if what is Weight.ERROR:
        where = escape(_text(f"{printable(located.path)}:{finding.line}: {said}"))
        inner = f'<failure type="affected" message={_attribute(said)}>{where}</failure>'
    else:
        inner = f"<skipped>{escape(_text(said))}</skipped>"
    return f"{head}>{inner}</testcase>"


def _broken(name: str, error: str) -> str:
    return (
        f'<testcase classname={_attribute(name)} name="read" time="0">'
        f'<error type="failed" message={_attribute(error)}/></testcase>'
    )


def _attribute(text: str) -> str:
    return quoteattr(_text(text))


def _text(text: str) -> str:
    return printable(valid(text)).translate(_NO_XML)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")
