"""From the numbers of a week to the sentences of its summary: what is worth telling, in which order, and in which words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from closedwon.forecast.summary.policy import SummaryPolicy
from closedwon.forecast.summary.say import PLAIN, Say
from closedwon.forecast.summary.text import Figure, Name, Part, Section, Sentence, Source, Summary, Tile, line, listed
from closedwon.forecast.summary.week import CALLED, Ask, Call, Late, Move, Risk, Week

LABELS = {"commit": "Commit", "most_likely": "Most likely", "best_case": "Best case"}
INTO = {"new": "of new deals", "transferred_in": "of deals from other teams", "pulled_in": "pulled in or put back", "reopened": "reopened", "increased": "of larger amounts"}  # fmt: skip
OUT = {"won": "won", "pushed_out": "pushed out", "lost": "lost", "decreased": "cut from amounts", "deleted": "deleted", "transferred_out": "passed to other teams"}  # fmt: skip


@dataclass(frozen=True)
class Teller:
    """Makes figures of one week, each with its source."""

    week: Week
    policy: SummaryPolicy
    say: Say

    @property
    def least(self) -> int:
        """The least amount that is told."""
        return self.policy.threshold(self.week.quota, self.week.flow.get("begin") or self.week.open)

    def tells(self, amount: int | None) -> bool:
        """Whether an amount is large enough to be told."""
        return amount is not None and amount != 0 and abs(amount) >= self.least

    def source(self, name: str, path: str = "") -> Source:
        """A source of the week, on another page where one is given."""
        found = self.week.sources[name]
        return Source(found.page, found.filter, found.as_of, path) if path else found

    def money(self, key: str, minor: int, source: str, *, tone: str = "", path: str = "") -> Figure:
        """An amount without its sign: the words say which way."""
        return Figure(key, self.say.money(abs(minor), self.week.currency), minor, self.week.currency, self.source(source, path), tone)

    def change(self, key: str, minor: int, source: str) -> Figure:
        """A change with its arrow."""
        up = minor > 0
        text = f"{'▲' if up else '▼'} {self.say.money(abs(minor), self.week.currency)}"
        return Figure(key, text, minor, self.week.currency, self.source(source), "up" if up else "down")

    def share(self, key: str, part: int, whole: int, source: str) -> Figure:
        """A share in percent."""
        ppm = round(part * 1_000_000 / whole)
        return Figure(key, self.say.percent(ppm), ppm, "ppm", self.source(source))

    def ratio(self, key: str, value: float, source: str) -> Figure:
        """A multiple."""
        ppm = round(value * 1_000_000)
        return Figure(key, self.say.ratio(ppm), ppm, "ppm", self.source(source))

    def count(self, key: str, number: int, noun: str, source: str) -> Figure:
        """A count with its noun."""
        return Figure(key, f"{number:,} {noun}{'' if number == 1 else 's'}", number, noun, self.source(source))

    def day(self, key: str, value: date, source: str, path: str = "") -> Figure:
        """A day."""
        return Figure(key, self.say.day(value), value.isoformat(), "day", self.source(source, path))

    def text(self, key: str, text: str, unit: str, source: str, path: str = "") -> Figure:
        """Words out of the facts that may hold numbers, such as a flag's label."""
        return Figure(key, text, text, unit, self.source(source, path))


def write(week: Week, policy: SummaryPolicy, say: Say = PLAIN) -> Summary:
    """The summary of a week."""
    teller = Teller(week, policy, say)
    sections = [section for make in (_call, _moved, _risks, _asks, _late) if any(section := make(teller))]
    return Summary(
        week.company, week.scope, week.type, week.period, week.day, week.since, week.currency, _headline(teller), tuple(_tiles(teller)),
        tuple(sections), (*_missing(week), *week.alarms),
    )  # fmt: skip


