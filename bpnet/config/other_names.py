"""Other names of keys and kinds of component, by which other libraries know them."""

OTHER_NAMES = {
    "embed": "embedding",
    "embeddings": "embedding",
    "l2": "l2_rows",
    "minmax": "min_max",
    "onehot": "one_hot",
    "ple": "piecewise_linear",
    "quantile_transform": "quantile",
    "robust_scale": "robust",
    "standard": "standardize",
    "batchnorm": "batch_normalization",
    "batch_norm": "batch_normalization",
    "bce": "binary_cross_entropy",
    "categorical_cross_entropy": "cross_entropy",
    "categorical_crossentropy": "cross_entropy",
    "gd": "gradient_descent",
    "kaiming_normal": "he_normal",
    "kaiming_uniform": "he_uniform",
    "l1": "absolute_error",
    "layer_norm": "layer_normalization",
    "layernorm": "layer_normalization",
    "linear": "identity",
    "log_loss": "cross_entropy",
    "logistic": "sigmoid",
    "mae": "absolute_error",
    "mse": "squared_error",
    "sgd": "gradient_descent",
    "swish": "silu",
    "xavier_normal": "glorot_normal",
    "xavier_uniform": "glorot_uniform",
}

OTHER_KEYS = {
    "activation_function": "activation",
    "class_weights": "class_weight",
    "clip_norm": "gradient_clipping",
    "criterion": "loss",
    "ema": "averaging",
    "eta": "learning_rate",
    "grad_clip": "gradient_clipping",
    "hidden_layer_sizes": "hidden",
    "hidden_layers": "hidden",
    "hidden_units": "hidden",
    "label": "target",
    "label_column": "target",
    "learning_rate_init": "learning_rate",
    "lr": "learning_rate",
    "lr_scheduler": "schedule",
    "max_epochs": "epochs",
    "max_grad_norm": "gradient_clipping",
    "max_iter": "epochs",
    "n_epochs": "epochs",
    "num_epochs": "epochs",
    "optim": "optimizer",
    "random_seed": "seed",
    "random_state": "seed",
    "scheduler": "schedule",
    "solver": "optimizer",
    "test_size": "test",
    "validation_fraction": "validation",
    "validation_size": "validation",
}


def usual_kind(word: str) -> str:
    """Return the name that a kind of component has here, or the word itself."""
    return OTHER_NAMES.get(_plain(word), word)


def usual_key(word: str) -> str:
    """Return the name that a key has here, or the word itself."""
    return OTHER_KEYS.get(_plain(word), word)


def _plain(word: str) -> str:
    return word.casefold().replace("-", "_")
