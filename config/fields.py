"""A field of the API that more than one app tells."""

from typing import Any

from rest_framework import serializers

from config.retelling import told


class ToldField(serializers.CharField):
    """What code wrote in English, such as why a file was refused, in the reader's language where that is known."""

    def to_representation(self, value: Any) -> str:
        return told(value)
