/* What happened to each deal, seat by seat, between the begin and the end. */
/* A unit is a deal at a place (a seat on its way up the tree) and a dimension. Two states are compared, plus one flow: a deal that was born */
/* and closed in between, or that had no date and was won in the period. */
WITH touched AS (
  SELECT DISTINCT
    s.opportunity_id
  FROM deal_states AS s
  CROSS JOIN params AS p
  WHERE
    (
      (
        s.valid_from < p.begin_cutoff AND s.valid_until >= p.begin_cutoff
      )
      OR (
        s.valid_from < p.end_cutoff AND s.valid_until >= p.end_cutoff
      )
    )
    AND (
      p.every_date
      OR (
        s.close_date >= p.period_start AND s.close_date < p.period_end
      )
    )
), states AS (
  SELECT
    s.opportunity_id,
    s.owner_id,
    s.stage,
    s.forecast_category,
    COALESCE(s.currency, p.currency) AS currency,
    COALESCE(COALESCE(s.net_arr_minor, s.amount_minor), 0) * p.sign AS amount_minor,
    s.close_date AS due,
    '' AS dimension,
    COALESCE(s.is_deleted, FALSE) AS is_deleted,
    CASE
      WHEN COALESCE(s.order_type, '') = ''
      THEN p.untyped
      ELSE (
        NOT o.order_type IS NULL
      ) = p.named
    END AS is_typed,
    s.valid_from < p.begin_cutoff AND s.valid_until >= p.begin_cutoff AS at_begin,
    s.valid_from < p.end_cutoff AND s.valid_until >= p.end_cutoff AS at_end
  FROM deal_states AS s
  CROSS JOIN params AS p
  JOIN touched AS t
    ON t.opportunity_id = s.opportunity_id
  LEFT JOIN order_types AS o
    ON o.order_type = s.order_type
  WHERE
    (
      s.valid_from < p.begin_cutoff AND s.valid_until >= p.begin_cutoff
    )
    OR (
      s.valid_from < p.end_cutoff AND s.valid_until >= p.end_cutoff
    )
), named AS (
  SELECT
    s.opportunity_id,
    s.owner_id,
    s.currency,
    s.amount_minor,
    s.due,
    s.dimension,
    s.is_deleted,
    s.at_begin,
    s.at_end,
    COALESCE(g.status, 'open') AS status,
    s.is_typed
    AND NOT s.is_deleted
    AND COALESCE(g.status, 'open') <> 'open'
    AND (
      p.every_date OR (
        s.due >= p.period_start AND s.due < p.period_end
      )
    ) AS is_closed_here,
    s.is_typed
    AND NOT s.is_deleted
    AND COALESCE(g.status, 'open') = 'open'
    AND (
      p.every_date OR (
        s.due >= p.period_start AND s.due < p.period_end
      )
    )
    AND CASE
      WHEN g.stage IS NULL
      THEN TRUE
      WHEN COALESCE(s.forecast_category, '') = '' OR c.category = 'closed'
      THEN g.category <> 'omitted'
      ELSE COALESCE(c.category, 'unmapped') <> 'omitted'
    END AS is_in
  FROM states AS s
  CROSS JOIN params AS p
  LEFT JOIN stages AS g
    ON g.stage = s.stage
  LEFT JOIN categories AS c
    ON c.raw = s.forecast_category
), both_ends AS (
  SELECT
    COALESCE(b.opportunity_id, e.opportunity_id) AS opportunity_id,
    b.opportunity_id IS NULL AS was_unborn,
    COALESCE(b.is_deleted, FALSE) AS was_deleted,
    b.status AS status_before,
    COALESCE(b.is_in, FALSE) AS was_in,
    b.owner_id AS owner_before,
    b.amount_minor AS amount_before,
    b.currency AS currency_before,
    b.dimension AS dimension_before,
    e.opportunity_id IS NULL OR e.is_deleted AS is_deleted,
    e.status AS status_after,
    COALESCE(e.is_in, FALSE) AS is_in,
    e.owner_id AS owner_after,
    e.amount_minor AS amount_after,
    e.currency AS currency_after,
    e.dimension AS dimension_after,
    NOT COALESCE(b.is_in, FALSE)
    AND COALESCE(e.is_closed_here, FALSE)
    AND (
      b.opportunity_id IS NULL
      OR (
        b.status = 'open' AND b.due IS NULL AND NOT b.is_deleted AND e.status = 'won'
      )
    ) AS is_flow
  FROM (
    SELECT
      *
    FROM named
    WHERE
      at_begin
  ) AS b
  FULL JOIN (
    SELECT
      *
    FROM named
    WHERE
      at_end
  ) AS e
    ON e.opportunity_id = b.opportunity_id
), moved AS (
  SELECT
    d.opportunity_id,
    d.was_unborn,
    d.was_deleted,
    d.status_before,
    d.was_in,
    d.owner_before,
    d.dimension_before,
    d.is_deleted,
    d.status_after,
    d.is_in,
    d.owner_after,
    d.dimension_after,
    d.is_flow,
    CASE
      WHEN rb.num = rb.den
      THEN d.amount_before
      ELSE COALESCE(
        (
          CAST(CASE
            WHEN (
              (
                (
                  d.amount_before
                ) < 0
              ) <> (
                (
                  rb.num
                ) < 0
              )
            ) <> (
              (
                rb.den
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                d.amount_before
              ) AS DECIMAL(38, 0))) * ABS(CAST((
                rb.num
              ) AS DECIMAL(38, 0))) * 2 + ABS(CAST((
                rb.den
              ) AS DECIMAL(38, 0)))
            ) DIV NULLIF(ABS(CAST((
              rb.den
            ) AS DECIMAL(38, 0))) * 2, 0)
          ) AS BIGINT)
        ),
        0
      )
    END AS begin_minor,
    CASE
      WHEN rx.num = rx.den
      THEN d.amount_before
      ELSE COALESCE(
        (
          CAST(CASE
            WHEN (
              (
                (
                  d.amount_before
                ) < 0
              ) <> (
                (
                  rx.num
                ) < 0
              )
            ) <> (
              (
                rx.den
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                d.amount_before
              ) AS DECIMAL(38, 0))) * ABS(CAST((
                rx.num
              ) AS DECIMAL(38, 0))) * 2 + ABS(CAST((
                rx.den
              ) AS DECIMAL(38, 0)))
            ) DIV NULLIF(ABS(CAST((
              rx.den
            ) AS DECIMAL(38, 0))) * 2, 0)
          ) AS BIGINT)
        ),
        0
      )
    END AS begin_at_end_minor,
    CASE
      WHEN re.num = re.den
      THEN d.amount_after
      ELSE COALESCE(
        (
          CAST(CASE
            WHEN (
              (
                (
                  d.amount_after
                ) < 0
              ) <> (
                (
                  re.num
                ) < 0
              )
            ) <> (
              (
                re.den
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                d.amount_after
              ) AS DECIMAL(38, 0))) * ABS(CAST((
                re.num
              ) AS DECIMAL(38, 0))) * 2 + ABS(CAST((
                re.den
              ) AS DECIMAL(38, 0)))
            ) DIV NULLIF(ABS(CAST((
              re.den
            ) AS DECIMAL(38, 0))) * 2, 0)
          ) AS BIGINT)
        ),
        0
      )
    END AS end_minor
  FROM both_ends AS d
  LEFT JOIN begin_rates AS rb
    ON rb.currency = d.currency_before
  LEFT JOIN end_rates AS rx
    ON rx.currency = d.currency_before
  LEFT JOIN end_rates AS re
    ON re.currency = d.currency_after
  WHERE
    d.was_in OR d.is_in OR d.is_flow
), splits AS (
  SELECT
    x.opportunity_id,
    n.is_begin,
    COALESCE(w.place, 'unassigned') AS place,
    SUM(x.share_ppm) AS share_ppm
  FROM opportunity_splits AS x
  CROSS JOIN params AS p
  JOIN (
    SELECT
      TRUE AS is_begin,
      begin_day AS day
    FROM params
    UNION ALL
    SELECT
      FALSE AS is_begin,
      end_day AS day
    FROM params
  ) AS n
    ON x.since <= n.day AND (
      x.until IS NULL OR x.until > n.day
    )
  JOIN moved AS m
    ON m.opportunity_id = x.opportunity_id
  LEFT JOIN seats AS w
    ON w.user_id = x.user_id AND w.is_begin = n.is_begin
  WHERE
    LOWER(x.split_type) = p.split
    AND (
      p.split <> 'revenue' OR COALESCE(x.is_overlay, FALSE) = FALSE
    )
  GROUP BY
    x.opportunity_id,
    n.is_begin,
    COALESCE(w.place, 'unassigned')
), running AS (
  SELECT
    opportunity_id,
    is_begin,
    place,
    share_ppm,
    SUM(share_ppm) OVER (
      PARTITION BY opportunity_id, is_begin
      ORDER BY place NULLS LAST
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) - share_ppm AS below_ppm
  FROM splits
), begin_units AS (
  SELECT
    m.opportunity_id,
    m.dimension_before AS dimension,
    COALESCE(x.place, w.place, 'unassigned') AS place,
    COALESCE(x.below_ppm, 0) AS below_ppm,
    COALESCE(x.share_ppm, 1000000) AS share_ppm
  FROM moved AS m
  CROSS JOIN params AS p
  LEFT JOIN running AS x
    ON x.opportunity_id = m.opportunity_id AND x.is_begin
  LEFT JOIN seats AS w
    ON w.user_id = m.owner_before AND w.is_begin
  WHERE
    m.was_in AND (
      NOT x.place IS NULL OR p.owner_counts
    )
), end_units AS (
  SELECT
    m.opportunity_id,
    m.dimension_after AS dimension,
    COALESCE(x.place, w.place, 'unassigned') AS place,
    COALESCE(x.below_ppm, 0) AS below_ppm,
    COALESCE(x.share_ppm, 1000000) AS share_ppm
  FROM moved AS m
  CROSS JOIN params AS p
  LEFT JOIN running AS x
    ON x.opportunity_id = m.opportunity_id AND NOT x.is_begin
  LEFT JOIN seats AS w
    ON w.user_id = m.owner_after AND NOT w.is_begin
  WHERE
    (
      m.is_in OR m.is_flow
    ) AND (
      NOT x.place IS NULL OR p.owner_counts
    )
), units AS (
  SELECT
    COALESCE(b.opportunity_id, e.opportunity_id) AS opportunity_id,
    COALESCE(b.place, e.place) AS place,
    COALESCE(b.dimension, e.dimension) AS dimension,
    NOT b.place IS NULL AS begins,
    NOT e.place IS NULL AS ends,
    b.below_ppm AS below_before,
    b.share_ppm AS share_before,
    e.below_ppm AS below_after,
    e.share_ppm AS share_after,
    CASE WHEN b.share_ppm < e.share_ppm THEN b.share_ppm ELSE e.share_ppm END AS kept_ppm
  FROM begin_units AS b
  FULL JOIN end_units AS e
    ON e.opportunity_id = b.opportunity_id
    AND e.place = b.place
    AND e.dimension = b.dimension
), cut AS (
  SELECT
    u.opportunity_id,
    u.place,
    u.dimension,
    CASE
      WHEN u.begins AND u.ends
      THEN 'stays'
      WHEN u.begins AND m.is_deleted
      THEN 'deleted'
      WHEN u.begins AND m.status_after = 'won'
      THEN 'won'
      WHEN u.begins AND m.status_after = 'lost'
      THEN 'lost'
      WHEN u.begins AND NOT m.is_in
      THEN 'pushed_out'
      WHEN u.begins
      THEN 'transferred_out'
      WHEN m.is_flow AND m.was_unborn AND m.status_after = 'won'
      THEN 'new_won'
      WHEN m.is_flow AND m.was_unborn
      THEN 'new_lost'
      WHEN m.is_flow
      THEN 'pulled_in_won'
      WHEN m.was_unborn OR m.was_deleted
      THEN 'new'
      WHEN m.status_before <> 'open'
      THEN 'reopened'
      WHEN NOT m.was_in
      THEN 'pulled_in'
      ELSE 'transferred_in'
    END AS event,
    CASE
      WHEN u.begins
      THEN (
        (
          CASE
            WHEN (
              (
                m.begin_minor
              ) < 0
            ) <> (
              (
                u.below_before + u.share_before
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                m.begin_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              u.below_before + u.share_before
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  m.begin_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                u.below_before + u.share_before
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      ) - (
        (
          CASE
            WHEN (
              (
                m.begin_minor
              ) < 0
            ) <> (
              (
                u.below_before
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                m.begin_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              u.below_before
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  m.begin_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                u.below_before
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      )
      ELSE 0
    END AS begin_minor,
    CASE
      WHEN u.begins
      THEN (
        (
          CASE
            WHEN (
              (
                m.begin_at_end_minor
              ) < 0
            ) <> (
              (
                u.below_before + u.share_before
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                m.begin_at_end_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              u.below_before + u.share_before
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  m.begin_at_end_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                u.below_before + u.share_before
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      ) - (
        (
          CASE
            WHEN (
              (
                m.begin_at_end_minor
              ) < 0
            ) <> (
              (
                u.below_before
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                m.begin_at_end_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              u.below_before
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  m.begin_at_end_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                u.below_before
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      )
      ELSE 0
    END AS begin_at_end_minor,
    CASE
      WHEN u.begins
      THEN (
        (
          CASE
            WHEN (
              (
                m.end_minor
              ) < 0
            ) <> (
              (
                u.below_before + u.share_before
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                m.end_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              u.below_before + u.share_before
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  m.end_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                u.below_before + u.share_before
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      ) - (
        (
          CASE
            WHEN (
              (
                m.end_minor
              ) < 0
            ) <> (
              (
                u.below_before
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                m.end_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              u.below_before
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  m.end_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                u.below_before
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      )
      ELSE 0
    END AS won_minor,
    CASE
      WHEN u.ends
      THEN (
        (
          CASE
            WHEN (
              (
                m.end_minor
              ) < 0
            ) <> (
              (
                u.below_after + u.share_after
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                m.end_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              u.below_after + u.share_after
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  m.end_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                u.below_after + u.share_after
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      ) - (
        (
          CASE
            WHEN (
              (
                m.end_minor
              ) < 0
            ) <> (
              (
                u.below_after
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                m.end_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              u.below_after
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  m.end_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                u.below_after
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      )
      ELSE 0
    END AS end_minor,
    CASE
      WHEN u.begins AND u.ends
      THEN (
        (
          CASE
            WHEN (
              (
                m.begin_minor
              ) < 0
            ) <> (
              (
                u.below_before + u.kept_ppm
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                m.begin_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              u.below_before + u.kept_ppm
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  m.begin_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                u.below_before + u.kept_ppm
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      ) - (
        (
          CASE
            WHEN (
              (
                m.begin_minor
              ) < 0
            ) <> (
              (
                u.below_before
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                m.begin_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              u.below_before
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  m.begin_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                u.below_before
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      )
      ELSE 0
    END AS kept_minor,
    CASE
      WHEN u.begins AND u.ends
      THEN (
        (
          CASE
            WHEN (
              (
                m.begin_at_end_minor
              ) < 0
            ) <> (
              (
                u.below_before + u.kept_ppm
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                m.begin_at_end_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              u.below_before + u.kept_ppm
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  m.begin_at_end_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                u.below_before + u.kept_ppm
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      ) - (
        (
          CASE
            WHEN (
              (
                m.begin_at_end_minor
              ) < 0
            ) <> (
              (
                u.below_before
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                m.begin_at_end_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              u.below_before
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  m.begin_at_end_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                u.below_before
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      )
      ELSE 0
    END AS kept_at_end_minor,
    CASE
      WHEN u.begins AND u.ends
      THEN (
        (
          CASE
            WHEN (
              (
                m.end_minor
              ) < 0
            ) <> (
              (
                u.below_after + u.kept_ppm
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                m.end_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              u.below_after + u.kept_ppm
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  m.end_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                u.below_after + u.kept_ppm
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      ) - (
        (
          CASE
            WHEN (
              (
                m.end_minor
              ) < 0
            ) <> (
              (
                u.below_after
              ) < 0
            )
            THEN -1
            ELSE 1
          END * (
            (
              ABS(CAST((
                m.end_minor
              ) AS BIGINT)) DIV 1000000
            ) * ABS(CAST((
              u.below_after
            ) AS BIGINT)) + (
              (
                ABS(CAST((
                  m.end_minor
                ) AS BIGINT)) % 1000000
              ) * ABS(CAST((
                u.below_after
              ) AS BIGINT)) + 500000
            ) DIV 1000000
          )
        )
      )
      ELSE 0
    END AS kept_end_minor
  FROM units AS u
  JOIN moved AS m
    ON m.opportunity_id = u.opportunity_id
), changed AS (
  SELECT
    opportunity_id,
    place,
    dimension,
    event,
    begin_minor,
    begin_at_end_minor,
    won_minor,
    end_minor,
    kept_minor,
    kept_at_end_minor,
    kept_end_minor,
    CASE
      WHEN event = 'stays'
      THEN kept_end_minor - kept_at_end_minor
      WHEN event = 'won'
      THEN won_minor - begin_at_end_minor
      ELSE 0
    END AS change_minor
  FROM cut
), movements AS (
  SELECT
    opportunity_id,
    place,
    dimension,
    begin_minor,
    CASE WHEN event IN ('new', 'new_won', 'new_lost') THEN end_minor ELSE 0 END AS new_minor,
    CASE
      WHEN event = 'transferred_in'
      THEN end_minor
      WHEN event = 'stays'
      THEN end_minor - kept_end_minor
      ELSE 0
    END AS transferred_in_minor,
    CASE WHEN event IN ('pulled_in', 'pulled_in_won') THEN end_minor ELSE 0 END AS pulled_in_minor,
    CASE WHEN event = 'reopened' THEN end_minor ELSE 0 END AS reopened_minor,
    CASE WHEN change_minor > 0 THEN change_minor ELSE 0 END AS increased_minor,
    CASE WHEN change_minor < 0 THEN -change_minor ELSE 0 END AS decreased_minor,
    CASE WHEN event = 'pushed_out' THEN begin_minor ELSE 0 END AS pushed_out_minor,
    CASE
      WHEN event = 'won'
      THEN won_minor
      WHEN event IN ('new_won', 'pulled_in_won')
      THEN end_minor
      ELSE 0
    END AS won_minor,
    CASE
      WHEN event = 'lost'
      THEN begin_minor
      WHEN event = 'new_lost'
      THEN end_minor
      ELSE 0
    END AS lost_minor,
    CASE WHEN event = 'deleted' THEN begin_minor ELSE 0 END AS deleted_minor,
    CASE
      WHEN event = 'transferred_out'
      THEN begin_minor
      WHEN event = 'stays'
      THEN begin_minor - kept_minor
      ELSE 0
    END AS transferred_out_minor,
    CASE
      WHEN event = 'stays'
      THEN kept_at_end_minor - kept_minor
      WHEN event = 'won'
      THEN begin_at_end_minor - begin_minor
      ELSE 0
    END AS fx_minor,
    CASE
      WHEN event IN ('stays', 'new', 'reopened', 'pulled_in', 'transferred_in')
      THEN end_minor
      ELSE 0
    END AS end_minor
  FROM changed
), bars /* What moved, deal by deal and bar by bar, at the wanted places, the largest first. */ AS (
  SELECT
    t.opportunity_id,
    t.place,
    'new' AS bucket,
    new_minor AS amount_minor
  FROM movements AS t
  UNION ALL
  SELECT
    t.opportunity_id,
    t.place,
    'transferred_in' AS bucket,
    transferred_in_minor AS amount_minor
  FROM movements AS t
  UNION ALL
  SELECT
    t.opportunity_id,
    t.place,
    'pulled_in' AS bucket,
    pulled_in_minor AS amount_minor
  FROM movements AS t
  UNION ALL
  SELECT
    t.opportunity_id,
    t.place,
    'reopened' AS bucket,
    reopened_minor AS amount_minor
  FROM movements AS t
  UNION ALL
  SELECT
    t.opportunity_id,
    t.place,
    'increased' AS bucket,
    increased_minor AS amount_minor
  FROM movements AS t
  UNION ALL
  SELECT
    t.opportunity_id,
    t.place,
    'decreased' AS bucket,
    decreased_minor AS amount_minor
  FROM movements AS t
  UNION ALL
  SELECT
    t.opportunity_id,
    t.place,
    'pushed_out' AS bucket,
    pushed_out_minor AS amount_minor
  FROM movements AS t
  UNION ALL
  SELECT
    t.opportunity_id,
    t.place,
    'won' AS bucket,
    won_minor AS amount_minor
  FROM movements AS t
  UNION ALL
  SELECT
    t.opportunity_id,
    t.place,
    'lost' AS bucket,
    lost_minor AS amount_minor
  FROM movements AS t
  UNION ALL
  SELECT
    t.opportunity_id,
    t.place,
    'deleted' AS bucket,
    deleted_minor AS amount_minor
  FROM movements AS t
  UNION ALL
  SELECT
    t.opportunity_id,
    t.place,
    'transferred_out' AS bucket,
    transferred_out_minor AS amount_minor
  FROM movements AS t
), summed AS (
  SELECT
    b.opportunity_id,
    b.bucket,
    SUM(b.amount_minor) AS amount_minor
  FROM bars AS b
  JOIN wanted_places AS n
    ON n.place = b.place
  JOIN wanted_buckets AS k
    ON k.bucket = b.bucket
  GROUP BY
    b.opportunity_id,
    b.bucket
), counted AS (
  SELECT
    opportunity_id,
    bucket,
    amount_minor,
    ROW_NUMBER() OVER (ORDER BY ABS(amount_minor) DESC, opportunity_id NULLS LAST, bucket NULLS LAST) AS place_no
  FROM summed
  WHERE
    amount_minor <> 0
)
SELECT
  c.opportunity_id,
  c.bucket,
  c.amount_minor,
  c.place_no
FROM counted AS c
CROSS JOIN page AS g
WHERE
  c.place_no > g.skip AND c.place_no <= g.skip + g.take
