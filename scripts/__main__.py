"""PosterLens from one command: what the scripts do, as subcommands.

    posterlens dashboard --posters posters.zip
    posterlens train --data posters.zip --out runs/first
    posterlens explain --checkpoint checkpoints/wider-64 --images posters --out explained
    posterlens study filters --checkpoint checkpoints/wider-64
    posterlens train --help

Each is also a script: "posterlens train" is "python scripts/train.py" in a checkout.
"""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from itertools import takewhile
from pathlib import Path

HERE = Path(__file__).parent
COMMANDS = {  # in the order of the list that --help prints
    "dashboard": "open_dashboard",
    "train": "train",
    "evaluate": "evaluate",
    "sample": "sample",
    "explain": "explain",
    "report": "report",
    "export": "export",
    "push": "push",
    "fetch": "fetch_posters",
    "pack": "pack_posters",
    "remove-text": "remove_text",
    "index": "index_collection",
    "study": "study",
    "study filters": "study_filters",
    "study latents": "study_latents",
    "study pruning": "study_pruning",
    "study verdicts": "study_verdicts",
    "study discriminator": "study_discriminator",
    "study concepts": "study_concepts",
    "study collection": "study_collection",
    "study encoder": "train_encoder",
    "study text-removal": "study_removal",
    "paint": "paint",
    "train-upscaler": "train_upscaler",
    "benchmark": "benchmark",
    "benchmark training": "benchmark_training",
    "benchmark step": "benchmark_step",
    "benchmark attribution": "benchmark_attribution",
    "benchmark verdicts": "benchmark_verdicts",
    "benchmark search": "benchmark_search",
    "benchmark load": "benchmark_load",
    "benchmark faults": "benchmark_faults",
}
SCRIPTS = {f"scripts/{file}.py": f"posterlens {name}" for name, file in COMMANDS.items()}


def summary(file: str) -> str:
    """The first line of a script's page, read without importing what it needs."""
    page = ast.get_docstring(ast.parse((HERE / f"{file}.py").read_text(encoding="utf-8"))) or ""
    return page.partition("\n")[0]


def page() -> str:
    """What --help prints: this module's page, and each command with what it does."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {summary(file)}" for name, file in COMMANDS.items()]
    return "\n".join([(__doc__ or "").strip(), "", "commands:", *lines, "", "options: --help, --version"])


def split(arguments: list[str]) -> tuple[str, list[str]]:
    """The command that the first words name, the longest that there is, and the arguments behind it; "" for none."""
    words = list(takewhile(lambda word: not word.startswith("-"), arguments))
    for count in range(len(words), 0, -1):
        if (name := " ".join(words[:count])) in COMMANDS:
            return name, arguments[count:]
    return "", arguments


def own_version() -> str:
    try:
        return version("posterlens")
    except PackageNotFoundError:
        return "not installed"


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    name, rest = split(arguments)
    if name:
        from gan.cli import called_as
        from gan.lazy import importing

        with called_as(f"posterlens {name}", SCRIPTS):
            with importing():
                command = import_module(f"{__package__}.{COMMANDS[name]}")
            return int(command.main(rest))
    if arguments == ["--version"]:
        print(f"posterlens {own_version()}")
        return 0
    if not arguments or arguments[0] in ("-h", "--help"):
        print(page())
        return 0
    print(f"error: posterlens has no command {arguments[0]!r}; posterlens --help lists them.", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
