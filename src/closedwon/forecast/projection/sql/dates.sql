-- When a deal's expected close date was set, and to what.
, dated AS (
    SELECT c.deal_no, s.valid_from, s.close_date,
      LAG(s.close_date) OVER d AS date_before, ROW_NUMBER() OVER d AS step_no
    FROM states AS s
    JOIN chosen AS c ON c.opportunity_id = s.opportunity_id
    WHERE s.status = 'open'
    WINDOW d AS (PARTITION BY c.deal_no ORDER BY s.valid_from)
  )
SELECT d.deal_no, d.valid_from AS set_at, d.close_date
FROM dated AS d
WHERE d.step_no = 1 OR d.close_date IS DISTINCT FROM d.date_before
