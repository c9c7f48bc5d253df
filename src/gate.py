"""Stage gate: whether this run's bundle may become champion, from its paired gains over every rival.

Run as `python -m rapport.gate` in the project's root.
"""

from typing import Any

from .contracts.params import Params
from .evaluation.gate import Verdict, judge, without_policy
from .evaluation.policies import CHAMPION as RIVAL
from .evaluation.policy_scorecard import gains_over_rivals
from .evaluation.views import is_refresh
from .models.bundle import Bundle
from .report.verdict import sentences
from .store.bundle import bundle_digest, has_bundle, read_bundle
from .store.console import new_app, run, say
from .store.documents import file_digest, read_json, write_json
from .store.looks import look_key, note_look, number_of, spends_error
from .store.project import BUNDLE, CHAMPION, EVALUATION, FEATURES, LOOKS, OUT_OF_FOLD, VERDICT, load_params

app = new_app("Judge whether the bundle may become champion.")


@app.command()
def main() -> None:
    """Read data/evaluation, data/bundle and data/registry, write data/gate/verdict.json and a note of the look."""
    params, digest = load_params(), bundle_digest(BUNDLE)
    champion = read_bundle(CHAMPION) if has_bundle(CHAMPION) else None
    refresh = champion is not None and is_refresh(champion.params, params)
    margin = params.gate.refresh_margin if refresh else 0.0
    metrics = read_json(EVALUATION / "metrics.json")
    key = look_key(digest, None if champion is None else champion.digest, margin, params.gate)
    look = number_of(key, read_json(LOOKS) if LOOKS.is_file() else [])
    verdict = _verdict(metrics, champion, look, margin, params)
    document = {
        **verdict.as_dict(),
        "bundle": digest,
        "champion": None if champion is None else champion.digest,
        "champion_reason": _unasked(metrics),
        "refresh": refresh,
        "params": params.gate.model_dump(),
        "look_key": key,
        "data": {
            "decisions": file_digest(FEATURES / "decisions.parquet"),
            "out_of_fold": file_digest(OUT_OF_FOLD / "uplift.parquet"),
        },
    }
    spent = spends_error(document)
    document = {**document, "spends_error": spent}
    write_json(VERDICT, document)
    if spent:
        note_look(params.source.kind, key)
    say(sentences(document)[0])


def _verdict(metrics: dict[str, Any], champion: Bundle | None, look: int, margin: float, params: Params) -> Verdict:
    if "uplift" not in metrics:
        return without_policy(champion is not None and champion.uplift is not None, look, params.gate)
    rival = None if champion is None else RIVAL
    return judge(gains_over_rivals(metrics["uplift"]), rival, look, params.gate, margin)


def _unasked(metrics: dict[str, Any]) -> str:
    """Return why the champion could not be asked, in a sentence; empty where it could, or there is none."""
    found: str = metrics.get("uplift", {}).get("policies", {}).get(RIVAL, {}).get("reason", "")
    return found


if __name__ == "__main__":
    run(app)
