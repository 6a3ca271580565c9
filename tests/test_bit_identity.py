"""Some jobs of `tests/bit_identity.py` give the recorded digests, on the machine that recorded."""

import json
import sys

import pytest
from bit_identity import RECORD, digests, expected_of, machine

JOBS = (
    *("iris", "xor", "mixed-groups", "mixed-times", "mixed-targets", "mixed-labels"),
    *("replicas-mixed", "grid", "cv-groups", "trace-iris", "gradcheck-mixed"),
)


@pytest.mark.slow
@pytest.mark.parametrize("job", JOBS)
def test_a_job_gives_the_recorded_bits(job: str) -> None:
    record, about = json.loads(RECORD.read_text()), machine(sys.executable)
    if record["machine"] != about:
        pytest.skip(f"recorded on {record['machine']}, and this is {about}")
    found, expected = dict(digests(sys.executable, [job])), expected_of(record, [job])
    assert expected
    differing = [name for name in expected | found if expected.get(name) != found.get(name)]
    assert differing == []
