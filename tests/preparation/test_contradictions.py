"""Each rule between keys refuses the configs that break it, by the key to change, and no others."""

from pathlib import Path

import pytest

from bpnet.config.loading import read_config
from bpnet.errors import ConfigError
from bpnet.preparation import resolve
from bpnet.preparation.contradictions import RULES
from bpnet.preparation.prepare import prepare
from bpnet.preparation.resolved_config import ResolvedConfig

CONFIG = """\
dataset: {{path: t.csv, target: {target}, split: {{validation: 0.2, test: 0.2}}}}
architecture: {{hidden: [4]}}
"""
TARGETS = {"classes": "c", "two classes": "d", "quantity": "q", "labels": "[d, e]"}

Case = tuple[str, str, str, list[str]]
"""The rule, the kind of target, the key that the message names, and the settings."""

CASES: list[Case] = [
    ("_pack_without_folds", "classes", "pack", ["pack=4"]),
    (
        "_regression_with_class_loss",
        "quantity",
        "training.loss",
        ["training.loss=cross_entropy"],
    ),
    ("_quantile_of_classes", "classes", "training.loss", ["training.loss=quantile"]),
    (
        "_regression_with_softmax",
        "quantity",
        "architecture.output.activation",
        ["training.loss=squared_error", "architecture.output.activation=softmax"],
    ),
    (
        "_bounded_output_in_regression",
        "quantity",
        "architecture.output.activation",
        ["architecture.output.activation=tanh"],
    ),
    (
        "_multilabel_with_single_choice_output",
        "labels",
        "training.loss",
        ["training.loss=cross_entropy"],
    ),
    (
        "_multilabel_with_single_choice_output",
        "labels",
        "architecture.output.activation",
        ["training.loss=squared_error", "architecture.output.activation=softmax"],
    ),
    (
        "_activation_before_logits",
        "classes",
        "architecture.output.activation",
        ["training.loss=cross_entropy", "architecture.output.activation=tanh"],
    ),
    (
        "_activation_before_logits",
        "classes",
        "architecture.layers.0.activation",
        [
            "training.loss=cross_entropy",
            "architecture={output: null, layers: [{kind: dense, units: 3, activation: softmax}]}",
        ],
    ),
    (
        "_stratify_without_classes",
        "quantity",
        "dataset.split.stratify",
        ["dataset.split.stratify=true"],
    ),
    (
        "_class_weight_without_classes",
        "quantity",
        "dataset.class_weight",
        ["dataset.class_weight=balanced"],
    ),
    (
        "_positive_without_two_classes",
        "quantity",
        "dataset.positive",
        ["dataset.positive=x"],
    ),
    (
        "_positive_without_two_classes",
        "classes",
        "dataset.positive",
        ["dataset.positive=x"],
    ),
    (
        "_dropout_as_output",
        "classes",
        "architecture.output",
        ["architecture={output: null, layers: [{kind: dense, units: 3}, dropout]}"],
    ),
    (
        "_units_of_last_layer",
        "classes",
        "architecture.output",
        ["architecture={output: null, layers: [{kind: dense, units: 7}]}"],
    ),
    (
        "_monitor_not_measured",
        "classes",
        "training.early_stopping.monitor",
        ["training.early_stopping.monitor=val_r2"],
    ),
    (
        "_best_without_validation",
        "classes",
        "training.keep",
        ["training.keep=best", "dataset.split.validation=0"],
    ),
    ("_isotonic_without_classes", "quantity", "calibration", ["calibration=isotonic"]),
    (
        "_closeness_without_outputs",
        "classes",
        "training.metrics",
        ["training.metrics=[closeness]"],
    ),
    (
        "_errors_without_outputs",
        "classes",
        "training.metrics",
        ["training.metrics=[mean_squared_error]"],
    ),
    (
        "_weights_with_summed_loss",
        "classes",
        "training.loss",
        ["training.loss={kind: cross_entropy, rows: sum}", "dataset.class_weight=balanced"],
    ),
    (
        "_search_with_random_layer",
        "classes",
        "training.optimizer",
        [
            "training.optimizer=perturbation",
            "architecture={layers: [{kind: dense, units: 3}, dropout]}",
        ],
    ),
    (
        "_full_batch_optimizer_with_step_settings",
        "classes",
        "training.schedule",
        ["training.optimizer=lbfgs", "training.schedule=cosine"],
    ),
    (
        "_full_batch_optimizer_with_step_settings",
        "quantity",
        "training.gradient_clipping",
        ["training.optimizer=levenberg_marquardt", "training.gradient_clipping={norm: 1}"],
    ),
    (
        "_full_batch_optimizer_with_step_settings",
        "quantity",
        "training.averaging",
        ["training.optimizer=lbfgs", "training.averaging={}"],
    ),
    (
        "_full_batch_optimizer_with_step_settings",
        "quantity",
        "training.l1",
        ["training.optimizer=lbfgs", "training.l1=0.1"],
    ),
    (
        "_least_squares_with_another_loss",
        "classes",
        "training.loss",
        ["training.optimizer=levenberg_marquardt"],
    ),
    (
        "_least_squares_with_unsuited_layer",
        "quantity",
        "training.optimizer",
        [
            "training.optimizer=levenberg_marquardt",
            "architecture={layers: [{kind: equilibrium, units: 3}]}",
        ],
    ),
    (
        "_evidence_without_numbers",
        "classes",
        "training.optimizer",
        ["training.optimizer=bayesian_regularization"],
    ),
    (
        "_evidence_with_penalty",
        "quantity",
        "training.l2",
        ["training.optimizer=bayesian_regularization", "training.l2=0.1"],
    ),
    (
        "_rprop_with_schedule",
        "classes",
        "training.schedule",
        ["training.optimizer=rprop", "training.schedule=cosine"],
    ),
    (
        "_batch_normalization_of_one_row",
        "classes",
        "training.batch_size",
        [
            "training.batch_size=1",
            "architecture={layers: [{kind: dense, units: 3}, batch_normalization]}",
        ],
    ),
]


