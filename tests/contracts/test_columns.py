"""Columns that params name are columns that there are."""

import pytest

from rapport.contracts.columns import check_columns
from rapport.contracts.errors import ParamsError
from rapport.contracts.params import Params, parse_params

COLUMNS = ("stakeholder_id", "kind", "since", "opted_out", "region", "gender", "email_ok", "price", "home")
NAMES = {
    "features.exclude": {"features": {"exclude": ["kind", "NAME"]}},
    "features.audit_only": {"features": {"audit_only": ["NAME"]}},
    "kpis.segment": {"kpis": {"segment": "NAME"}},
    "decision.one_per": {"decision": {"one_per": "NAME"}},
    "decision.rate_gaps.fair.by": {"decision": {"rate_gaps": {"fair": {"by": "NAME", "most": 0.1}}}},
    "interventions.arms.call.cost": {"interventions": {"control": "none", "arms": {"call": {"cost": "NAME"}}}},
}


def named(sections: dict, name: str) -> Params:
    def put(part):
        if isinstance(part, dict):
            return {key: put(value) for key, value in part.items()}
        return [put(each) for each in part] if isinstance(part, list) else name if part == "NAME" else part

    document = {
        "source": {"kind": "files"},
        "clock": {"as_of": "2024-06-01", "horizon_days": 30},
        "outcome": {"churn": {"event": "churned"}, "value": {"purchase": 1.0}, "retention_value": 0.0},
        "interventions": {"control": "none", "arms": {"call": {}}},
    }
    return parse_params(document | put(sections))


@pytest.mark.parametrize("key", NAMES)
def test_a_name_that_no_column_bears_is_refused_by_its_key(key: str) -> None:
    check_columns(COLUMNS, named(NAMES[key], "region"))
    with pytest.raises(ParamsError, match=rf"^params\.yaml, {key}: expected a column of stakeholders "
                       r"\([^)]*kind, .*region, gender, [^)]*\); got 'regoin'\. To mend it: correct"):  # fmt: skip
        check_columns(COLUMNS, named(NAMES[key], "regoin"))


def test_the_beginning_of_the_relationship_may_be_left_out_but_is_no_rule() -> None:
    check_columns(COLUMNS, named(NAMES["features.exclude"], "since"))
    with pytest.raises(ParamsError, match=r"decision\.one_per: expected .*got 'since'"):
        check_columns(COLUMNS, named(NAMES["decision.one_per"], "since"))


def test_of_many_columns_the_first_are_listed() -> None:
    many = [*COLUMNS, *(f"attribute_{at}" for at in range(100))]
    with pytest.raises(ParamsError, match=r"attribute_20 and 79 more\); got 'x'"):
        check_columns(many, named(NAMES["features.audit_only"], "x"))
