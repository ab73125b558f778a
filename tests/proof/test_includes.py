"""Files that policy includes are put in their place; what is not found is known by its place."""

from __future__ import annotations

import pytest

from patcher.proof.includes import Endless, put_in

FILES = {
    "net": b"  network,\n",
    "outer": b"  /a r,\n  include <net>\n  include <gone>\n  /b r,\n",
    "endless": b"include <endless>\n",
}


def find(name: str, optional: bool) -> bytes | None:
    """A file; what may be missing is empty."""
    return FILES.get(name, b"" if optional else None)


TEXT = b"""include <gone>
profile a {
  include <net>
  include <outer>
  include if exists <nothing>
  include "far"
}
profile b {
  #include <gone>
  file,
}
"""


def test_what_is_not_found_is_known_by_its_place() -> None:
    """Within profiles, however much stands in the place of other includes."""
    found = put_in(TEXT, find)
    assert found.text.count(b"network,") == 2
    assert [name for _, _, name in found.unknown] == ["gone", "far", "gone"]
    assert [found.text[start:end] for start, end, _ in found.unknown] == [
        b"include <gone>",
        b'include "far"',
        b"#include <gone>",
    ]
    assert found.names == ("gone", "far")
    filled = found.filled(b"deny network,")
    assert filled.count(b"deny network,") == 3
    assert b"gone" not in filled and b"far" not in filled and b"  /b r,\n" in filled


def test_within_a_profile_an_include_of_a_text_counts() -> None:
    assert put_in(b"include <gone>\n", find).unknown == ()
    assert put_in(b"include <gone>\n", find, inside=True).names == ("gone",)
    assert put_in(b"file,\n", find, inside=True).text == b"file,\n"


def test_includes_without_an_end_are_refused() -> None:
    with pytest.raises(Endless):
        put_in(TEXT + b"profile c {\n  include <endless>\n}\n", find)
