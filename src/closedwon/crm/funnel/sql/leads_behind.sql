-- The leads behind one measure, oldest first: a page of them, and how many there are.
, chosen AS (
    SELECT
      f.opportunity_id, f.segment, f.stage, f.outcome, f.days, f.entry_minor, f.amount_minor
    FROM facts AS f
    CROSS JOIN page AS g
    WHERE f.measure = g.measure AND (g.every_segment OR f.segment = g.segment) AND (g.every_stage OR f.stage = g.stage)
      AND (g.every_outcome OR f.outcome IN (SELECT w.outcome FROM outcomes AS w))
      AND (NOT g.priced OR f.amount_minor > 0) AND (NOT g.dated OR f.days IS NOT NULL)
  ),
  placed AS (
    SELECT
      c.opportunity_id, c.segment, c.stage, c.outcome, c.days, c.amount_minor, c.entry_minor, COUNT(*) OVER () AS total,
      ROW_NUMBER() OVER (ORDER BY c.amount_minor DESC, c.days DESC NULLS LAST, c.opportunity_id, c.stage, c.outcome, c.entry_minor) AS row_no
    FROM chosen AS c
  )
SELECT d.opportunity_id, d.segment, d.stage, d.outcome, d.days, d.amount_minor, d.entry_minor, d.total, d.row_no
FROM placed AS d
CROSS JOIN page AS g
WHERE d.row_no > g.skip AND d.row_no <= g.skip + g.take
