"""The page: one file, no outside resource, every tag closed, every value escaped, the same run the same bytes."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from rapport.report.page import render_page, settings, top_features

VOID = {"meta", "br", "hr", "img", "input", "link"}
HOSTILE = "<script>alert(1)</script>"


class Outline(HTMLParser):
    """Collects tags, attributes and visible text, and refuses tags that do not close in order."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def outline(page):
    found = Outline()
    found.feed(page)
    found.close()
    assert found.open == []
    return found


def seen(page):
    return " ".join(" ".join(outline(page).text).split())


def outside(page):
    """Every reference that would leave the page."""
    leading = {"src", "href", "srcset", "action", "data", "xlink:href"}
    found = [value for name, value in outline(page).attributes if name in leading and not value.startswith("#")]
    return found + re.findall(r"url\([^)]*\)|@import[^;]*", page)


def test_the_page_stands_alone(finished):
    page = render_page(finished)
    assert outside(page) == []
    assert not {"script", "link", "iframe", "object", "base", "img"} & set(outline(page).tags)
    assert "default-src 'none'" in page
    assert outside('<a href="http://x"></a><i style="background:url(y)"></i>') == ["http://x", "url(y)"]


def test_links_within_the_page_lead_somewhere(finished):
    attributes = outline(render_page(finished)).attributes
    ids = [value for name, value in attributes if name == "id"]
    assert {value[1:] for name, value in attributes if name == "href"} <= set(ids)
    assert len(ids) == len(set(ids))


def test_the_page_tells_the_run(finished):
    text = seen(render_page(finished))
    for told in (
        "For every 1,000 stakeholders, this policy earns 2,000 more than contacting nobody, costs paid, over 90 days "
        "(95 % interval: 1,500 to 2,500).",
        "12.00 11.00 to 13.00 50.0 % 6.00",  # our policy
        "11.75 10.75 to 12.75 0.25 -0.25 to 0.75 100.0 % 9.00",  # best single arm
        "call phone 2 33.3 % 20.00 2.00 16.50 14.25 to 18.75",
        "mail post 1 16.7 % 3.00 – too few decisions of it or of the control: 4 –",
        "interventions.arms.call.where not open to this stakeholder 3 2 3",
        "decision.budget at most 25.00 23.00 1.25",
        "interventions.arms.call.quota at least 1 2",
        "decision.rate_gaps.fair north over south at most 0.0500 0.0125",
        "The plan, draws aside, is worth 9.00; none under the limits is worth more than 10.00 (gap 10.000 %).",
        "Judged on 100 stakeholders (20 left), those without an intervention at the latest snapshot, whom the model "
        "had not seen: later time and other stakeholders.",
        "AUC 0.7100 0.6900 to 0.7300",
        "best single feature use_count_30d, lowest first 0.6000 0.5700 to 0.6300 0.1100 0.1000 to 0.1200",
        "logistic regression all features, L2 penalty 0.7000 0.6800 to 0.7200 0.0100 0.0050 to 0.0150",
        "events unknown stakeholder 5",
        "iteration 1 10",
        "7 of them had no logged propensity",
        "use_count_30d use events in the last 30 days unit: events; window: 30 days; source: use; absent counts as "
        "zero 75.0 % – –",
        "interventions.arms.call.capacity 2",
        "0123456789abcdef",
    ):
        assert told in text


def test_the_page_tells_of_rows_of_other_arms(finished):
    churn = finished.training["churn"]
    assert f"{churn['churned']:,} ended in churn." in seen(render_page(finished))  # logged before decision 0031
    training = {**finished.training, "churn": {**churn, "rows_of_other_arms": 1234}}
    page = seen(render_page(replace(finished, training=training)))
    assert f"{churn['churned']:,} ended in churn, and from 1,234 at which an intervention was decided." in page


def test_the_same_run_gives_the_same_bytes_wherever_it_lies(finished, tmp_path, monkeypatch):
    page = render_page(finished)
    monkeypatch.chdir(tmp_path)
    source = finished.params.source.model_copy(update={"path": "/elsewhere/exports"})
    assert render_page(replace(finished, params=finished.params.model_copy(update={"source": source}))) == page
    assert "/somewhere" not in page
    assert "…/exports" in page


