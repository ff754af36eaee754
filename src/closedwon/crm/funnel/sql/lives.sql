-- The deals that count at a cutoff, and how each went through the stages, by what was so before the cutoff and nothing later.
-- Left out: deals deleted by then, order types, sources and reasons that the policy leaves out, deals out of sight.
WITH
  lives AS ( -- one row per deal, as it stood at the cutoff
    SELECT
      s.opportunity_id, COALESCE(g.status, 'open') AS status, COALESCE(s.stage, '') AS stage, s.created_at, s.closed_at, s.close_date,
      COALESCE(CASE WHEN r.num = r.den THEN deal_amount ELSE muldiv(deal_amount, r.num, r.den) END, 0) AS amount_minor,
      CASE WHEN k.reason IS NULL THEN 'lost' ELSE k.counts_as END AS lost_as,
      deal_segment AS segment
    FROM deal_states AS s
    CROSS JOIN params AS p
    LEFT JOIN stages AS g ON g.stage = s.stage
    LEFT JOIN order_types AS o ON o.order_type = s.order_type
    LEFT JOIN reasons AS k ON k.reason = LOWER(s.loss_reason)
    LEFT JOIN rates AS r ON r.currency = COALESCE(s.currency, p.currency)
    deal_joins
    WHERE s.valid_from < p.cutoff AND s.valid_until >= p.cutoff AND NOT COALESCE(s.is_deleted, FALSE)
      AND (s.created_at IS NULL OR s.created_at < p.cutoff)
      AND CASE WHEN COALESCE(s.order_type, '') = '' THEN p.untyped ELSE (o.order_type IS NOT NULL) = p.named END
      AND (p.every_deal OR s.opportunity_id IN (SELECT v.opportunity_id FROM visible AS v))
      AND (p.every_owner OR s.owner_id IN (SELECT w.user_id FROM owners AS w))
      AND (s.source IS NULL OR LOWER(s.source) NOT IN (SELECT x.source FROM left_out AS x))
      AND NOT (COALESCE(g.status, 'open') = 'lost' AND COALESCE(k.counts_as, '') = 'nothing')
  ),
  states AS ( -- every earlier and present state of these deals; all ways to be won, and all ways to be lost, are one stage
    SELECT
      s.opportunity_id, s.valid_from, s.valid_until, COALESCE(g.status, 'open') AS status, COALESCE(g.place, 0) AS place,
      COALESCE(g.is_pipeline, TRUE) AS is_pipeline, COALESCE(g.is_valued, TRUE) AS is_valued, s.close_date, s.currency,
      CASE COALESCE(g.status, 'open') WHEN 'open' THEN COALESCE(s.stage, '') WHEN 'won' THEN '=won' ELSE '=lost' END AS stage_key,
      deal_amount AS amount_minor
    FROM deal_states AS s
    JOIN lives AS l ON l.opportunity_id = s.opportunity_id
    CROSS JOIN params AS p
    LEFT JOIN stages AS g ON g.stage = s.stage
    WHERE s.valid_from < p.cutoff
  ),
  compared AS (
    SELECT
      opportunity_id, valid_from, status, place, is_pipeline, is_valued, stage_key, amount_minor, currency,
      LAG(stage_key) OVER (PARTITION BY opportunity_id ORDER BY valid_from) AS key_before
    FROM states
  ),
  steps AS ( -- visits of stages, endings too
    SELECT
      opportunity_id, valid_from, status, place, is_pipeline, is_valued, stage_key, amount_minor, currency, key_before IS NULL AS is_first,
      LEAD(valid_from) OVER (PARTITION BY opportunity_id ORDER BY valid_from) AS left_at
    FROM compared
    WHERE key_before IS NULL OR key_before <> stage_key
  ),
  ranked AS ( -- how far a step is: an open stage by its place, a win that stands beyond all
    SELECT
      opportunity_id, valid_from, status, stage_key,
      CASE WHEN status = 'open' THEN place WHEN status = 'won' AND left_at IS NULL THEN 1000000 ELSE -1 END AS reach
    FROM steps
  ),
  reached AS (
    SELECT
      opportunity_id, valid_from, status, stage_key, reach,
      MAX(reach) OVER (PARTITION BY opportunity_id ORDER BY valid_from ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reach_before
    FROM ranked
  ),
  climbs AS ( -- only steps to where the deal had never been as far: a step back and forth is no entry
    SELECT
      opportunity_id, valid_from, status, stage_key,
      LEAD(valid_from) OVER (PARTITION BY opportunity_id ORDER BY valid_from) AS forward_at
    FROM reached
    WHERE reach >= 0 AND (reach_before IS NULL OR reach > reach_before)
  ),
  ends AS ( -- when a deal that is closed at the cutoff came to be so; without any history, when the source says
    SELECT
      t.opportunity_id,
      CASE WHEN t.is_first THEN COALESCE(l.closed_at, CAST(l.close_date AS TIMESTAMPTZ), t.valid_from) ELSE t.valid_from END AS ended_at
    FROM steps AS t
    JOIN lives AS l ON l.opportunity_id = t.opportunity_id
    WHERE t.left_at IS NULL AND t.status <> 'open'
  ),
  entries AS ( -- the first step that counts as pipeline, and the first at which the value is taken
    SELECT
      t.opportunity_id, t.valid_from, t.amount_minor, t.currency, t.is_pipeline, t.is_valued,
      ROW_NUMBER() OVER (PARTITION BY t.opportunity_id, t.is_pipeline ORDER BY t.valid_from) AS pipeline_no,
      ROW_NUMBER() OVER (PARTITION BY t.opportunity_id, t.is_valued ORDER BY t.valid_from) AS value_no
    FROM steps AS t
    WHERE t.status = 'open'
  ),
  valued AS (
    SELECT e.opportunity_id, COALESCE(CASE WHEN r.num = r.den THEN e.amount_minor ELSE muldiv(e.amount_minor, r.num, r.den) END, 0) AS entry_minor
    FROM entries AS e
    CROSS JOIN params AS p
    LEFT JOIN rates AS r ON r.currency = COALESCE(e.currency, p.currency)
    WHERE e.is_valued AND e.value_no = 1
  ),
