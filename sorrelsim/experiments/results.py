"""What a study leaves behind: tables, figures and a report, made of its runs and of nothing else.

The same runs give the same bytes, in whatever order they came to their ends; what clocks say is in the report alone.
"""

from __future__ import annotations

from sorrelsim.experiments.report import write_report
from sorrelsim.experiments.study import Study
from sorrelsim.experiments.study_figures import study_figures
from sorrelsim.experiments.summary import summarise, summary_frame
from sorrelsim.experiments.tables import members_frame, write_csv
from sorrelsim.writing import write_beside

FIGURES = "figures"
KINDS = ("png", "pdf", "svg")


def write_results(study: Study) -> None:
    """Writes into a study's folder what came of its runs so far.

    ``results.csv`` and ``results.parquet`` (one row per run and epoch), ``summary.csv`` (see
    :func:`~sorrelsim.experiments.summary.summary_frame`), ``figures/`` (each as PNG, PDF and SVG), ``report.html`` and
    ``report.md``. Runs that are not finished are left out of all, and the report says which.

    Raises:
        OSError: If something cannot be written; each file that was there is as it was, or is new.
    """
    members = study.members()
    finished = [member for member in members if member.state == "finished"]
    frame = members_frame(finished)
    write_csv(frame, study.folder / "results.csv")
    write_beside(study.folder / "results.parquet", lambda file: frame.to_parquet(file, index=False))
    summary = summarise(finished)
    write_csv(summary_frame(summary), study.folder / "summary.csv")
    figures = study_figures(finished) if finished else []
    for figure in figures:
        figure.draw(*(study.folder / FIGURES / f"{figure.name}.{kind}" for kind in KINDS))
    wanted = {f"{figure.name}.{kind}" for figure in figures for kind in KINDS}
    for path in (study.folder / FIGURES).glob("*.*"):
        if path.name not in wanted and path.suffix.removeprefix(".") in KINDS:
            path.unlink()  # of before, when the study was another
    write_report(study, members, summary, [(f"{FIGURES}/{each.name}.png", each.caption) for each in figures])
