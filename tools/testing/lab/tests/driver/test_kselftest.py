# SPDX-License-Identifier: GPL-2.0-only
"""The kselftests, installed by the kernel's own rules and run by its own runner."""

import re

import pytest

from lab import Lab
from lab.host import Host
from lab.kselftest import install_kselftests
from tests.support.streams import CONFIGFS, MIXED

pytestmark = pytest.mark.lab(MIXED)

INSTALLED = "/opt/kselftest"
ALL = ["tbstream_cdev", "tbstream_configfs.sh", "tbstream_absent.sh"]


def install(lab: Lab) -> tuple[Host, Host]:
    """The suite on both hosts."""
    def put() -> None:
        archive = install_kselftests(lab.directory)
        for host in lab.hosts:
            host.put(archive, "/tmp/kselftest.tar")
            host.run(f"mkdir -p {INSTALLED} && tar -C {INSTALLED} -xf /tmp/kselftest.tar")

    lab.once("kselftests", put)
    alpha, beta = lab.hosts
    return alpha, beta


def run_suite(host: Host) -> dict[str, str]:
    """What the runner says about each test: "ok" or "SKIP"; no part of any fails."""
    output = host.run(f"{INSTALLED}/run_kselftest.sh --summary", timeout=120, check=False).stdout
    details = host.read_file(f"{INSTALLED}/output.log")
    found = re.findall(r"^(ok|not ok) \d+ selftests: thunderbolt: (\S+)(.*)$", output, re.M)
    bad = re.search("^(# )?not ok", f"{output}\n{details}", re.M)
    assert found and not bad, f"{output}\n{details}"
    return {test: "SKIP" if "SKIP" in rest else word for word, test, rest in found}


def no_traces(host: Host) -> None:
    """The suite has removed what it made."""
    assert host.run(f"ls {CONFIGFS}").stdout == ""


def skip_reason(host: Host) -> str:
    """Why tbstream_cdev skips everything, which it does with exit code 4."""
    result = host.run(f"cd {INSTALLED}/thunderbolt && ./tbstream_cdev", timeout=60, check=False)
    assert result.code == 4, f"expected exit code 4: {result}"
    found = re.search(r"^1\.\.0 # SKIP (.*)$", result.stdout, re.M)
    assert found, result
    no_traces(host)
    return found[1]


def test_all_pass_with_a_partner(lab: Lab) -> None:
    """With the partner's script on the other host every test passes, on each kernel."""
    for host, other in (install(lab), reversed(install(lab))):
        partner = other.start(f"exec {INSTALLED}/thunderbolt/tbstream_partner.sh")
        results = run_suite(host)
        assert results == dict.fromkeys(ALL, "ok"), results
        no_traces(host)
        partner.kill("TERM")
        ended = partner.wait(20)
        assert ended.code in (0, 143), ended
        no_traces(other)


def test_skip_without_a_partner(lab: Lab) -> None:
    """A peer that does not answer is no failure: exit code 4, and why."""
    alpha, _ = install(lab)
    assert "tbstream_partner.sh" in skip_reason(alpha)


def test_skip_without_a_peer(lab: Lab) -> None:
    """Without a cable the tests that need no peer pass, the others skip with 4."""
    alpha, beta = install(lab)
    lab.cable.unplug()
    alpha.wait_for_no_peer()
    assert "no peer" in skip_reason(alpha)
    results = run_suite(alpha)
    assert results == {**dict.fromkeys(ALL, "ok"), "tbstream_cdev": "SKIP"}, results
    refused = beta.run(f"{INSTALLED}/thunderbolt/tbstream_partner.sh", check=False)
    assert refused.code == 1 and "no peer" in refused.stderr, refused
