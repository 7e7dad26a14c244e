"""The tables of the journal, by who writes them (design section 5).

Amounts (prices, quantities, money) are exact decimal text, times are UTC nanoseconds, JSON is text, or bytes
where it is large. Every column holds what the driver takes as it is (int, float, str, bytes, bool, None), so
that rows go to the driver without a conversion.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
"""Every schema this program knows, oldest first; the same as in ``migrations/versions``."""

HEAD = REVISIONS[-1]

WIDE = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit key; SQLite's own row number where it is the primary key."""

metadata = MetaData()


def _key(name: str, kind: type[Text] | type[BigInteger] | type[Integer] = Text) -> Column[str | int]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null)


def _time(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


def _number(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, Integer, nullable=null)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


def _body(name: str = "body") -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


def _seq() -> Column[int]:
    return Column("seq", WIDE, primary_key=True, autoincrement=False)


# -- the database itself: one row each ---------------------------------------------------------------

sequence = Table("sequence", metadata, _key("id", Integer), _time("seq"), _time("epoch"))

identity = Table("identity", metadata, _key("id", Integer), _text("database_id"))

lease = Table(
    "lease",
    metadata,
    _key("id", Integer),
    _number("pid"),
    _text("host"),
    _time("beat_at"),
    _time("started_at"),
    _time("epoch"),
    _text("run_id"),
)

# -- InstitutionalStrategy ---------------------------------------------------------------------------

runs = Table(
    "runs",
    metadata,
    _key("run_id"),
    _time("epoch"),
    _text("account"),
    _flag("live"),
    _flag("simulated"),
    _time("started_at"),
    _time("ended_at", null=True),
    _text("config"),
    _text("symbols"),
    _text("codes"),
    _text("inputs"),
    _time("warmed_until"),
    _text("exit_reason", null=True),
)

cycles = Table(
    "cycles",
    metadata,
    _key("run_id"),
    _key("n", BigInteger),
    _time("at"),
    _text("digest"),
    _body("snapshot"),
    _flag("closed"),
    _time("now", null=True),
)
"""``now`` is the clock's time at which a live cycle decided; a cycle that is redone decides at the same."""

anchors = Table(
    "anchors",
    metadata,
    _key("run_id"),
    _key("symbol"),
    _key("strategy"),
    _key("parameters"),
    _time("at"),
)

# -- command line and API ----------------------------------------------------------------------------

commands = Table(
    "commands",
    metadata,
    Column("id", WIDE, primary_key=True, autoincrement=True),
    _time("at"),
    _text("verb"),
    _text("arguments"),
    _text("who"),
    _text("why"),
    _text("state"),
    _text("answer", null=True),
    _time("answered_at", null=True),
    _text("run_id", null=True),
    _time("cycle", null=True),
    _text("step", null=True),
)

# -- RiskManager -------------------------------------------------------------------------------------

orders = Table(
    "orders",
    metadata,
    _key("id"),
    _text("account"),
    _text("run_id"),
    _text("venue"),
    _text("symbol"),
    _text("strategy"),
    _text("purpose"),
    _number("side"),
    _text("quantity"),
    _text("reduces"),
    _text("kind"),
    _text("price"),
    _text("stop"),
    _text("target"),
    _text("entry"),
    _time("at"),
    _number("rank"),
    _number("attempt"),
    _time("expires_at"),
    _text("correlation_id"),
    _text("answer"),
    _text("code"),
    _text("value", null=True),
    _text("threshold", null=True),
    _text("reasons"),
    Index("orders_by_run", "run_id", "at"),
    Index("orders_by_account", "account", "at"),
)

decisions = Table(
    "decisions",
    metadata,
    _key("run_id"),
    _key("at", BigInteger),
    _key("rank", Integer),
    _body(),
)

reservations = Table(
    "reservations",
    metadata,
    _key("order_id"),
    _text("account"),
    _text("symbol"),
    _time("created_at"),
)

positions = Table(
    "positions",
    metadata,
    _key("account"),
    _key("symbol"),
    _text("quantity"),
    _text("cost"),
    _time("opened_at"),
    _text("strategy"),
    _text("entry_order"),
    _text("correlation_id"),
    _text("stop"),
    _text("target"),
    _text("risk"),
    _text("realised"),
    _text("commission"),
    _text("flags"),
)

accounts = Table(
    "accounts",
    metadata,
    _key("account"),
    _text("currency"),
    _text("started_cash"),
    _text("balance"),
    _time("cursor"),
)

trades = Table(
    "trades",
    metadata,
    _key("account"),
    _key("fill_id"),
    _text("run_id"),
    _text("symbol"),
    _text("strategy"),
    _number("side"),
    _text("quantity"),
    _text("entry"),
    _text("exit"),
    _time("opened_at"),
    _time("closed_at"),
    _text("pnl"),
    _text("commission"),
    Column("r", Double, nullable=True),
    _text("reason"),
    _text("correlation_id"),
    _flag("flat"),
    _text("session"),
    _text("factors"),
    _time("seq"),
)
"""A row per close, in whole (``flat``) or in part; ``factors`` are the reasons of the candidate that opened it,
``seq`` the number of the order event that told of it."""

locks = Table(
    "locks",
    metadata,
    _key("id"),
    _text("account"),
    _text("symbol", null=True),
    _number("side", null=True),
    _text("code"),
    _text("reason"),
    _time("from_at"),
    _time("until_at"),
    _time("removed_at", null=True),
    _text("removed_why", null=True),
)

counters = Table("counters", metadata, _key("account"), _key("name"), _text("value"))

latches = Table(
    "latches",
    metadata,
    _key("account"),
    _text("code"),
    _text("reason"),
    _text("value", null=True),
    _text("threshold", null=True),
    _time("at"),
    _time("reset_at", null=True),
    _text("reset_reason", null=True),
)

key_values = Table("key_values", metadata, _key("key"), _text("value"), _time("updated_at"))

# -- Executor ----------------------------------------------------------------------------------------

stop_changes = Table(
    "stop_changes",
    metadata,
    _key("id"),
    _text("account"),
    _text("run_id"),
    _text("symbol"),
    _text("purpose"),
    _text("stop"),
    _text("target"),
    _time("at"),
    _text("state"),
    _text("code"),
    _text("text"),
)
"""Stops and targets that the venue has set or refused, each once."""

attempts = Table("attempts", metadata, _key("order_id"), _key("n", Integer), _time("at"), _time("epoch"))

order_events = Table(
    "order_events",
    metadata,
    _seq(),
    _text("order_id"),
    _text("account"),
    _text("status"),
    _time("at"),
    _text("code"),
    _text("text"),
    _text("venue_ref"),
    _flag("surprising"),
    _text("fill_id", null=True),
    Index("order_events_by_order", "order_id"),
    Index("order_events_by_account", "account", "seq"),
)

fills = Table(
    "fills",
    metadata,
    _key("id"),
    _time("seq"),
    _text("order_id"),
    _text("account"),
    _text("run_id"),
    _text("symbol"),
    _number("side"),
    _text("quantity"),
    _text("price"),
    _text("commission"),
    _time("at"),
    _time("bar_ts"),
    _text("reason"),
    _text("stop"),
    _text("target"),
    _text("strategy"),
    _text("correlation_id"),
    Index("fills_by_account", "account", "seq"),
)

venue_cursors = Table("venue_cursors", metadata, _key("account"), _key("venue"), _time("cursor"))
"""How far the fills of a venue have been read and written down."""

foreign_holdings = Table(
    "foreign_holdings",
    metadata,
    _key("account"),
    _key("venue"),
    _key("kind"),
    _key("key"),
    _text("symbol"),
    _text("quantity"),
    _time("at"),
)
"""Positions and orders found in our account that no order of ours explains: reported, never touched."""

# -- MarketFeed --------------------------------------------------------------------------------------

inputs = Table("inputs", metadata, _key("run_id"), _key("at", BigInteger), _key("kind"), _body())

# -- everyone: the outbox ----------------------------------------------------------------------------

events = Table(
    "events",
    metadata,
    _seq(),
    Column("id", Text, nullable=False, unique=True),
    _text("type"),
    _time("at"),
    _text("run_id"),
    _text("symbol", null=True),
    _text("correlation_id", null=True),
    _text("causation_id", null=True),
    Column("form", SmallInteger, nullable=False),
    _body(),
    Index("events_by_run", "run_id", "seq"),
    Index("events_by_type", "type", "seq"),
)

compacted = Table(
    "compacted", metadata, Column("from_seq", WIDE, primary_key=True, autoincrement=False), _time("to_seq")
)
"""Ranges of the sequence whose events were dropped because they were older than they are kept for (``retention``)."""

# -- Research ----------------------------------------------------------------------------------------


def _real(name: str) -> Column[float]:
    return Column(name, Double, nullable=True)


research_cases = Table(
    "research_cases",
    metadata,
    _key("run_id"),
    _key("id"),
    _time("cycle"),
    _time("at"),
    _time("decided_at"),
    _text("symbol"),
    _text("strategy"),
    _number("direction"),
    _text("price"),
    _text("stop"),
    _text("target"),
    _number("horizon"),
    Column("score", Double, nullable=False),
    _real("probability"),
    _text("regime"),
    _text("mode"),
    _text("arm"),
    _text("model"),
    _text("prompts"),
    _text("verdict"),
    _text("code"),
    _text("source"),
    _real("p_win"),
    Column("size_factor", Double, nullable=False),
    _real("disagreement"),
    _text("reason"),
    _text("evidence"),
    _text("effect"),
    Column("factor", Double, nullable=False),
    _flag("contaminated"),
    _flag("masked"),
    _text("facts"),
    _text("arguments"),
    _number("won", null=True),
    _text("touched"),
    _real("r"),
    _real("best"),
    _real("worst"),
    _time("known_at", null=True),
    Index("research_cases_by_time", "run_id", "at"),
)
"""A candidate that was judged. ``id`` is its correlation id; ``prompts`` the versions as JSON; ``effect`` is NONE, VETO
or SHRINK, ``factor`` what was made of the size; ``facts`` and ``arguments`` are JSON. ``won``, ``touched`` (TARGET,
STOP, TIME or "" while open), ``r``, ``best`` and ``worst`` are what the market then did, known at ``known_at``."""

research_calls = Table(
    "research_calls",
    metadata,
    _key("run_id"),
    _key("id"),
    _text("case_id"),
    _text("subject"),
    _text("role"),
    _time("at"),
    _time("made_at"),
    _text("key"),
    _text("prompt"),
    _text("endpoint"),
    _text("model"),
    _text("source"),
    _text("outcome"),
    _text("detail"),
    _text("request"),
    _text("answer"),
    _text("parsed"),
    _text("mode"),
    _flag("repaired"),
    _number("tries"),
    _text("usage"),
    _time("cost", null=True),
    Column("latency", Double, nullable=False),
    _text("fingerprint"),
    _number("sample"),
    Index("research_calls_by_case", "run_id", "case_id"),
    Index("research_calls_by_time", "run_id", "at"),
)
"""``domain.research.Call``; ``request``, ``parsed`` and ``usage`` as JSON, ``cost`` in 1e-9 US dollars or null."""

research_views = Table(
    "research_views",
    metadata,
    _key("run_id"),
    _key("symbol"),
    _key("at", BigInteger),
    _time("valid_until"),
    _text("regime"),
    _text("bias"),
    _text("risks"),
    _text("evidence"),
    _text("source"),
    _text("code"),
)

research_reviews = Table(
    "research_reviews",
    metadata,
    _key("run_id"),
    _key("id"),
    _text("case_id"),
    _text("symbol"),
    _text("strategy"),
    _flag("taken"),
    Column("score", Double, nullable=False),
    _text("lesson"),
    _text("analysis"),
    _time("known_at"),
    _real("r"),
    _text("source"),
    _text("code"),
    Index("research_reviews_by_time", "known_at"),
)

research_proposals = Table(
    "research_proposals",
    metadata,
    _key("id"),
    _text("run_id"),
    _time("at"),
    _text("strategy"),
    _text("changes"),
    _text("reason"),
    _text("facts"),
    _text("source"),
    _text("code"),
    _text("state"),
    _text("who"),
    _time("decided_at", null=True),
)

research_headlines = Table(
    "research_headlines",
    metadata,
    _key("run_id"),
    _key("id"),
    _text("source"),
    Column("trust", Double, nullable=False),
    _time("published_at"),
    _time("seen_at"),
    _text("title"),
    _text("summary"),
    _text("currencies"),
    _number("sentiment", null=True),
    _number("relevance", null=True),
    _text("category"),
    _text("read_by"),
)
"""Texts from outside and what the reader made of them; ``read_by`` is the source of the reading, "" before it."""

# -- alerts ------------------------------------------------------------------------------------------

alert_cursor = Table("alert_cursor", metadata, _key("id", Integer), _text("run_id"), _time("seq"), _text("state"))
"""How far people outside have been told, and what they still have to be told: one row."""

# -- VenueGateway:paper ------------------------------------------------------------------------------

paper_accounts = Table("paper_accounts", metadata, _key("account"), _text("cash"), _time("at"))

paper_positions = Table(
    "paper_positions",
    metadata,
    _key("account"),
    _key("symbol"),
    _text("quantity"),
    _text("cost"),
    _text("stop"),
    _text("target"),
    _time("opened_at"),
    _text("entry_order"),
    _text("strategy"),
    _text("correlation_id"),
)

paper_orders = Table(
    "paper_orders",
    metadata,
    _key("account"),
    _key("id"),
    _text("status"),
    _text("filled"),
    _time("submitted_at"),
    _body(),
    Index("paper_orders_by_status", "account", "status"),
)

paper_fills = Table(
    "paper_fills",
    metadata,
    Column("n", WIDE, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    _text("account"),
    _body(),
    Index("paper_fills_by_account", "account", "n"),
)
