"""The Starbucks rewards test: 17,000 members, six waves, in each of which about 75 % got one of ten offers.

The files count hours from the start of the test; members joined up to 26 July 2018, so hour 0 stands at 1 August
2018. Each wave is one decision per member: the offer received, or none. As far as balance tests show, who is offered
what is uniformly random, so an arm's propensity is the wave's share offered, divided by the number of offers. The data
were simulated by their publisher.

A decision stands at its wave's hour and what members do in an hour at half past it: behaviour recorded in the very
hour of a wave is then after the decision, and none can be taken for history.
"""

import json
from pathlib import Path

import pandas as pd

from ..contracts.cells import Origin, as_number, missing_column
from ..contracts.errors import InputError
from ..contracts.params import Params
from .dataset import Dataset, DatasetFile
from .files import read_table
from .raw import RawTables

STARBUCKS_REWARDS = Dataset(
    name="starbucks_rewards",
    about="rewards app test: ten offers or none in six random waves, 17,000 members (simulated by its publisher)",
    files=(
        DatasetFile("portfolio.json"),
        DatasetFile("profile.json"),
        DatasetFile("transcript.parquet"),
        DatasetFile("transcript.json", instead_of="transcript.parquet"),
    ),
    page="published by Udacity and Starbucks inside the Data Scientist course",
    licence="none stated by the publisher",
)

START = pd.Timestamp("2018-08-01", tz="UTC")
WITHIN_HOUR = pd.Timedelta(minutes=30)
CONTROL = "no_offer"
UNKNOWN_AGE = 118
COLUMNS = {
    "portfolio.json": ("id", "offer_type", "difficulty", "reward", "duration"),
    "profile.json": ("id", "age", "gender", "income", "became_member_on"),
    "transcript": ("person", "event", "offer_id", "amount", "reward", "time"),
}


def read_starbucks_rewards(params: Params) -> RawTables:
    """Read portfolio.json, profile.json and the transcript in the folder `source.path`.

    Raises:
        InputError: a file is missing or is not what it should be.
    """
    folder = Path(params.source.path)
    portfolio, profile = (_read_lines(folder / name) for name in ("portfolio.json", "profile.json"))
    path = folder / "transcript.parquet"
    if path.is_file():
        transcript, _ = read_table([path], path)
    else:
        path = folder / "transcript.json"
        transcript = _flat(_read_lines(path))
    for name, frame in (("portfolio.json", portfolio), ("profile.json", profile), ("transcript", transcript)):
        missing = missing_column(frame.columns, COLUMNS[name])
        if missing is not None:
            listed = ", ".join(map(str, frame.columns))
            raise InputError(str(folder / name), f"a field {missing}", listed, "get the original files")
    return adapt_starbucks_rewards(portfolio, profile, transcript, folder)


def adapt_starbucks_rewards(
    portfolio: pd.DataFrame, profile: pd.DataFrame, transcript: pd.DataFrame, folder: Path
) -> RawTables:
    """Return the contract's tables.

    Args:
        portfolio: one row per offer.
        profile: one row per member.
        transcript: one row per line: person, event, offer_id, amount, reward, time (hours).
        folder: for messages.

    Raises:
        InputError: an offer is unknown, or two offers would share a name.
    """
    arms = arm_names(portfolio, Origin(str(folder / "portfolio.json")))
    origin = Origin(str(folder / "transcript"))
    strange = transcript["offer_id"].dropna()
    strange = strange[~strange.isin(list(arms))]
    if len(strange):
        raise InputError(str(folder / "transcript"), "offers of portfolio.json", repr(strange.iloc[0]),
                         "get the three files from the same place")  # fmt: skip
    origins = {"stakeholders": Origin(str(folder / "profile.json")), "events": origin, "decisions": origin}
    stakeholders = _stakeholders(profile, origins["stakeholders"])
    return RawTables(stakeholders, _events(transcript), _decisions(transcript, profile["id"], arms), origins)


def arm_names(portfolio: pd.DataFrame, origin: Origin) -> dict[str, str]:
    """Return the arm's name by offer id, made of type, difficulty, reward and days it is valid.

    >>> offer = {"id": "x", "offer_type": "bogo", "difficulty": 10, "reward": 5, "duration": 7.0}
    >>> arm_names(pd.DataFrame([offer]), Origin("portfolio.json"))
    {'x': 'bogo_10_5_7d'}
    """
    numbers = portfolio[["difficulty", "reward", "duration"]].astype("int64").astype("str")
    names = portfolio["offer_type"] + "_" + numbers["difficulty"] + "_" + numbers["reward"]
    names += "_" + numbers["duration"] + "d"
    if not names.is_unique:
        twice = names[names.duplicated()].iloc[0]
        fix = "tell them apart in the adapter's arm_names"
        raise InputError(origin.name, "offers that differ in type, difficulty, reward or days", repr(twice), fix)
    return dict(zip(portfolio["id"], names, strict=True))


