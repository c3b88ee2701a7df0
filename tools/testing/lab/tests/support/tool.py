# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of the command-line helper share: tbstream in the guests."""

import json
import shlex
from typing import Any

from lab import SYSTEMD, HostSpec, Lab, LabConfig
from lab.host import Host, Result
from lab.tool import build_tool

# The hosts have the names that the user's guide gives them.
WITH_SYSTEMD = LabConfig((HostSpec("first", init=SYSTEMD), HostSpec("second")))


def install(lab: Lab) -> tuple[Host, Host]:
    """The two hosts, with tbstream installed."""
    alpha, beta = lab.hosts
    for host in lab.hosts:
        install_on(lab, host)
    return alpha, beta


def install_on(lab: Lab, host: Host) -> None:
    """Install tbstream on a host that does not have it yet."""
    if host.run("test -e /usr/sbin/tbstream", check=False).code:
        host.put(build_tool(lab.directory), "/usr/sbin/tbstream")
        host.run("chmod 755 /usr/sbin/tbstream")


def tbstream(host: Host, *words: str, code: int = 0, timeout: float = 30) -> Result:
    """Run tbstream, and fail unless it ends with this exit code."""
    line = " ".join(["tbstream", *map(shlex.quote, words)])
    result = host.run(line, timeout=timeout, check=False)
    assert result.code == code, f"expected exit code {code}\n{result}"
    return result


def records(host: Host, *words: str) -> list[dict[str, Any]]:
    """Its output as JSON."""
    return json.loads(tbstream(host, "--json", *words).stdout)
