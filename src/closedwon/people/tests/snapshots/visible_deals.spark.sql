/* The deals that a person may see at a cutoff: owned by a person in scope, split with one, worked on by one, on an account that one */
/* works on, or of the region in scope. */
WITH states AS (
  SELECT
    s.opportunity_id,
    s.owner_id,
    s.account_id,
    s.region
  FROM deal_states AS s
  CROSS JOIN params AS p
  WHERE
    s.valid_from < p.cutoff AND s.valid_until >= p.cutoff
), owned AS (
  SELECT
    s.opportunity_id
  FROM states AS s
  JOIN scope_people AS c
    ON c.user_id = s.owner_id
), split AS (
  SELECT
    x.opportunity_id
  FROM opportunity_splits AS x
  CROSS JOIN params AS p
  JOIN scope_people AS c
    ON c.user_id = x.user_id
  WHERE
    x.since <= p.day AND (
      x.until IS NULL OR x.until > p.day
    )
), team AS (
  SELECT
    x.opportunity_id
  FROM opportunity_team AS x
  CROSS JOIN params AS p
  JOIN scope_people AS c
    ON c.user_id = x.user_id
  WHERE
    x.since <= p.day AND (
      x.until IS NULL OR x.until > p.day
    )
), account AS (
  SELECT
    s.opportunity_id
  FROM account_team AS x
  CROSS JOIN params AS p
  JOIN scope_people AS c
    ON c.user_id = x.user_id
  JOIN states AS s
    ON s.account_id = x.account_id
  WHERE
    x.since <= p.day AND (
      x.until IS NULL OR x.until > p.day
    )
), regional AS (
  SELECT
    s.opportunity_id
  FROM states AS s
  JOIN params AS p
    ON s.region = p.region
  WHERE
    p.region <> ''
), seen AS (
  SELECT
    opportunity_id
  FROM owned
  UNION
  SELECT
    opportunity_id
  FROM split
  UNION
  SELECT
    opportunity_id
  FROM team
  UNION
  SELECT
    opportunity_id
  FROM account
  UNION
  SELECT
    opportunity_id
  FROM regional
)
SELECT
  s.opportunity_id
FROM states AS s
JOIN seen AS v
  ON v.opportunity_id = s.opportunity_id
ORDER BY
  s.opportunity_id NULLS LAST
