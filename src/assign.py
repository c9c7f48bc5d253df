"""Stage assign: one intervention, or the control, for everyone, and the value at risk with each.

Run as `python -m rapport.assign` in the project's root.
"""

from .contracts.cells import Origin
from .contracts.schemas import assignments_schema
from .contracts.tables import conform
from .policy.account import account_of
from .policy.at_risk import value_at_risk
from .policy.decide import assignments_of
from .report.rules import exploration_sentence, plan_sentence
from .serving.decisions import decided
from .store.bundle import read_bundle
from .store.console import new_app, run, say
from .store.documents import write_json
from .store.frames import read_frame, write_frame
from .store.project import ASSIGNMENTS, BUNDLE, FEATURES, RISK, RULES, load_params

app = new_app("Assign every stakeholder the intervention with the highest expected gain under the rules.")


@app.command()
def main() -> None:
    """Read data/bundle and the population's features, write data/assignments (table, rules.json) and data/risk."""
    bundle, population = read_bundle(BUNDLE), read_frame(FEATURES / "population.parquet")
    bundle.refuse_changed(load_params())
    decision, at_risk = decided(bundle, population), value_at_risk(bundle, population)
    assignments = assignments_of(bundle, decision)
    conform(assignments, assignments_schema(bundle.params.interventions.names), Origin("assignments"))
    write_frame(ASSIGNMENTS, assignments)
    account = account_of(decision, bundle.params)
    write_json(RULES, account)
    write_frame(RISK, at_risk)
    counts = assignments["intervention"].value_counts()
    say(", ".join(f"{name} {count:,}" for name, count in counts.items()))
    say(plan_sentence(account))
    for limit in account["limits"]:
        if limit["binding"]:
            say(f"{limit['name']} binds: relaxed by one unit it would gain {limit['price']:.4g}")
    for name in account["empty"]:
        say(f"warning: {name} limits nothing: no stakeholder is of its value or condition")
    if explored := exploration_sentence(account["exploration"]):
        say(explored)
    say(f"value at risk {at_risk['value_at_risk'].sum():,.0f}, money")


if __name__ == "__main__":
    run(app)
