-- Contracts as they were known at a cutoff: those that ran, or that a renewal won by then had brought; each with what it was worth a year
-- on its freezing day. A snapshot taken by that day tells it; else it is the contract's own ARR less the expansions won since.
WITH
  now_won AS ( -- expansions on contracts, as they stand now
    SELECT s.contract_id, s.close_date, s.currency, s.net_arr_minor
    FROM deal_states AS s
    CROSS JOIN params AS p
    JOIN stages AS g ON g.stage = s.stage AND g.status = 'won'
    LEFT JOIN renewal_types AS y ON y.order_type = s.order_type
    WHERE p.grown AND s.contract_id IS NOT NULL AND y.order_type IS NULL AND COALESCE(s.net_arr_minor, 0) <> 0
      AND s.valid_from < p.now_cutoff AND s.valid_until >= p.now_cutoff AND NOT COALESCE(s.is_deleted, FALSE)
  ),
  standing AS ( -- every deal about a contract, as it stood at the cutoff
    SELECT s.*, CASE WHEN COALESCE(s.is_deleted, FALSE) THEN 'lost' ELSE COALESCE(g.status, 'open') END AS status,
      y.order_type IS NOT NULL AS is_renewal
    FROM deal_states AS s
    CROSS JOIN params AS p
    LEFT JOIN stages AS g ON g.stage = s.stage
    LEFT JOIN renewal_types AS y ON y.order_type = s.order_type
    WHERE s.valid_from < p.cutoff AND s.valid_until >= p.cutoff
  ),
  brought AS ( -- contracts that follow on one whose renewal was won by the cutoff
    SELECT DISTINCT c.renewed_by AS id
    FROM contracts AS c
    JOIN standing AS s ON s.opportunity_id = c.renewal_opportunity_id AND s.status = 'won'
    WHERE c.renewed_by IS NOT NULL
  ),
  known AS (
    SELECT c.*
    FROM contracts AS c
    CROSS JOIN params AS p
    LEFT JOIN brought AS b ON b.id = c.id
    WHERE p.is_now OR c.start_date <= p.day OR b.id IS NOT NULL
  )