def standing(week: Week) -> int:
    """The number that is held against the quota: the most likely call, else what the deals add up to; after the period, what was closed."""
    if week.days_left <= 0:
        return week.closed
    return week.call.now["most_likely"] if week.call and "most_likely" in week.call.now else week.rollup.get("most_likely", week.closed)


def is_called(week: Week) -> bool:
    """Whether a call stands, and the period is not over."""
    return week.days_left > 0 and week.call is not None and "most_likely" in week.call.now


def _missing(week: Week) -> list[str]:
    made = []
    if not week.calls_known:
        made.append("No calls are on record here" + ("" if week.quota else ", and no quota") + "; the numbers are those of the deals.")
    elif not week.quota:
        made.append("There is no quota here for this period.")
    if week.days_left > 0 and week.machine.refusal:
        made.append(f"There is no projection: {week.machine.refusal[:1].lower()}{week.machine.refusal[1:]}")
    return made


def _headline(t: Teller) -> Sentence:
    week = t.week
    period = Name(week.period)
    left = t.count("days_left", week.days_left, "day", "board") if week.days_left > 0 else ""
    if week.quota:
        gap = standing(week) - week.quota
        verb = "is called" if is_called(week) else "ended" if not left else "adds up to"
        if not gap:
            text = "{period} " + verb + " right at quota"
        else:
            text = "{period} " + verb + (" {gap} short of quota" if gap < 0 else " {gap} above quota")
        figure = t.money("gap", gap, "board", tone="down" if gap < 0 else "up")
        return line("headline", text + (", with {left} left." if left else "."), period=period, gap=figure, left=left)
    if _won_on_top(t):
        text = "{won} was won for {period} in the week" + (", with {left} left." if left else ".")
        return line("headline", text, period=period, won=t.money("flow.won", week.flow["won"], "waterfall"), left=left)
    moved = week.flow.get("end", 0) - week.flow.get("begin", 0)
    if not t.tells(moved):
        return line("headline", "The open pipeline of {period} hardly moved in the week" + (", with {left} left." if left else "."), period=period, left=left)  # fmt: skip
    text = "The open pipeline of {period} " + ("grew" if moved > 0 else "shrank") + " by {moved} in the week"
    return line("headline", text + (", with {left} left." if left else "."), period=period, moved=t.money("flow.moved", moved, "waterfall"), left=left)  # fmt: skip


def _won_on_top(t: Teller) -> bool:
    """Whether the headline is what was won: where there is no quota."""
    return not t.week.quota and t.tells(t.week.flow.get("won"))


def has_forecast(week: Week) -> bool:
    """Whether there is more to call or add up than what is closed."""
    return is_called(week) or any(amount != week.closed for amount in week.rollup.values())


def _tiles(t: Teller) -> list[Tile]:
    week = t.week
    made = [Tile("Quota", t.money("quota", week.quota, "board"))] if week.quota else []
    share = t.share("closed.share", week.closed, week.quota, "board") if week.quota else ""
    small = line("tile.closed", "{share} of quota", share=share) if share else None
    made.append(Tile("Closed", t.money("closed", week.closed, "board"), small))
    if week.days_left <= 0:
        return made
    if has_forecast(week):
        made += [_called(t, name) for name in CALLED]
    machine = week.machine
    if machine.median is not None and machine.low is not None and machine.high is not None:
        small = line(
            "tile.machine", "{low} to {high}", low=t.money("machine.low", machine.low, "machine"), high=t.money("machine.high", machine.high, "machine")
        )  # fmt: skip
        made.append(Tile("Machine", t.money("machine", machine.median, "machine"), small))
    return made


def _called(t: Teller, name: str) -> Tile:
    week = t.week
    call = week.call if week.call and name in week.call.now else None
    if call is not None:
        now, before = call.now[name], call.before.get(name)
        figure, origin, word = t.money(f"call.{name}", now, "calls"), "calls", "called"
    elif name in week.rollup:
        now, before = week.rollup[name], week.rollup_before.get(name)
        figure, origin, word = t.money(f"rollup.{name}", now, "board"), "week", "deals"
    else:
        return Tile(LABELS[name], None)
    change = None if before is None else now - before
    if t.tells(change) and change is not None:
        small = line(f"tile.{name}", word + ", {change}", change=t.change(f"{figure.key}.change", change, origin))
    else:
        small = line(f"tile.{name}", word + (", unchanged" if before is not None else ""))
    return Tile(LABELS[name], figure, small)


