"""A language model behind any endpoint that speaks chat completions: asked with a schema, read by ourselves."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from domain.research import LLM, OK, Usage
from research import completion, failures, reading, usage
from research.config import ResearchConfig
from research.dialect import Dialect
from research.failures import Failed, Failure, TooLarge
from research.port import Answer, Message, Request, Task, UnknownEvidence
from research.secrets import PACKAGE, VARIABLE, Secret, redact, redacted

if TYPE_CHECKING:
    import openai

BACKOFF, MOST_BACKOFF = 0.5, 8.0
"""Seconds before the first retry, doubled for each further one, where the endpoint asks for no time of its own."""

_NO_KEY = f"no key: set {VARIABLE}, {PACKAGE}, research.key_file, or a research.base_url that needs none"
_ANY = "no-key"
"""What an endpoint gets that needs no key: the client sends none without a value."""


class _Talk:
    """One question on its way: what was sent, what came back, what it used."""

    def __init__(self, until: float, retries: int) -> None:
        self.until, self.retries = until, retries
        self.tries = 0
        self.flying: Usage | None = None
        self.used: list[Usage] = []
        self.readable = False
        """Whether the model has written something that can be mended."""
        self.text = self.mode = self.fingerprint = self.notes = ""
        self.parsed: Any = None
        self.value: Any = None
        self.first: Failed | None = None
        """Why the first answer is repaired."""

    def lost(self) -> None:
        """Whatever is on its way will not be seen: it is counted at its worst."""
        if self.flying is not None:
            self.used.append(self.flying)
            self.flying = None


class OpenAIModel:
    """Asks ``config.base_url`` with ``key``; an endpoint with a ``base_url`` may need none.

    Built anywhere, it opens its client in the event loop that first asks it, and again in another one; ``close``
    belongs into the same loop. Time-outs of the client are per read, so every answer has one deadline around it all:
    retries, steps to a simpler mode and one repair included.
    """

    def __init__(self, config: ResearchConfig, key: Secret | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._config, self._key, self._clock = config, key, clock
        self._dialects: dict[str, Dialect] = {}
        self._client: openai.AsyncOpenAI | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        if self._can_ask:
            from research import openai_http  # noqa: F401  a third of a second: not out of the first question's time

    @property
    def _can_ask(self) -> bool:
        return self._key is not None or self._config.base_url is not None

    def mode(self, model: str) -> str:
        """In which mode a model of this endpoint is asked, as far as is known."""
        return self._dialects.get(model, Dialect()).mode

    async def answer(self, task: Task, within: float) -> Answer:
        started = self._clock()
        talk = _Talk(started + within, self._config.retries)
        failed = Failed(OK, "")
        if not self._can_ask:
            failed = Failed("NO_KEY", _NO_KEY)
        elif within <= 0:
            failed = Failed("DEADLINE", "no time was left to ask")
        else:
            try:
                async with asyncio.timeout(within):
                    await self._ask(task, talk)
            except TimeoutError:
                talk.lost()
                failed = Failed("TIMEOUT", f"no answer within {within:.3g} s")
            except Failed as problem:
                failed = problem
        if failed.outcome != OK and talk.first is not None:
            failed = Failed(talk.first.outcome, f"{talk.first.detail}; the repair: {failed.outcome} {failed.detail}")
        return Answer(
            outcome=failed.outcome,
            value=talk.value if failed.outcome == OK else None,
            source=LLM,
            detail=self._shown(failed.detail or talk.notes),
            text=talk.text,
            parsed=talk.parsed,
            mode=talk.mode,
            repaired=talk.first is not None,
            tries=talk.tries,
            usage=usage.total(talk.used),
            latency=(self._clock() - started) * 1000,
            fingerprint=talk.fingerprint,
        )

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.close()

    async def _ask(self, task: Task, talk: _Talk) -> None:
        """Question, answer and at most one repair. Raises Failed."""
        try:
            await self._once(task, talk, ())
        except Failed as failed:
            if not talk.readable:
                raise
            talk.first = failed
        if talk.first is not None:
            await self._once(task, talk, _repair(talk.text, talk.first.detail))
            talk.notes = f"repaired: {talk.first.detail}"

    async def _once(self, task: Task, talk: _Talk, more: tuple[Message, ...]) -> None:
        """One answer, read and checked. Raises Failed."""
        said = completion.said(await self._body(task.request, talk, more))
        asked = (*task.request.messages, *more)
        talk.flying = None
        talk.used.append(said.usage or usage.guessed(asked, said.text))
        talk.text, talk.parsed = redact(said.text, self._key), None
        talk.fingerprint = redact(said.fingerprint, self._key)
        talk.readable = said.outcome == OK
        if not talk.readable:
            raise Failed(said.outcome, said.detail)
        try:
            talk.parsed = redacted(reading.read(talk.text), self._key)
            talk.value = task.check(talk.parsed)
        except reading.NotJson as error:
            raise Failed("NOT_JSON", str(error)) from None
        except UnknownEvidence as error:
            raise Failed("UNKNOWN_EVIDENCE", str(error)) from None
        except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
            raise Failed("INVALID", str(error) or type(error).__name__) from None

    async def _body(self, request: Request, talk: _Talk, more: tuple[Message, ...]) -> bytes:
        """The body of a 200, after as many retries and simpler modes as it takes. Raises Failed."""
        pause = BACKOFF
        while True:
            dialect = self._dialects.get(request.model, Dialect())
            came = await self._sent(request, talk, dialect, more)
            if isinstance(came, bytes):
                return came
            if self._learned(request.model, dialect, came):
                continue
            if not came.again or talk.retries <= 0:
                raise Failed(came.outcome, came.detail)
            wait = pause * random.uniform(0.75, 1.0) if came.wait is None else came.wait
            left = talk.until - self._clock()
            if wait >= left:
                raise Failed(came.outcome, f"{came.detail}; the next try is due in {wait:.3g} s, {left:.3g} s are left")
            talk.retries, pause = talk.retries - 1, min(2 * pause, MOST_BACKOFF)
            await asyncio.sleep(wait)

    def _learned(self, model: str, dialect: Dialect, came: Failure) -> bool:
        """Whether the next request is another one, after a refusal of this one: there are a handful of them."""
        if came.status not in (400, 422):
            return False
        now = self._dialects.get(model, Dialect())
        simpler = dialect.after(came.detail) if now == dialect else now  # else another question was refused first
        if simpler is None:
            return False
        self._dialects[model] = simpler
        return True

    async def _sent(
        self, request: Request, talk: _Talk, dialect: Dialect, more: tuple[Message, ...]
    ) -> bytes | Failure:
        """What came of one request on the wire."""
        import openai

        talk.mode = dialect.mode
        try:
            create = self._opened().chat.completions.with_raw_response.create
            arguments = dialect.arguments(request, more)
            talk.tries += 1
            talk.flying = usage.worst(dialect.messages(request, more), request)
            raw = await create(**arguments)
            return bytes(raw.content)
        except openai.APIStatusError as error:
            failure = self._told(error)
        except openai.APIConnectionError as error:
            failure = failures.of_connection(error)
        except TooLarge as error:
            failure = Failure("SERVER_ERROR", str(error), sent=True)
        except (OSError, ExceptionGroup) as error:  # what the layers under the client let through
            failure = Failure("UNREACHABLE", f"cannot be reached: {error}")
        except (openai.OpenAIError, ValueError, TypeError, RuntimeError) as error:
            failure = Failure("BAD_REQUEST", f"cannot be asked: {type(error).__name__}: {error}")
        if failure.sent:
            talk.lost()
        talk.flying = None
        return failure

    def _told(self, error: openai.APIStatusError) -> Failure:
        failure = failures.of_status(error)
        if failure.outcome == "UNAUTHORISED" and self._key is None:
            detail = f"{failure.detail} (no key was sent: set {VARIABLE}; {PACKAGE} is only sent to OpenAI)"
            return msgspec.structs.replace(failure, detail=detail)
        return failure

    def _opened(self) -> openai.AsyncOpenAI:
        """The client of the running loop. Raises ValueError for a base URL that is none."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            import openai

            from research import openai_http

            base_url = openai_http.sound(self._config.endpoint)
            self._client = openai.AsyncOpenAI(
                api_key=_ANY if self._key is None else self._key.reveal(),
                base_url=base_url,
                max_retries=0,
                timeout=openai_http.LIMITS,
                http_client=openai_http.client(base_url),
            )
            self._loop = loop
        return self._client

    def _shown(self, detail: str) -> str:
        text = reading.storable(redact(detail, self._key))
        return text if len(text) <= failures.MOST_WORDS else text[: failures.MOST_WORDS - 1] + "…"


def _repair(text: str, why: str) -> tuple[Message, ...]:
    """What is said after an answer that cannot be used."""
    asked = (
        f"That answer cannot be used: {why[:1000]}\n"
        "Answer again, with one JSON object that mends this and nothing else. Change nothing that was right."
    )
    return Message("assistant", text[:8000]), Message("user", asked)
