"""Isotonic regression: the rising function of a number that predicts another best."""

import numpy as np

from bpnet.data.reading.column import Floats


def isotonic_knots(x: Floats, y: Floats, weights: Floats | None = None) -> tuple[Floats, Floats]:
    """Return the knots x and y of the rising, piecewise linear function with the least Σ w e².

    Beyond the first and the last knot it is constant. It is scikit-learn's IsotonicRegression.
    """
    from sklearn.isotonic import IsotonicRegression  # deferred: it takes a second to import

    fitted = IsotonicRegression(out_of_bounds="clip").fit(x, y, sample_weight=weights)
    knots = np.asarray(fitted.X_thresholds_, np.float64)
    return knots, np.asarray(fitted.y_thresholds_, np.float64)