def write(folder: Path, target: str) -> Path:
    rows = [
        f"{k % 7}.5,{k * 37 % 11},{'xyz'[k % 3]},{k % 2},{k * k % 2},{k * 1.37 + 0.5}"
        for k in range(60)
    ]
    (folder / "t.csv").write_text("\n".join(["a,b,c,d,e,q", *rows]) + "\n")
    config = folder / "c.yaml"
    config.write_text(CONFIG.format(target=TARGETS[target]))
    return config


def resolved_config(
    config: Path, settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> ResolvedConfig:
    """The config with its defaults filled in, whatever the rules say to it."""
    kept: list[ResolvedConfig] = []

    def keep(resolved: ResolvedConfig) -> list[object]:
        kept.append(resolved)
        raise ConfigError("stop here")

    monkeypatch.setattr(resolve, "contradictions", keep)
    with pytest.raises(ConfigError, match="stop here"):
        prepare(read_config(config, settings))
    return kept[0]


def test_every_rule_has_a_case() -> None:
    assert {rule.__name__ for rule in RULES} == {rule for rule, *_ in CASES}


@pytest.mark.parametrize(("rule", "target", "key", "settings"), CASES)
def test_a_rule_refuses_a_config_by_the_key_to_change(
    rule: str, target: str, key: str, settings: list[str], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        prepare(read_config(write(tmp_path, target), settings))
    assert any(f": {key} " in problem for problem in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(("rule", "target", "key", "settings"), CASES)
def test_only_that_rule_is_broken(
    rule: str,
    target: str,
    key: str,
    settings: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolved = resolved_config(write(tmp_path, target), settings, monkeypatch)
    broken = [each.__name__ for each in RULES if list(each(resolved))]
    assert broken == [rule]


@pytest.mark.parametrize("target", TARGETS)
def test_the_defaults_break_no_rule(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved = resolved_config(write(tmp_path, target), [], monkeypatch)
    assert [each.__name__ for each in RULES if list(each(resolved))] == []