def _call(t: Teller) -> Section:
    week, call = t.week, t.week.call
    made: list[Sentence] = []
    if is_called(week) and call is not None:
        made += [*_beside_machine(t, call), *_beside_deals(t, call), *_to_win(t, call), *_callers(t)]
    elif week.days_left > 0 and has_forecast(week):
        made += _beside_machine(t, None)
    return Section("call", "The call" if is_called(week) else "The number", tuple(made))


def _beside_machine(t: Teller, call: Call | None) -> list[Sentence]:
    week, machine = t.week, t.week.machine
    if machine.median is None or machine.low is None or machine.high is None:
        return []
    number = standing(week)
    apart = number - machine.median
    place = "within" if machine.low <= number <= machine.high else "above" if number > machine.high else "below"
    what = "The most likely call" if call else "What the deals add up to"
    if not t.tells(apart):
        return [line("machine", what + " agrees with the machine’s median.")]
    text = what + " lies {apart} " + ("above" if apart > 0 else "below") + " the machine’s median, "
    text += "within the range of eight in ten outcomes." if place == "within" else f"{place} the range of eight in ten outcomes."
    return [line("machine", text, apart=t.money("machine.apart", apart, "machine", tone="down" if place != "within" else ""))]


def _beside_deals(t: Teller, call: Call) -> list[Sentence]:
    week = t.week
    rollup = week.rollup.get("most_likely")
    made = []
    if rollup is not None and t.tells(call.now["most_likely"] - rollup):
        apart = call.now["most_likely"] - rollup
        text = "The deals themselves add up to {rollup}: the call counts on {apart} " + ("more." if apart > 0 else "less.")
        made.append(
            line("deals", text, rollup=t.money("rollup.most_likely", rollup, "board"), apart=t.money("rollup.apart", apart, "board"))
        )
    direct = [one for one in week.below if "most_likely" in one.now]
    total = sum(one.now["most_likely"] for one in direct)
    if len(direct) > 1 and t.tells(call.now["most_likely"] - total):
        apart = call.now["most_likely"] - total
        text = "The calls of the {seats} below come to {apart} " + ("less." if apart > 0 else "more.")
        seats = t.count("below.seats", len(direct), "seat", "calls")
        made.append(line("below", text, seats=seats, apart=t.money("below.apart", apart, "calls")))
    return made


def _to_win(t: Teller, call: Call) -> list[Sentence]:
    week = t.week
    rest = call.now["most_likely"] - week.closed
    if rest <= 0:
        return [line("rest", "What is closed already reaches the most likely call.")]
    if not t.tells(rest) or week.open <= 0:
        return []
    text = "Still to be won for it: {rest}, which is {yields} of all that is open in the period."
    return [line("rest", text, rest=t.money("rest", rest, "board"), yields=t.share("rest.share", rest, week.open, "board"))]


def _callers(t: Teller) -> list[Sentence]:
    """The seats right below whose call moved most."""
    moved = [
        (one.now["most_likely"] - one.before["most_likely"], one) for one in t.week.below if "most_likely" in one.now and "most_likely" in one.before
    ]  # fmt: skip
    told = sorted(((change, one) for change, one in moved if t.tells(change)), key=lambda item: (-abs(item[0]), item[1].seat))[:3]
    made = []
    for change, one in told:
        text = "{who} " + ("raised" if change > 0 else "lowered") + " most likely by {change}" + (": “{note}”" if one.note else ".")
        note = t.text(f"caller.{one.seat}.note", one.note, "note", "calls") if one.note else ""
        made.append(
            line(f"caller.{one.seat}", text, who=Name(_who(one.who, one.name)), change=t.money(f"caller.{one.seat}", change, "calls"), note=note)
        )  # fmt: skip
    return made


