"""The table of features on the page: the most used first, drift beside its noise, every text escaped."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from rapport.contracts.params import Evaluation
from rapport.report.features import TOP, feature_panel, importance_shares
from rapport.report.page import render_page

HOSTILE = "<script>alert(1)</script>"


class Seen(HTMLParser):
    """Collects the text of each cell of a table's body and of everything, and the tags."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.rows, self.text, self.tags, self._hidden = [], [], [], 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        self.text.append(data)
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] = " ".join(f"{self.rows[-1][-1]} {data}".split())


def declared(name, **changes):
    return {"name": name, "meaning": f"meaning of {name}", "unit": "events", "source": "use", "window_days": 30,
            "missing": "zero", **changes}  # fmt: skip


def drifted(name, psi, noise=0.01, models=("churn", "uplift")):
    return {"name": name, "absent": 0.25, "training": {m: {"absent": 0.5, "psi": psi, "noise": noise} for m in models}}


def section(page):
    return page[page.index('<h2 id="features">') : page.index('<h2 id="params">')]


def test_features_stand_by_what_the_models_use_them_and_then_as_declared():
    features = [declared(name) for name in "abcd"]
    panel = feature_panel(features, [], {"churn": {"a": 1.0, "b": 3.0}, "uplift": {"c": 1.0}}, Evaluation())
    assert [row.name for row in panel.rows] == ["c", "b", "a", "d"]
    assert [row.importance for row in panel.rows] == [("–", "100.0 %"), ("75.0 %", "–"), ("25.0 %", "–"), ("–", "–")]
    assert panel.importances == ("churn", "outcomes")
    assert panel.drifts == panel.moved == ()


def test_without_a_model_that_ranks_the_order_is_that_of_the_declarations():
    panel = feature_panel([declared(name) for name in "ba"], [], {"churn": {}, "uplift": {"a": 0.0}}, Evaluation())
    assert [row.name for row in panel.rows] == ["b", "a"]
    assert panel.importances == ()


def test_models_count_alike_whatever_the_unit_of_their_gain():
    assert importance_shares([{"a": 1.0, "b": 1.0}, {"a": 900.0, "c": 100.0}, {"a": 0.0}, {}]) == {
        "a": pytest.approx(0.7), "b": pytest.approx(0.25), "c": pytest.approx(0.05),
    }  # fmt: skip
    assert importance_shares([]) == importance_shares([{}]) == importance_shares([{"a": 0.0}]) == {}


@pytest.mark.parametrize(
    ("psi", "noise", "told"),
    [
        (0.25, 0.01, "strong; noise 0.010"),
        (0.1, 0.01, "some; noise 0.010"),
        (0.09, 0.01, "noise 0.010"),
        (0.9, 0.9, "noise 0.900"),
    ],
)
def test_drift_says_no_more_than_its_noise(psi, noise, told):
    panel = feature_panel([declared("a")], [drifted("a", psi, noise, ("churn",))], {}, Evaluation())
    assert panel.drifts == ("churn",)
    assert panel.rows[0].drift == ((f"{psi:.3f}", told),)
    assert (panel.rows[0].absent_training, panel.rows[0].absent_now) == ("50.0 %", "25.0 %")
    assert bool(panel.moved) == told.startswith("strong")


def test_what_moved_farthest_is_named_first_and_the_rest_counted():
    names = "abcdefg"
    drift = [drifted(name, 0.25 + at / 10, models=("churn",)) for at, name in enumerate(names)]
    drift.append(drifted("still", 0.0, models=("churn",)))
    panel = feature_panel([declared(name) for name in names], drift, {}, Evaluation())
    assert panel.moved == (
        "Strong drift (PSI of 0.25 or more) from the training rows of churn: g, f, e, d, c and 2 more.",
    )


def test_the_page_shows_the_most_used_and_the_others_one_click_away(finished):
    names = [f"f{at:02d}" for at in range(TOP + 2)]
    run = replace(
        finished,
        features=[declared(name, window_days=None if name == "f00" else 30) for name in names],
        importance={name: float(at) for at, name in enumerate(names)},
        outcome_importance={"f00": 0.0, "f01": 1.0},
        drift=[drifted(name, 0.3) for name in names],
    )
    part = section(render_page(run))
    shown, folded = part.split("<details>")
    rows = [row for row in Seen(shown).rows if len(row) == 7 and row[0].startswith("f") and row[0] != "feature"]
    assert [row[0].split()[0] for row in rows] == ["f01", *(f"f{at:02d}" for at in range(TOP + 1, 2, -1))]
    assert rows[0] == [
        "f01 meaning of f01 unit: events; window: 30 days; source: use; absent counts as zero",
        "0.7 %", "100.0 %", "0.300 strong; noise 0.010", "0.300 strong; noise 0.010", "50.0 %", "25.0 %",
    ]  # fmt: skip
    assert "The other 2 of 17 features" in folded
    assert [row[0].split()[0] for row in Seen(folded).rows if len(row) == 7][1:] == ["f02", "f00"]
    assert "window: –" in folded


def test_few_features_are_all_shown_at_once(finished):
    part = section(render_page(finished))
    assert "<details>" not in part
    assert "use_count_30d" in part
    assert "Drift:" not in part
    assert "Importance:" in part
    assert "Importance:" not in section(render_page(replace(finished, importance={})))


def test_texts_of_features_are_escaped(finished):
    run = replace(
        finished,
        features=[dict.fromkeys(("name", "meaning", "unit", "source", "missing"), HOSTILE) | {"window_days": None}],
        drift=[drifted(HOSTILE, 1.0)],
        importance={HOSTILE: 1.0},
    )
    part = section(render_page(run))
    seen = Seen(part)
    assert "script" not in seen.tags
    # Name, meaning, unit, source, what absence counts as, and both sentences about drift.
    assert " ".join(seen.text).count(HOSTILE) == 7
