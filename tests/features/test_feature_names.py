"""What the features are called, which there are, and which names are refused."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from histories import Built, featurized
from rapport.contracts.cells import Origin
from rapport.contracts.errors import InputError, ParamsError
from rapport.contracts.params import Params, parse_params
from rapport.contracts.tables import canonical_events, canonical_stakeholders, no_decisions
from rapport.features.attributes import KEYS
from rapport.features.history import slugs_of

OUTCOME = ["churned", "money", "value", "contacts"]


def params(arms: dict[str, Any] | None = None, churn: dict[str, Any] | None = None, **features: Any) -> Params:
    return parse_params(
        {
            "source": {"kind": "files"},
            "clock": {"as_of": "2025-04-01", "horizon_days": 30},
            "outcome": {"churn": churn or {"event": "left"}, "value": {}, "retention_value": 1.0},
            "interventions": {"control": "none", "arms": arms or {"call": {}}},
            "features": {"windows_days": (30,), "snapshots": 1, **features},
        }
    )


def build(params: Params, types: dict[str, int] | None = None, **attributes: list[Any]) -> Built:
    """Return the tables of two people with these attributes; `types` says how often each event type happened to b."""
    raw = {"stakeholder_id": ["a", "b"], "kind": ["customer", "partner"], "since": "2024-01-01", **attributes}
    stakeholders = canonical_stakeholders(pd.DataFrame(raw), Origin("stakeholders"))
    happened = [name for name, count in (types or {"visit": 1}).items() for _ in range(count)]
    raw = {"stakeholder_id": "b", "occurred_at": "2025-03-20", "event_type": happened}
    events = canonical_events(pd.DataFrame(raw), Origin("events"))
    return featurized(stakeholders, events, no_decisions(params.interventions.names), params)


# --- event types ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("types", "got"),
    [
        (["visit", "Visit"], "'visit' beside 'Visit'"),
        (["Offer viewed", "buy", "offer-viewed!"], "'offer-viewed!' beside 'Offer viewed'"),
        (["contact_call"], "'contact_call' beside contact with arm call"),
        (["Contact: Call"], "'Contact: Call' beside contact with arm call"),
        (["Activity"], "'Activity' beside the features of all events"),
        (["contacts"], "'contacts' beside the features of all contacts"),
        (["Responses"], "'Responses' beside the features of responses"),
        (["refusals"], "'refusals' beside the features of refusals"),
    ],
)
def test_event_types_whose_names_collide_are_refused(types, got):
    expected = f"events, column event_type: expected types that differ in letters or digits; got {got}. "
    with pytest.raises(InputError, match="^" + expected + "To mend it: rename (one of them|the event type)"):
        slugs_of(types, ["call", "mail"])
    with pytest.raises(InputError, match=expected):
        build(params(), dict.fromkeys(types, 1))


def test_event_types_that_differ_are_not_refused():
    types = ["visit", "visits", "Offer viewed", "contact_none", "contact", "response", "rfm", "tenure", "active_weeks"]
    assert slugs_of(types, ["call", "mail"]) == {
        "visit": "visit",
        "visits": "visits",
        "Offer viewed": "offer_viewed",
        "contact_none": "contact_none",
        "contact": "contact",
        "response": "response",
        "rfm": "rfm",
        "tenure": "tenure",
        "active_weeks": "active_weeks",
    }
    built = build(params(responses=["response"]), dict.fromkeys(types, 1))
    assert len({*built.names}) == len(built.names), "not even these share a name with a feature of them all"


@pytest.mark.parametrize("most", [1, 3])
def test_the_most_frequent_event_types_are_kept_and_ties_go_by_name(most):
    types = {"zebra": 3, "common": 5, "apple": 3, "rare": 1, "left": 0}
    kept = ["common", "apple", "zebra", "rare"][:most]
    found = [name.removesuffix("_count_30d") for name in build(params(max_event_types=most), types).names]
    assert [name for name in found if name in types] == sorted(kept)
    assert "contact_call" in found, "the arms have their columns in any case"


def test_the_leaving_event_is_no_feature_and_takes_no_place():
    raw = {"visit": 1, "Left": 9}
    by_event = build(params(max_event_types=1), raw).names
    together = ["activity_days_since", "activity_gap_days", "activity_silence", "active_weeks_13", "active_weeks_52"]
    contacts = ["contact_call_count_30d", "contact_call_days_since", "contacts_count_30d", "contacts_days_since"]
    visits = ["visit_count_30d", "visit_days_since", "visit_gap_days", "visit_silence"]
    assert by_event == ["kind", "tenure_days", *visits, *together, *contacts]
    by_silence = build(params({"call": {}}, {"inactive_days": 9, "activity": ["visit"]}), raw).names
    assert "left_count_30d" in by_silence


def test_an_event_type_called_event_is_a_feature_too():
    """With churn by silence there is no leaving event, so that no event type at all is set aside."""
    built = build(params({"call": {}}, {"inactive_days": 9, "activity": ["visit"]}), {"event": 2, "visit": 1})
    assert built.population["event_count_30d"].tolist() == [0.0, 2.0]


# --- attributes -----------------------------------------------------------------------------------------------------


def test_attributes_of_every_type_are_features_and_keep_what_is_missing():
    built = build(params(), vip=[True, False], age=[41.5, np.nan], seats=[3, 4], plan=["pro", None])
    declared = {feature.name: (feature.unit, feature.missing) for feature in built.features}
    assert declared["plan"] == declared["kind"] == ("category", "missing")
    assert declared["vip"] == declared["age"] == declared["seats"] == ("value", "missing")
    people = built.population
    assert people["vip"].tolist() == [True, False]
    assert people["seats"].tolist() == [3.0, 4.0]
    assert people["age"].iloc[0] == 41.5
    assert people["plan"].iloc[0] == "pro"
    assert people[["age", "plan"]].iloc[1].isna().all()
    assert people["kind"].tolist() == ["customer", "partner"]
    assert people[["vip", "age", "seats"]].dtypes.astype(str).tolist() == ["bool", "float64", "float64"]
    assert built.names[:5] == ["kind", "vip", "age", "seats", "plan"]


def test_excluded_and_audit_only_attributes_are_in_no_table():
    attributes = {"age": [1, 2], "gender": ["f", "m"], "plan": ["x", "y"]}
    built = build(params(exclude=["age"], audit_only=["gender"]), **attributes)
    assert built.names[:3] == ["kind", "plan", "tenure_days"]
    for table in (built.population, built.snapshots, built.decisions):
        assert not {"age", "gender"} & {*table.columns}
    assert {"age", "gender", "plan"} <= {*build(params(), **attributes).names}


def test_what_deciding_reads_stays_whatever_is_excluded():
    arms = {"call": {"cost": "call_cost"}, "mail": {"cost": 2.0}}
    built = build(params(arms, exclude=["kind", "call_cost", "age"]), call_cost=[1.5, 2.5], age=[1, 2])
    for table in (built.population, built.snapshots, built.decisions):
        assert {"kind", "call_cost"} <= {*table.columns}
        assert "age" not in table.columns
    assert built.population["call_cost"].tolist() == [1.5, 2.5]
    without = build(params(exclude=["call_cost"]), call_cost=[1.5, 2.5])
    assert "call_cost" not in without.population.columns


TAKEN = ["value", "row", "arm", "money", "contacts", "as_of", "stakeholder"]
FEATURES_TAKEN = ["tenure_days", "visit_count_30d", "contact_call_days_since", "active_weeks_13", "contacts_count_30d"]


def test_an_attribute_named_like_a_key_or_a_feature_is_renamed():
    attributes = {name: [float(at), -1.0] for at, name in enumerate([*TAKEN, *FEATURES_TAKEN, "visit_count_31d"])}
    built = build(params(), **attributes)
    for at, name in enumerate([*TAKEN, *FEATURES_TAKEN]):
        assert built.population[f"attribute_{name}"].tolist() == [float(at), -1.0], name
    assert "visit_count_31d" in built.names, "no other feature has this name"
    assert built.population["visit_count_30d"].tolist() == built.population["active_weeks_13"].tolist() == [0.0, 1.0]
    for table in (built.population, built.snapshots, built.decisions):
        assert table.columns.is_unique
        assert {*built.names} <= {*table.columns}
    assert built.snapshots["value"].tolist() == [1.0, 1.0], "the outcome, not the attribute"


def test_no_feature_is_a_key():
    built = build(params(), **{name: [1.0, 2.0] for name in TAKEN})
    assert not KEYS & {*built.names}
    assert [*built.snapshots.columns] == ["stakeholder_id", "as_of", *OUTCOME, *built.names]
    assert [*built.population.columns] == ["stakeholder_id", "as_of", "opted_out", "iteration", *built.names]
    keys = ["decision_id", "stakeholder_id", "as_of", "arm", "propensity", "iteration", "policy"]
    assert [*built.decisions.columns] == [*keys, *OUTCOME, *built.names]


def test_two_attributes_that_would_share_a_name_are_refused():
    with pytest.raises(InputError, match="column money: expected no column attribute_money beside it"):
        build(params(), money=[1, 2], attribute_money=[3, 4])
    assert "attribute_purse" in build(params(), purse=[1, 2], attribute_purse=[3, 4]).names


@pytest.mark.parametrize("column", ["value", "money", "tenure_days"])
def test_a_cost_that_would_be_read_from_an_outcome_or_a_feature_is_refused(column):
    with pytest.raises(InputError, match=f"column {column}: expected a name of its own, since deciding reads"):
        build(params({"call": {"cost": column}}), **{column: [1.0, 2.0]})
    assert "price" in build(params({"call": {"cost": "price"}}), price=[1.0, 2.0], **{column: [1.0, 2.0]}).names


def test_declarations_say_what_each_feature_is():
    built = build(params(), age=[1, 2])
    texts = [feature.as_dict() for feature in built.features]
    assert texts[0] == {"name": "kind", "meaning": "attribute kind", "unit": "category", "source": "attribute",
                        "window_days": None, "missing": "missing"}  # fmt: skip
    assert {text["unit"] for text in texts} == {"category", "value", "days", "events", "ratio", "weeks"}
    assert {text["name"]: text["missing"] for text in texts}["visit_count_30d"] == "zero"
    assert len({*built.names}) == len(built.features)
    zero = [text["name"] for text in texts if text["missing"] == "zero"]
    assert built.population[zero].notna().all(axis=None)


@pytest.mark.parametrize("section", ["exclude", "audit_only"])
def test_a_misspelt_attribute_to_leave_out_is_refused(section):
    with pytest.raises(ParamsError, match=rf"features\.{section}: expected a column .*gender.*'gendre'"):
        build(params(**{section: ["gendre"]}), gender=["x", "y"])
    assert "gender" not in build(params(**{section: ["gender"]}), gender=["x", "y"]).names


@pytest.mark.parametrize("key", ["exclude", "audit_only"])
def test_the_beginning_of_the_relationship_can_be_left_out(key: str) -> None:
    assert "tenure_days" in [each.name for each in build(params()).features]
    assert "tenure_days" not in [each.name for each in build(params(**{key: ("since",)})).features]
