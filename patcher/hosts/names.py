"""What a file's name says: its language, behind the suffixes of template engines."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TypeVar

T = TypeVar("T")

_TEMPLATE_SUFFIXES = frozenset(
    (
        ".tmpl", ".tpl", ".gotmpl", ".gotpl", ".tmplt", ".template", ".tftpl", ".j2", ".jinja",
        ".jinja2", ".erb", ".epp", ".ejs", ".hbs", ".mustache", ".mako", ".in", ".cmake", ".dist",
        ".example", ".sample", ".bak", ".orig", ".liquid", ".ctmpl", ".hcltpl", ".gomplate",
    )
)  # fmt: skip


def is_template(path: PurePosixPath) -> bool:
    """Whether the name says that a template engine makes another file of this one."""
    return path.suffix.lower() in _TEMPLATE_SUFFIXES


def rendered(path: PurePosixPath) -> PurePosixPath:
    """Return the name of what a template is rendered to: ``cm.yaml`` for ``cm.yaml.j2``."""
    while is_template(path) and path.stem:
        path = path.with_name(path.stem)
    return path


def suffix(path: PurePosixPath) -> str:
    """Return the suffix in small letters, behind template suffixes too."""
    return rendered(path).suffix.lower()


def table(*rows: tuple[T, str]) -> dict[str, T]:
    """Return a table by suffix or by name; each row has several of them, parted by blanks."""
    return {name: value for value, names in rows for name in names.split()}


INDENTED = (".haml", ".slim", ".pug", ".jade")
"""Suffixes of templates in which the indentation says what a condition governs."""