def _stakeholders(profile: pd.DataFrame, origin: Origin) -> pd.DataFrame:
    age = as_number(profile["age"], origin)
    joined = pd.to_datetime(profile["became_member_on"].astype("str"), format="%Y%m%d", utc=True, errors="coerce")
    return pd.DataFrame(
        {
            "stakeholder_id": profile["id"],
            "kind": "customer",
            "since": joined,
            "gender": profile["gender"],
            "age": age.where(age != UNKNOWN_AGE),
            "income": as_number(profile["income"], origin),
        }
    )


def _events(transcript: pd.DataFrame) -> pd.DataFrame:
    """Return what members did; a completed offer gives a second event, the reward paid.

    An event's id is its content: the 397 lines that the transcript repeats come out as repeats.
    """
    done = transcript[transcript["event"] != "offer received"]
    about = done["offer_id"].fillna("") + done["amount"].astype("str").fillna("")
    lines = pd.DataFrame(
        {
            "event_id": done["person"] + "-" + done["time"].astype("str") + "-" + about,
            "stakeholder_id": done["person"],
            "occurred_at": START + pd.to_timedelta(done["time"], unit="h") + WITHIN_HOUR,
            "event_type": done["event"].str.replace(" ", "_"),
            "value": done["amount"],
        }
    )
    paid = lines[done["reward"].notna()].assign(event_type="reward", value=done["reward"].dropna())
    events = pd.concat([lines, paid], ignore_index=True)
    return events.assign(event_id=events["event_type"] + "-" + events["event_id"])


def _decisions(transcript: pd.DataFrame, people: pd.Series, arms: dict[str, str]) -> pd.DataFrame:
    """Return one decision per wave and member, and any second offer besides, which intake then refuses."""
    offered = transcript.loc[transcript["event"] == "offer received", ["person", "time", "offer_id"]]
    offered = offered.assign(intervention=offered["offer_id"].map(arms))
    waves = sorted(offered["time"].unique())
    everyone = pd.MultiIndex.from_product([waves, people], names=["time", "person"]).to_frame(index=False)
    rows = everyone.merge(offered, how="left", on=["time", "person"])
    share = rows["intervention"].notna().groupby(rows["time"]).transform("mean")
    rows = rows.assign(propensity=(share / len(arms)).where(rows["intervention"].notna(), 1 - share))
    number = rows.groupby(["time", "person"]).cumcount()
    again = ("-" + (number + 1).astype("str")).where(number > 0, "")
    return pd.DataFrame(
        {
            "decision_id": "hour" + rows["time"].astype("str").str.zfill(3) + "-" + rows["person"] + again,
            "stakeholder_id": rows["person"],
            "decided_at": START + pd.to_timedelta(rows["time"], unit="h"),
            "intervention": rows["intervention"].fillna(CONTROL),
            "propensity": rows["propensity"],
            "iteration": 0,
            "policy": "randomised_test",
        }
    )


def _read_lines(path: Path) -> pd.DataFrame:
    """Read a file of one JSON object per line."""
    try:
        with path.open(encoding="utf-8") as lines:
            return pd.DataFrame([json.loads(line) for line in lines if line.strip()])
    except FileNotFoundError:
        fix = "run `rapport fetch starbucks_rewards --from FOLDER`, or set `source.path` to their folder"
        raise InputError(str(path), f"the files {STARBUCKS_REWARDS.needed}", "no such file", fix) from None
    except ValueError as fault:
        raise InputError(str(path), "one JSON object per line", str(fault), "get the original file") from None


def _flat(lines: pd.DataFrame) -> pd.DataFrame:
    """Spread the `value` object of the original transcript over columns; it spells `offer id` in two ways."""
    if "value" not in lines:
        return lines
    values = pd.DataFrame(lines["value"].tolist(), index=lines.index)
    values = values.reindex(columns=["offer id", "offer_id", "amount", "reward"])
    offer = values.pop("offer id").combine_first(values.pop("offer_id"))
    return lines.drop(columns="value").join(values).assign(offer_id=offer.astype("str"))
