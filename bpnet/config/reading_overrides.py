"""Settings of reading that `--set` changes for the table of `bpnet predict` or `bpnet eval`."""

from collections.abc import Sequence
from dataclasses import asdict, fields, replace

from bpnet.config.loading import load_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.source import Source
from bpnet.data.reading.settings import Reading
from bpnet.errors import UsageError
from bpnet.messages import did_you_mean

_SECTION = "dataset.reading."


def override_reading(reading: Reading, assignments: Sequence[str]) -> Reading:
    """Return the settings with each `dataset.reading.KEY=VALUE` applied in order.

    Of the decimal and the thousands mark, one that is given alone ends the setting of the other.

    Raises UsageError for a key that is not in this section, ConfigError for a value that it does
    not take.
    """
    if not assignments:
        return reading
    names = [field.name for field in fields(Reading)]
    given = set()
    for assignment in assignments:
        key, equals, _ = assignment.partition("=")
        name = key.strip().removeprefix(_SECTION)
        if not equals or name == key.strip() or name.partition(".")[0] not in names:
            raise UsageError(
                f"--set {assignment}: a model that is trained takes only the form of the table, "
                f"{_SECTION}KEY=VALUE with one of the keys {', '.join(names)}; "
                f"for example --set {_SECTION}decimal=,{did_you_mean(name, names)}"
            )
        given.add(name)
    if "decimal" in given and "thousands" not in given:
        reading = replace(reading, thousands=None)
    if "thousands" in given and "decimal" not in given:
        reading = replace(reading, decimal=None)
    # a config around the section, so that it is checked as that of a training is
    data = {"dataset": {"path": "-", "target": "y", "reading": asdict(reading)}}
    source = Source("the model's settings of reading", data, {})
    return load_config(apply_overrides(source, assignments)).config.dataset.reading
