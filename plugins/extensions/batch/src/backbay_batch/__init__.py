"""Files of requests through any backend: resumable, at a pace that the vendor bears, and no line lost.

Names here are loaded when first used, since the command line loads this package for its commands.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .batch import run_batch as run_batch
    from .batch import run_batch_sync as run_batch_sync
    from .budget import Price as Price
    from .budget import flat_price as flat_price
    from .calls import Caller as Caller
    from .checking import Checked as Checked
    from .checking import check_batch as check_batch
    from .engine import Call as Call
    from .engine import Engine as Engine
    from .engine import Failure as Failure
    from .engine import Item as Item
    from .engine import Outcome as Outcome
    from .engine import Target as Target
    from .engine import find_engine as find_engine
    from .errors import BatchEngineError as BatchEngineError
    from .errors import BatchSetupError as BatchSetupError
    from .errors import BatchStoppedError as BatchStoppedError
    from .errors import BatchStorageError as BatchStorageError
    from .errors import ChangedBatchError as ChangedBatchError
    from .errors import JournalBusyError as JournalBusyError
    from .rules import Rules as Rules
    from .summary import Control as Control
    from .summary import Progress as Progress
    from .summary import Summary as Summary
    from .vendor import run_vendor_batch as run_vendor_batch
    from .vendor import run_vendor_batch_sync as run_vendor_batch_sync

_HOME = {
    "batch": "run_batch run_batch_sync",
    "budget": "Price flat_price",
    "calls": "Caller",
    "checking": "Checked check_batch",
    "engine": "Call Engine Failure Item Outcome Target find_engine",
    "errors": "BatchEngineError BatchSetupError BatchStoppedError BatchStorageError ChangedBatchError JournalBusyError",
    "rules": "Rules",
    "summary": "Control Progress Summary",
    "vendor": "run_vendor_batch run_vendor_batch_sync",
}
_MODULE_OF = {name: module for module, listed in _HOME.items() for name in listed.split()}

__all__ = sorted(_MODULE_OF)  # noqa: PLE0605 (sorted gives a list)


def __getattr__(name: str) -> object:
    if name in _MODULE_OF:
        value: object = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
