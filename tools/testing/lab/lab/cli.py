# SPDX-License-Identifier: GPL-2.0-only
"""Command line of the lab; ../tblab starts it inside the root."""

import argparse
import sys

from .config import HostSpec, LabConfig
from .errors import InfrastructureError, LabFailure
from .lab import Lab


def _specs(kernels: list[str], driver: str | None) -> list[HostSpec]:
    names = ("alpha", "beta", "gamma", "delta")
    return [HostSpec(name, kernel, driver) for name, kernel in zip(names, kernels)]


def _say(text: str) -> None:
    print(f"[lab] {text}", flush=True)


def command_run(arguments: argparse.Namespace) -> int:
    """Boot, run one command on each host, show what it printed."""
    code = 0
    config = LabConfig(tuple(_specs(arguments.kernels, None)), profile=arguments.profile,
                       driver=None if arguments.driver == "none" else arguments.driver,
                       net=arguments.net, simulator=not arguments.no_simulator,
                       wait=not arguments.no_wait, lanes=arguments.lanes)
    with Lab(config, name="run", progress=_say) as lab:
        for host in lab.hosts:
            for command in arguments.command:
                result = host.run(command, check=False, timeout=arguments.timeout)
                print(f"{host.name}# {command}")
                print(result.stdout, end="")
                print(result.stderr, end="", file=sys.stderr)
                code = code or result.code
    return code


def command_demo(_arguments: argparse.Namespace) -> int:
    from .demo import demo
    return demo(_arguments.kernels, _arguments.driver)


def command_shell(arguments: argparse.Namespace) -> int:
    from .shell import shell
    return shell(arguments.kernels, arguments.driver)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="tblab", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def hosts(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--kernels", nargs="+", default=["6.12", "6.12"], metavar="SERIES",
                         choices=["6.12", "7.3", "6.12-debug"],
                         help="kernel of each host: 6.12, 7.3 or 6.12-debug")
        sub.add_argument("--driver", choices=["ours", "stock", "none"], default="ours")

    run = commands.add_parser("run", help="run a shell command on each of two hosts")
    hosts(run)
    run.add_argument("--profile", choices=["intel", "amd"], default="intel")
    run.add_argument("--lanes", type=int, choices=[1, 2], default=1)
    run.add_argument("--net", action="store_true", help="load thunderbolt_net")
    run.add_argument("--no-simulator", action="store_true", help="hosts without controllers")
    run.add_argument("--no-wait", action="store_true", help="do not wait for the peer")
    run.add_argument("--timeout", type=float, default=60)
    run.add_argument("--command", "-c", action="append", default=[])
    run.set_defaults(function=command_run)

    demo = commands.add_parser("demo", help="show backups over the cable")
    hosts(demo)
    demo.set_defaults(function=command_demo)

    shell = commands.add_parser("shell", help="two root shells side by side")
    hosts(shell)
    shell.set_defaults(function=command_shell)
    return top


def main() -> int:
    arguments = parser().parse_args()
    try:
        return arguments.function(arguments)
    except InfrastructureError as error:
        print(f"\ntblab: the lab does not work: {error}", file=sys.stderr)
        return 2
    except LabFailure as error:
        print(f"\ntblab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ntblab: interrupted; everything is stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