def _who(who: str, seat: str) -> str:
    return f"{who} ({seat})" if who and who != seat else seat


def _moved(t: Teller) -> Section:
    week = t.week
    flow, net = week.flow, week.flow.get("end", 0) - week.flow.get("begin", 0)
    opening: list[Sentence] = []
    if week.quota and t.tells(net):
        text = "Open pipeline " + ("grew" if net > 0 else "shrank") + " by {net} to {end}."
        opening.append(
            line("net", text, net=t.money("flow.moved", net, "waterfall"), end=t.money("flow.end", flow.get("end", 0), "waterfall"))
        )
    into = [t.money(f"flow.{name}", flow[name], "waterfall") for name in INTO if t.tells(flow.get(name))]
    out = [
        t.money(f"flow.{name}", flow[name], "waterfall")
        for name in OUT
        if t.tells(flow.get(name)) and not (name == "won" and _won_on_top(t))
    ]
    words = {f"flow.{name}": word for name, word in (*INTO.items(), *OUT.items())}

    def told(figures: list[Figure]) -> list[Part]:
        order = sorted(figures, key=lambda one: -abs(int(one.value)))
        made: list[Part] = []
        for at, one in enumerate(order):
            join = "" if not at else " and " if at == len(order) - 1 else ", "
            made += [join, one, f" {words[one.key]}"] if join else [one, f" {words[one.key]}"]
        return made

    if into:
        opening.append(line("in", "In came {parts}.", parts=told(into)))
    if out:
        opening.append(line("out", "Out went {parts}.", parts=told(out)))
    items = [_move(t, move) for move in _told_moves(t)]
    if not any((*opening, *items)) and week.flow.get("begin"):
        opening.append(line("still", "Nothing of weight moved in the week."))
    return Section("moved", "What moved, and why", tuple(opening), tuple(items))


def _told_moves(t: Teller) -> list[Move]:
    """The deals that moved and are told: the largest of those that are large enough."""
    return [move for move in t.week.moves if t.tells(move.amount)][: t.policy.tell.deals]


def _move(t: Teller, move: Move) -> Sentence:
    deal = Name(move.name, f"/pipeline/deals/{move.deal}")
    key = f"move.{move.deal}"
    amount = t.money(key, move.amount, "waterfall")
    made: dict[str, Part] = {"deal": deal, "amount": amount, "owner": Name(move.owner or "nobody")}
    if move.close_before and move.close_after and move.bucket in ("pushed_out", "pulled_in"):
        made |= {
            "a": t.day(f"{key}.from", move.close_before, "waterfall"),
            "b": t.day(f"{key}.to", move.close_after, "waterfall"),
        }
    dated = "a" in made and not move.left_out
    if not dated:
        made = {name: part for name, part in made.items() if name not in ("a", "b")}
    text = {
        "new": "{deal}: new, {amount}",
        "transferred_in": "{deal}: {amount} came from another team",
        "pulled_in": "{deal}: {amount} pulled in from {a} to {b}"
        if dated
        else "{deal}: {amount} put back into the forecast"
        if move.close_before
        else "{deal}: {amount} dated into the period",
        "reopened": "{deal}: {amount} reopened",
        "increased": "{deal}: grew by {amount}",
        "decreased": "{deal}: cut by {amount}",
        "pushed_out": "{deal}: {amount} pushed from {a} to {b}" if dated else "{deal}: {amount} taken out of the forecast",
        "won": "{deal}: won with {amount}",
        "lost": "{deal}: lost at {amount}" + (", {reason}" if move.reason else ""),
        "deleted": "{deal}: {amount} deleted",
        "transferred_out": "{deal}: {amount} went to another team",
    }[move.bucket]
    if move.bucket == "lost" and move.reason:
        made["reason"] = Name(_lower(move.reason))
    if move.bucket == "pushed_out" and dated and move.pushes > 1:
        text += ", {pushes} by now"
        made["pushes"] = _pushes(t, key, move.pushes)
    if move.bucket == "new" and move.close_after:
        text += ", to close {c}"
        made["c"] = t.day(f"{key}.close", move.close_after, "waterfall")
    if move.bucket in ("increased", "decreased") and move.amount_after is not None:
        text += " to {after}"
        made["after"] = t.money(f"{key}.after", move.amount_after, "deals")
    return line(key, text + " ({owner}).", **made)


