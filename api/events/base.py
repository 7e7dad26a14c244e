"""What every event shares: its envelope, and the words its data is made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Side = Literal["BUY", "SELL"]

Moment = Annotated[
    str,
    Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$", json_schema_extra={"format": "date-time"}),
]
"""ISO 8601, UTC."""

Figure = float | str | bool | None
"""What a rule compared: a number, a word, or nothing."""


class Part(BaseModel):
    """A mapping within the data of an event."""

    model_config = ConfigDict(use_attribute_docstrings=True, frozen=True)


class Data(Part):
    """The data of an event."""

    simulated: bool = False
    """True where the market is simulated; left out elsewhere."""


class Envelope(Part):
    """What is around the data of every event."""

    v: Literal[1]
    """The version of this schema."""
    seq: Annotated[int, Field(ge=1)]
    """Its number. It counts up by one; a reader that knows the last one resumes without a gap."""
    id: Annotated[str, Field(min_length=1)]
    """Computed from what happened, so that a repeat is recognised."""
    type: str
    ts: Moment
    """The market's time for whatever a cycle causes, the machine's else."""
    run_id: str
    symbol: str | None
    """The symbol it is about; null where it is about none."""
    correlation_id: str | None
    """The same from a candidate through its decision and order to its fill and its close."""
    causation_id: str | None
    """The ``id`` of the event that led to this one."""
    data: Data
