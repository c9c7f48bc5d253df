"""The columns that rules of deciding read: in the tables, right, and no features."""

import numpy as np
import pytest

from histories import (
    AS_OF,
    DAY,
    LATEST,
    Built,
    Decided,
    Event,
    build,
    decision_table,
    event_table,
    featurized,
    params,
    stakeholder_table,
)
from rapport.contracts.errors import ParamsError
from rapport.contracts.params import Params

CALLS = [Decided("d1", "ann", AS_OF - 45 * DAY, "call"), Decided("d2", "ann", AS_OF - 46 * DAY, "mail"),
         Decided("d3", "ann", AS_OF - 5 * DAY, "call"), Decided("d4", "bob", LATEST - DAY, "none")]  # fmt: skip
VISITS = [Event("ann", AS_OF - 9 * DAY, AS_OF - 9 * DAY, "visit"), Event("bob", AS_OF - DAY, AS_OF - DAY, "visit")]
WINDOW = {"contacts": [{"most": 2, "days": 45}]}


def test_contacts_are_counted_in_a_rules_window_and_learned_from_in_none() -> None:
    """45 days ago is in a window of 45 days, 46 days ago is not; bob was left alone."""
    plain, ruled = build(VISITS, CALLS), build(VISITS, CALLS, decision=WINDOW)
    today = ruled.population.set_index("stakeholder_id")
    assert today.loc[["ann", "bob"], "contact_call_count_45d"].tolist() == [2.0, 0.0]
    assert today.loc[["ann", "bob"], "contact_mail_count_45d"].tolist() == [0.0, 0.0]
    assert ruled.names == plain.names
    added = set(ruled.population.columns) - set(plain.population.columns)
    assert added == {"contact_call_count_45d", "contact_mail_count_45d"}
    assert added <= set(ruled.decisions.columns)


def test_a_window_that_features_have_is_not_made_twice() -> None:
    same = build(VISITS, CALLS, decision={"contacts": [{"most": 2, "days": 60}]})
    assert list(same.population.columns) == list(build(VISITS, CALLS).population.columns)
    assert same.population.set_index("stakeholder_id")["contact_mail_count_60d"]["ann"] == 1.0


def test_a_refusal_that_never_happened_is_a_column_all_the_same() -> None:
    rest = {"rest_after_refusal_days": 30}
    never = build(VISITS, CALLS, decision=rest, refusals=["complaint"])
    assert never.population["refusals_days_since"].isna().all()
    assert never.population["refusals_days_since"].dtype == np.float64
    assert "refusals_days_since" not in never.names
    once = build([*VISITS, Event("bob", AS_OF - 3 * DAY, AS_OF - 3 * DAY, "complaint")], CALLS, decision=rest,
                 refusals=["complaint"])  # fmt: skip
    assert once.population.set_index("stakeholder_id")["refusals_days_since"]["bob"] == 3.0


@pytest.mark.parametrize("most", [1, 2])
def test_rest_after_a_refusal_holds_however_few_event_types_become_features(most: int) -> None:
    happened = [*VISITS, Event("bob", AS_OF - 3 * DAY, AS_OF - 3 * DAY, "complaint"),
                *(Event("ann", AS_OF - day * DAY, AS_OF - day * DAY, "reply") for day in (1, 2))]  # fmt: skip
    worth = {"churn": {"event": "left"}, "value": {"visit": 1.0}}
    built = build(happened, CALLS, decision={"rest_after_refusal_days": 30}, max_event_types=most, outcome=worth,
                  refusals=["complaint"], responses=["reply"])  # fmt: skip
    assert built.population.set_index("stakeholder_id")["refusals_days_since"]["bob"] == 3.0
    assert "responses_days_since" in built.names
    assert "visit_days_since" not in built.names, "answers come first"


def with_regions(given: Params) -> Built:
    people = stakeholder_table(["ann", "bob"]).assign(region=["north", "south"])
    return featurized(people, event_table(VISITS), decision_table(CALLS), given)


def test_an_attribute_that_a_rule_reads_is_in_the_tables_though_no_feature() -> None:
    gap = {"rate_gaps": {"fair": {"by": "region", "most": 0.1}}}
    built = with_regions(params(audit_only=["region"], decision=gap))
    assert built.population["region"].tolist() == ["north", "south"]
    assert "region" not in built.names
    assert "region" not in with_regions(params(audit_only=["region"])).population


@pytest.mark.parametrize(
    ("decision", "key"),
    [
        ({"one_per": "home"}, "decision.one_per"),
        ({"rate_gaps": {"fair": {"by": "home", "most": 0.1}}}, "decision.rate_gaps.fair.by"),
        ({"limits": {"x": {"where": "home == 'a' and visit_count_7d > 1", "at_most": 1}}}, "decision.limits.x.where"),
    ],
)
def test_a_rule_of_no_column_is_refused(decision: dict[str, object], key: str) -> None:
    with pytest.raises(ParamsError, match=rf"params.yaml, {key}: expected .*; got 'home'"):
        with_regions(params(decision=decision))
    fine = {"limits": {"x": {"where": "region == 'north' and visit_count_7d > 1", "at_most": 1}}}
    assert len(with_regions(params(decision=fine)).population) == 2
