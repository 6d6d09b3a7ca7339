"""The Helm commands of the pages, for every kind of installation: what they set renders and does what the page says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from string import Template
from typing import Any

import helm_python as helm
import pytest

from chart.rendering import CASES, CI, REDIS, ROOT, Manifest, env, of_kind, one, policy
from helpers import blocks
from nedc_bench.redis.address import RedisAddress

PAGES = {
    page: (ROOT / page).read_text()
    for page in (
        "docs/deployment.md",
        "docs/emergency-helm.md",
        "docs/runbook.md",
        "docs/start-deploy.md",
        "docs/tokens.md",
        "charts/nedc-bench/README.md",
    )
}
GIVEN = {"NAMESPACE": "nedc", "RELEASE": "nedc", "REDIS_NAMESPACE": "redis"}
PARSED = {"--set": helm.parse_set_string, "--set-json": helm.parse_set_json}


def settings(script: str, action: str) -> Iterator[Manifest]:
    """The values that each ``helm install`` or ``helm upgrade`` of our chart in a script sets."""
    for line in re.findall(rf"(?m)^(helm {action} \S+ charts/nedc-bench(?:.*\\\n)*.*)$", script):
        words = shlex.split(Template(line.replace("\\\n", " ")).safe_substitute(GIVEN))
        found: Manifest = {}
        for option, value in pairwise(words):
            if option in PARSED:
                found = merge(found, PARSED[option](value))
        yield found


def merge(old: Manifest, new: Manifest) -> Manifest:
    """The values of a release after an upgrade with ``--reset-then-reuse-values`` that sets new ones."""
    both = {key: merge(old[key], new[key]) for key in old.keys() & new.keys() if isinstance(new[key], dict)}
    return {**old, **new, **both}


def section(page: str, heading: str) -> str:
    (text,) = re.findall(rf"(?ms)^##+ {heading}\n(.*?)(?=^##|\Z)", PAGES[page])
    return str(text)


def commands(page: str, heading: str, action: str = "upgrade") -> list[Manifest]:
    """The values that the commands under a heading set."""
    return [found for block in blocks(section(page, heading), "sh") for found in settings(block, action)]


# What a section of the chart's README installs: a Redis with TLS by a CA of one's own.
(TLS,) = (found for found in settings(PAGES["charts/nedc-bench/README.md"], "install") if "caSecret" in str(found))
INSTALLATIONS = {
    **CASES,
    **CI,
    "TLS": TLS,
    "autoscaler": REDIS | {"autoscaling": {"enabled": True, "minReplicas": 3}},
    "three replicas": REDIS | {"autoscaling": {"enabled": False}, "replicaCount": 3},
    "password in values": {"redis": {"url": "rediss://:secret@redis:6380", "caSecret": "ca"}},
    "tokens": {"apiTokens": {"existingSecret": "tokens"}, "probe": {"tokenSecret": {"name": "token"}}},
}
EACH_INSTALLATION = pytest.mark.parametrize("installed", INSTALLATIONS.values(), ids=INSTALLATIONS)


@EACH_INSTALLATION
def test_redis_is_taken_away(installed: Manifest) -> None:
    (taken,) = commands("docs/emergency-helm.md", "Take Redis away")
    values = merge(installed, taken)
    assert one("Deployment", values)["spec"]["replicas"] == 1
    assert of_kind("HorizontalPodAutoscaler", values) == []
    assert not {"REDIS_URL", "REDIS_CA_FILE"} & env(values).keys()


@EACH_INSTALLATION
@pytest.mark.parametrize("page", ["docs/runbook.md", "docs/emergency-helm.md"])
def test_an_autoscaler_is_told_to_keep_more_replicas(page: str, installed: Manifest) -> None:
    (scaled,) = commands(page, "Scale")
    for autoscaler in of_kind("HorizontalPodAutoscaler", merge(installed, scaled)):
        assert autoscaler["spec"]["minReplicas"] == scaled["autoscaling"]["minReplicas"]


def test_replicas_without_an_autoscaler_are_set_with_the_value_that_the_page_names() -> None:
    (named,) = re.findall(r"`(replicaCount=\d+)`", section("docs/emergency-helm.md", "Scale"))
    values = merge(INSTALLATIONS["three replicas"], helm.parse_set_string(named.replace("3", "5")))
    assert one("Deployment", values)["spec"]["replicas"] == 5


# What a release may have in its values until a command moves it to a Secret; the chart refuses both.
IN_THE_VALUES = {"redis": {"url": ""}, "apiTokens": {"hashes": []}}
UPGRADES = [found for page in PAGES.values() for found in settings(page, "upgrade")]


@EACH_INSTALLATION
@pytest.mark.parametrize("set_", UPGRADES, ids=",".join)
def test_every_upgrade_of_the_pages_renders(set_: Any, installed: Manifest) -> None:
    for key, moved in IN_THE_VALUES.items():
        if "existingSecret" in set_.get(key, {}):
            set_ = merge(set_, {key: moved})
    assert one("Deployment", merge(installed, set_))


def test_every_installation_of_the_pages_renders() -> None:
    found = [values for page in PAGES.values() for values in settings(page, "install")]
    assert len(found) >= 5
    assert all(one("Deployment", values) for values in found)


def test_redis_in_another_namespace_is_reached_as_the_readme_says() -> None:
    (to_redis,) = [rule for rule in policy("api", TLS)["egress"] if "6380" in str(rule["ports"])]
    (peer,) = to_redis["to"]
    assert peer == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "redis"}}}
    assert [port["port"] for port in to_redis["ports"]] == [6380]


PASSWORD = "p@ss/w:1 %#"  # in a URL it must be encoded


def test_a_secret_with_the_url_of_redis_is_made_with_the_password_encoded() -> None:
    for page in (*PAGES, "environments/examples/sealed-secret.yaml"):
        assert set(re.findall(r"rediss?://:(\$\w+)@", (ROOT / page).read_text())) <= {"$ENCODED"}, page


@pytest.mark.parametrize("block", re.findall(r"(?ms)^```sh\n(ENCODED=.*?)^```", PAGES["charts/nedc-bench/README.md"]))
def test_the_url_that_the_readme_makes_has_the_password(block: str) -> None:
    told = 'kubectl() { case "$*" in *redis-url=*) printf "%s\\n" "${@: -1}" ;; esac; }; helm() { :; }\n'
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", told + block],
        env=os.environ | GIVEN | {"PASSWORD": PASSWORD},
        check=True,
        capture_output=True,
        text=True,
    )
    (url,) = re.findall(r"(?m)^--from-literal=redis-url=(.*)$", done.stdout)
    assert RedisAddress.parse(url).login == {"password": PASSWORD}


def test_a_page_that_names_the_oldest_kubernetes_names_the_oldest_helm() -> None:
    named = [page for page, text in PAGES.items() if "1.30" in text]
    assert len(named) == 3
    assert [page for page in named if not re.search(r"Helm 3\.14(?: or|, or) newer", PAGES[page])] == []
