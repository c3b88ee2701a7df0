# SPDX-License-Identifier: GPL-2.0-only
"""`make lab`: a root shell on each of two cabled hosts, side by side."""

import os
import subprocess
import sys
import time

from .errors import InfrastructureError
from .host import Host
from .config import HostSpec, LabConfig
from .lab import Lab
from .tool import install_tool

HINT = """\
You are root on {name}. {peer} is at the other end of the cable.
{advice}
Other pane: Ctrl-b and an arrow key. Stop everything: Ctrl-b d.
"""

# With our driver there is tbstream; without, everything is done by hand
WITH_TOOL = """\
Make a stream, and use it:
  tbstream create hello
  {use}
By hand it is mkdir: see the user's guide. More: tbstream --help"""
BY_HAND = """\
Make a stream:
  mkdir -p {directory}
  cd {directory}
  echo 8 > in_hopid; echo 8 > out_hopid
Then: {use}"""

CONFIGFS = "/sys/kernel/config/thunderbolt/stream"
TMUX = ["tmux", "-L", "tblab", "-f", "/dev/null"]


def _say(text: str) -> None:
    print(f"[lab] {text}", flush=True)


def _hint(host: Host, peer: Host, first: bool) -> str:
    """What to type on one of the two hosts."""
    if host.driver == "ours":
        advice = WITH_TOOL.format(use="tbstream receive hello -" if first else
                                  "echo hello | tbstream send hello")
    else:
        service = host.service() if host.driver else "SERVICE"
        advice = BY_HAND.format(directory=f"{CONFIGFS}/{service}/hello",
                                use="cat /dev/tbstream0" if first else "echo hello > /dev/tbstream0")
    return HINT.format(name=host.name, peer=peer.name, advice=advice)


def _start_shell(host: Host, hint: str) -> None:
    """A root shell on the guest's virtio console, again and again."""
    host.write_file("/run/lab-hint", hint)
    # setsid -c makes the console the controlling terminal: job control works.
    host.start("while :; do TERM=screen setsid -c -w bash -l < /dev/hvc0 > /dev/hvc0 2>&1; done")


def _pane_command(host: Host) -> str:
    # A console reads keys as they are; the guest's terminal driver echoes.
    return f"exec socat -,raw,echo=0 UNIX-CONNECT:{host.machine.shell_socket}"


class _Sizes:
    """Tells the guests' terminals how large their panes are."""

    def __init__(self, hosts: list[Host]) -> None:
        self._hosts = hosts
        self._known: list[str] = []

    def update(self) -> None:
        answer = subprocess.run([*TMUX, "list-panes", "-F", "#{pane_height} #{pane_width}"],
                                capture_output=True, text=True, check=False)
        sizes = answer.stdout.splitlines()
        if sizes == self._known or len(sizes) != len(self._hosts):
            return
        self._known = sizes
        for host, size in zip(self._hosts, sizes):
            rows, columns = size.split()
            host.run(f"stty -F /dev/hvc0 rows {rows} cols {columns}", check=False)


def shell(kernels: list[str], driver: str) -> int:
    """Two hosts in tmux until the user leaves it."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InfrastructureError("the interactive lab needs a terminal")
    term = os.environ.get("TERM", "")
    if subprocess.run(["infocmp", term], capture_output=True, check=False).returncode:
        os.environ["TERM"] = "xterm-256color"
    specs = [HostSpec(name, kernel) for name, kernel in zip(("alpha", "beta"), kernels)]
    config = LabConfig(tuple(specs), driver=None if driver == "none" else driver, shell=True,
                       simulator=driver != "none")
    with Lab(config, name="shell", progress=_say) as lab:
        left, right = lab.hosts
        for host in lab.hosts:
            if host.driver == "ours":
                install_tool(host, lab.directory)
        subprocess.run([*TMUX, "new-session", "-d", "-s", "lab", _pane_command(left)], check=True)
        try:
            subprocess.run([*TMUX, "split-window", "-h", "-t", "lab", _pane_command(right)],
                           check=True)
            for option, value in (("status-left", " two hosts, one cable "),
                                  ("status-left-length", "40"), ("status-right", " leave: Ctrl-b d "),
                                  ("mouse", "on")):
                subprocess.run([*TMUX, "set-option", "-t", "lab", option, value], check=True)
            # An arrow key is several bytes. On a busy machine they come more than
            # tmux's 10 ms apart, and would be typed into the shell.
            subprocess.run([*TMUX, "set-option", "-s", "escape-time", "500"], check=True)
            subprocess.run([*TMUX, "select-pane", "-t", "lab.0"], check=True)
            terminal = subprocess.Popen([*TMUX, "attach-session", "-t", "lab"])
            sizes = _Sizes(lab.hosts)
            _start_shell(left, _hint(left, right, first=True))
            _start_shell(right, _hint(right, left, first=False))
            while terminal.poll() is None:
                sizes.update()
                time.sleep(1)
        finally:
            subprocess.run([*TMUX, "kill-server"], capture_output=True, check=False)
        _say("stopping both hosts")
    return 0
