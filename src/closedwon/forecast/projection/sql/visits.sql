-- Stage by stage: when a deal came into it; an ending is one step.
SELECT v.deal_no, v.status, v.stage, v.valid_from AS entered_at
FROM compared AS v
WHERE v.key_before IS NULL OR v.key_before <> v.this_key
