"""What a pipeline policy would say of the company's own deals."""

from closedwon.base.policytext import load_text
from closedwon.crm import preview
from closedwon.crm.policy import PipelinePolicy

TEXT = """reference = "x"
stages = [{ name = "Open" }, { name = "Won", status = "won" }, { name = "Lost", status = "lost" }]
"""


def test_every_stage_with_its_deals_and_strangers_last(monkeypatch):
    policy, problems = load_text(TEXT, PipelinePolicy)
    assert problems == []
    monkeypatch.setattr(preview, "deals_by_stage", lambda by: {"Won": 2, "Strange": 1, "": 3})
    rows = preview.stages_preview(policy, by=None)
    assert [(row["stage"], row["status"], row["deals"]) for row in rows] == [
        ("Open", "open", 0), ("Won", "won", 2), ("Lost", "lost", 0), ("(none)", "unknown", 3), ("Strange", "unknown", 1),
    ]  # fmt: skip
    monkeypatch.setattr(preview, "deals_by_stage", lambda by: {})
    assert preview.stages_preview(policy, by=None) == []


def test_a_change_tells_which_deals_count_differently(monkeypatch):
    old, new = (
        load_text(text, PipelinePolicy)[0]
        for text in (TEXT, TEXT.replace('"Open" }', '"Open", category = "commit", probability = "50%" }'))
    )
    groups = [
        {"stage": "Open", "own": "", "currency": "USD", "deals": 2, "amount_minor": 150_00},
        {"stage": "Open", "own": "", "currency": "EUR", "deals": 1, "amount_minor": 10_00},
        {"stage": "Open", "own": "best_case", "currency": "USD", "deals": 4, "amount_minor": 7_00},
        {"stage": "Won", "own": "pipeline", "currency": "USD", "deals": 9, "amount_minor": None},
    ]
    monkeypatch.setattr(preview, "deal_groups", lambda by: groups)
    said, *rows = preview.effect(old, new, None)
    assert said == "7 deals in 1 stage count differently."
    assert [(row["before"], row["after"], row["deals"]) for row in rows] == [
        ("open, best_case, 0%", "open, best_case, 50%", 4), ("open, pipeline, 0%", "open, commit, 50%", 3),
    ]  # fmt: skip
    assert rows[1]["amount"] == "10.00 EUR + 150.00 USD"
    assert list(preview.effect(old, old, None)) == ["No deal counts differently."]
    assert list(preview.effect(None, new, None)) == ["No deal counts differently."]
