# SPDX-License-Identifier: GPL-2.0-only
"""Virtual hosts, joined by a simulated USB4 cable, for tests and demos."""

from . import xdomain
from .config import SYSTEMD, HostSpec, LabConfig
from .deadline import Deadline
from .errors import (CommandFailed, CommandTimeout, ConditionTimeout,
                     HealthFailure, InfrastructureError, LabFailure)
from .faults import Frames, Packets
from .lab import Lab
from .scripted import ScriptedHost
from .table import Table
from .topology import Cable, Dock

__all__ = ["SYSTEMD", "Cable", "CommandFailed", "CommandTimeout", "ConditionTimeout",
           "Deadline", "Dock", "Frames", "HealthFailure", "HostSpec", "InfrastructureError",
           "Lab", "LabConfig", "LabFailure", "Packets", "ScriptedHost", "Table", "xdomain"]
