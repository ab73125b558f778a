"""Make the pictures of terminal sessions in ``docs/screens``, from real runs.

    python docs/screens.py [FOLDER]

Each command runs in a pseudo-terminal of 80 and of 200 columns, on the sample forks of ``patcher
demo`` and on a repository that is damaged; rich draws what it printed.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME
from rich.text import Text

HERE = Path(__file__).resolve().parent
SCREENS = {
    "scan": ["scan", "src"],
    "diff": ["diff", "src/engine-fork", "src/helm-chart"],
    "apply": ["apply", "--campaign", "af-alg", "--base", "main", "--base", "release/*", "src"],
    "status": ["status", "af-alg"],
    "failures": ["scan", "--fresh", "src", "broken", "file:///home/jo/none.git"],
}
COLUMNS = (80, 200)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "screens"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(place),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(HERE.parent),
            "PATCHER_STATE_DIR": str(place / "state"),
            "PATCHER_CACHE_DIR": str(place / "cache"),
            "GIT_AUTHOR_NAME": "Jo Doe",
            "GIT_AUTHOR_EMAIL": "jo@example.org",
            "GIT_COMMITTER_NAME": "Jo Doe",
            "GIT_COMMITTER_EMAIL": "jo@example.org",
        }
        build(place, environment)
        for name, words in SCREENS.items():
            for columns in COLUMNS:
                shown = run([*words, *["--retry=all"] * (name == "apply" and columns > 80)],
                            columns, place, environment)  # fmt: skip
                shown = shown.replace(str(place), "/home/jo")
                draw(name, words, shown, columns, folder / f"{name}-{columns}.svg")


def build(place: Path, environment: dict[str, str]) -> None:
    """Make the repositories: those of the demo without their review branches, and a damaged one."""
    command = [sys.executable, "-m", "patcher"]
    subprocess.run(
        [*command, "demo", "src"], cwd=place, env=environment, check=True, capture_output=True
    )
    bases = ["--base", "main", "--base", "release/*"]
    subprocess.run(
        [*command, "undo", *bases, "src"],
        cwd=place, env=environment, check=True, capture_output=True,
    )  # fmt: skip
    broken = place / "broken"
    shutil.copytree(place / "src/node-image", broken)
    for file in (broken / ".git/objects").rglob("*"):
        if file.is_file():
            file.chmod(0o644)
            file.write_bytes(b"")


def run(words: list[str], columns: int, place: Path, environment: dict[str, str]) -> str:
    """Run a command in a terminal; what it printed."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (60, columns))
    process = subprocess.Popen(
        [sys.executable, "-m", "patcher", *words],
        cwd=place, env=environment, stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        seen += piece
    process.wait()
    os.close(ours)
    text = seen.decode("utf-8", "replace").replace("\r\n", "\n")
    return re.sub(r"[^\n]*\r\x1b\[K", "", text)


def draw(name: str, words: list[str], shown: str, columns: int, file: Path) -> None:
    """Draw a session as an SVG picture."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=columns, file=nowhere, force_terminal=True)
        console.print(Text(f"$ patcher {' '.join(words)}", style="bold"))
        console.print(Text.from_ansi(shown.rstrip("\n")))
        picture = console.export_svg(
            title=f"patcher {name}",
            theme=DEFAULT_TERMINAL_THEME,
            unique_id=f"{name}-{columns}",
        )
    # The fonts would come from another server.
    file.write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL))


if __name__ == "__main__":
    main()
