# SPDX-License-Identifier: GPL-2.0-only
"""A camera at one host and who watches at the other, with GStreamer. No guest has a
screen: where a person would look at frames, a test takes checksums of them."""

from lab import Lab
from lab.host import Process
from tests.streams import OURS, Stream, pair

LAB = OURS

# Noise: no frame is like another one, and each makes a large JPEG
WIDTH, HEIGHT = 320, 240
NOISE = ("videotestsrc pattern=snow num-buffers={frames}"
         f" ! video/x-raw,format=I420,width={WIDTH},height={HEIGHT},framerate=30/1")
# Decoded frames on standard output as a line for each, its checksum
CHECKSUMS = (f"jpegdec ! video/x-raw,format=I420 ! fdsink"
             f" | split -b {WIDTH * HEIGHT * 3 // 2} --filter=sha256sum")


def film(source: Stream, frames: int) -> Process:
    """Start a camera that sends so many frames, and prints the checksum of each as
    whoever decodes it must see it."""
    camera = NOISE.format(frames=frames)
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
