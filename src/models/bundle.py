"""Everything that decides, as one thing: encoding, churn, uplift, and the rules of params.yaml it was made under.

One bundle is one registered version, so that half of a pair is never promoted. Its files are text and JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.errors import ParamsError
from ..contracts.params import Params, parse_params
from .boosting import Training
from .churn import ChurnModel
from .churn_curve import ChurnCurve
from .encoding import Encoding
from .logged import Floats, retention_values
from .margin import Margin
from .success import success_probabilities
from .uplift import UpliftModel

# How a run is computed and reported, and where its source lies, decides nothing: the bundle stays the same.
_NOT_OF_THE_BUNDLE: Final[dict[str, Any]] = {"source": {"path"}, "engine": True, "memory_gb": True, "kpis": True,
                                          "gate": True}  # fmt: skip


@dataclass(frozen=True)
class Predictions:
    """What the models say of n stakeholders.

    Attributes:
        churn_risk: probability under the control, shape (n,).
        effect: money against the control, costs aside, shape (n, arms) in the order of `Interventions.names`.
        effect_se: its standard error, same shape.
        success: probability of each kind of success that a cost depends on, under each arm, same shape.
    """

    churn_risk: Floats
    effect: Floats
    effect_se: Floats
    success: Mapping[str, Floats] = field(default_factory=dict)


@dataclass(frozen=True)
class Bundle:
    """The models and rules of one training.

    Attributes:
        params: all parameters at training; deciding reads interventions, decision, seed and threads.
        encoding: feature columns.
        churn: risk model.
        uplift: effects; None without logged decisions.
        digest: hash of the stored files; empty until stored.
        curve: risk within other days than the horizon; None where it was not learned.
        margin: money of who stays; None where it was not learned.
    """

    params: Params
    encoding: Encoding
    churn: ChurnModel
    uplift: UpliftModel | None
    digest: str = ""
    curve: ChurnCurve | None = None
    margin: Margin | None = None

    @property
    def training(self) -> Training:
        """How its boosted trees were grown."""
        return Training(
            self.params.learner, self.params.seed, self.params.threads, tuple(self.encoding.category_indexes)
        )

    def predict(self, table: pd.DataFrame) -> Predictions:
        """Return predictions for a feature table; each row's depend on that row alone, to the last bit.

        Raises:
            InputError: a column of the bundle's is absent, or a row's retention has no worth.
        """
        X: NDArray[np.float32] = self.encoding.matrix(table)
        risk = self.churn.predict(X, self.params.threads)
        if self.uplift is None:
            effect = np.full((len(X), len(self.params.interventions.names)), np.nan)
            effect[:, 0] = 0.0
            return Predictions(risk, effect, effect.copy(), self._success(X))
        _, effect, error = self.uplift.predict(X, retention_values(table, self.params), self.params.threads)
        order = [self.uplift.arms.index(name) for name in self.params.interventions.names]
        return Predictions(risk, effect[:, order], error[:, order], self._success(X))

    def refuse_changed(self, params: Params) -> None:
        """Refuse params under which people would expect another decision than this bundle makes.

        Raises:
            ParamsError: clock, interventions or decision differ from those of the training.
        """
        for section in ("clock", "interventions", "decision"):
            if getattr(params, section) != getattr(self.params, section):
                fix = "run `dvc repro`, which trains and decides under what is there now, or put it back"
                raise ParamsError(f"params.yaml, {section}", "what data/bundle was trained under", "other values", fix)

    def params_of_run(self, params: Params) -> Params:
        """Return the params of the training, those that are no part of the bundle as the run's `params` have them."""
        run_alone = params.model_dump(mode="json", include=_NOT_OF_THE_BUNDLE)
        ours = self.params.model_dump(mode="json")
        return parse_params({**ours, **run_alone, "source": {**ours["source"], **run_alone["source"]}}, "params.yaml")

    def _success(self, X: NDArray[np.float32]) -> Mapping[str, Floats]:
        names, wanted = self.params.interventions.names, self.params.interventions.successes
        arms = names if self.uplift is None else self.uplift.arms
        outcomes = None if self.uplift is None else self.uplift.outcomes
        found = success_probabilities(outcomes, X, len(arms), self.params.threads, wanted)
        order = [arms.index(name) for name in names]
        return {kind: probability[:, order] for kind, probability in found.items()}

    def as_files(self) -> dict[str, object]:
        """Return the bundle as text (str) and JSON-ready parts by file name."""
        uplift = {} if self.uplift is None else self.uplift.as_files()
        return {
            # Where the raw tables lay is no part of what decides, and the same data elsewhere give the same bytes.
            "params.json": self.params.model_dump(mode="json", exclude=_NOT_OF_THE_BUNDLE),
            "encoding.json": self.encoding.as_dict(),
            **self.churn.as_files(),
            **({} if self.curve is None else self.curve.as_files()),
            **({} if self.margin is None else self.margin.as_files()),
            **uplift,
        }

    @classmethod
    def from_files(cls, files: Mapping[str, object], digest: str) -> "Bundle":
        """Return the bundle that `as_files` described; checksums have been verified."""
        encoding = files["encoding.json"]
        assert isinstance(encoding, dict)
        uplift = UpliftModel.from_files(files) if "effects.json" in files else None
        params = parse_params(files["params.json"], "bundle, params.json")
        curve = ChurnCurve.from_files(files) if "curve.json" in files else None
        margin = Margin.from_files(files) if "margin.json" in files else None
        churn = ChurnModel.from_files(files)
        return cls(params, Encoding.from_dict(encoding), churn, uplift, digest, curve, margin)
