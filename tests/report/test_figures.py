"""Figures: what is drawn stands where the numbers say, and every text is escaped."""

from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.report.figures import Bar, Point, Whisker, calibration, curve, dot_and_whisker, nice_ticks, stacked_bars

HOSTILE = '<script>alert("1")</script>'


def drawn(figure, tag, look=None):
    found = ElementTree.fromstring(figure).iter(tag)
    return [each.attrib for each in found if look is None or each.attrib.get("class") == look]


def test_dots_and_whiskers_are_linear_in_their_values():
    figure = dot_and_whisker([Whisker("a", 10.0, 5.0, 15.0, True), Whisker("b", 20.0, 18.0, 22.0)], "money", "t")
    x = {tick.text: float(tick.attrib["x"]) for tick in ElementTree.fromstring(figure).iter("text")
         if tick.attrib["class"] == "tick middle" and tick.text != "money"}  # fmt: skip
    unit = (x["20"] - x["10"]) / 10
    dots = [float(dot["cx"]) for dot in drawn(figure, "circle")]
    assert dots == pytest.approx([x["10"], x["20"]], abs=0.02)
    whisker = drawn(figure, "line", "whisker")[0]
    assert float(whisker["x2"]) - float(whisker["x1"]) == pytest.approx(4 * unit, abs=0.03)
    assert float(drawn(figure, "line", "ours-line")[0]["x1"]) == pytest.approx(x["10"], abs=0.02)


def test_an_undefined_value_has_a_row_but_no_dot():
    figure = dot_and_whisker([Whisker("a", None, None, None, True), Whisker("b", 1.0, None, None)], "money", "t")
    assert len(drawn(figure, "circle")) == 1
    assert drawn(figure, "line", "whisker strong") == drawn(figure, "line", "ours-line") == []
    assert "not defined" in figure


def test_widths_of_bars_are_proportional_and_parts_adjoin():
    bars = [Bar("a", {"p": 30.0, "q": 10.0}, "40"), Bar("b", {"q": 20.0}, "20")]
    p, q, other = drawn(stacked_bars(bars, {"p": 3, "q": 0}, "t"), "rect")
    assert [each["class"] for each in (p, q, other)] == ["part-3", "part-0", "part-0"]
    assert float(p["width"]) == pytest.approx(3 * float(q["width"]), abs=0.05)
    assert float(other["width"]) == pytest.approx(2 * float(q["width"]), abs=0.05)
    assert float(p["x"]) + float(p["width"]) == pytest.approx(float(q["x"]), abs=0.02)
    assert p["x"] == other["x"]


def test_a_calibrated_decile_lies_on_the_diagonal():
    fair = {"mean_predicted": 0.1, "observed": 0.1, "low": 0.05, "high": 0.2, "n": 100}
    figure = calibration([fair, {**fair, "mean_predicted": 0.15}], "t")
    line = {key: float(value) for key, value in drawn(figure, "line", "ours-line")[0].items() if key != "class"}
    on, off = (
        (float(dot["cx"]) - line["x1"]) / (line["x2"] - line["x1"])
        - (float(dot["cy"]) - line["y1"]) / (line["y2"] - line["y1"])
        for dot in drawn(figure, "circle")
    )
    assert on == pytest.approx(0.0, abs=1e-3)
    assert off > 0.1


@pytest.mark.parametrize(
    "figure",
    [
        dot_and_whisker([Whisker(HOSTILE, 1.0, 0.0, 2.0)], HOSTILE, HOSTILE),
        stacked_bars([Bar(HOSTILE, {HOSTILE: 1.0}, HOSTILE)], {HOSTILE: 0}, HOSTILE),
        calibration([], HOSTILE),
    ],
)
def test_texts_are_escaped(figure):
    assert "<script" not in figure
    assert "&lt;script" in figure
    assert ElementTree.fromstring(figure).tag == "svg"


def test_nothing_to_draw_is_still_a_figure():
    for figure in (dot_and_whisker([], "x", "t"), stacked_bars([], {}, "t"), calibration([], "t")):
        assert ElementTree.fromstring(figure).attrib["aria-label"] == "t"


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_ticks_span_the_range_evenly_and_stay_few(one, other):
    low, high = min(one, other), max(one, other)
    ticks = nice_ticks(low, high)
    step = ticks[1] - ticks[0]
    assert 2 <= len(ticks) <= 9
    assert ticks[0] <= low + 1e-6 * step
    assert ticks[-1] >= high - 1e-6 * step
    assert all(b - a == pytest.approx(step, rel=1e-6) for a, b in pairwise(ticks))


def test_a_curve_is_linear_in_both_directions_and_marks_the_strong_point():
    points = [
        Point(0.0, 0.0, -5.0, 5.0, "a"),
        Point(50.0, 40.0, 30.0, 50.0, "b", True),
        Point(100.0, 60.0, 50.0, 70.0, "c"),
    ]
    figure = curve(points, "budget", "gain", "t")
    a, b, c = [(float(dot["cx"]), float(dot["cy"])) for dot in drawn(figure, "circle")]
    assert b[0] - a[0] == pytest.approx(c[0] - b[0], abs=0.02)
    assert a[1] - b[1] == pytest.approx(2 * (b[1] - c[1]), abs=0.03)
    assert drawn(figure, "polyline")[0]["points"].split() == [f"{x:g},{y:g}" for x, y in (a, b, c)]
    (line,) = drawn(figure, "line", "ours-line")
    assert float(line["x1"]) == float(line["x2"]) == b[0]
    (whisker,) = drawn(figure, "line", "whisker strong")
    assert float(whisker["y1"]) - float(whisker["y2"]) == pytest.approx(20 / 40 * (a[1] - b[1]), abs=0.03)


def test_a_curve_of_nothing_and_of_one_point_and_hostile_texts_are_drawn():
    assert "polyline" in curve([], "x", "y", "t")
    figure = curve([Point(7.0, 1.0, 1.0, 1.0, HOSTILE)], HOSTILE, HOSTILE, HOSTILE)
    assert "<script" not in figure
    assert len(drawn(figure, "circle")) == 1
