"""`patcher man`, rendered by groff."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import click
import pytest

from patcher.cli import group
from tests.cli.test_cli_main_job import patcher
from tests.needs import program

rendering = program("groff")
NAMES = group.list_commands(click.Context(group))


def rendered(page: bytes) -> str:
    """As a terminal shows it, without bold; any complaint of groff fails."""
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-P-c", "-rLL=200n"],
        input=page,
        capture_output=True,
        check=True,
    )
    assert not done.stderr, done.stderr.decode()
    text = re.sub(".\b", "", done.stdout.decode())
    return " ".join(text.replace("\u2010\n", "").replace("\u2010", "-").split())


@rendering
@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_a_command_has_its_usage_and_every_option(name: str) -> None:
    result = patcher("man", name)
    assert result.exit_code == 0
    page = rendered(result.stdout_bytes)
    assert page.startswith(f"PATCHER-{name.upper()}(1)")
    context = click.Context(group)
    command = group.get_command(context, name)
    assert command is not None
    inner = list(command.commands.values()) if isinstance(command, click.Group) else []
    for each in [command, *inner]:
        for param in each.params:
            if isinstance(param, click.Option) and not param.hidden:
                assert all(opt in page for opt in param.opts)
                assert " ".join((param.help or "").split())[:30] in page
    for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "SEE ALSO"):
        assert f" {heading} " in page
    assert " 3 some repository or file failed" in page


@rendering
def test_the_page_of_patcher_names_all_commands_and_examples() -> None:
    page = rendered(patcher("man").stdout_bytes)
    assert all(f"patcher-{name}(1)" in page for name in NAMES)
    assert " EXAMPLES patcher scan ~/src what is there patcher repos " in page
    assert "`deny network alg,`" in page


def test_all_pages_are_written_to_a_folder(tmp_path: Path) -> None:
    result = patcher("man", "--folder", tmp_path / "man1")
    assert (result.exit_code, result.stdout) == (0, "")
    written = sorted(path.name for path in (tmp_path / "man1").iterdir())
    assert written == sorted(["patcher.1", *(f"patcher-{name}.1" for name in NAMES)])
    for name in NAMES:
        page = (tmp_path / f"man1/patcher-{name}.1").read_bytes()
        assert page == patcher("man", name).stdout_bytes


def test_what_is_no_command_or_no_folder_is_one_line(tmp_path: Path) -> None:
    for words, said in (
        (["scna"], "there is no command 'scna'"),
        (["scan", "--folder", str(tmp_path)], "leave out COMMAND"),
        (["--folder", "/dev/null/x"], "/dev/null/x: Not a directory"),
    ):
        result = patcher("man", *words)
        assert (result.exit_code, result.stdout) == (2, "")
        assert said in result.stderr.splitlines()[-1]
