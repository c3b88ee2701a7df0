# SPDX-License-Identifier: GPL-2.0-only
"""Measure what a stream between two virtual hosts costs, side by side with others."""
