"""From checked tables to the three tables of rows: decisions, snapshots and today's population.

Key columns come first, then the features; those of the history depend on nothing known at or after the row's as-of
instant. Attributes are as exported.
A table is made some stakeholders at a time, so that memory depends neither on their number nor on their events'.
"""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..contracts.params import Params
from ..contracts.time import MICROS_PER_DAY, from_micros
from .attributes import attribute_features, attributes
from .catalogue import declarations, expression
from .declare import Feature
from .engine import Engine
from .history import Codes
from .labels import called_off, outcome_expression, outcomes
from .material import material_of
from .retention_worth import RetentionWorth
from .spine import decision_spine, population_spine, relationships, snapshot_spine

ROWS_AT_ONCE = 50_000  # of a spine at most; more make nothing faster
# That each feature of a row is allowed in a part. About 30 were measured on the embedded engine (86 features of the
# default catalogue, from counting to the table); DuckDB may fill its memory beside them.
_BYTES_PER_CELL = 200
_TENURE = Feature("tenure_days", "days since the relationship began", "days", "since")


class Featurizer:
    """The tables of one run, each as parts in the order of the stakeholders; there is always one, be it empty."""

    def __init__(
        self, stakeholders: pd.DataFrame, codes: Codes, counts: pd.DataFrame, engine: Engine, params: Params
    ) -> None:
        """Choose the features from what was known at `as_of`.

        Args:
            stakeholders: canonical, in stakeholder_id order.
            codes: of the history.
            counts: of its `occurrences`.
            engine: over the history of the same stakeholders, contacts included.
            params: clock, outcome, catalogue of arms, features section, and kpis where retention is worth `clv`.

        Raises:
            InputError: attributes whose feature names collide.
            ParamsError: params name columns or event types that cannot be.
        """
        self._codes, self._engine, self._params = codes, engine, params
        self._people = relationships(stakeholders, codes, engine, params)
        self._worth = RetentionWorth(self._people, codes, engine, params)
        self._material = material_of(codes, counts, params)
        declared = declarations(self._material)
        self._attributes = attributes(stakeholders, params, {_TENURE.name, *(each.name for each in declared)})
        left_out = "since" in {*params.features.exclude, *params.features.audit_only}
        tenure = [] if left_out else [_TENURE]
        self.features = [*attribute_features(self._attributes, params), *tenure, *declared]

    def decisions(self, decisions: pd.DataFrame) -> tuple[Iterator[pa.Table], dict[str, int]]:
        """Return the parts of the mature logged decisions, keys, outcome, features, and how many others the canonical
        table holds, by the reason for which they are not learned from."""
        spine, left_out = decision_spine(decisions, self._people, self._params)
        return self._learned(spine, decisions), left_out

    def snapshots(self, decisions: pd.DataFrame) -> Iterator[pa.Table]:
        """Yield everyone at regular instants: keys, outcome, features; contacts count those of the canonical decisions
        that were called off."""
        return self._learned(snapshot_spine(self._people, self._params), decisions)

    def population(self) -> Iterator[pa.Table]:
        """Yield everyone at `as_of`: keys, opted_out, iteration, features."""
        measures, parts = self._material.measures, self._parts(population_spine(self._people, self._params))
        for spine, made, _ in self._engine.measured_parts(measures, self._features_sql, [], parts):
            opted_out = self._people.stakeholders["opted_out"].to_numpy()[spine["stakeholder"]]
            keys = _keys(spine).assign(opted_out=opted_out, iteration=self._params.clock.iteration)
            keys = keys.assign(**self._worth_column(self._worth.of(spine)))
            yield self._with_features(keys, spine, made)

    def _learned(self, spine: pd.DataFrame, decisions: pd.DataFrame) -> Iterator[pa.Table]:
        spine = spine.assign(called_off=called_off(spine, decisions, self._params.interventions.control))
        measures, parts = self._material.measures, self._parts(spine)
        for part, made, (found,) in self._engine.measured_parts(
            measures, self._features_sql, [self._outcomes_sql], parts
        ):
            worth = self._worth.of(part)
            known = outcomes(found.to_pandas(), part, self._people, worth, self._params)
            contacts = known["contacts"] + part.pop("called_off")
            known = known.assign(contacts=contacts, **self._worth_column(worth))
            yield self._with_features(pd.concat([_keys(part), known], axis=1), part, made)

    def _worth_column(self, worth: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Return the column that says what each row's retention is worth, where rows differ in it."""
        return {"retention_value": worth} if self._worth.by_row else {}

    def _parts(self, spine: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """Yield the rows of some stakeholders at a time, numbered anew; a stakeholder's rows stay together."""
        memory = self._params.memory_gb * 2**30 / self._params.threads  # each thread has a part of its own
        room = int(memory / (_BYTES_PER_CELL * len(self.features)))
        code, start = spine["stakeholder"].to_numpy(), 0
        while start < len(spine) or start == 0:
            last = min(start + max(min(room, ROWS_AT_ONCE), 1), len(spine)) - 1
            end = int(np.searchsorted(code, code[last], side="right")) if len(spine) else 0
            yield spine.iloc[start:end].reset_index(drop=True).assign(row=np.arange(end - start, dtype=np.int64))
            start = max(end, 1)

    @cached_property
    def _features_sql(self) -> str:
        return self._engine.compile(expression(self._material))

    @cached_property
    def _outcomes_sql(self) -> str:
        return self._engine.compile(outcome_expression(self._codes, self._params))

    def _with_features(self, keys: pd.DataFrame, spine: pd.DataFrame, made: pa.Table) -> pa.Table:
        """Return keys, attributes, tenure and the features of the history side by side.

        Args:
            keys: columns to stand first.
            spine: of the part.
            made: row and features, in any order.
        """
        code = spine["stakeholder"].to_numpy()
        began = self._people.since.to_numpy()[code]
        tenure = pd.Series((spine["as_of"].to_numpy() - began) / MICROS_PER_DAY, dtype=np.float64, name=_TENURE.name)
        mine = self._attributes.take(code).reset_index(drop=True)
        if not np.array_equal(made["row"].to_numpy(), spine["row"].to_numpy()):
            made = made.take(pc.sort_indices(made["row"]))
        table = pa.Table.from_pandas(pd.concat([keys, mine, tenure], axis=1), preserve_index=False)
        for name in made.column_names[1:]:
            table = table.append_column(name, made[name])
        return table


def _keys(spine: pd.DataFrame) -> pd.DataFrame:
    """Return the key columns; as_of in UTC without a zone, since MLflow's signatures refuse a zone."""
    as_of = from_micros(spine["as_of"]).dt.tz_localize(None)
    return spine.drop(columns=["row", "stakeholder"]).assign(as_of=as_of)
