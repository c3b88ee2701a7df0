# SPDX-License-Identifier: GPL-2.0-only
"""create and remove."""

import subprocess

from fake import BETA, GAMMA, NOBODY, Root


def test_create_makes_a_stream_with_automatic_hopids() -> None:
    """create NAME with one host makes it under the host's UUID and says the device."""
    with Root() as root:
        root.host()
        assert root.run("create", "backup").stdout == "/dev/tbstream7\n"
        base = f"{root.configfs}/{BETA}/backup"
        assert (root.read(f"{base}/in_hopid"), root.read(f"{base}/out_hopid")) == ("-1", "-1")


def test_create_writes_what_is_given() -> None:
    """Attributes are written as given; a HopID that is not given becomes automatic."""
    with Root() as root:
        root.host()
        root.run("create", "beta/backup", "in_hopid=12", "ring_size=512")
        base = f"{root.configfs}/{BETA}/backup"
        values = [root.read(f"{base}/{name}") for name in ("in_hopid", "out_hopid", "ring_size")]
        assert values == ["12", "-1", "512"], values


def test_create_twice_changes_nothing() -> None:
    """create of a stream that is there succeeds and keeps its HopIDs."""
    with Root() as root:
        root.host()
        base = root.stream()
        for words in ([], ["in_hopid=-1"], ["in_hopid=9", "out_hopid=10"]):
            assert root.run("create", "beta/backup", *words).stdout == "/dev/tbstream0\n"
            assert (root.read(f"{base}/in_hopid"), root.read(f"{base}/out_hopid")) == ("9", "10")


def test_create_changes_what_differs() -> None:
    """create of a stream that is there writes attributes that have another value."""
    with Root() as root:
        root.host()
        base = root.stream()
        root.run("create", "backup", "linger=0", "in_hopid=20")
        assert (root.read(f"{base}/linger"), root.read(f"{base}/in_hopid")) == ("0", "20")


def test_create_configures_a_bare_directory() -> None:
    """create of a stream without HopIDs gives it automatic ones."""
    with Root() as root:
        root.host()
        base = root.stream(hopids=(0, 0), state="unconfigured")
        root.run("create", "backup")
        assert (root.read(f"{base}/in_hopid"), root.read(f"{base}/out_hopid")) == ("-1", "-1")


def test_create_before_the_host_is_there() -> None:
    """A UUID need not be connected, and its spelling does not matter; a name must be."""
    with Root() as root:
        root.run("create", f"{NOBODY.upper()}/backup")
        assert root.exists(f"{root.configfs}/{NOBODY}/backup/in_hopid")
        assert "no host beta" in root.run("create", "--no-wait", "beta/backup", code=3).stderr


def succeeds_when_the_host_comes(root: Root, *words: str) -> None:
    """The command waits until a host is connected, and not longer."""
    with root.start(*words) as process:
        try:
            process.wait(0.5)
            raise AssertionError(f"{words[0]} did not wait: {process.communicate()}")
        except subprocess.TimeoutExpired:
            root.host()
        assert process.wait(20) == 0, process.communicate()


def test_create_waits_for_the_host() -> None:
    """A host that is discovered while create waits gets the stream; -t says how long."""
    with Root() as root:
        for words in (["backup"], ["beta/other"]):
            succeeds_when_the_host_comes(root, "create", "-t", "60", *words)
            name = words[0].split("/")[-1]
            assert root.exists(f"{root.configfs}/{BETA}/{name}/in_hopid")
            root.unplug()
        assert "no host is connected" in root.run("create", "-t", "0.2", "third", code=3).stderr
        assert "exclusive" in root.run("create", "-w", "-t", "1", "third", code=2).stderr


def test_what_cannot_come_is_not_awaited() -> None:
    """Without the driver, or for a stream that no host's coming could make known, it ends."""
    with Root(driver=False) as root:
        assert "driver" in root.run("create", "backup", code=3, within=5).stderr
    with Root() as root:
        for command in ("show", "send", "receive"):
            words = [command, "nothing"] + (["-"] if command == "receive" else [])
            assert "no stream" in root.run(*words, code=3, within=5).stderr


def test_a_named_host_is_awaited_to_find_its_stream() -> None:
    """show HOST/NAME with the host's name finds a stream when its host comes."""
    with Root() as root:
        root.stream()
        succeeds_when_the_host_comes(root, "show", "beta/backup")


def test_create_refuses_to_guess_the_host() -> None:
    """With two hosts, or two of the same name, create tells which there are."""
    with Root() as root:
        root.host()
        root.host("beta", GAMMA, route="3")
        for target in ("backup", "beta/backup"):
            ended = root.run("create", target, code=4)
            assert BETA in ended.stderr and GAMMA in ended.stderr, ended
        assert not list((root.path / root.configfs).iterdir())
        root.run("create", "-r", "3", "backup")
        assert root.exists(f"{root.configfs}/{GAMMA}/backup")


def test_create_that_fails_leaves_nothing() -> None:
    """An attribute that is unknown, or a name that is too long: nothing is there after."""
    with Root() as root:
        root.host()
        assert "no attribute" in root.run("create", "backup", "colour=9", code=2).stderr
        assert "8 characters" in root.run("create", "backup-of-all", code=1).stderr
        assert not list((root.path / root.configfs).iterdir())


def test_create_without_driver() -> None:
    """create says what to do when the driver is not there."""
    with Root(driver=False) as root:
        root.host()
        assert "load thunderbolt_stream" in root.run("create", "backup", code=3).stderr


def test_create_prints_a_record() -> None:
    """create --json prints what show --json would."""
    with Root() as root:
        root.host()
        root.stream()
        assert root.json("create", "backup") == root.json("show", "backup")


def test_remove_takes_the_directory_of_the_host_along() -> None:
    """remove leaves other streams of the host, and no empty directory."""
    with Root() as root:
        root.host()
        root.stream("one", index=1)
        root.stream("two", index=2)
        root.run("remove", "one")
        assert not root.exists(f"{root.configfs}/{BETA}/one")
        root.run("remove", "beta/two")
        assert not root.exists(f"{root.configfs}/{BETA}")


def test_remove_twice() -> None:
    """remove of what is not there succeeds, with or without a driver."""
    with Root() as root:
        root.host()
        assert root.run("remove", "backup").stderr == ""
        assert "nothing was removed" in root.run("-v", "remove", "backup").stderr
    with Root(driver=False) as root:
        root.run("remove", "backup")


def test_remove_refuses_what_is_in_use() -> None:
    """A stream in use, or in a state that nobody has heard of, is only removed by force."""
    with Root() as root:
        root.host()
        for state in ("open", "draining", "unread", "starting", "suspended", "thinking"):
            base = root.stream(state=state)
            ended = root.run("remove", "backup", code=4)
            assert state in ended.stderr and "--force" in ended.stderr, ended
            assert root.exists(base)
            root.run("remove", "--force", "backup")
            assert not root.exists(base)


def test_remove_refuses_to_guess() -> None:
    """Streams of the same name to two hosts: one has to be named."""
    with Root() as root:
        root.host()
        root.host("gamma", GAMMA, route="3")
        root.stream(index=1)
        root.stream(index=2, service=GAMMA, peer=GAMMA)
        ended = root.run("remove", "backup", code=4)
        assert f"{BETA}/backup" in ended.stderr and f"{GAMMA}/backup" in ended.stderr, ended
        root.run("remove", "gamma/backup")
        assert root.exists(f"{root.configfs}/{BETA}/backup")
        assert not root.exists(f"{root.configfs}/{GAMMA}")
