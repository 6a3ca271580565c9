"""`bpnet quiz`: a training step with gaps, to be filled in by hand."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import Overrides, Steps, TracedRow, on_threads
from bpnet.cli.traced_subject import traced_subject

# deferred, so that help texts do not wait for NumPy
if TYPE_CHECKING:
    from bpnet.reports.notation import Notation
    from bpnet.reports.quiz import Question
    from bpnet.workflows.quiz import Score

EXAMPLES = """\
bpnet quiz configs/tutorials/sigmoid-2-2-1.yaml
bpnet quiz configs/tutorials/sigmoid-2-2-1.yaml --questions 5
bpnet quiz small.yaml --row 3 --steps 2
bpnet quiz runs/iris-001
"""


def quiz(
    subject: Annotated[
        Path,
        typer.Argument(metavar="CONFIG|RUN", help="YAML file, or run directory, as for a trace."),
    ],
    questions: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="Ask at most N numbers.")
    ] = 12,
    row: TracedRow = None,
    steps: Steps = 1,
    # of numbers with fewer digits no answer is within the tolerance
    digits: Annotated[
        int, typer.Option(metavar="D", min=3, max=17, help="Show D significant digits.")
    ] = 4,
    settings: Overrides = None,
) -> None:
    """Ask for the numbers of a training step, with hints and a score.

    The trace of the step is shown with gaps. An answer to about two digits counts, within 1 %. Type
    `?` for the formula, `=` for its numbers, `s` to skip a question, and `q` to end; then the score
    is shown. Small networks suit best: `bpnet init TABLE --small` writes one.
    """
    with exit_codes(), on_threads(None):
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.errors import UsageError
        from bpnet.messages import counted
        from bpnet.reports.notation import Notation
        from bpnet.reports.outline import Heading, as_text
        from bpnet.reports.quiz import HELP, Question, quiz_script, score_line
        from bpnet.workflows.quiz import Score, chosen_numbers
        from bpnet.workflows.trace import trace_rows

        opened = traced_subject(subject, settings)
        traced = trace_rows(opened, row, steps)
        for warning in traced.warnings:
            console.print_warning(warning)
        asked = chosen_numbers(traced.explanation, questions)
        if not asked:
            raise UsageError(
                f"{subject}: every sum of its step is too long to compute by hand; take a smaller "
                "network, such as --set architecture.hidden=[2]"
            )
        notation, score = Notation(digits), Score()
        if opened is subject:  # of which epoch the step of a run is
            for note in traced.notes:
                console.print_result(f"note: {note}")
        numbers = counted(len(asked), "number")
        console.print_result(f"{numbers} {'is' if len(asked) == 1 else 'are'} asked. {HELP}")
        try:
            for line in quiz_script(traced, asked, notation):
                if not isinstance(line, Question):
                    break_before = "\n" if isinstance(line, Heading) else ""
                    text = as_text(iter([line])).removesuffix("\n")
                    console.print_result(f"{break_before}{text}", verbatim=True)
                elif not _ask(line, notation, score):
                    break
        finally:  # an interruption shows the score, too
            console.print_result(f"\n{score_line(score, len(asked))}")


def _ask(question: "Question", notation: "Notation", score: "Score") -> bool:
    """Ask until a number is right or told; return False if the player ends the quiz."""
    from bpnet.cli import console
    from bpnet.messages import on_one_line
    from bpnet.workflows.quiz import TRIES, Judgment, judge

    console.print_result(f"  {question.line(notation)}")
    tries, hinted, right, told = 0, False, False, "answer"
    while tries < TRIES and not right:
        answer = console.ask("  > ")
        if answer in (None, "q"):
            return False
        if answer == "s":
            break
        if answer in ("?", "="):
            hinted = True
            hint = question.formula if answer == "?" else question.numbers
            console.print_result(f"    {hint(notation)}")
            continue
        try:
            number = float(answer.replace(",", "."))
        except ValueError:
            if answer:
                console.print_result(f"    {on_one_line(answer)[:20]} is not a number")
            console.print_result("    ? shows the formula, = its numbers, s skips, q ends")
            continue
        tries += 1
        judgment = judge(number, question.number.value)
        right = judgment is Judgment.RIGHT
        if right:
            told = "right"
        elif tries == TRIES:
            told = "wrong"
        else:
            console.print_result(f"    {judgment.value}; try again, or type ? for the formula")
    score.count(tries=tries, hinted=hinted, right=right)
    console.print_result(f"  {told}: {question.solution(notation).strip()}")
    return True
