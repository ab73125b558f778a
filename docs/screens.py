"""Make the pictures of terminal sessions in ``docs/screens``, from real runs.

    python docs/screens.py [FOLDER]

Each command runs in a pseudo-terminal of 80 and of 200 columns, on what ``sample.py`` makes; rich
draws what it printed.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME
from rich.text import Text

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from docs.sample import Sample, sample  # noqa: E402 - found by the line above

BASES = ["--base", "main", "--base", "release/*"]
REVIEWS = ["--push", "--review", "auto", "--reviewer", "ada", "github:acme"]
SCREENS = {
    "scan": ["scan", "src"],
    "diff": ["diff", "src/engine-fork", "src/helm-chart"],
    "apply": ["apply", "--campaign", "af-alg", *BASES, "src"],
    "status": ["status", "af-alg"],
    "failures": ["scan", "--fresh", "src", "broken", "file:///home/jo/none.git"],
    "reviews": ["apply", "--campaign", "acme", *BASES, *REVIEWS],
    "reviews-status": ["status", "acme", "--reviews"],
}
COLUMNS = (80, 200)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "screens"
    folder.mkdir(parents=True, exist_ok=True)
    with sample() as made:
        for name, words in SCREENS.items():
            for columns in COLUMNS:
                again = ["--retry=all"] * (name in ("apply", "reviews") and columns > 80)
                shown = made.shown(run([*words, *again], columns, made))
                draw(name, words, shown, columns, folder / f"{name}-{columns}.svg")
            if name == "reviews":
                people(made)


def people(made: Sample) -> None:
    """Do what people and checks do with the reviews: one is approved, checks of one fail."""
    made.forge.sync()
    chart, fork = (made.forge.repository(f"acme/{name}") for name in ("helm-chart", "engine-fork"))
    for repository in (chart, fork):
        for pull in repository.pulls:
            repository.checks[pull.commit] = [("run", "SUCCESS")]
    made.forge.review("acme/helm-chart", 1, "ada")
    fork.checks[fork.pulls[0].commit] = [("run", "FAILURE")]


def run(words: list[str], columns: int, made: Sample) -> str:
    """Run a command in a terminal; what it printed."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (60, columns))
    process = subprocess.Popen(
        [sys.executable, "-m", "patcher", *words],
        cwd=made.place, env=made.environment, stdin=theirs, stdout=theirs, stderr=theirs,
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
