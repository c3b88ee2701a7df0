# SPDX-License-Identifier: GPL-2.0-only
"""The fault matrix: what happens x where x when; see test_fault_matrix.py."""
