"""Features of the interventions received: how many of each arm, how lately, and how they were met."""

from .declare import Feature, Material, Pair
from .measures import ratio
from .of_types import days_since
from .side_by_side import Measured


def contact_features(material: Material, measured: Measured) -> list[Pair]:
    """Return the contact history: per arm and over all arms, then responses and refusals where params name them."""
    arms = list(material.contacts)
    pairs: list[Pair] = []
    for arm in arms:
        pairs += [_count(arm, [arm], window, measured) for window in material.windows.days]
        pairs.append(days_since(arm, f"days since the latest {arm}", arm, measured.of(arm, "youngest")))
    pairs += [_count("contacts", arms, window, measured) for window in material.windows.days]
    pairs.append(days_since("contacts", "days since the latest contact", "contacts", measured.least(arms, "youngest")))
    return [*pairs, *_answers(material, measured)]


def _count(prefix: str, arms: list[str], window: int, measured: Measured) -> Pair:
    meaning = f"{prefix} received in the last {window} days"
    feature = Feature(f"{prefix}_count_{window}d", meaning, "events", prefix, window, "zero")
    return feature, measured.total(arms, f"n_{window}")


def _answers(material: Material, measured: Measured) -> list[Pair]:
    long, pairs = material.windows.longest, list[Pair]()
    received = measured.total(list(material.contacts), f"n_{long}")
    for what, names in (("responses", material.responses), ("refusals", material.refusals)):
        if not names:
            continue
        source = " and ".join(names)
        per_contact = Feature(f"{what}_per_contact", f"{source} events per contact in the last {long} days", "ratio",
                              source, long)  # fmt: skip
        pairs.append((per_contact, ratio(measured.total(list(names), f"n_{long}"), received)))
        pairs.append(
            days_since(what, f"days since the latest {source}", source, measured.least(list(names), "youngest"))
        )
    return pairs
