"""The registry of sources: one line per `source.kind`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..contracts.errors import ParamsError
from ..contracts.params import Params
from .dataset import Dataset
from .files import read_files
from .hillstrom import HILLSTROM, read_hillstrom
from .hr_attrition import HR_ATTRITION, read_hr_attrition
from .online_retail import ONLINE_RETAIL, read_online_retail
from .pension_lp_commitments import PENSION_LP_COMMITMENTS, read_pension_lp_commitments
from .philadelphia_contracts import PHILADELPHIA_CONTRACTS, read_philadelphia_contracts
from .ravenstack import RAVENSTACK, read_ravenstack
from .raw import RawTables
from .simulated import read_simulated
from .starbucks_rewards import STARBUCKS_REWARDS, read_starbucks_rewards
from .telco import TELCO, read_telco


@dataclass(frozen=True)
class Adapter:
    """One kind of source.

    Attributes:
        read: from params to raw tables.
        dataset: the public dataset behind it, None where there is none.
        own: how a person gets the folder that it reads where there is none.
    """

    read: Callable[[Params], RawTables]
    dataset: Dataset | None = None
    own: str = ""

    @property
    def advice(self) -> str:
        """How to get the folder that it reads, for messages."""
        return self.own if self.dataset is None else self.dataset.advice


ADAPTERS = {
    "simulated": Adapter(read_simulated, own="make it, though nothing is read from it"),
    "files": Adapter(read_files, own="export the tables of docs/contract.md into it"),
    "hillstrom": Adapter(read_hillstrom, HILLSTROM),
    "starbucks_rewards": Adapter(read_starbucks_rewards, STARBUCKS_REWARDS),
    "online_retail": Adapter(read_online_retail, ONLINE_RETAIL),
    "telco": Adapter(read_telco, TELCO),
    "hr_attrition": Adapter(read_hr_attrition, HR_ATTRITION),
    "philadelphia_contracts": Adapter(read_philadelphia_contracts, PHILADELPHIA_CONTRACTS),
    "pension_lp_commitments": Adapter(read_pension_lp_commitments, PENSION_LP_COMMITMENTS),
    "ravenstack": Adapter(read_ravenstack, RAVENSTACK),
}
DATASETS = {name: adapter.dataset for name, adapter in ADAPTERS.items() if adapter.dataset is not None}


def read_source(params: Params) -> RawTables:
    """Return the raw tables of `source.kind`.

    Raises:
        ParamsError: no such kind.
        InputError: the export cannot be read as what it should be.
    """
    return adapter_of(params.source.kind).read(params)


def adapter_of(kind: str) -> Adapter:
    """Return the adapter of a `source.kind`.

    Raises:
        ParamsError: no such kind.
    """
    if kind not in ADAPTERS:
        raise ParamsError("params.yaml, source.kind", f"one of {', '.join(ADAPTERS)}", repr(kind), "correct the value")
    return ADAPTERS[kind]


def preset_path(kind: str) -> Path:
    """Return the YAML file of params sections made for a source.

    Raises:
        ParamsError: the source has none.
    """
    path = Path(__file__).with_name("presets") / f"{kind}.yaml"
    if not path.is_file():
        names = ", ".join(sorted(DATASETS))
        raise ParamsError("preset", f"one of {names}", repr(kind), "choose one, or write the sections yourself")
    return path
