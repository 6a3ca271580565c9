"""The plan of a pack: what each draw of a member's settings trains with, and in which pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bpnet.config.loading import LoadedConfig
from bpnet.config.pack import Pack
from bpnet.config.pack_draws import Draw, draw_settings, spelled_out
from bpnet.engine.loop.settings import Training
from bpnet.models.build import architecture_errors, describe, most_at_once
from bpnet.models.description import Description
from bpnet.preparation.fit import FittedDataset
from bpnet.preparation.resolve import resolve


@dataclass(frozen=True)
class PlannedDraw:
    """A draw of settings, with what its networks train by."""

    number: int
    """The draw's number, from 1."""
    settings: Mapping[str, Any]
    training: Training
    description: Description


@dataclass(frozen=True)
class PackPlan:
    """The draws of a member, in passes that fit into memory."""

    pack: Pack
    passes: Sequence[Sequence[PlannedDraw]]


def plan_pack(fitted: FittedDataset, position: int) -> PackPlan | None:
    """Return the pack of the member at a position, from 0; None if it has none.

    Raises ConfigError.
    """
    config = fitted.config
    if config.pack is None:
        return None
    loaded = replace(fitted.split.loaded, config=config)
    pack = spelled_out(config.pack, config)
    draws = [_planned(fitted, draw) for draw in draw_settings(_bare(loaded), pack, position)]
    with architecture_errors(loaded):
        single = draws[0].description.network()
    most = most_at_once(loaded, single, len(fitted.split.parts["train"]))
    size = max(1, most // len(config.seeds))
    return PackPlan(pack, [draws[k : k + size] for k in range(0, len(draws), size)])


def _bare(loaded: LoadedConfig) -> LoadedConfig:
    """Return a member's config without what concerns the draws together."""
    return replace(loaded, config=replace(loaded.config, pack=None))


def _planned(fitted: FittedDataset, draw: Draw) -> PlannedDraw:
    resolved = fitted.resolved
    if draw.settings:
        resolved = resolve(
            draw.loaded,
            resolved.task,
            resolved.target_width,
            fitted.split.column_roles.features,
            fitted.config.dataset.roles,
            fitted.encoder,
            fitted.config.dataset.positive,
        )
    description = describe(replace(fitted, resolved=resolved))
    return PlannedDraw(draw.number, draw.settings, resolved.config.training, description)
