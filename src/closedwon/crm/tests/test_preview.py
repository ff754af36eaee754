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