def _chosen_risks(t: Teller) -> list[Sentence]:
    """The risks that are told: heavy ones before others as long as there is room, the most money first."""
    week, told = t.week, t.policy.tell
    named = {ask.deal for ask in week.asks[: told.asks]} | ({week.largest[0]} if week.largest else set())
    flags = [risk for risk in week.risks if t.tells(risk.amount) and risk.only not in named]
    found = [(not risk.heavy, -risk.amount, _risk(t, risk)) for risk in flags]
    rest = (week.quota or 0) - week.closed
    if week.quota and rest > 0 and week.open / rest * 1_000_000 < told.coverage_below:
        found.append((False, -rest, _coverage(t, rest)))
    if week.largest and week.open_commit > 0 and week.largest[2] / week.open_commit * 1_000_000 >= told.one_deal:
        deal, name, amount = week.largest
        text = "One deal, {deal}, makes up {share} of the open commit: without it commit falls by {amount}."
        share, money = t.share("largest.share", amount, week.open_commit, "deals"), t.money("largest", amount, "deals")
        if t.tells(amount):
            found.append((False, -amount, line("largest", text, deal=Name(name, f"/pipeline/deals/{deal}"), share=share, amount=money)))
    chosen = sorted(found, key=lambda item: (item[0], item[1], item[2].plain))[: told.risks]
    return [sentence for _, _, sentence in sorted(chosen, key=lambda item: (item[1], item[2].plain))]


def _risks(t: Teller) -> Section:
    week = t.week
    if week.days_left <= 0:
        return Section("risks", "Risks")
    opening = []
    if t.tells(week.flagged) and week.forecasted > 0 and week.risks:
        flagged, share = t.money("flagged", week.flagged, "flags"), t.share("flagged.share", week.flagged, week.forecasted, "flags")
        text = "{flagged} of the open forecast, {share}, carries a heavy flag; a deal may stand under several."
        opening.append(line("flagged", text, flagged=flagged, share=share))
    return Section("risks", "Risks, the most money first", tuple(opening), tuple(_chosen_risks(t)))


def _pushes(t: Teller, key: str, number: int) -> Figure:
    return Figure(f"{key}.pushes", f"{number:,} pushes", number, "push", t.source("deals"))


def _risk(t: Teller, risk: Risk) -> Sentence:
    found = t.week.sources["flags"]
    at = Source(found.page, f"{found.filter}, flag: {risk.label}".lstrip(", "), found.as_of, f"{found.path}&flag={risk.flag}")
    key = f"flag.{risk.flag}"
    parts: dict[str, Part] = {
        "amount": replace(t.money(key, risk.amount, "flags"), source=at),
        "deals": replace(t.count(f"{key}.deals", risk.deals, "deal", "flags"), source=at),
        "label": Name(risk.label[:1].upper() + risk.label[1:]),
    }
    text = "{label}: {amount} in {deals}"
    if risk.most_name and risk.deals > 1 and 0 < risk.most_amount < risk.amount:
        text += ", {most} of it under {team}"
        parts |= {"most": replace(t.share(f"{key}.most", risk.most_amount, risk.amount, "flags"), source=at), "team": Name(risk.most_name)}
    elif risk.most_name and risk.most_amount == risk.amount:
        text += ", all of it under {team}"
        parts["team"] = Name(risk.most_name)
    return line(key, text + ".", **parts)


