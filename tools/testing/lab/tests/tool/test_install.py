# SPDX-License-Identifier: GPL-2.0-only
"""`make install` on a kernel that has a stream driver of its own."""

import re
import subprocess

import pytest

from lab import HostSpec, Lab, LabConfig, paths
from lab.child import build
from lab.errors import ConditionTimeout
from lab.host import SYSFS, Host

# The lab loads nothing on alpha: that is what is tested.
pytestmark = pytest.mark.lab(LabConfig(
    (HostSpec("alpha", kernel="7.3"), HostSpec("beta", kernel="6.12", driver="ours")),
    driver=None, wait=False))

LOADED = "/sys/module/thunderbolt_stream/srcversion"
SOURCES = ["Kbuild", "Makefile", "compat", "dkms.conf", "drivers", "scripts", "tools/thunderbolt"]


def install(lab: Lab, host: Host) -> str:
    """`make install` with the host's own modules below INSTALL_MOD_PATH, so that depmod
    sees the stock module beside ours. Returns the srcversion of what was installed."""
    return lab.once("installed", lambda: _install(lab, host))


def _install(lab: Lab, host: Host) -> str:
    release = paths.kernel_release(host.kernel)
    tree, share = paths.BUILD / "install", lab.directory / "share"
    tree.mkdir(exist_ok=True)
    subprocess.run(["rsync", "-aR", "--delete", "--exclude=*.o", "--exclude=*.ko", "--exclude=*.mod*",
                    "--exclude=.*.cmd", *SOURCES, f"{tree}/"], cwd=paths.PROJECT, check=True)
    host.run(f"mkdir -p /lab/staged/lib/modules && cp -r /lib/modules/{release} /lab/staged/lib/modules/")
    build("make install", ["make", "-s", "-C", str(tree), f"KVER={release}",
                           f"INSTALL_MOD_PATH={share}/staged", "install"],
          lab.directory / "install.build")
    host.run(f"cp -r /lab/staged/lib/modules/{release}/. /lib/modules/{release}/")
    host.put(paths.PROJECT / "scripts" / "installed", "/usr/local/bin/installed")
    host.run("chmod 755 /usr/local/bin/installed")
    module = next((share / "staged/lib/modules" / release / "updates").glob("thunderbolt_stream.ko*"))
    wanted = subprocess.run(["modinfo", "-F", "srcversion", str(module)], check=True, text=True,
                            capture_output=True).stdout.strip()
    assert wanted, f"{module} has no srcversion"
    assert (share / "staged/usr/sbin/tbstream").exists(), "no tbstream beside the module"
    return wanted


def test_a_stock_module_in_memory_is_reported(lab: Lab) -> None:
    """A stock module that is loaded stays; the installation says so, and what it advises
    loads the installed one. Then it says nothing any more."""
    alpha = lab.hosts[0]
    alpha.run("modprobe thunderbolt_stream")
    assert alpha.run(f"test -e {LOADED}", check=False).code, "the stock module has a srcversion"
    wanted = install(lab, alpha)
    said = alpha.run("installed $(uname -r)", timeout=60).stdout
    assert f"loaded (srcversion none, of the installed one {wanted})" in said, said
    advice = re.search(r"^    (rmmod .*)$", said, re.MULTILINE)
    assert advice, f"no advice in:\n{said}"
    alpha.run(advice.group(1))
    assert alpha.read_file(LOADED).strip() == wanted
    assert alpha.run("installed $(uname -r)", timeout=60).stdout == ""


def test_modalias_loads_ours_in_place_of_the_stock_one(lab: Lab) -> None:
    """When a peer is found, the installed module is loaded without anybody asking, takes
    the place of the kernel's own, and binds to the peer's service."""
    alpha, beta = lab.hosts
    wanted = install(lab, alpha)
    stock = alpha.run("find /lib/modules/$(uname -r)/kernel -name 'thunderbolt_stream.ko*'").stdout
    assert stock, "this kernel has no stock module"
    alpha.run("! grep -q '^thunderbolt_stream ' /proc/modules || rmmod thunderbolt_stream")
    # The lab keeps udev from loading what it wants to load itself. Told to read its lists again
    # udev does so if it finds them changed, and did not find that each time: a new one reads them.
    alpha.run("sed -i '/thunderbolt_stream/d' /run/lab-blacklist.conf && udevadm control --exit")
    alpha.wait_until("! pgrep -x systemd-udevd", 20, "udev has ended")
    alpha.run("/usr/lib/systemd/systemd-udevd --daemon")
    lab.cable.unplug()
    for host in lab.hosts:
        host.wait_for_no_peer()
    lab.cable.plug()
    try:
        alpha.wait_until(f"test -e {LOADED}", 60, "thunderbolt_stream loaded by its modalias")
    except ConditionTimeout as error:
        seen = alpha.run(f"grep . {SYSFS}/*/modalias; cat /run/lab-blacklist.conf; lsmod;"
                         " udevadm info --export-db | grep -A 20 thunderbolt", check=False)
        raise AssertionError(f"{error}\n{seen}") from error
    assert alpha.read_file(LOADED).strip() == wanted
    for host in lab.hosts:
        host.wait_until(f"s=$(grep -lx stream {SYSFS}/*/key) && test -e ${{s%/key}}/driver", 30,
                        "service bound")
