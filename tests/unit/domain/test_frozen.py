"""What the rooms hand to each other stays what it is, in whoever's hands."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

import quws.domain


def classes() -> Iterator[type]:
    for module in pkgutil.walk_packages(quws.domain.__path__, "quws.domain."):
        for item in vars(importlib.import_module(module.name)).values():
            if isinstance(item, type) and item.__module__ == module.name:
                yield item


MODELS = [item for item in classes() if issubclass(item, BaseModel)]
RECORDS = [item for item in classes() if dataclasses.is_dataclass(item)]


def test_all_are_found() -> None:
    assert len(MODELS) > 20
    assert len(RECORDS) > 15


@pytest.mark.parametrize("model", MODELS, ids=lambda item: item.__name__)
def test_no_model_changes(model: type[BaseModel]) -> None:
    assert model.model_config.get("frozen") is True


@pytest.mark.parametrize("record", RECORDS, ids=lambda item: item.__name__)
def test_no_record_changes(record: type) -> None:
    assert record.__dataclass_params__.frozen  # type: ignore[attr-defined]
