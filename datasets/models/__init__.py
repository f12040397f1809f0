"""Frozen sets of pictures and labels, what may be downloaded of them, and how they come about."""

from datasets.models.editions import Edition
from datasets.models.freezings import FreezePolicy, Freezing, FreezingLostError, FreezingPart
from datasets.models.snapshots import Snapshot

__all__ = ["Edition", "FreezePolicy", "Freezing", "FreezingLostError", "FreezingPart", "Snapshot"]
