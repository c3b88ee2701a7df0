# SPDX-License-Identifier: GPL-2.0-only
"""The driver: what a user types, on every pair of kernels."""

import pytest

from lab import Lab
from tests.support.streams import BOTH_NEW, MIXED, OURS, Stream, check_transfer, pair, prepare

pytestmark = pytest.mark.lab({"6.12": OURS, "7.3": BOTH_NEW, "6.12-7.3": MIXED})


def test_cat_and_echo(lab: Lab) -> None:
    """`cat /dev/tbstream0` against `echo hello > /dev/tbstream0`, both ways."""
    streams = pair(lab)
    for source, sink in (streams, streams[::-1]):
        reader = sink.host.start(f"cat {sink.device}")
        source.host.run(f"echo hello > {source.device}", timeout=10)
        assert reader.wait(10).stdout == "hello\n"


def test_dd_of_a_disk(lab: Lab) -> None:
    """`dd` of a block device with bs=256k arrives as a file with its checksum."""
    source, sink = pair(lab)
    reader = sink.host.start(f"dd if={sink.device} of=/tmp/disk bs=256k status=none")
    source.host.run(f"dd if=/dev/vdb of={source.device} bs=256k", timeout=60)
    assert reader.wait(60).code == 0
    sent = source.host.run("sha256sum < /dev/vdb", timeout=30).stdout
    received = sink.host.run("sha256sum < /tmp/disk; rm /tmp/disk", timeout=30).stdout
    assert received == sent, f"expected {sent}, got {received}"


def test_tar_of_a_directory(lab: Lab) -> None:
    """`tar cf - mydir | gzip` against `gunzip | tar xf -` copies a directory."""
    source, sink = pair(lab)
    source.host.run("rm -rf /tmp/tar && mkdir -p /tmp/tar && cp -a /usr/share/python3"
                    " /tmp/tar/mydir && dd if=/dev/vdb of=/tmp/tar/mydir/disk bs=1M count=2"
                    " status=none && mkfifo /tmp/tar/mydir/fifo")
    sink.host.run("rm -rf /tmp/tar && mkdir -p /tmp/tar")
    reader = sink.host.start(f"cd /tmp/tar && set -o pipefail && gunzip < {sink.device} | tar xf -")
    source.host.run(f"cd /tmp/tar && set -o pipefail && tar cf - mydir | gzip > {source.device}",
                    timeout=60)
    result = reader.wait(60)
    assert result.code == 0, result
    listing = ("cd /tmp/tar && { find . -type f -exec sha256sum {} +; find . -printf"
               " '%M %U %s %p\\n'; } | grep -v ' \\.$' | sort | sha256sum")
    assert sink.host.run(listing).stdout == source.host.run(listing).stdout
    for stream in (source, sink):
        stream.host.run("rm -r /tmp/tar")


def test_automatic_hopids(lab: Lab) -> None:
    """One side writes -1 twice, the other one only mkdir: bytes arrive."""
    alpha, beta = prepare(lab)
    here = Stream(alpha, "auto").set(in_hopid=-1, out_hopid=-1)
    there = Stream(beta, "auto")
    beta.wait_until(f"[ $(cat {there.directory}/in_hopid) != 0 ]", 10, "HopIDs adopted")
    check_transfer(here, there, 1 << 20)
    check_transfer(there, here, 1 << 20, write=":random=9000", read=":random=9000")


def test_replug_and_repeat(lab: Lab) -> None:
    """After unplug and replug the same command works, nothing is configured anew."""
    source, sink = pair(lab)
    check_transfer(source, sink, 100000)
    lab.cable.unplug()
    for host in lab.hosts:
        host.wait_for_no_peer()
    lab.cable.plug()
    for host in lab.hosts:
        host.wait_for_peer()
    check_transfer(source, sink, 100000, seed=2)
    check_transfer(sink, source, 100000, seed=3)
