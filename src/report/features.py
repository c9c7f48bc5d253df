"""The features of a run for people: what each is, where it is absent, how far it moved, how much models use it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..contracts.params import Evaluation
from ..evaluation.drift import drift_level
from .formats import NOTHING, number, percent

TOP = 15  # shown at once; the others are one click away
_NAMED = 5  # of the strongly drifted
_MODELS = {"churn": "churn", "uplift": "outcomes"}  # the uplift model learns of outcomes under each arm


@dataclass(frozen=True)
class FeatureRow:
    """One feature as the table shows it.

    Attributes:
        name, meaning, unit, source: as declared.
        window: at whose end the as-of instant stands.
        missing: what absence becomes.
        absent_training: share of the churn model's rows in which it is absent.
        absent_now: the same of today's people.
        drift: (PSI, what to make of it) of each model in `FeaturePanel.drifts`.
        importance: share in each model of `FeaturePanel.importances`.
    """

    name: str
    meaning: str
    unit: str
    source: str
    window: str
    missing: str
    absent_training: str
    absent_now: str
    drift: tuple[tuple[str, str], ...]
    importance: tuple[str, ...]


@dataclass(frozen=True)
class FeaturePanel:
    """The table of features, the most important first.

    Attributes:
        rows: all of them.
        drifts: the models whose training rows today is compared with, as heads of columns.
        importances: the models whose features' importance is shared out, as heads of columns.
        moved: sentences that name what has drifted strongly.
        some, strong: PSI from which drift is called so.
    """

    rows: tuple[FeatureRow, ...]
    drifts: tuple[str, ...]
    importances: tuple[str, ...]
    moved: tuple[str, ...]
    some: float
    strong: float

    @property
    def top(self) -> tuple[FeatureRow, ...]:
        """Return the rows shown at once."""
        return self.rows[:TOP]

    @property
    def others(self) -> tuple[FeatureRow, ...]:
        """Return the rows after those."""
        return self.rows[TOP:]


def feature_panel(features: Sequence[Mapping[str, Any]], drift: Sequence[Mapping[str, Any]],
                  importance: Mapping[str, Mapping[str, float]], levels: Evaluation) -> FeaturePanel:  # fmt: skip
    """Return the table of a run's features.

    Args:
        features: declarations.
        drift: what evaluation.drift.feature_drift returned; features not in it have none.
        levels: of drift.
        importance: by feature and model, `churn` and `uplift`, in units of each; models without any are left out.
    """
    found = {each["name"]: each for each in drift}
    models = [model for model in _MODELS if any(model in each["training"] for each in drift)]
    shares = {model: importance_shares([importance[model]]) for model in _MODELS if importance.get(model)}
    used = {model: by_name for model, by_name in shares.items() if by_name}
    ranked = sorted(features, key=lambda each: -sum(by_name.get(each["name"], 0.0) for by_name in used.values()))
    return FeaturePanel(
        rows=tuple(_row(each, found.get(each["name"]), models, used, levels) for each in ranked),
        drifts=tuple(_MODELS[model] for model in models),
        importances=tuple(_MODELS[model] for model in used),
        moved=tuple(sentence for model in models if (sentence := _moved(drift, model, levels))),
        some=levels.drift_some,
        strong=levels.drift_strong,
    )


def importance_shares(models: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return each feature's share of all importance, the mean over the models that have any; {} where none has.

    Models count alike, since importance of different objectives has different units.

    >>> importance_shares([{"a": 1.0, "b": 3.0}, {"a": 50.0, "b": 50.0}, {"a": 0.0}])
    {'a': 0.375, 'b': 0.625}
    """
    told = [by_name for by_name in models if sum(by_name.values()) > 0]
    names = dict.fromkeys(name for by_name in told for name in by_name)
    return {name: sum(each.get(name, 0.0) / sum(each.values()) for each in told) / len(told) for name in names}


def window(days: int | None) -> str:
    """Return a window for people; features without one look at the whole relationship, or at none of it.

    >>> window(30), window(None)
    ('30 days', '–')
    """
    return NOTHING if days is None else f"{days} days"


def _row(feature: Mapping[str, Any], drift: Mapping[str, Any] | None, models: Sequence[str],
         shares: Mapping[str, Mapping[str, float]], levels: Evaluation) -> FeatureRow:  # fmt: skip
    training = drift["training"] if drift else {}
    return FeatureRow(
        name=feature["name"],
        meaning=feature["meaning"],
        unit=feature["unit"],
        source=feature["source"],
        window=window(feature["window_days"]),
        missing=feature["missing"],
        absent_training=percent(training["churn"]["absent"] if "churn" in training else None),
        absent_now=percent(drift["absent"] if drift else None),
        drift=tuple(_drift(training.get(model), levels) for model in models),
        importance=tuple(percent(by_name.get(feature["name"])) for by_name in shares.values()),
    )


def _drift(found: Mapping[str, float] | None, levels: Evaluation) -> tuple[str, str]:
    if found is None:
        return NOTHING, ""
    level = drift_level(found, levels)
    noise = f"noise {number(found['noise'], 3)}"
    return number(found["psi"], 3), noise if level == "none" else f"{level}; {noise}"


def _moved(drift: Sequence[Mapping[str, Any]], model: str, levels: Evaluation) -> str:
    """Return a sentence that names the features that drifted strongly, the farthest first; empty where none did."""
    psi = {
        each["name"]: found["psi"]
        for each in drift
        if (found := each["training"].get(model)) and drift_level(found, levels) == "strong"
    }
    if not psi:
        return ""
    farthest = sorted(psi, key=lambda name: (-psi[name], name))
    more = f" and {len(psi) - _NAMED} more" if len(psi) > _NAMED else ""
    return (
        f"Strong drift (PSI of {levels.drift_strong} or more) from the training rows of {_MODELS[model]}: "
        f"{', '.join(farthest[:_NAMED])}{more}."
    )
