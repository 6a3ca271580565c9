"""`bpnet show`: a run on one screen."""

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import AsJson, RunFolder

EXAMPLES = """\
bpnet show runs/iris-001
bpnet show runs/iris-001 --json
"""


def show(run: RunFolder, as_json: AsJson = False) -> None:
    """Show a run on one screen.

    Its data, network, training, result and files, and commands to type next. It works for every
    run: done, in training, cut off or diverged, of any version. Of a search it shows how it stands,
    and the run of its best trial once that is trained. Nothing is trained, and no table is read.
    """
    with exit_codes():
        # deferred, so that help texts do not wait for NumPy
        from bpnet.cli import console
        from bpnet.reports.show import show_data, show_lines, show_warnings
        from bpnet.runs.directory import STUDY
        from bpnet.workflows.show import show as show_run

        if (run / STUDY).is_file():
            # deferred: only for a study
            from bpnet.reports.study import study_data, study_lines
            from bpnet.runs.study_entry import read_study

            study = read_study(run)
            if as_json and study.status == "done":
                console.print_json({**show_data(show_run(run)), "study": study_data(study)})
                return
            if as_json and study.status != "damaged":
                console.print_json(study_data(study))
                return
            if study.status != "damaged":
                console.print_result("\n".join(study_lines(study)))
                if study.status != "done":
                    return
        shown = show_run(run)
        if as_json:
            console.print_json(show_data(shown))
            return
        for warning in show_warnings(shown):
            console.print_warning(warning)
        console.print_result("\n".join(show_lines(shown)))
