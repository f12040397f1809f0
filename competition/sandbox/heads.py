"""What a file's first bytes and size say against it, before anything reads it as a network."""

from competition.sandbox.bounds import MOST_NETWORK_BYTES, RefusedError

N_HEAD_BYTES = 16
_STRANGERS = (
    (b"PK\x03\x04", "a ZIP archive, as PyTorch's .pt files are"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x80\x02", "a pickle, which is a program and never loaded here"),
    (b"\x80\x03", "a pickle, which is a program and never loaded here"),
    (b"\x80\x04", "a pickle, which is a program and never loaded here"),
    (b"\x80\x05", "a pickle, which is a program and never loaded here"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"#!", "a script"),
    (b"%PDF", "a PDF"),
)
_EXPECTED = {"onnx": "an ONNX network", "weights": "a file of weights as safetensors"}


def refuse_by_head(kind: str, head: bytes, n_bytes: int) -> None:
    """Raise RefusedError if a file cannot be a network.

    kind:    "onnx" or "weights".
    head:    its first N_HEAD_BYTES bytes or more.
    n_bytes: its length.
    """
    expected = _EXPECTED[kind]
    if not 1 <= n_bytes <= MOST_NETWORK_BYTES:
        raise RefusedError(f"Expected {expected} of 1 to {MOST_NETWORK_BYTES:,} bytes; found {n_bytes:,}.")
    for mark, what in _STRANGERS:
        if head.startswith(mark):
            raise RefusedError(f"Expected {expected}; found {what}.")
    if kind == "onnx" and not _begins_a_model(head):
        raise RefusedError(f"Expected {expected}; found a file that begins with {head[:8].hex(' ')}.")
    if kind == "weights" and head[8:9] != b"{":
        raise RefusedError(f"Expected {expected}, a header in JSON first; found {head[:9].hex(' ')}.")


def _begins_a_model(head: bytes) -> bool:
    """Say whether a field of onnx.ModelProto begins here: its number, and its kind as protocol buffers have them."""
    number, kind = head[0] >> 3, head[0] & 7
    return (number in (1, 5) and kind == 0) or (number in (2, 3, 4, 6, 7, 8, 14) and kind == 2)
