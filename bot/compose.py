"""From a wish to a row: write candidates, judge them all, keep the best, remember every one.

Compose **ends** at a row. What happens to an approved row is :mod:`bot.publish`'s business; the two never call
each other.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlmodel import Session

from bot.rank import Candidate, Ranker
from bot.together import Together
from bot.worker import GeneratorWorker
from generation.fit import LIMITS
from generation.generator import Generated, Request
from generation.prompt import names_topic
from generation.sampling import Sampling
from moderation.context import Context
from moderation.gate import Gate
from moderation.verdict import Decision, Finding, Verdict
from storage import posts
from storage.db import Database
from storage.lifecycle import State
from storage.models import Post

SEEDS = 2**31  # seeds are drawn below this, so that seed + i fits every engine's and database's integers
TOPIC_CANDIDATES = 32  # of 100 topics, 50 were named by one of 32 texts, 25 by one of 4 (docs/finetuning.md)
WAIT = timedelta(hours=24)  # an approved post that could not be sent by then is stale


@dataclass(frozen=True, slots=True)
class Ask:
    """One wish for one post."""

    platform: str
    who: str  # "discord:123", "schedule:x-daily", "terminal:matt"
    channel: str | None = None
    server: str | None = None
    nsfw: bool = False
    prompt: str = ""  # the post begins with this
    topic: str | None = None  # the post is about this
    slot: str | None = None  # the schedule's moment; unique in the database
    seed: int | None = None  # of the first candidate; drawn afresh when None

    @property
    def free(self) -> bool:
        """Nothing particular is asked for: a post from the shelf will do."""
        return not self.prompt and self.topic is None and self.slot is None and self.seed is None

    @property
    def context(self) -> Context:
        """Where the text is going, for the gate."""
        return Context(platform=self.platform, channel=self.channel, server=self.server, nsfw=self.nsfw)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a wish, or of one text."""

    state: State | None  # None: the wish itself was turned away, and nothing was written
    verdict: Verdict
    text: str = ""
    post_id: int | None = None
    from_shelf: bool = False