def test_what_comes_from_data_is_escaped(finished):
    params = finished.params
    call = params.interventions.arms["call"].model_copy(update={"channel": HOSTILE})
    arms = {**params.interventions.arms, "call": call}
    churn = finished.metrics["churn"]
    rival = {**churn["baselines"]["logistic_regression"], "what": HOSTILE}
    rival["ours_minus_this"] = {"value": -1.0, "low": -2.0, "high": 0.0}
    hostile = replace(
        finished,
        params=params.model_copy(update={
            "interventions": params.interventions.model_copy(update={"arms": arms}),
            "decision": params.decision.model_copy(update={"policy": HOSTILE}),
            "outcome": params.outcome.model_copy(update={"value": {HOSTILE: 0.6}}),
        }),
        assignments=finished.assignments.assign(reason=HOSTILE),
        features=[dict.fromkeys(("name", "meaning", "unit", "source", "missing"), HOSTILE) | {"window_days": None}],
        counts={HOSTILE: 1},
        importance={HOSTILE: 1.0},
        training={**finished.training, "uplift": {**finished.training["uplift"], "by_arm": {HOSTILE: 1}}},
        metrics={**finished.metrics, "churn": {**churn, "split": HOSTILE, "baselines": {HOSTILE: rival}}},
        model_digest=HOSTILE,
    )  # fmt: skip
    page = render_page(hostile)
    assert "script" not in outline(page).tags
    assert HOSTILE not in page
    # Each of: channel, title, policy, event type, reason, feature, attribute, count, learned arm, split, digest,
    # baseline, what it ranks by, and the caution that names it.
    assert seen(page).count(HOSTILE) >= 14


def test_the_page_tells_how_many_explore(finished):
    assert "Of the 5 with arms to draw from 1 explore (20.0 %); decision.exploration asks for" in render_page(finished)


def test_a_run_without_decisions_shows_the_pilot(finished):
    sentence = "no logged decisions: uplift needs a randomised pilot of 1,200 stakeholders"
    training = {**finished.training, "uplift": {"rows": 0, "by_iteration": {}, "by_arm": {}, "propensity_estimated": 0}}
    run = replace(
        finished, metrics={"churn": finished.metrics["churn"], "pilot": {}}, training=training, pilot=sentence
    )
    text = seen(render_page(run))
    assert sentence[1:] in text
    assert "No decision whose horizon is over" in text
    assert "What the policy is worth" not in text
    assert "verage effect" not in text
    assert "What the policy is worth" in seen(render_page(finished))


def test_a_constant_churn_model_and_undefined_measures(finished):
    churn = {**finished.metrics["churn"], "auc": {"value": None, "low": None, "high": None}, "deciles": []}
    text = seen(render_page(replace(finished, metrics={**finished.metrics, "churn": churn}, importance={}, counts={})))
    assert "AUC – – chance" in text
    assert "What churn risk is learned from" not in text


def test_limits_of_an_open_handed_run(finished):
    free = replace(finished, account={**finished.account, "limits": []})
    assert "No limit is set" in seen(render_page(free))
    assert "No limit is set" not in seen(render_page(finished))


def test_settings_name_every_parameter(params):
    found = dict(settings(params))
    assert found["interventions.arms.mail.cost"] == "mail_cost"
    assert found["features.windows_days"] == "30, 90, 365"
    assert found["features.exclude"] == "none"
    assert found["interventions.arms.mail.capacity"] == "not set"
    relative = params.model_copy(update={"source": params.source.model_copy(update={"path": "data/raw"})})
    assert dict(settings(relative))["source.path"] == "data/raw"


def test_top_features_are_shares_in_order():
    found = top_features({"b": 1.0, "a": 1.0, "c": 2.0, "d": 0.0}, [{"name": "c", "meaning": "of c"}])
    assert found == [("c", "of c", 0.5), ("a", "", 0.25), ("b", "", 0.25)]
    many = top_features({f"f{k:02d}": 1.0 for k in range(40)}, [])
    assert [name for name, _, _ in many] == [f"f{k:02d}" for k in range(15)]
    assert many[0][2] == pytest.approx(1 / 40)
