-- Each deal of the type by what was so before the cutoff: the stages that it went through, how it ended, and at what amount.
-- Nothing at or after the cutoff is read: a state that began later is left out, and one that ends later has no end here.
WITH
  states AS (
    SELECT
      s.opportunity_id, s.valid_from, s.valid_until, s.order_type, s.segment, s.region, s.currency, s.close_date, s.owner_id, s.created_at,
      CASE WHEN COALESCE(s.is_deleted, FALSE) THEN 'lost' ELSE COALESCE(g.status, 'open') END AS status,
      COALESCE(s.stage, '') AS stage, deal_amount AS amount_minor
    FROM deal_states AS s
    CROSS JOIN params AS p
    LEFT JOIN stages AS g ON g.stage = s.stage
    WHERE s.valid_from < p.cutoff
  ),
  chosen AS ( -- the type's deals, by their kind of order at the cutoff, numbered
    SELECT
      s.opportunity_id, s.order_type, s.segment, s.region, s.currency, s.status, s.close_date, s.amount_minor, s.owner_id, s.created_at,
      s.stage, ROW_NUMBER() OVER (ORDER BY s.opportunity_id) AS deal_no
    FROM states AS s
    CROSS JOIN params AS p
    LEFT JOIN order_types AS o ON o.order_type = s.order_type
    WHERE s.valid_until >= p.cutoff
      AND CASE WHEN COALESCE(s.order_type, '') = '' THEN p.untyped ELSE (o.order_type IS NOT NULL) = p.named END
      AND NOT EXISTS (SELECT 1 FROM left_out AS x WHERE x.order_type = s.order_type)
  ),
  steps AS ( -- a change of stage shows by its key: an ending has one key whatever its stage is called
    SELECT
      c.deal_no, s.valid_from, s.status, s.stage,
      CASE s.status WHEN 'open' THEN s.stage WHEN 'won' THEN '=won' ELSE '=lost' END AS this_key
    FROM states AS s
    JOIN chosen AS c ON c.opportunity_id = s.opportunity_id
  ),
  compared AS (
    SELECT
      deal_no, valid_from, status, stage, this_key, LAG(this_key) OVER (PARTITION BY deal_no ORDER BY valid_from) AS key_before
    FROM steps
  )
