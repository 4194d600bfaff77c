"""Keeps pyarrow from importing pandas: where it finds it, it does, which takes longer than most
queries. Nothing here needs a frame."""

import sys
from importlib.abc import MetaPathFinder
from types import ModuleType


class _Hidden(MetaPathFinder):
    def find_spec(self, fullname: str, path: object, target: ModuleType | None = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(f"{fullname} is hidden", name=fullname)


def hide_pandas() -> None:
    """Let this process not find pandas, unless it has imported it already."""
    sys.meta_path.insert(0, _Hidden())
