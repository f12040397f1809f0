"""What the description of the API says of every request, so that no view has to."""

from typing import Any

REFUSAL = {
    "description": "Why it was refused: `detail` in one sentence; or, under the name of each field of what was sent, "
    "what is wrong with it; or sentences alone.",
    "oneOf": [
        {"type": "object", "additionalProperties": {}},
        {"type": "array", "items": {}},
    ],
}


def tell_of_refusals(result: dict[str, Any], **_made_by: Any) -> dict[str, Any]:
    """Add to each operation that any status from 400 to 499 comes with a Refusal; a hook of drf-spectacular."""
    result["components"]["schemas"]["Refusal"] = REFUSAL
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"].setdefault("4XX", {"description": "It was refused.", "content": content})
    return result
