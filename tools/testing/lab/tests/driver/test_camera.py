# SPDX-License-Identifier: GPL-2.0-only
"""A camera at one host and who watches at the other, with GStreamer. No guest has a
screen: where a person would look at frames, a test takes checksums of them."""

import struct
import zlib
from pathlib import Path

import pytest

from lab import Lab, paths
from lab.host import Process
from tests.support.streams import OURS, Stream, check_transfer, pair
from tests.support.doc_runner import DocRunner, types

pytestmark = pytest.mark.lab(OURS)

STILL = paths.BUILD / "camera" / "still.png"

# Noise: no frame is like another one, and each makes a large JPEG
WIDTH, HEIGHT = 320, 240
NOISE = ("videotestsrc pattern=snow is-live={live} num-buffers={frames}"
         f" ! video/x-raw,format=I420,width={WIDTH},height={HEIGHT},framerate={{rate}}/1")
# Decoded frames on standard output as a line for each, its checksum
CHECKSUMS = (f"jpegdec ! video/x-raw,format=I420 ! fdsink"
             f" | split -b {WIDTH * HEIGHT * 3 // 2} --filter=sha256sum")


def film(source: Stream, frames: int, rate: int = 30, live: bool = False) -> Process:
    """Start a camera that sends so many frames, and prints the checksum of each as
    whoever decodes it must see it."""
    camera = NOISE.format(frames=frames, rate=rate, live=str(live).lower())
    return source.host.start(
        f"set -o pipefail; gst-launch-1.0 -q {camera} ! jpegenc ! tee name=camera"
        f" ! queue ! filesink location={source.device} camera. ! queue ! {CHECKSUMS}")


def watch(sink: Stream) -> Process:
    """Start a viewer that ends with the film, and prints the checksum of each frame."""
    return sink.host.start(
        f"set -o pipefail; < {sink.device} gst-launch-1.0 -q fdsrc ! {CHECKSUMS}")


def shown(process: Process, timeout: float = 60) -> list[str]:
    """The checksums, when all is over."""
    result = process.wait(timeout)
    assert result.code == 0 and not result.stderr, result
    return result.stdout.split()[::2]


def check_frames(sent: list[str], seen: list[str], frames: int) -> None:
    """Fail unless all were seen as they were sent, in order."""
    assert len(set(sent)) == frames, f"the camera made {len(set(sent))} frames of {frames}"
    different = sum(one != other for one, other in zip(sent, seen))
    assert seen == sent, f"{len(sent)} frames sent, {len(seen)} seen, {different} differ"


def test_every_frame_arrives(lab: Lab) -> None:
    """The viewer sees each frame as the camera encoded it, and both end with the film."""
    source, sink = pair(lab)
    for frames in (1, 60):
        viewer = watch(sink)
        sent = shown(film(source, frames))
        check_frames(sent, shown(viewer), frames)


def test_filesrc_shows_every_frame(lab: Lab) -> None:
    """filesrc and filesink with the device's name are enough, and end with the film."""
    frames = 30
    source, sink = pair(lab)
    viewer = sink.host.start(f"set -o pipefail; gst-launch-1.0 -q filesrc location={sink.device}"
                             f" ! {CHECKSUMS}")
    camera = film(source, frames)
    check_frames(shown(camera), shown(viewer), frames)


def pixels(png: Path) -> tuple[int, int, bytes]:
    """Bytes in a line, lines and all samples, filtered as PNG does; fails unless it is one
    in colours, with or without transparency."""
    data = png.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR", data[:16]
    width, height = struct.unpack_from(">2I", data, 16)
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        packed += data[at + 8:at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    return width * {2: 3, 6: 4}[data[25]], height, zlib.decompress(packed)


@types("guide", "A camera")
def test_still_picture_of_a_camera(lab: Lab, doc_runner: DocRunner) -> None:
    """What a camera of the one host sees can be looked at on the other one, which ends
    when the other does. The camera is a test source: that of the kernel, vivid, fills the
    kernel's log when a machine is too slow for it."""
    screen, picture = (line.command for line in doc_runner.lines("first"))
    film_it, = (line.command for line in doc_runner.lines("second"))
    source, sink = pair(lab)
    assert source.device == sink.device == "/dev/tbstream0"
    film_it = film_it.replace("v4l2src", "videotestsrc is-live=true")
    camera = source.host.start(f"exec {film_it}")
    viewer = sink.host.start(f"exec {screen.replace('autovideosink', 'fakesink')}")
    # More than its ring holds, so the viewer has taken some
    sink.wait_count("rx_frames", 300, 30)
    viewer.kill("INT")
    assert (ended := viewer.wait(10)).code == 0, ended
    assert "Broken pipe" in (ended := camera.wait(10)).stderr and ended.code, ended

    camera = source.host.start(f"exec {film_it}")
    sink.host.run(f"cd /tmp && {picture}", timeout=60)
    assert "Broken pipe" in (ended := camera.wait(10)).stderr and ended.code, ended

    STILL.parent.mkdir(exist_ok=True)
    sink.host.get("/tmp/still.png", STILL)
    sink.host.run("rm /tmp/still.png")
    width, height, samples = pixels(STILL)
    assert len(samples) == height * (width + 1), f"{width}x{height}: {len(samples)} bytes"
    assert len(set(samples)) > 16, "there is nothing in the picture"


def beside_bulk(lab: Lab, frames: int, rate: int) -> None:
    """A live camera, while another stream sends as much as the cable takes."""
    source, sink = pair(lab, hopid=9)
    bulk = pair(lab, hopid=10)
    viewer = watch(sink)
    camera = film(source, frames, rate, live=True)
    sink.wait_count("rx_frames", 1)
    transfers = 0
    while camera.poll() is None:
        check_transfer(*bulk, 8 << 20, write=":256k", seed=transfers, timeout=60)
        bulk = bulk[::-1]
        transfers += 1
    check_frames(shown(camera), shown(viewer), frames)
    assert transfers > 1, "the bulk stream was too slow to be a neighbour"


def test_beside_bulk(lab: Lab) -> None:
    """No frame is lost or damaged while a bulk stream shares the cable."""
    beside_bulk(lab, frames=50, rate=10)


@pytest.mark.slow
def test_beside_bulk_for_minutes(lab: Lab) -> None:
    """The same for as long as a person might watch."""
    beside_bulk(lab, frames=1500, rate=10)


def summary(passed: dict[str, bool]) -> str:
    """Where the picture is."""
    still = "camera.still_picture_of_a_camera"
    return f"a picture taken over the cable: {STILL.relative_to(paths.PROJECT)}" \
        if passed.get(still) else ""
