"""A trace as plain data, for --json and for the page."""

from dataclasses import asdict
from typing import Any

from bpnet.engine.step_trace import LayerTrace, StepTrace
from bpnet.reports.notation import Notation
from bpnet.tracing.structure import Number, Remark, Section
from bpnet.workflows.trace import BugTrace, Trace


def trace_data(name: str, traced: Trace) -> dict[str, Any]:
    """Return the trace as plain data: the numbers, and each with its equation."""
    notation, explanation = Notation(), traced.explanation
    steps = [
        {
            **_step_data(step),
            "sections": [section_data(section, notation) for section in explained.sections],
        }
        for step, explained in zip(traced.steps, explanation.steps, strict=True)
    ]
    summary = [
        dict(zip(explanation.summary.columns, row, strict=True)) for row in explanation.summary.rows
    ]
    return {
        "subject": name,
        "rows": traced.rows,
        "notes": traced.notes,
        "steps": steps,
        "encoding": [section_data(section, notation) for section in explanation.rows],
        "summary": summary,
        "bug": None if traced.bug is None else bug_data(traced.bug, notation),
    }


def _step_data(step: StepTrace) -> dict[str, Any]:
    """Return the arrays of a step as plain data."""
    return {
        "epoch": step.epoch,
        "step": step.number,
        "learning_rate": step.learning_rate,
        "layers": [_layer_data(layer) for layer in step.layers],
        "predictions": step.predictions.tolist(),
        "targets": step.targets.tolist(),
        "weights": None if step.weights is None else step.weights.tolist(),
        "loss": step.loss,
        "gradient_norm": step.gradient_norm,
        "clipped_norm": step.clipped_norm,
        "score_gradients": step.score_gradients.tolist(),
        "loss_after": step.loss_after,
        "trial": None if step.trial is None else asdict(step.trial),
        "predictions_after": step.predictions_after.tolist(),
        "sums_after": [None if sums is None else sums.tolist() for sums in step.sums_after],
        "outputs_after": [outputs.tolist() for outputs in step.outputs_after],
    }


def _layer_data(layer: LayerTrace) -> dict[str, Any]:
    """Return the arrays of a layer in a step as plain data."""
    arrays = {
        name: None if value is None else value.tolist()
        for name in ("inputs", "sums", "outputs", "slopes", "output_gradients", "deltas")
        for value in [getattr(layer, name)]
    }
    parameters = {
        name: {
            "before": layer.before[name].tolist(),
            "gradient": layer.gradients[name].tolist(),
            "clipped": layer.clipped[name].tolist(),
            "after": layer.after[name].tolist(),
        }
        for name in layer.before
    }
    statistics = {
        name: {"before": before.tolist(), "after": layer.statistics_after[name].tolist()}
        for name, before in layer.statistics_before.items()
    }
    optimizer = {
        slot: {
            name: {"before": before.tolist(), "after": layer.slots_after[slot][name].tolist()}
            for name, before in arrays.items()
        }
        for slot, arrays in layer.slots_before.items()
    }
    return {
        "kind": layer.layer.kind,  # type: ignore[attr-defined]
        **arrays,
        "left_out": None if layer.left_out is None else layer.left_out.tolist(),
        "parameters": parameters,
        "statistics": statistics,
        "optimizer": optimizer,
    }


def bug_data(traced: BugTrace, notation: Notation) -> dict[str, Any]:
    """Return the numbers that a bug makes differ, the first of them first."""
    return {
        "name": traced.bug.name,
        "description": traced.bug.description,
        "differences": [
            {
                "step": difference.step,
                "phase": difference.section.phase,
                "layer": difference.section.layer,
                "right": number_data(difference.right, notation),
                "wrong": number_data(difference.wrong, notation),
            }
            for difference in traced.differences
        ],
        "losses": [step.loss_after for step in traced.steps],
    }


def section_data(section: Section, notation: Notation) -> dict[str, Any]:
    """Return a section as plain data."""
    return {
        "phase": section.phase,
        "title": section.title,
        "layer": section.layer,
        "entries": [
            {"text": entry.text} if isinstance(entry, Remark) else number_data(entry, notation)
            for entry in section.entries
        ],
    }


def number_data(number: Number, notation: Notation) -> dict[str, Any]:
    """Return a number as plain data: its equation with symbols, with numbers, and its value."""
    place, equation = number.place, number.equation
    return {
        "name": number.name,
        "label": number.label,
        "symbol": notation.symbol(number.symbol),
        "symbols": None if equation is None else notation.symbols(equation),
        "numbers": None if equation is None else notation.numbers(equation),
        "value": number.value,
        "row": place.row,
        "unit": place.unit,
        "parameter": place.parameter,
        "index": None if place.index is None else list(place.index),
        "iteration": place.step,
    }
