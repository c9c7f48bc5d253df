"""Whose bundle it is and the gate's verdict on it, as it is registered: by tags of run and version."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..contracts.errors import ArtifactError
from ..contracts.params import Gate

DIGEST, SOURCE, ITERATION, VERDICT, CHAMPION, LOOK_KEY, PROMOTED_BY = (
    f"rapport.{name}"
    for name in ("model_digest", "source", "iteration", "verdict", "champion", "look_key", "promoted_by")
)


@dataclass(frozen=True)
class Standing:
    """Whose bundle it is, and the gate's verdict on it.

    Attributes:
        source, iteration: of the run.
        verdict: verdict.json.
        reason: the verdict in a sentence.
        gate: what params ask of a challenger today.
    """

    source: str
    iteration: int
    verdict: Mapping[str, Any]
    reason: str
    gate: Gate

    @property
    def tags(self) -> dict[str, str]:
        """Return the tags of run and version."""
        data = {f"rapport.data.{name}": digest for name, digest in self.verdict["data"].items()}
        return {
            SOURCE: self.source,
            ITERATION: str(self.iteration),
            VERDICT: self.verdict["outcome"],
            CHAMPION: self.verdict["champion"] or "",
            "rapport.look": str(self.verdict["look"]),
            LOOK_KEY: self.verdict["look_key"],
            "rapport.unbeaten": ", ".join(self.verdict["unbeaten"]),
            "rapport.reason": self.reason,
            **data,
        }


def check_verdict(verdict: Mapping[str, Any], digest: str, gate: Gate) -> None:
    """Refuse a verdict on another bundle, or under other params, such as one written before they had all of today's.

    Raises:
        ArtifactError: it is one.
    """
    judged_bundle = verdict["bundle"]
    if judged_bundle != digest:
        raise ArtifactError("data/gate/verdict.json", f"the verdict on the bundle {digest[:12]}",
                            f"one on the bundle {judged_bundle[:12]}", "run `dvc repro`")  # fmt: skip
    today, then = gate.model_dump(), verdict["params"]
    if then != today:
        raise ArtifactError("data/gate/verdict.json", f"a verdict under params.yaml, gate: {today}",
                            f"one under {then}", "run `dvc repro`")  # fmt: skip
