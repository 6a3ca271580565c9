"""Neural networks for tables: one YAML file describes the data, the network and the training.

bpnet reads a table, encodes its columns, trains a feed-forward network by backpropagation, and
writes a run directory: the log, the scores and the model, which predicts for new rows. Arrays are
NumPy's; no deep-learning framework is needed.

On the command line each step is a verb (`bpnet VERB --help` lists its options):

    example    write a config and its table into the working folder, to try bpnet
    init       look at a table and write a commented config for it
    check      look for what would go wrong in training on a table
    train      train the network of a config, or a grid of them
    resume     go on with a training that was cut off, or give it more epochs
    cv         cross-validate a config
    search     try many configs at once, and train the best
    eval       score a run, with intervals and beside simple models
    predict    write a table's rows with their predictions
    export     write a run's model as a file that predicts without bpnet
    plot       draw a figure of a run, as a picture or a page
    show       show a run on one screen
    runs       list runs with their scores and the settings in which they differ
    compare    show runs side by side, and which is clearly better
    report     write a page about runs, with scores and figures
    trace      show a training step number by number
    quiz       ask for the numbers of a training step
    gradcheck  compare backpropagation's gradient with central differences
    verify     train a run again from its config and data, and compare
    explain    describe a key of the config: its type, bounds, default and an example
    schema     print the JSON schema of a config, by which editors check and complete it
    guide      show a page of the guide; `bpnet guide architecture` is about the code

The packages, from top to bottom; each imports only from those below it:

    estimators    a classifier and a regressor for scikit-learn
    api           Python's way to train, load and predict
    cli           the verbs' flags, and the terminal
    reports       the text of each verb's result
    workflows     what each verb does: plain functions that return results
    figures       figures of runs, each declared once for pages and pictures
    checks        what `bpnet check` looks for in a table
    tracing       every number of a training step with its equation
    inspection    what a model relies on: importance of columns, partial dependence
    integrations  models for other programs: ONNX, one file of Python, MLflow
    models        a trained model: an encoder and networks, from columns to predictions
    runs          the run directory: layout, atomic writes, logs, weights
    scoring       scores with intervals, beside those of simple models
    doctor        what goes wrong in a training, and advice
    preparation   from a config to encoded rows, every default resolved
    config        from YAML to a typed config
    data          from tables to arrays: reading, splitting, encoding
    blas          products on one thread each
    engine        networks and their training, on NumPy arrays only
    messages      parts of messages
    paths         what is at a path
    errors        the errors a user may meet, each with its exit code

Where to start reading: `bpnet.workflows.train` is a training from config to run directory.
`bpnet.preparation` makes its rows, and `bpnet.engine.loop.fit` trains on them.

From Python, `bpnet.train` and `bpnet.load` do what the verbs do, on files or data frames
(`help(bpnet.api)`). The engine by itself trains on any arrays: `help(bpnet.engine)` shows a
network that learns XOR.
"""

TYPE_CHECKING = False  # typing's, whose import takes as long as all else here
if TYPE_CHECKING:
    from bpnet.api import BpnetWarning, Run, load, resume, train

__all__ = ["BpnetWarning", "Run", "load", "resume", "train"]
__version__ = "0.8.0"


def __getattr__(name: str) -> object:
    """Return a name of `bpnet.api`, whose import takes long and is not needed for the version."""
    if name not in __all__:
        raise AttributeError(f"module 'bpnet' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module("bpnet.api"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
