# SPDX-License-Identifier: GPL-2.0-only
"""What can go wrong, told apart: the lab itself, or what is tested in it."""


class InfrastructureError(Exception):
    """The lab does not work: no build, no boot, no answer. Never a test result."""


class LabFailure(AssertionError):
    """Something under test behaved wrongly."""


class CommandFailed(LabFailure):
    """A command in a guest ended with an exit code that was not expected."""


class CommandTimeout(LabFailure):
    """A command in a guest did not end in time."""


class ConditionTimeout(LabFailure):
    """A condition that a test waits for did not come true in time."""


class HealthFailure(LabFailure):
    """A kernel log or the simulator's event log reports a fault."""
