"""`bpnet quiz`: a training step with gaps, to be filled in by hand."""

from typing import TYPE_CHECKING, Annotated

import typer

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import ConfigFile, Overrides, Steps, TracedRow

# deferred, so that help texts do not wait for NumPy
if TYPE_CHECKING:
    from bpnet.reports.notation import Notation
    from bpnet.reports.quiz import Question
    from bpnet.workflows.quiz import Score

EXAMPLES = """\
bpnet quiz configs/tutorials/sigmoid-2-2-1.yaml
bpnet quiz configs/tutorials/sigmoid-2-2-1.yaml --questions 5
bpnet quiz small.yaml --row 3 --steps 2
"""


def quiz(
    config: ConfigFile,
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
    with exit_codes():
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.config.loading import read_config
        from bpnet.errors import UsageError
        from bpnet.reports.notation import Notation
        from bpnet.reports.outline import Heading, as_text
        from bpnet.reports.quiz import HELP, Question, quiz_script, score_line
        from bpnet.workflows.quiz import Score, chosen_numbers
        from bpnet.workflows.trace import trace_rows

        traced = trace_rows(read_config(config, settings or []), row, steps)
        asked = chosen_numbers(traced.explanation, questions)
        if not asked:
            raise UsageError(
                f"{config}: every sum of its step is too long to compute by hand; take a smaller "
                "network, such as --set architecture.hidden=[2]"
            )
        notation, score = Notation(digits), Score()
        console.print_result(f"{len(asked)} numbers are asked. Type {HELP}.")
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
    tries, hinted, right = 0, False, False
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
            said = f"{on_one_line(answer)[:20]} is not a number; " if answer else ""
            console.print_result(f"    {said}? shows the formula, = its numbers, s skips, q ends")
            continue
        tries += 1
        judgment = judge(number, question.number.value)
        right = judgment is Judgment.RIGHT
        if not right and tries < TRIES:
            console.print_result(f"    {judgment.value}; try again, or type ? for the formula")
    score.count(tries=tries, hinted=hinted, right=right)
    console.print_result(
        f"  {'right' if right else 'answer'}: {question.solution(notation).strip()}"
    )
    return True
