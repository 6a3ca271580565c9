"""The expected metrics of each task, by scikit-learn's functions called without bpnet."""

import numpy as np
from sklearn import metrics


def mean(values):
    return np.mean(values) if len(values) else np.nan


def ranks(pairs):
    pairs = [(t, p) for t, p in pairs if 0 < t.sum() < len(t)]
    return {
        "roc_auc": mean([metrics.roc_auc_score(*pair) for pair in pairs]),
        "average_precision": mean([metrics.average_precision_score(*pair) for pair in pairs]),
    }


def expected_of_classes(true, p):
    predicted, classes = p.argmax(axis=1), p.shape[1]
    present = np.unique(true)
    confidence, right = p.max(axis=1), predicted == true
    error = 0.0
    for b in range(15):
        inside = (confidence > b / 15) & (confidence <= (b + 1) / 15)
        if inside.any():
            error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    brier = ((p - np.eye(classes)[true]) ** 2).sum(axis=1).mean() / (2 if classes == 2 else 1)
    columns = [1] if classes == 2 else range(classes)
    return {
        "accuracy": metrics.accuracy_score(true, predicted),
        "balanced_accuracy": metrics.recall_score(true, predicted, labels=present, average="macro"),
        "log_loss": metrics.log_loss(true, p, labels=range(classes)),
        "brier": brier,
        "f1_macro": metrics.f1_score(true, predicted, average="macro", zero_division=0),
        "f1_weighted": metrics.f1_score(true, predicted, average="weighted", zero_division=0),
        "matthews": metrics.matthews_corrcoef(true, predicted) if len(present) > 1 else np.nan,
        "calibration_error": error,
        **ranks([(true == k, p[:, k]) for k in columns]),
    }


def expected_of_labels(true, p):
    predicted = (p > 0.5).astype(int)
    seen = (true + predicted).any(axis=0)
    labels = range(true.shape[1])
    f1 = np.array([metrics.f1_score(true[:, k], predicted[:, k], zero_division=0) for k in labels])
    rows = true.sum(axis=0)
    return {
        "subset_accuracy": metrics.accuracy_score(true, predicted),
        "label_accuracy": 1 - metrics.hamming_loss(true, predicted),
        "f1_macro": mean(f1[seen]),
        "f1_micro": metrics.f1_score(true.ravel(), predicted.ravel()) if seen.any() else np.nan,
        "f1_weighted": np.average(f1, weights=rows) if rows.any() else np.nan,
        "log_loss": mean([metrics.log_loss(true[:, k], p[:, k], labels=[0, 1]) for k in labels]),
        "brier": mean([metrics.brier_score_loss(true[:, k], p[:, k], pos_label=1) for k in labels]),
        **ranks([(true[:, k] > 0, p[:, k]) for k in labels]),
    }


def expected_of_quantities(true, predicted):
    targets = [(true[:, k], predicted[:, k]) for k in range(true.shape[1])]
    return {
        "rmse": mean([metrics.root_mean_squared_error(*pair) for pair in targets]),
        "mae": mean([metrics.mean_absolute_error(*pair) for pair in targets]),
        "r2": mean([metrics.r2_score(*pair) for pair in targets if np.ptp(pair[0]) > 0]),
        "median_absolute_error": mean([metrics.median_absolute_error(*pair) for pair in targets]),
        "mape": mean([metrics.mean_absolute_percentage_error(*pair) for pair in targets]),
    }


EXPECTED = {
    "classification": expected_of_classes,
    "multilabel": expected_of_labels,
    "regression": expected_of_quantities,
}
