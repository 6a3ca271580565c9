"""`bpnet show`: a run on one screen."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpnet.cli.exit_codes import exit_codes
from bpnet.cli.options import AsJson, RunFolder

if TYPE_CHECKING:
    from bpnet.runs.study_entry import StudyEntry

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
        from bpnet.workflows.show import show as show_run

        study = _study(run)
        if as_json:
            console.print_json(show_data(show_run(run)) if study is None else _study_json(study))
            return
        if study is not None:
            from bpnet.reports.study import study_lines  # deferred: only for a study

            console.print_result("\n".join(study_lines(study)))
            if study.status != "done":
                return
        shown = show_run(run)
        for warning in show_warnings(shown):
            console.print_warning(warning)
        console.print_result("\n".join(show_lines(shown)))


def _study(folder: Path) -> "StudyEntry | None":
    """Return the study of a search; None of a run, or where study.json cannot be read."""
    from bpnet.runs.directory import STUDY  # deferred: see above

    if not (folder / STUDY).is_file():
        return None
    from bpnet.runs.study_entry import read_study  # deferred: only for a study

    study = read_study(folder)
    return None if study.status == "damaged" else study


def _study_json(study: "StudyEntry") -> dict[str, Any]:
    """Return a study as data; of one that is done, with the run of its best trial."""
    from bpnet.reports.show import show_data  # deferred: see above
    from bpnet.reports.study import study_data
    from bpnet.workflows.show import show as show_run

    if study.status != "done":
        return study_data(study)
    return {**show_data(show_run(study.folder)), "study": study_data(study)}
