-- The past requests of one kind that were submitted in a span of days, as they were first submitted.
-- `units` are the minor units of a major one in the request's currency. The policy's own text is written around this.
SELECT r.*, minor_units(r.currency) AS units
FROM every_request AS r
CROSS JOIN params AS p
WHERE r.kind = p.kind AND r.submitted_on >= p.start AND r.submitted_on < p.stop
  AND (COALESCE(p.region, '') = '' OR r.region = p.region)
