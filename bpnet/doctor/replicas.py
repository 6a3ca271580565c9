"""The findings of replicas together: of all where they agree, of those that failed where not."""

from collections.abc import Sequence
from dataclasses import replace

from bpnet.doctor.evidence import Evidence
from bpnet.doctor.finding import Finding
from bpnet.doctor.prescription import wider
from bpnet.doctor.rules import advise


def joint_findings(evidences: Sequence[Evidence], seeds: Sequence[int]) -> list[Finding]:
    """Return the findings of replicas that differ only in their seeds."""
    each = [advise(evidence) for evidence in evidences]
    failed = [k for k, evidence in enumerate(evidences) if evidence.outcome != "fine"]
    if not 0 < len(failed) < len(evidences):
        return _shared(each)
    good = [k for k in range(len(evidences)) if k not in failed]
    losses = [evidences[k].reached for k in good]
    numbers = ", ".join(f"{k + 1} (seed {seeds[k]})" for k in failed)
    first = evidences[failed[0]]
    some = Finding(
        "some replicas failed",
        f"{len(failed)} of {len(evidences)}, numbers {numbers}: {first.outcome_text}; "
        f"the others reached {first.loss_text(min(losses))} to {first.loss_text(max(losses))}",
        1.0,
        wider(first.setup),
        advice="it depends on the first weights",
    )
    causes = [finding for finding in each[failed[0]] if finding.kind == "alarm"]
    others = _shared([each[k] for k in good])
    known = {finding.about for finding in causes}
    return [
        some,
        *(replace(cause, outcome=f"replica {failed[0] + 1}") for cause in causes),
        *(finding for finding in others if finding.about not in known),
    ]


def _shared(each: Sequence[Sequence[Finding]]) -> list[Finding]:
    """Return the findings of the first replica, and those that others have beside them.

    An alarm about fewer than half of the replicas that are well is a remark.
    """
    found: dict[str, Finding] = {}
    counts: dict[str, int] = {}
    for findings in each:
        for finding in findings:
            found.setdefault(finding.about, finding)
            counts[finding.about] = counts.get(finding.about, 0) + 1
    joint = [
        finding if 2 * counts[about] >= len(each) else replace(finding, kind="remark")
        for about, finding in found.items()
    ]
    return sorted(joint, key=lambda finding: (finding.kind == "remark", -finding.likelihood))
