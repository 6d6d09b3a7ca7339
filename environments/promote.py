"""Moves releases between the environments: ``make deliver``, ``promote``, ``diff``, ``rollback`` and ``renders``.

A promotion changes ``release.yaml`` of the target, and the golden render beside it, in one commit that is ready for
review; nothing is pushed. What could put something unknown into an environment is refused.
"""

from __future__ import annotations

import argparse
import sys

from health import need_healthy
from release import Environment, Release, environments
from rendering import difference, render
from repository import RefusedError, Repository


def deliver(repository: Repository, name: str, release: Release) -> None:
    """Have the first environment run a release, as the release workflow does."""
    environment = Environment.named(repository, name)
    if environment.source:
        raise RefusedError(f"releases come to {name} from {environment.source}: make promote")
    repository.need_clean_tree()
    release.need_pinned("the delivery")
    if release == environment.release:
        raise RefusedError(f"{name} already runs {release.image} with the chart of {release.chart}")
    _change(environment, release, f"Deliver {release.image.partition('@')[0]} to {name}")


def promote(repository: Repository, source_name: str, target_name: str, image: str | None, *, ask: bool) -> None:
    """Have an environment run what the one before it runs, or ran, and what works there."""
    source, target = (Environment.named(repository, name) for name in (source_name, target_name))
    if target.source != source.name:
        way = f"releases come to {target.name} from {target.source}" if target.source else "it is the first"
        raise RefusedError(f"{source.name} is not the environment before {target.name}: {way}")
    repository.need_clean_tree()
    release = _carried(source, image) if image else source.release
    old = target.release
    if release == old:
        raise RefusedError(f"{target.name} already runs {release.image} with the chart of {release.chart}")
    release.need_pinned(source.name)
    said = need_healthy(source, release) if ask else f"Argo CD was not asked whether {source.name} is healthy."
    _change(target, release, f"Promote {release.image.partition('@')[0]} from {source.name} to {target.name}\n\n{said}")


def rollback(repository: Repository, name: str) -> None:
    """Take back the last promotion that was not taken back.

    Where the earlier chart does not take today's values, the values with which it ran come back too.
    """
    environment = Environment.named(repository, name)
    repository.need_clean_tree()
    commit, release = _before(environment)
    release.need_pinned(f"{name}, before its last promotion,")
    if environment.source:
        Environment.named(repository, environment.source).need_carried(release)
    subject = repository.git("show", "--no-patch", "--format=%s", commit).strip()
    message = f'Revert "{subject}" in {name}\n\nThis reverts the release of commit {commit}.'
    if since := _restore_values(environment, release, commit):
        message += f"\nThe values are those of commit {since}: the chart of {release.chart} does not take later ones."
    _change(environment, release, message)


def _restore_values(environment: Environment, release: Release, promotion: str) -> str | None:
    """Put back the newest values from before a promotion that the release takes; none where it takes today's.

    Returns:
        The commit that they are from.
    """
    try:
        render(environment, release)
    except RefusedError as error:
        refused = error
    else:
        return None
    path = environment.path("values.yaml")
    today = environment.read("values.yaml")
    for commit, values in environment.repository.history(path, f"{promotion}^"):
        environment.write("values.yaml", values)
        try:
            render(environment, release)
        except RefusedError:
            continue
        print(
            f"{path} goes back with the release, to commit {commit[:12]}: the chart of {release.chart} does not take "
            f"today's values. Look at what is lost by that:\n{difference(today, values, path)}"
        )
        return commit
    environment.write("values.yaml", today)
    raise refused


def diff(repository: Repository, name: str, source: str | None) -> None:
    """Show what the working tree, or a promotion, would change in the cluster."""
    environment = Environment.named(repository, name)
    release = Environment.named(repository, source).release if source else environment.release
    print(_shown(environment, render(environment, release)))


def renders(repository: Repository) -> None:
    """Write the golden render of every environment."""
    for environment in environments(repository):
        environment.write("rendered.yaml", render(environment, environment.release))


def _carried(source: Environment, image: str) -> Release:
    """The newest release of an environment that had an image."""
    for _, release in source.releases():
        if release.image == image:
            return release
    raise RefusedError(
        f"{source.name} never carried {image}; it must run there before it goes on{source.repository.shallow_hint()}"
    )


def _before(environment: Environment) -> tuple[str, Release]:
    """The commit of the last promotion that was not taken back, and the release before it."""
    standing: list[tuple[str, Release]] = []
    for commit, release in reversed(environment.releases()):
        if len(standing) > 1 and standing[-2][1] == release:
            standing.pop()
        elif not standing or standing[-1][1] != release:
            standing.append((commit, release))
    if len(standing) < 2:
        hint = environment.repository.shallow_hint()
        raise RefusedError(f"{environment.name} has carried one release only: there is none to go back to{hint}")
    return standing[-1][0], standing[-2][1]


def _change(target: Environment, release: Release, message: str) -> None:
    """Write and commit a release, when the chart takes the environment's values, and show what it does."""
    manifests = render(target, release)
    print(_shown(target, manifests))
    release.write(target.repository.root / target.path("release.yaml"))
    target.write("rendered.yaml", manifests)
    files = ("release.yaml", "rendered.yaml", "values.yaml")
    target.repository.commit([target.path(file) for file in files], message)
    print(f"committed: {message.partition(chr(10))[0]}\nreview it with `git show`, then push it")


def _shown(environment: Environment, manifests: str) -> str:
    committed = environment.repository.committed(environment.path("rendered.yaml"))
    return difference(committed, manifests, environment.name) or f"nothing changes in {environment.name}"


def main(arguments: list[str]) -> int:
    """The command; the exit status."""
    parser = argparse.ArgumentParser(prog="environments/promote.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("deliver", help=deliver.__doc__)
    command.add_argument("environment")
    command.add_argument("--chart", required=True, help="the release's tag")
    command.add_argument("--image", required=True, help="TAG@sha256:DIGEST")
    command = commands.add_parser("promote", help=promote.__doc__)
    command.add_argument("source")
    command.add_argument("target")
    command.add_argument("--image", help="one that the source ran before, as TAG@sha256:DIGEST")
    command.add_argument("--unasked", action="store_true", help="don't ask Argo CD whether the source is healthy")
    command = commands.add_parser("rollback", help=rollback.__doc__)
    command.add_argument("environment")
    command = commands.add_parser("diff", help=diff.__doc__)
    command.add_argument("environment")
    command.add_argument("--source", help="with the release of this environment, as promote would do it")
    commands.add_parser("renders", help=renders.__doc__)
    chosen = parser.parse_args(arguments)
    try:
        repository = Repository.here()
        match chosen.command:
            case "deliver":
                deliver(repository, chosen.environment, Release.of(chosen.chart, chosen.image, "the delivery"))
            case "promote":
                promote(repository, chosen.source, chosen.target, chosen.image or None, ask=not chosen.unasked)
            case "rollback":
                rollback(repository, chosen.environment)
            case "diff":
                diff(repository, chosen.environment, chosen.source or None)
            case "renders":
                renders(repository)
    except RefusedError as refused:
        print(f"refused: {refused}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
