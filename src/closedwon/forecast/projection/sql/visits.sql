-- Stage by stage: when a deal came into it, when it left and to where.
SELECT
  v.deal_no, v.status, v.stage, v.entered_at, v.left_at
FROM visits AS v
