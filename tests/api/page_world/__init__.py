"""An invented market for the page's tests: symbols, prices, decisions, orders, and every event they leave."""

from tests.api.page_world.facts import HOSTILE, LONG, NAMES, RUN
from tests.api.page_world.world import World

__all__ = ["HOSTILE", "LONG", "NAMES", "RUN", "World"]
