"""The run that chaos breaks: many small orders on made-up symbols, from hosts that always have something to say."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from orchestration.topology import ActorSpec

SETTINGS = (
    "account.cash=100000000",
    "risk.units=400",
    "risk.require_stop=true",
    "risk.losses_in_a_row=2",
    "risk.losses_in_a_row_lock=180",
    "feed.warm_up=0",
)

Specs = Callable[..., list[ActorSpec]]


def symbols(count: int) -> tuple[str, ...]:
    return tuple(f"S{number:03d}" for number in range(count))


def scripted(actor_specs: Specs, seed: int) -> Specs:
    """As ``actor_specs``, with scripted hosts in the place of the agents'."""

    def specs(*args: object) -> list[ActorSpec]:
        return [_scripted(one, seed) for one in actor_specs(*args)]

    return specs


def _scripted(one: ActorSpec, seed: int) -> ActorSpec:
    if not one.build.endswith(":agent_host"):
        return one
    spec = replace(one.spec, parameters={"seed": seed})
    return replace(one, build="benchmarks.chaos_parts:scripted_host", spec=spec)