def _coverage(t: Teller, rest: int) -> Sentence:
    week = t.week
    text = "Open deals cover {coverage} of the {rest} that the quota still asks for"
    parts = {"coverage": t.ratio("coverage", week.open / rest, "board"), "rest": t.money("quota.rest", rest, "board")}
    if week.coverage_year is not None:
        text += "; a year ago, on the same day, it was {year}"
        parts["year"] = t.ratio("coverage.year", week.coverage_year, "year")
    return line("coverage", text + ".", **parts)


def _asks(t: Teller) -> Section:
    week = t.week
    if not week.due or week.days_left <= 0:
        return Section("asks", "Asks")
    told = {move.deal for move in _told_moves(t)}
    if week.largest and any(one.about == "largest" for one in _chosen_risks(t)):
        told.add(week.largest[0])
    found: list[tuple[int, Sentence]] = []
    if week.machine.median is not None:
        for one in week.below:
            above = (one.now.get("most_likely") or 0) - (one.machine or 0)
            if one.machine is not None and "most_likely" in one.now and one.quota and above * 10 > one.quota and t.tells(above):
                text = "{who}: name the deals behind the {above} that the call holds above the machine."
                found.append((above, line(f"ask.{one.seat}", text, who=Name(_who(one.who, one.name)), above=t.money(f"ask.{one.seat}", above, "calls"))))  # fmt: skip
    found += [(ask.amount, _ask(t, ask, ask.deal in told)) for ask in week.asks if t.tells(ask.amount)]
    found.sort(key=lambda item: (-item[0], item[1].plain))
    items = tuple(sentence for _, sentence in found[: t.policy.tell.asks])
    opening = (line("asks.due", "By {due}:", due=t.day("asks.due", week.due, "policy")),) if items else ()
    return Section("asks", "Asks", opening, items)


def _ask(t: Teller, ask: Ask, told: bool) -> Sentence:
    key = f"ask.{ask.deal}"
    parts: dict[str, Part] = {
        "owner": Name(ask.owner or "Somebody"), "deal": Name(ask.name, f"/pipeline/deals/{ask.deal}"), "help": Name(_lower(ask.help)),
        "label": t.text(f"{key}.flag", ask.label, "flag", "flags"),
    }  # fmt: skip
    text = "{owner}, {deal} ({label}): {help}"
    if not told:
        text = "{owner}, {deal} ({amount}, {label}): {help}"
        parts["amount"] = t.money(key, ask.amount, "deals")
    return line(key, text, **parts)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _late(t: Teller) -> Section:
    week = t.week
    if not week.late or week.days_left <= 0:
        return Section("late", "Late")
    missing = [one for one in week.late if not one.at]
    late = [one for one in week.late if one.at]
    made = []
    if missing:
        shown, more = missing[: t.policy.tell.late], missing[t.policy.tell.late :]
        names: list[Part] = list(_names(shown))
        if more:
            names.append(t.count("late.more", len(more), "other", "calls"))
        text = "{missing} of {expected} to call by {due} " + ("has" if len(missing) == 1 else "have") + " not: {names}."
        made.append(
            line(
                "late.missing", text, missing=_number(t, "late.missing", len(missing)), expected=t.count("late.expected", week.expected, "seat", "calls"),
                due=t.text("calls.due", week.calls_due, "time", "policy"), names=listed(names),
            )
        )  # fmt: skip
    for one in late[: t.policy.tell.late]:
        at = t.text(f"late.{one.seat}", one.at, "time", "calls")
        made.append(line(f"late.{one.seat}", "{who} called late, on {at}.", who=Name(_who(one.who, one.name)), at=at))
    return Section("late", "Who is late", (), tuple(made))


def _number(t: Teller, key: str, number: int) -> Figure:
    return Figure(key, f"{number:,}", number, "seat", t.source("calls"))


def _names(rows: list[Late]) -> list[Name]:
    return [Name(_who(one.who, one.name)) for one in rows]
