# SPDX-License-Identifier: GPL-2.0-only
"""Virtual hosts, joined by a simulated USB4 cable, for tests and demos."""

from . import xdomain
from .deadline import Deadline
from .errors import (CommandFailed, CommandTimeout, ConditionTimeout,
                     HealthFailure, InfrastructureError, LabFailure, SkipTest)
from .faults import Frames, Packets
from .lab import HostSpec, Lab
from .runner import full_only, lab_config
from .scripted import ScriptedHost
from .table import Table
from .topology import Cable, Dock

__all__ = ["Cable", "CommandFailed", "CommandTimeout", "ConditionTimeout",
           "Deadline", "Dock", "Frames", "HealthFailure", "HostSpec", "InfrastructureError",
           "Lab", "LabFailure", "Packets", "ScriptedHost", "SkipTest", "Table",
           "full_only", "lab_config", "xdomain"]
