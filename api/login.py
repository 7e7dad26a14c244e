"""How a page proves a role: a one-time code or a token becomes a session."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.errors import Problem
from api.security.client import Client
from api.security.sessions import CODE_LIFE, Session
from api.site import client, site
from domain.timeframe import SECOND, iso

router = APIRouter(tags=["session"])

Secret = Annotated[str, Field(min_length=8, max_length=256)]


class Proof(BaseModel):
    """One of both: the code of the address that ``run`` or ``serve`` printed, or a token."""

    model_config = ConfigDict(extra="forbid")

    code: Secret | None = None
    token: Secret | None = None

    @model_validator(mode="after")
    def _one(self) -> Proof:
        if (self.code is None) == (self.token is None):
            raise ValueError("either code or token")
        return self


class Begun(BaseModel):
    """A role that was proved. ``csrf`` goes back in the header X-CSRF-Token; both are None for a token."""

    role: str
    csrf: str | None
    expires_at: str | None
    version: str


class Code(BaseModel):
    """Good once; ``url`` is the page's address with it in the fragment, which no server ever sees."""

    code: str
    url: str
    expires_in_s: int


@router.post("/login")
async def login(proof: Proof, request: Request, response: Response) -> Begun:
    """Begin a session: the cookie ``argus_session``, and what goes into X-CSRF-Token."""
    security = site(request).security
    address = request.client.host if request.client else "unknown"
    if proof.token is not None:
        role = security.proved(proof.token, address).role
    else:
        found = security.codes.spend(proof.code or "")
        if found is None:
            raise security.failed(
                address, "WRONG_CODE", "the code is used, too old or none of this server's: `python cli.py page`"
            )
        role = found
    session = security.sessions.begin(role)
    response.headers["Set-Cookie"] = security.set_cookie(session)
    return _begun(request, role, session.id, session)


@router.post("/logout")
async def logout(request: Request, response: Response) -> dict[str, bool]:
    """End the session: its sockets are closed, its cookie counts no more."""
    security, asked = site(request).security, client(request)
    cookie = {"Set-Cookie": security.no_cookie()}
    try:
        if asked.session is not None:
            security.sessions.end(asked.session)
    except OSError as error:
        what = error.strerror or type(error).__name__
        said = f"the session has ended, but that cannot be kept ({what}): a restart within 30 minutes would revive it"
        raise Problem(503, "NOT_KEPT", said, headers=cookie) from error
    response.headers.update(cookie)
    return {"ended": asked.session is not None}


@router.get("/api/session")
async def session(request: Request) -> Begun:
    """Who asks. Asked every few minutes it keeps a session alive: past half of its life it is renewed."""
    asked: Client = client(request)
    return _begun(request, asked.role, asked.session, None)


@router.post("/api/session/code")
async def code(request: Request) -> Code:
    """Another one-time code for the same role, to open the page elsewhere."""
    here = site(request)
    made = here.security.codes.issue(client(request).role)
    return Code(code=made, url=f"{here.address}/#code={made}", expires_in_s=CODE_LIFE)


def _begun(request: Request, role: str, id: str | None, session: Session | None) -> Begun:
    here = site(request)
    sessions = here.security.sessions
    until = session.expires if session is not None else sessions.until(id) if id is not None else None
    return Begun(
        role=role,
        csrf=sessions.csrf(id) if id is not None else None,
        expires_at=iso(until * SECOND) if until is not None else None,
        version=here.version,
    )
