"""The part of `bpnet eval`'s report about thresholds: scores by threshold, and what is gained."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from bpnet.data import decisions
from bpnet.messages import on_one_line, quoted_list, set_option
from bpnet.models.threshold_choice import ROWS
from bpnet.reports.tables import NAME_WIDTH, shortened, table
from bpnet.reports.text import interval_text, rounded, score_text

if TYPE_CHECKING:
    from bpnet.scoring.bootstrap import Score
    from bpnet.workflows.eval import Evaluation
    from bpnet.workflows.thresholds import DecidedScores, ThresholdReport

_TITLES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "matthews": "Matthews",
    "cost": "cost per row",
}


def threshold_lines(report: "ThresholdReport", data: str) -> Iterator[str]:
    """Yield the scores by threshold of the rows that it is chosen on, and those of these rows."""
    if len(report.each) == 1:
        yield from _choice_lines(report, report.each[0])
        yield from _decision_lines(report.each[0], data)
    else:
        yield from _label_lines(report, data)
    yield ""
    for decided in report.each:
        yield _gain_text(report, decided)
    yield from _doubts(report)


def decision_note(evaluation: "Evaluation") -> str | None:
    """Return a note on the thresholds that all scores are by, if they are not ½."""
    if evaluation.thresholds is None:
        return None
    report = evaluation.threshold
    origin = "as the model keeps it"
    if report is not None and report.criterion is not None:
        assert report.chosen_on is not None
        title = _TITLES[report.criterion].removesuffix(" per row")
        origin = f"best {title} on {report.chosen_rows:,} {ROWS[report.chosen_on]}"
    elif report is not None and any(one.threshold != one.before for one in report.each):
        origin = "as given"
    which = thresholds_text(evaluation.thresholds)
    all_of_them = "predictions, the baselines' too," if evaluation.baselines else "predictions"
    return f"{all_of_them} are by the threshold {which} ({origin})"


def saved_note(evaluation: "Evaluation") -> list[str]:
    """Return a sentence on the file that keeps the thresholds, or how to keep them."""
    report = evaluation.threshold
    if report is None or (report.saved is None and evaluation.thresholds is None):
        return []
    if report.saved is None:
        changed = any(one.threshold != one.before for one in report.each)
        return ["the model does not keep the threshold; with --save it does"] if changed else []
    if evaluation.thresholds is None:
        return [f"{report.saved} keeps no threshold any more: predictions are by 0.5"]
    return [f"{report.saved} keeps the threshold: it decides wherever this model predicts"]


def thresholds_text(thresholds: Mapping[str, float]) -> str:
    """Return thresholds in words, with short names: 0.3 of 'yes', 0.25 of 'no'."""
    names = shortened([on_one_line(name) for name in thresholds], 3 * NAME_WIDTH)
    return decisions.thresholds_text(dict(zip(names, thresholds.values(), strict=True)))


def _choice_lines(report: "ThresholdReport", decided: "DecidedScores") -> Iterator[str]:
    if report.chosen_on is None:
        return
    name = shortened([decided.name], 3 * NAME_WIDTH)[0]
    rows = f"{report.chosen_rows:,} {ROWS[report.chosen_on]}"
    yield f"\nThresholds of '{name}' on {rows}, which no network was trained on\n"
    names = [name for name in _TITLES if name != "cost" or report.cost is not None]
    marks = {decided.before: "before", decided.threshold: "chosen" if report.criterion else "used"}
    cells = [
        [
            f"{scores.threshold:g}",
            *(score_text(getattr(scores, name), bounded=True) for name in names),
            marks.get(scores.threshold, ""),
        ]
        for scores in decided.choices
    ]
    header = ["threshold", *(_TITLES[name] for name in names), ""]
    yield from table(header, cells, numbers=True)
    if decided.low is not None and decided.high is not None:
        yield f"95 % of the resamples of these rows choose from {_range_text(decided)}"


def _decision_lines(decided: "DecidedScores", data: str) -> Iterator[str]:
    yield f"\nOn {data}\n"
    decision = decided.decision
    changed = decided.threshold != decided.before
    rows = [
        [
            _TITLES[score.name],
            score_text(score.value, bounded=True),
            interval_text(score.low, score.high, bounded=True),
            *([score_text(before.value, bounded=True)] if changed else []),
        ]
        for score, before in zip(decision.figures, decision.before, strict=True)
    ]
    header = ["threshold", f"{decided.threshold:g}", "95 % interval"]
    yield from table([*header, *([f"{decided.before:g}"] if changed else [])], rows, numbers=True)


def _label_lines(report: "ThresholdReport", data: str) -> Iterator[str]:
    """Yield a line for each label: its threshold and the scores there."""
    chosen = ""
    if report.criterion is not None:
        assert report.chosen_on is not None
        chosen = f", chosen on {report.chosen_rows:,} {ROWS[report.chosen_on]}"
    yield f"\nThe threshold of each label{chosen}, and scores on {data}\n"
    rows = []
    chosen_by = report.criterion is not None
    for decided in report.each:
        figures = decided.decision.figures
        rows.append(
            [
                decided.name,
                f"{decided.threshold:g}",
                *([_range_text(decided)] if chosen_by else []),
                *(score_text(score.value, bounded=True) for score in figures),
            ]
        )
    names = [_TITLES[score.name] for score in report.each[0].decision.figures]
    header = ["", "threshold", *(["resampled"] if chosen_by else []), *names]
    yield from table(header, rows, numbers=True)
    if chosen_by:
        yield "resampled: the thresholds that 95 % of the resamples of those rows choose"


def _range_text(decided: "DecidedScores") -> str:
    """Return the limits of the thresholds that resamples choose."""
    if decided.low is None or decided.high is None:
        return ""
    return f"{rounded(decided.low, 2)} … {rounded(decided.high, 2)}"


def _doubts(report: "ThresholdReport") -> Iterator[str]:
    """Yield a note on thresholds that the rows cannot tell from ½."""
    doubtful = [decided.name for decided in report.each if decided.doubtful]
    if not doubtful:
        return
    assert report.chosen_on is not None
    rows = f"{report.chosen_rows:,} {ROWS[report.chosen_on]}"
    names = quoted_list(shortened(doubtful, 3 * NAME_WIDTH), 5)
    more = ""
    if report.chosen_on == "validation":
        more = f", or choose on more rows by training with {set_option('folds', '5')}"
    yield (
        f"note: {rows} cannot tell the best threshold of {names} from 0.5, which is among what "
        f"their resamples choose: prefer 0.5{more}"
    )


def _gain_text(report: "ThresholdReport", decided: "DecidedScores") -> str:
    """Return a sentence about the score that counts, beside that of the threshold before."""
    name, decision = report.compared_by, decided.decision
    title = f"{_TITLES[name]} of '{shortened([decided.name], 3 * NAME_WIDTH)[0]}'"
    new, old = (_named(scores, name) for scores in (decision.figures, decision.before))
    at = f"at {decided.threshold:g}"
    interval = interval_text(new.low, new.high, bounded=True)
    said = f"{title}: {score_text(new.value, bounded=True)} ({interval}) {at}"
    if decided.threshold == decided.before:
        return said
    gain = decision.gain
    clear = "within the noise"
    if gain.low is not None and gain.high is not None:
        clear = "clearly better" if gain.low > 0 else "clearly worse" if gain.high < 0 else clear
    return f"{said}, {score_text(old.value, bounded=True)} at {decided.before:g}: {clear}"


def _named(scores: "list[Score]", name: str) -> "Score":
    return next(score for score in scores if score.name == name)