class Composer:
    """One voice, one gate, one record."""

    def __init__(
        self,
        *,
        database: Database,
        worker: GeneratorWorker,
        gate: Gate,
        ranker: Ranker,
        draw_seed: Callable[[], int],
        sampling: Sampling,
        candidates: int = 4,
        topic_candidates: int = TOPIC_CANDIDATES,
        shelf_life: timedelta = timedelta(hours=72),
        held_life: timedelta = timedelta(days=14),
        remember: timedelta = timedelta(days=90),
        said: Callable[[str, datetime], None] = lambda text, at: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Everything a composer needs.

        Args:
            candidates: texts that are written for one post.
            topic_candidates: the same where a topic is asked for, which a small model often strays from.
            shelf_life: how long a post may lie on the shelf.
            held_life: how long a held post waits for a person.
            remember: how long a post counts as said already.
            said: told of each post that is going out, so that the gate finds repetitions of it.
        """
        self.database = database
        self.worker = worker
        self.gate = gate
        self._ranker = ranker
        self._draw_seed = draw_seed
        self._sampling = sampling
        self._candidates = candidates
        self._topic_candidates = topic_candidates
        self._lives = {State.SHELVED: shelf_life, State.APPROVED: WAIT, State.HELD: held_life}
        self._remember = remember
        self._said = said
        self._clock = clock
        self._shelf = Together(self._take)

    async def compose(self, ask: Ask) -> Outcome:
        """One post for this wish: off the shelf when it asks for nothing particular, else the best of several.

        The other good ones go to the shelf, or on record only when they were made for this wish alone.

        Raises:
            GeneratorBusy, GenerationTimeout, GenerationCancelled: no text can be had now.
            SlotTaken: the planned moment has its post already.
        """
        taken = await self._shelf.ask(ask) if ask.free else None
        refused = taken or await asyncio.to_thread(self._judge_wish, ask)
        if refused is not None:
            return refused
        many = self._candidates if ask.topic is None else max(self._candidates, self._topic_candidates)
        texts = await self._write(ask, many)
        return await asyncio.to_thread(self._keep_best, ask, texts)

    async def write(self, ask: Ask, count: int, *, allowed: State = State.APPROVED) -> list[Outcome]:
        """``count`` texts, each a post of its own; the allowed ones begin as ``allowed`` (approved or shelved)."""
        refused = await asyncio.to_thread(self._judge_wish, ask)
        if refused is not None:
            return [refused]
        texts = await self._write(ask, count)
        return await asyncio.to_thread(self._keep_all, ask, texts, allowed)

    async def stock(self, ask: Ask, count: int) -> list[Outcome]:
        """``count`` texts at low priority: the allowed and new ones are shelved, the others only put on record."""
        texts = await self._write(ask, count, restock=True)
        return await asyncio.to_thread(self._keep_stock, ask, texts)

    async def _write(self, ask: Ask, count: int, *, restock: bool = False) -> list[Generated]:
        seed = self._draw_seed() if ask.seed is None else ask.seed
        request = Request(count=count, prompt=ask.prompt, topic=ask.topic, seed=seed, sampling=self._sampling)
        return await self.worker.generate(request, who=ask.who, restock=restock)

    # Below here everything runs in a thread.

    def _take(self, asks: Sequence[Ask]) -> list[Outcome | None]:
        """A post off the shelf for each wish, in one transaction; None where there is none."""
        now = self._clock()
        with self.database.session() as session:
            taken = [self._take_one(session, ask, now) for ask in asks]
        for post in taken:
            if post is not None:
                self._said(post.text, now)
        return [None if post is None else outcome_of(post, from_shelf=True) for post in taken]

    def _take_one(self, session: Session, ask: Ask, now: datetime) -> Post | None:
        if self._has_own_rules(ask):
            return None  # the shelf was not judged by this channel's rules
        return posts.take(
            session,
            adapter_hash=self.worker.identity.adapter_hash,
            platform=ask.platform,
            policy=self.gate.rules,
            who=ask.who,
            now=now,
            channel=ask.channel,
            server=ask.server,
            requester=ask.who,
            expires_at=now + WAIT,
            suits=lambda text: self.gate.suits(text, ask.context),  # the shelf was judged for no server
        )

    def _has_own_rules(self, ask: Ask) -> bool:
        """Whether the policy has a table for the channel that the post is for."""
        places = self.gate.policy.platforms.get(ask.platform)
        return places is not None and ask.channel in places.channels

    def _for_anybody(self, ask: Ask) -> bool:
        """Whether a text that was written and judged for this wish may go to anybody on the platform.

        What an adult channel, or a channel or server with rules of its own, lets through is not for the others.
        """
        particular = ask.prompt or ask.topic or ask.nsfw or self._has_own_rules(ask)
        return not particular and not self.gate.has_rules_for(ask.server)

    def _judge_wish(self, ask: Ask) -> Outcome | None:
        """A wish that the gate would not let through is turned away before anything is written."""
        wish = " ".join(filter(None, (ask.topic, ask.prompt)))
        if not wish:
            return None
        context = Context(ask.platform, ask.channel, ask.server, ask.nsfw, role="prompt")
        verdict = self.gate.judge(wish, context)
        return None if verdict.decision is Decision.ALLOW else Outcome(None, verdict)

    def _judge(self, ask: Ask, texts: Sequence[Generated]) -> list[Candidate]:
        """Every text with its verdict; one that is not whole, or does not fit the platform, is blocked, never cut."""
        verdicts = self.gate.judge_many([text.text for text in texts], ask.context)
        judged = zip(texts, verdicts, strict=True)
        return [Candidate(text, _whole(text, verdict, ask.platform)) for text, verdict in judged]

    def _keep_best(self, ask: Ask, texts: Sequence[Generated]) -> Outcome:
        candidates = self._judge(ask, texts)
        now = self._clock()
        with self.database.reading() as session:
            said = posts.recent_texts(session, since=now - self._remember)
        best = self._choose(ask, candidates, said)
        with self.database.session() as session:
            chosen = self._store(session, ask, best, _BIRTH[best.verdict.decision], now, slot=ask.slot)
            known = {best.generated.text, *said}
            for other in candidates:
                if other is not best:
                    self._store_spare(session, ask, other, now, known)
        if chosen.state is State.APPROVED:
            self._said(chosen.text, now)
        return outcome_of(chosen)

    def _choose(self, ask: Ask, candidates: Sequence[Candidate], said: Sequence[str]) -> Candidate:
        """The best allowed text; without one the best held one, for a person to look at; else any.

        Where a topic is asked for, texts that name it come before those that do not.
        """
        for decision in Decision:
            eligible = [each for each in candidates if each.verdict.decision is decision]
            on_topic = [each for each in eligible if ask.topic and names_topic(each.generated.text, ask.topic)]
            if eligible:
                return self._ranker.rank(on_topic or eligible, said)[0]
        raise ValueError("there is nothing to choose from")

    def _keep_all(self, ask: Ask, texts: Sequence[Generated], allowed: State) -> list[Outcome]:
        candidates = self._judge(ask, texts)
        now = self._clock()
        kept = []
        with self.database.session() as session:
            for candidate in candidates:
                birth = allowed if candidate.verdict.decision is Decision.ALLOW else _BIRTH[candidate.verdict.decision]
                kept.append(self._store(session, ask, candidate, birth, now))
        for post in kept:
            if post.state is State.APPROVED:
                self._said(post.text, now)
        return [outcome_of(post) for post in kept]

    def _keep_stock(self, ask: Ask, texts: Sequence[Generated]) -> list[Outcome]:
        candidates = self._judge(ask, texts)
        now = self._clock()
        with self.database.session() as session:
            known = set(posts.recent_texts(session, since=now - self._remember))
            return [outcome_of(self._store_spare(session, ask, each, now, known)) for each in candidates]

    def _store_spare(self, session: Session, ask: Ask, spare: Candidate, now: datetime, known: set[str]) -> Post:
        """A text nobody waits for: shelved when anybody may have it, else on record and done with.

        ``known`` are the texts that were there before; one that goes to the shelf joins them.
        """
        birth = State.SHELVED if spare.verdict.decision is Decision.ALLOW else _BIRTH[spare.verdict.decision]
        post, text = self._store(session, ask, spare, birth, now), spare.generated.text
        if birth is State.SHELVED and self._for_anybody(ask) and text not in known:
            known.add(text)
            return post
        if birth.final:
            return post
        why = "the same text was there before" if text in known else "nobody waits for it"
        return posts.move(session, post_id=post.number, expect=birth, to=State.EXPIRED, who="compose", why=why, now=now)

    def _store(
        self, session: Session, ask: Ask, candidate: Candidate, birth: State, now: datetime, slot: str | None = None
    ) -> Post:
        identity, text, verdict = self.worker.identity, candidate.generated, candidate.verdict
        draft = posts.Draft(
            text=text.text,
            platform=ask.platform,
            channel=ask.channel,
            server=ask.server,
            requester=ask.who,
            slot=slot,
            prompt=ask.prompt,
            topic=ask.topic,
            seed=text.seed,
            sampling=self._sampling.to_json(),
            adapter=identity.adapter,
            adapter_hash=identity.adapter_hash,
            base=identity.base,
            base_hash=identity.base_hash,
            engine=identity.engine,
            engine_version=identity.engine_version,
            tokens=text.tokens,
            logprob=text.logprob,
            decision=verdict.decision,
            policy=verdict.policy,
            verdict=verdict.to_json(),
            expires_at=now + self._lives[birth] if birth in self._lives else None,
        )
        why = verdict.reasons[0] if verdict.reasons else "the gate found nothing"
        return posts.create(session, draft=draft, state=birth, who="gate", why=why, now=now)


_BIRTH = {Decision.ALLOW: State.APPROVED, Decision.HOLD: State.HELD, Decision.BLOCK: State.BLOCKED}


def _whole(text: Generated, verdict: Verdict, platform: str) -> Verdict:
    """The verdict, made *block* when the text did not end by itself or does not fit."""
    limit = LIMITS[platform]
    findings = []
    if not text.stopped:
        findings.append(Finding("whole", "unfinished", Decision.BLOCK, "The text did not come to an end in time."))
    if excess := limit.excess(text.text):
        findings.append(Finding("whole", "too-long", Decision.BLOCK, f"Too long for {platform}: {excess}."))
    if not findings:
        return verdict
    return replace(verdict, decision=Decision.BLOCK, findings=(*verdict.findings, *findings))


def outcome_of(post: Post, *, from_shelf: bool = False) -> Outcome:
    """A stored post as an outcome."""
    return Outcome(post.state, Verdict.from_json(post.verdict), post.text, post.id, from_shelf)
