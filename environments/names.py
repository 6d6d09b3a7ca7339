"""Where the project lives, as ``names.toml`` says: ``make rename`` gives a fork its own names.

Needs nothing but Python, since workflows call it before anything is installed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path

FILE = "names.toml"
KEYS = ("repository", "pages", "image", "charts")

_URL = re.compile(r"https?://[\w.-]+(:\d+)?(/[\w.~-]+)+")
_OCI = re.compile(r"[a-z0-9.-]+[.:][a-z0-9.:-]*(/[a-z0-9]+([._-]+[a-z0-9]+)*)+")
_EXPECTED = {"repository": "https://HOST/OWNER/NAME", "image": "REGISTRY/PATH in lower case"}
_VERSION = re.compile(r'(?m)^__version__ = "(.+)"$')


class WrongNameError(Exception):
    """A name that cannot be used; the message says what is expected."""


def read(root: Path) -> dict[str, str]:
    """The names of the project in a folder."""
    return {key: str(value) for key, value in tomllib.loads((root / FILE).read_text(encoding="utf-8")).items()}


def rename(root: Path, new: dict[str, str]) -> list[str]:
    """Put new names in place of the old ones in every file under version control.

    Args:
        root: the top of the clone.
        new: a name for each of ``KEYS``.

    Returns:
        The changed files.

    Raises:
        WrongNameError: A name has a form that its users would not take.
    """
    for key, value in new.items():
        kind = "repository" if key in {"repository", "pages"} else "image"
        if not (_URL if kind == "repository" else _OCI).fullmatch(value):
            raise WrongNameError(f"{key} is {value!r}; expected {_EXPECTED[kind]}")
    old = read(root)
    by_length = sorted(KEYS, key=lambda key: -len(old[key]))
    # A whole name only: what goes on after it is another name.
    pattern = re.compile("|".join(rf"(?P<{key}>{re.escape(old[key])})(?![\w-])" for key in by_length))
    changed = []
    for file in _tracked(root):
        try:
            text = (root / file).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        renamed = pattern.sub(lambda found: new[str(found.lastgroup)], text)
        if renamed != text:
            (root / file).write_text(renamed, encoding="utf-8")
            changed.append(file)
    return changed


def start_over(root: Path) -> None:
    """Have every environment run the chart of main and the image of its version: nothing else is in a new registry."""
    (version,) = _VERSION.findall((root / "service/nedc_bench/version.py").read_text(encoding="utf-8"))
    for path in sorted((root / "environments").glob("*/release.yaml")):
        text = re.sub(r"(?m)^(  chart: +)\S+", r"\g<1>main", path.read_text(encoding="utf-8"))
        path.write_text(re.sub(r"(?m)^(  image: +)\S+", rf"\g<1>{version}", text), encoding="utf-8")


def _tracked(root: Path) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True)  # noqa: S607  # git is the user's own
    files = [name for name in listed.stdout.decode().split("\0") if name]
    return [name for name in files if (root / name).is_file() and not (root / name).is_symlink()]


def _completed(given: argparse.Namespace) -> dict[str, str]:
    """The new names; those that are not given follow from the others."""
    repository = given.repository.removesuffix(".git").rstrip("/")
    return {
        "repository": repository,
        "pages": given.pages or f"{repository}/blob/main",
        "image": given.image,
        "charts": given.charts or given.image.rpartition("/")[0] + "/charts",
    }


def main(arguments: list[str]) -> int:
    """The command; the exit status."""
    parser = argparse.ArgumentParser(prog="environments/names.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("show", help="print one name")
    command.add_argument("key", choices=KEYS)
    command = commands.add_parser("rename", help="change all of them, everywhere")
    command.add_argument("--repository", required=True)
    command.add_argument("--image", required=True)
    command.add_argument("--charts", default="")
    command.add_argument("--pages", default="")
    command.add_argument("--start-over", action="store_true", help="no environment runs a release yet")
    given = parser.parse_args(arguments)
    root = Path(__file__).parents[1]
    if given.command == "show":
        print(read(root)[given.key])
        return 0
    try:
        changed = rename(root, _completed(given))
    except WrongNameError as error:
        print(f"refused: {error}", file=sys.stderr)
        return 1
    if given.start_over:
        start_over(root)
    print(f"{len(changed)} files have the new names; review them with `git diff`")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
