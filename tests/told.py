"""A bundle whose predictions stand in the table, and people to decide for: for tests of deciding alone."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rapport.contracts.params import Params, parse_params
from rapport.models.bundle import Bundle, Predictions
from rapport.models.churn import ChurnModel
from rapport.models.encoding import Encoding

AS_OF = pd.Timestamp("2025-04-01", tz="UTC").as_unit("us")
CALM = {"holdout": 0.0, "exploration": 0.0}


@dataclass(frozen=True)
class Told(Bundle):
    """A bundle whose effects stand in the table: columns effect_<arm> and risk, error (0.5 if absent) and success."""

    def predict(self, table: pd.DataFrame) -> Predictions:
        names = self.params.interventions.names
        effect = np.column_stack([np.zeros(len(table)), *(table[f"effect_{name}"].to_numpy() for name in names[1:])])
        deviation = table["error"].to_numpy()[:, None] if "error" in table else 0.5
        error = np.where(np.arange(len(names)) == 0, 0.0, deviation) * np.ones_like(effect)
        kinds = self.params.interventions.successes
        success = {kind: np.tile(table[kind].to_numpy()[:, None], effect.shape[1]) for kind in kinds}
        return Predictions(table["risk"].to_numpy(), effect, np.where(np.isnan(effect), np.nan, error), success)


def params(decision: dict[str, object], seed: int = 1, rules: dict[str, object] | None = None,
           **arms: dict[str, object]) -> Params:  # fmt: skip
    """Return params of a call (10) and a mail (1); `rules` go into interventions, refusals are `complaint`s."""
    catalogue = {
        "call": {"cost": 10.0, "cooldown_days": 30, "kinds": ["customer", "partner"], **arms.get("call", {})},
        "mail": {"cost": 1.0, **arms.get("mail", {})},
    }
    return parse_params({
        "seed": seed,
        "source": {"kind": "files"},
        "clock": {"as_of": "2025-04-01", "horizon_days": 90},
        "outcome": {"churn": {"event": "churned"}, "value": {}, "retention_value": 300.0},
        "interventions": {"control": "none", "arms": catalogue, **(rules or {})},
        "features": {"refusals": ["complaint"]},
        "decision": decision,
    })  # fmt: skip


def told(decision: dict[str, object], seed: int = 1, rules: dict[str, object] | None = None,
         **arms: dict[str, object]) -> Told:  # fmt: skip
    """Return a bundle under such params."""
    return Told(params(decision, seed, rules, **arms), Encoding((), {}), ChurnModel.constant(0.0), None, "f00d")


def people(rows: int = 4, **changes: object) -> pd.DataFrame:
    """Customers to whom a call is worth 20 and a mail 2, costs aside; nobody was called before."""
    columns = {
        "stakeholder_id": pd.array([f"s{at:04d}" for at in range(rows)], dtype="str"),
        "as_of": pd.Series([AS_OF] * rows, dtype="datetime64[us, UTC]"),
        "iteration": 2,
        "opted_out": False,
        "kind": "customer",
        "effect_call": 20.0,
        "effect_mail": 2.0,
        "risk": 0.25,
        "contact_call_days_since": np.nan,
        "contact_mail_days_since": np.nan,
    }
    return pd.DataFrame({**columns, **changes}, index=range(rows))


def crowd(rows: int, seed: int) -> pd.DataFrame:
    """People of every kind, with effects, cool-downs and opt-outs at random."""
    rng = np.random.default_rng(seed)
    return people(
        rows,
        opted_out=rng.random(rows) < 0.1,
        kind=pd.array(np.array(["customer", "partner", "employee"], dtype=object)[rng.integers(0, 3, rows)]),
        effect_call=rng.normal(12, 8, rows),
        effect_mail=rng.normal(2, 3, rows),
        contact_call_days_since=np.where(rng.random(rows) < 0.7, np.nan, rng.uniform(0, 60, rows)),
    )
