"""Texts of the forecast policy from before flags were formulas: their flags become an inspection policy, and they say where they come from."""

import hashlib
import json

import tomlkit
from django.db import migrations

REFERENCE = "Carried over from an earlier version of closedwon"
HEAD = f'reference = "{REFERENCE}"\n'
CATEGORIES = " AND category IN ({0})"
WHEN = {
    "past_close_date": "close_date < TODAY()",
    "no_activity": "days_since_activity >= {days}",
    "pushed": "push_count >= {times}",
    "old_in_stage": "days_in_stage > stage_p90_days",
    "amount_cut": "amount_cut >= {percent}",
    "closes_beyond_period": "close_date > period_end",
    "single_threaded": "contacts < {contacts}",
    "no_next_step": "tracks_next_step AND ISBLANK(next_step)",
}
WHY = {
    "past_close_date": "The close date passed {TODAY() - close_date : day} ago and the deal is still open.",
    "no_activity": "Nothing has happened on it for {days_since_activity : day}.",
    "pushed": "Its close date moved into a later quarter {push_count : time}.",
    "old_in_stage": "It has been in its stage for {days_in_stage : day}; nine in ten deals leave it within {stage_p90_days}.",
    "amount_cut": "Its amount fell by {FLOOR(amount_cut * 100)} % lately.",
    "closes_beyond_period": "It closes {close_date - period_end : day} after the period ends.",
    "single_threaded": "{contacts : contact} named on it.",
    "no_next_step": "Nobody has written down what happens next.",
}


def inspection(flags):
    """The inspection policy that says what the old flags said; a rule that this list does not know is left out."""
    days = next((flag["days"] for flag in flags if flag.get("rule") == "amount_cut" and "days" in flag), 30)
    visits = next((flag["least"] for flag in flags if flag.get("rule") == "old_in_stage" and "least" in flag), 30)
    later = next((flag.get("categories", []) for flag in flags if flag.get("rule") == "closes_beyond_period"), [])
    text = f"{HEAD}amount_days = {days}\nstage_visits = {visits}\nlater = {json.dumps(list(later))}\n"
    for flag in flags:
        rule = flag.get("rule")
        if rule not in WHEN:
            continue
        when = WHEN[rule].format(**{"days": 21, "times": 3, "percent": "20%", "contacts": 2, **flag})
        if flag.get("categories"):
            when += CATEGORIES.format(", ".join(json.dumps(str(name)) for name in flag["categories"]))
        label = str(flag.get("label", rule)).replace("{", "{{") + (" {push_count}×" if rule == "pushed" else "")
        words = {"name": rule, "label": label, "when": when, "severity": flag.get("weight", "normal"), "why": WHY[rule]}
        text += "\n[[flags]]\n" + "".join(f"{key} = {json.dumps(str(value), ensure_ascii=False)}\n" for key, value in words.items())
    return text


def carried(text):
    """The forecast policy without its flags and with a reference, and the flags."""
    whole = tomlkit.parse(text)
    flags = whole.pop("flags", [])
    made = tomlkit.dumps(whole)
    return (made if "reference" in whole else HEAD + made), flags


def carry(apps, _schema):
    """Give each workspace that has such a text the two that follow from it; its history keeps the old one."""
    version = apps.get_model("policies", "PolicyVersion")
    last = version.objects.filter(kind="forecast", status="applied").order_by("-id").first()
    if last is None:
        return
    made, flags = carried(last.text)
    texts = {"forecast": made} if made != last.text else {}
    if flags and not version.objects.filter(kind="inspection").exists():
        texts["inspection"] = inspection([dict(flag) for flag in flags])
    for kind, text in texts.items():
        version.objects.create(
            kind=kind, document="", text=text, digest=hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest(), status="applied",
            note=REFERENCE, written_by="upgrade", applied_by="upgrade", applied_at=last.applied_at,
        )  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("policies", "0002_documents")]
    operations = [migrations.RunPython(carry, migrations.RunPython.noop)]
