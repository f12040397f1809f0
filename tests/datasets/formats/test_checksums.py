import hashlib
import subprocess

import pytest

from datasets.formats.checksums import ChecksumError, checksums

NAMES = ["manifest.parquet", "imagefolder/train.zip", "a file of spaces", "猫.zip"]


def test_sha256sum_checks_files_by_it(tmp_path):
    for name in NAMES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    sums = checksums((name, hashlib.sha256(name.encode()).hexdigest()) for name in NAMES)

    (tmp_path / "SHA256SUMS").write_text(sums)
    right = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True)
    (tmp_path / NAMES[0]).write_bytes(b"something else")
    wrong = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True)

    assert (right.returncode, wrong.returncode) == (0, 1)


@pytest.mark.parametrize("name", ["", "a\nb", "a\\b"])
def test_a_name_that_no_line_can_hold_is_refused(name):
    with pytest.raises(ChecksumError, match="without a line break"):
        checksums([(name, "ab" * 32)])
