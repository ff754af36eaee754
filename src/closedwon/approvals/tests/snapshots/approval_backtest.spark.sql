WITH given AS (SELECT id, number, submitted_on, region, currency, amount_minor, state, auto_reason, asked_roles, minutes, CASE WHEN (currency <> 'USD' AND currency <> '') THEN TRY_CAST(ROUND(CAST(CASE units WHEN 100 THEN (`net_minor` * 100) WHEN 1 THEN (`net_minor` * 10000) WHEN 1000 THEN (`net_minor` * 10) WHEN 10000 THEN `net_minor` WHEN 10 THEN (`net_minor` * 1000) END AS DECIMAL(19,0)) * CAST(CAST(CASE WHEN rate_ppb > 0 THEN rate_ppb ELSE 1000000000 END AS DECIMAL(19,0)) * CAST('0.000000001' AS DECIMAL(9,9)) AS DECIMAL(18,9)), 0) AS BIGINT) ELSE CASE units WHEN 100 THEN (`net_minor` * 100) WHEN 1 THEN (`net_minor` * 10000) WHEN 1000 THEN (`net_minor` * 10) WHEN 10000 THEN `net_minor` WHEN 10 THEN (`net_minor` * 1000) END END AS `f net`, CAST(TRY_CAST(get_json_object(fields, '\u0024[\u0027seats\u0027]') AS DECIMAL(18,6)) * 1000000BD AS BIGINT) AS `f seats`, transform(from_json(get_json_object(fields, '\u0024[\u0027lines\u0027]'), 'array<struct<`net`: string, `discount`: string, `kind`: string, `ok`: string>>'), l -> named_struct('net', (CAST(CAST((CASE WHEN (currency <> 'USD' AND currency <> '') THEN TRY_CAST(ROUND(CAST(CAST(TRY_CAST(l.`net` AS DECIMAL(18,4)) * 10000BD AS BIGINT) AS DECIMAL(19,0)) * CAST(CAST(CASE WHEN rate_ppb > 0 THEN rate_ppb ELSE 1000000000 END AS DECIMAL(19,0)) * CAST('0.000000001' AS DECIMAL(9,9)) AS DECIMAL(18,9)), 0) AS BIGINT) ELSE CAST(TRY_CAST(l.`net` AS DECIMAL(18,4)) * 10000BD AS BIGINT) END) AS DECIMAL(18,0)) * CAST('0.0001' AS DECIMAL(4,4)) AS DECIMAL(18,4))), 'discount', (CAST(CAST((CAST(TRY_CAST(TRY_CAST(CASE WHEN RIGHT(l.`discount`, 1) = '%' THEN SUBSTRING(l.`discount`, 1, LENGTH(l.`discount`) - 1) END AS DECIMAL(19,7)) * CAST('0.01' AS DECIMAL(2,2)) AS DECIMAL(18,9)) * 1000000000BD AS BIGINT)) AS DECIMAL(18,0)) * CAST('0.000000001' AS DECIMAL(9,9)) AS DECIMAL(18,9))), 'kind', (NULLIF(l.`kind`, '')), 'ok', (CASE WHEN LOWER(l.`ok`) IN ('true', 'yes') THEN TRUE WHEN LOWER(l.`ok`) IN ('false', 'no') THEN FALSE END))) AS `f lines`, (`discount_ppm` * 1000) AS `f discount`, NULLIF(get_json_object(fields, '\u0024[\u0027note\u0027]'), '') AS `f note`, NULLIF(get_json_object(fields, '\u0024[\u0027account.segment\u0027]'), '') AS `f account.segment`, TRY_CAST(get_json_object(fields, '\u0024[\u0027starts\u0027]') AS DATE) AS `f starts`, CASE WHEN LOWER(get_json_object(fields, '\u0024[\u0027urgent\u0027]')) IN ('true', 'yes') THEN TRUE WHEN LOWER(get_json_object(fields, '\u0024[\u0027urgent\u0027]')) IN ('false', 'no') THEN FALSE END AS `f urgent`, NULLIF(get_json_object(fields, '\u0024[\u0027terms\u0027]'), '') AS `f terms`, CAST(CAST(COALESCE(submitted_at, CAST(submitted_on AS TIMESTAMP)) AS TIMESTAMP_NTZ) AS DATE) AS `f TODAY()`, CAST(COALESCE(submitted_at, CAST(submitted_on AS TIMESTAMP)) AS TIMESTAMP_NTZ) AS `f NOW()`, COALESCE((NULLIF(get_json_object(fields, '\u0024[\u0027seats\u0027]'), '') IS NOT NULL AND TRY_CAST(get_json_object(fields, '\u0024[\u0027seats\u0027]') AS DECIMAL(18,6)) IS NULL) OR (COALESCE(array_size(filter(from_json(get_json_object(fields, '\u0024[\u0027lines\u0027]'), 'array<struct<`net`: string, `discount`: string, `kind`: string, `ok`: string>>'), l -> (NULLIF(l.`net`, '') IS NOT NULL AND TRY_CAST(l.`net` AS DECIMAL(18,4)) IS NULL) OR (NULLIF(l.`discount`, '') IS NOT NULL AND TRY_CAST(TRY_CAST(CASE WHEN RIGHT(l.`discount`, 1) = '%' THEN SUBSTRING(l.`discount`, 1, LENGTH(l.`discount`) - 1) END AS DECIMAL(19,7)) * CAST('0.01' AS DECIMAL(2,2)) AS DECIMAL(18,9)) IS NULL) OR (NULLIF(l.`ok`, '') IS NOT NULL AND (CASE WHEN LOWER(l.`ok`) IN ('true', 'yes') THEN TRUE WHEN LOWER(l.`ok`) IN ('false', 'no') THEN FALSE END) IS NULL))), 0) > 0) OR (NULLIF(get_json_object(fields, '\u0024[\u0027starts\u0027]'), '') IS NOT NULL AND (TRY_CAST(get_json_object(fields, '\u0024[\u0027starts\u0027]') AS DATE)) IS NULL) OR (NULLIF(get_json_object(fields, '\u0024[\u0027urgent\u0027]'), '') IS NOT NULL AND (CASE WHEN LOWER(get_json_object(fields, '\u0024[\u0027urgent\u0027]')) IN ('true', 'yes') THEN TRUE WHEN LOWER(get_json_object(fields, '\u0024[\u0027urgent\u0027]')) IN ('false', 'no') THEN FALSE END) IS NULL) OR ((currency <> 'USD' AND currency <> '') AND (rate_ppb IS NULL OR rate_ppb <= 0)), FALSE) AS wrong_0 FROM (/* The past requests of one kind that were submitted in a span of days, as they were first submitted. */
/* `units` are the minor units of a major one in the request's currency. The policy's own text is written around this. */
SELECT
  r.*,
  (
    CASE
      WHEN (
        r.currency
      ) IN (
        'BIF',
        'CLP',
        'DJF',
        'GNF',
        'ISK',
        'JPY',
        'KMF',
        'KRW',
        'PYG',
        'RWF',
        'UGX',
        'UYI',
        'VND',
        'VUV',
        'XAF',
        'XOF',
        'XPF'
      )
      THEN 1
      WHEN (
        r.currency
      ) IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND')
      THEN 1000
      WHEN (
        r.currency
      ) IN ('CLF', 'UYW')
      THEN 10000
      ELSE 100
    END
  ) AS units
FROM (
  SELECT
    id,
    number,
    kind,
    subject_id,
    title,
    submitter_id,
    owner_id,
    region,
    currency,
    amount_minor,
    rate_ppb,
    state,
    auto_reason,
    submitted_on,
    submitted_at,
    closed_at,
    versions,
    content_hash,
    asked_roles,
    minutes,
    discount_ppm,
    list_minor,
    net_minor,
    net_arr_minor,
    term_months,
    payment_terms,
    payment_schedule,
    free_months,
    credits_minor,
    last_discount_ppm,
    renewal_base_minor,
    renewal_net_minor,
    price_lock,
    order_type,
    segment,
    account_id,
    fields,
    known_at,
    source
  FROM approval_requests AS p
  WHERE
    NOT EXISTS(
      SELECT
        1
      FROM live_ids AS l
      WHERE
        l.id = p.id
    )
  UNION ALL
  SELECT
    id,
    number,
    kind,
    subject_id,
    title,
    submitter_id,
    owner_id,
    region,
    currency,
    amount_minor,
    rate_ppb,
    state,
    auto_reason,
    submitted_on,
    submitted_at,
    closed_at,
    versions,
    content_hash,
    asked_roles,
    minutes,
    discount_ppm,
    list_minor,
    net_minor,
    net_arr_minor,
    term_months,
    payment_terms,
    payment_schedule,
    free_months,
    credits_minor,
    last_discount_ppm,
    renewal_base_minor,
    renewal_net_minor,
    price_lock,
    order_type,
    segment,
    account_id,
    fields,
    known_at,
    source
  FROM live_approval_requests
) AS r
CROSS JOIN params AS p
WHERE
  r.kind = p.kind
  AND r.submitted_on >= p.start
  AND r.submitted_on < p.stop
  AND (
    COALESCE(p.region, '') = '' OR r.region = p.region
  )) AS asked),
typed AS (SELECT id AS `own id`, number AS `own number`, submitted_on AS `own submitted_on`, region AS `own region`, currency AS `own currency`, amount_minor AS `own amount_minor`, state AS `own state`, auto_reason AS `own auto_reason`, asked_roles AS `own asked_roles`, minutes AS `own minutes`, wrong_0, `f net` AS `net`, `f seats` AS `seats`, `f lines` AS `lines`, `f discount` AS `discount`, `f note` AS `note`, `f account.segment` AS `account.segment`, `f starts` AS `starts`, `f urgent` AS `urgent`, `f terms` AS `terms`, `f TODAY()` AS `TODAY()`, `f NOW()` AS `NOW()`, CAST(CAST(`f seats` AS DECIMAL(18,0)) * CAST('0.000001' AS DECIMAL(6,6)) AS DECIMAL(18,6)) AS `d seats`, CAST(CAST(`f discount` AS DECIMAL(18,0)) * CAST('0.000000001' AS DECIMAL(9,9)) AS DECIMAL(18,9)) AS `d discount` FROM given),
computed_1 AS (SELECT `own id`, `own number`, `own submitted_on`, `own region`, `own currency`, `own amount_minor`, `own state`, `own auto_reason`, `own asked_roles`, `own minutes`, `net`, `seats`, `lines`, `discount`, `note`, `account.segment`, `starts`, `urgent`, `terms`, `TODAY()`, `NOW()`, `d seats`, `d discount`, TRY_CAST(ROUND(v0, 4) AS DECIMAL(18,4)) AS `per_seat`, TRY_CAST(ROUND(v1, 4) AS DECIMAL(18,4)) AS `free`, (wrong_0 OR v0_error IS NOT NULL OR v1_error IS NOT NULL) AS wrong_1 FROM (SELECT `own id`, `own number`, `own submitted_on`, `own region`, `own currency`, `own amount_minor`, `own state`, `own auto_reason`, `own asked_roles`, `own minutes`, `wrong_0`, `net`, `seats`, `lines`, `discount`, `note`, `account.segment`, `starts`, `urgent`, `terms`, `TODAY()`, `NOW()`, `d seats`, `d discount`, CASE WHEN _cw9 IS NULL THEN CAST(concat(CASE WHEN _cw8 < CAST(0BD AS DECIMAL(38,0)) THEN '-' ELSE '' END, left(lpad(CAST((CASE WHEN _cw8 < CAST(0BD AS DECIMAL(38,0)) THEN CAST(0BD AS DECIMAL(38,0)) - _cw8 ELSE _cw8 END) AS STRING), 39, '0'), 21), '.', right(lpad(CAST((CASE WHEN _cw8 < CAST(0BD AS DECIMAL(38,0)) THEN CAST(0BD AS DECIMAL(38,0)) - _cw8 ELSE _cw8 END) AS STRING), 39, '0'), 18)) AS DECIMAL(38,18)) END AS `v0`, _cw9 AS `v0_error`, CASE WHEN _cw14 IS NULL THEN CAST(CAST(_cw13 AS DECIMAL(27,0)) * CAST('0.0001' AS DECIMAL(4,4)) AS DECIMAL(27,4)) END AS `v1`, _cw14 AS `v1_error` FROM (SELECT *, CAST(CAST(CASE WHEN (_cw1 < 0L) <> (_cw2 < 0L) THEN -1 ELSE 1 END AS DECIMAL(38,0)) * (CAST((CAST((CAST((_cw4 DIV _cw3) AS DECIMAL(38,0)) * CAST(1000000000000000000BD AS DECIMAL(38,0)) + CAST(((_cw5 * CAST(1000000000000000000BD AS DECIMAL(38,0))) DIV _cw3) AS DECIMAL(38,0))) AS DECIMAL(38,0)) * CAST(100BD AS DECIMAL(38,0)) + CAST(((_cw6 * CAST(100BD AS DECIMAL(38,0))) DIV _cw3) AS DECIMAL(38,0))) AS DECIMAL(38,0)) + CAST(CASE WHEN _cw7 >= _cw3 - _cw7 THEN 1 ELSE 0 END AS DECIMAL(38,0))) AS DECIMAL(38,0)) AS _cw8 FROM (SELECT *, ((_cw6 * CAST(100BD AS DECIMAL(38,0))) % _cw3) AS _cw7 FROM (SELECT *, ((_cw5 * CAST(1000000000000000000BD AS DECIMAL(38,0))) % _cw3) AS _cw6 FROM (SELECT *, (_cw4 % _cw3) AS _cw5, CAST(COALESCE(aggregate(transform(_cw12, v -> CAST(v AS DECIMAL(38,0))), CAST(0 AS DECIMAL(38,0)), (s, v) -> try_add(s, v)), 0) AS DECIMAL(38,0)) AS _cw13 FROM (SELECT *, NULLIF(CAST(abs(_cw2) AS DECIMAL(38,0)), CAST(0BD AS DECIMAL(38,0))) AS _cw3, CAST(abs(_cw1) AS DECIMAL(38,0)) AS _cw4, CASE WHEN _cw2 = 0L AND _cw1 IS NOT NULL THEN 'division by zero' END AS _cw9, filter(transform(filter(_cw11, r -> r.t), r -> r.v), v -> v IS NOT NULL) AS _cw12, get(filter(transform(_cw11, r -> r.e), e -> e IS NOT NULL), 0) AS _cw14 FROM (SELECT *, CAST(`net` AS BIGINT) AS _cw1, CAST(`seats` AS BIGINT) AS _cw2, transform(`lines`, x -> element_at(transform(array(named_struct('_cw10', TRY_CAST(x.`net` AS DECIMAL(18,4)))), _in1 -> named_struct('t', ((x.`kind` <=> 'free') AND COALESCE(x.`ok`, FALSE)), 'v', CAST(_in1._cw10 * 10000BD AS BIGINT), 'e', CASE WHEN ((x.`kind` <=> 'free') AND COALESCE(x.`ok`, FALSE)) THEN CASE WHEN x.`net` IS NOT NULL AND _in1._cw10 IS NULL THEN 'the value does not fit its type' END END)), 1)) AS _cw11 FROM typed))))))) AS c),
computed_2 AS (SELECT `own id`, `own number`, `own submitted_on`, `own region`, `own currency`, `own amount_minor`, `own state`, `own auto_reason`, `own asked_roles`, `own minutes`, `net`, `seats`, `lines`, `discount`, `note`, `account.segment`, `starts`, `urgent`, `terms`, `TODAY()`, `NOW()`, `d seats`, `d discount`, `per_seat`, `free`, TRY_CAST(ROUND(v0, 4) AS DECIMAL(18,4)) AS `twice`, (wrong_1 OR v0_error IS NOT NULL) AS wrong_2 FROM (SELECT `own id`, `own number`, `own submitted_on`, `own region`, `own currency`, `own amount_minor`, `own state`, `own auto_reason`, `own asked_roles`, `own minutes`, `net`, `seats`, `lines`, `discount`, `note`, `account.segment`, `starts`, `urgent`, `terms`, `TODAY()`, `NOW()`, `d seats`, `d discount`, `wrong_1`, `per_seat`, `free`, CASE WHEN _cw3 IS NULL THEN CAST(CAST(_cw2 AS DECIMAL(19,0)) * CAST('0.0001' AS DECIMAL(4,4)) AS DECIMAL(19,4)) END AS `v0`, _cw3 AS `v0_error` FROM (SELECT *, (CAST(CAST(_cw1 * 10000BD AS BIGINT) AS DECIMAL(38,0)) * CAST(2L AS DECIMAL(38,0))) AS _cw2, CASE WHEN (`per_seat` IS NOT NULL AND _cw1 IS NULL) THEN 'the value does not fit its type' END AS _cw3 FROM (SELECT *, TRY_CAST(`per_seat` AS DECIMAL(18,4)) AS _cw1 FROM computed_1))) AS c),
spoken AS (SELECT `own id`, `own number`, `own submitted_on`, `own region`, `own currency`, `own amount_minor`, `own state`, `own auto_reason`, `own asked_roles`, `own minutes`, `net`, `seats`, `lines`, `discount`, `note`, `account.segment`, `starts`, `urgent`, `terms`, `TODAY()`, `NOW()`, `d seats`, `d discount`, `per_seat`, `free`, `wrong_2`, `twice`, COALESCE(((CAST(`discount` AS BIGINT) <= 50000000L) AND (NOT (CAST(`discount` AS BIGINT) IS NULL))), FALSE) AS `r0`, CAST(NULL AS STRING) AS `r0_error`, CASE WHEN _cw2 IS NULL THEN COALESCE((CAST(_cw1 * 10000BD AS BIGINT) > 3000000L), FALSE) END AS `r1`, _cw2 AS `r1_error`, COALESCE(((NOT (NULLIF(`note`, '') IS NULL)) OR (`account.segment` <=> 'Public')), FALSE) AS `r2`, CAST(NULL AS STRING) AS `r2_error`, CASE WHEN _cw4 IS NULL THEN COALESCE((CAST(_cw3 * 10000BD AS BIGINT) > 10000000L), FALSE) END AS `r3`, _cw4 AS `r3_error`, COALESCE(((CAST(CAST(CASE WHEN `starts` IS NOT NULL THEN (CAST(datediff(`starts`, DATE '1970-01-01') AS BIGINT)) END AS BIGINT) AS BIGINT) - CAST(CASE WHEN `TODAY()` IS NOT NULL THEN (CAST(datediff(`TODAY()`, DATE '1970-01-01') AS BIGINT)) END AS BIGINT)) < 5L), FALSE) AS `r4`, CAST(NULL AS STRING) AS `r4_error`, COALESCE((COALESCE(`urgent`, FALSE) OR (CAST(`net` AS BIGINT) > 5000000L)), FALSE) AS `r5`, CAST(NULL AS STRING) AS `r5_error`, COALESCE(COALESCE(`urgent`, FALSE), FALSE) AS `x0`, CAST(NULL AS STRING) AS `x0_error`, COALESCE((CAST(`net` AS BIGINT) < 10000000L), FALSE) AS `floor`, CAST(NULL AS STRING) AS `floor_error` FROM (SELECT *, CASE WHEN (`twice` IS NOT NULL AND _cw1 IS NULL) THEN 'the value does not fit its type' END AS _cw2, CASE WHEN (`free` IS NOT NULL AND _cw3 IS NULL) THEN 'the value does not fit its type' END AS _cw4 FROM (SELECT *, TRY_CAST(`twice` AS DECIMAL(18,4)) AS _cw1, TRY_CAST(`free` AS DECIMAL(18,4)) AS _cw3 FROM computed_2))),
tabled_5 AS (SELECT `own id`, `own number`, `own submitted_on`, `own region`, `own currency`, `own amount_minor`, `own state`, `own auto_reason`, `own asked_roles`, `own minutes`, `net`, `seats`, `lines`, `discount`, `note`, `account.segment`, `starts`, `urgent`, `terms`, `TODAY()`, `NOW()`, `d seats`, `d discount`, `per_seat`, `free`, `wrong_2`, `twice`, `r0`, `r0_error`, `r1`, `r1_error`, `r2`, `r2_error`, `r3`, `r3_error`, `r4`, `r4_error`, `r5`, `r5_error`, `x0`, `x0_error`, `floor`, `floor_error`, hit_row AS t5, (hit_error IS NOT NULL) AS t5_bad FROM (SELECT decided.*, CASE WHEN hit_error IS NOT NULL THEN NULL WHEN hit_row IS NULL THEN NULL WHEN hit_row IN (1) THEN 'none' WHEN hit_row IN (2) THEN 'manager' WHEN hit_row IN (3) THEN 'manager;desk' WHEN hit_row IN (4) THEN 'legal' ELSE NULL END AS `out 0` FROM (SELECT counted.*, CASE WHEN hit_sum > 0 AND hit_sum < 2000000 THEN hit_sum - 1000000 ELSE NULL END AS hit_row, CASE WHEN hit_sum >= 2000000 THEN 'more than one row hits' ELSE NULL END AS hit_error FROM (SELECT `spoken`.*, (CASE WHEN (`d discount` < CAST('0.1' AS DECIMAL(2, 1))) THEN 1000001 ELSE 0 END + CASE WHEN ((`d discount` >= CAST('0.1' AS DECIMAL(2, 1)) AND `d discount` <= CAST('0.3' AS DECIMAL(2, 1)))) AND ((`terms` IS NOT NULL AND `terms` = 'a')) THEN 1000002 ELSE 0 END) + (CASE WHEN ((`d discount` >= CAST('0.3' AS DECIMAL(2, 1)) AND `d discount` < CAST('0.6' AS DECIMAL(2, 1)))) THEN 1000003 ELSE 0 END + CASE WHEN (`d discount` IS NULL) THEN 1000004 ELSE 0 END) AS hit_sum FROM `spoken`) AS counted) AS decided) AS d),
tabled_7 AS (SELECT `own id`, `own number`, `own submitted_on`, `own region`, `own currency`, `own amount_minor`, `own state`, `own auto_reason`, `own asked_roles`, `own minutes`, `net`, `seats`, `lines`, `discount`, `note`, `account.segment`, `starts`, `urgent`, `terms`, `TODAY()`, `NOW()`, `d seats`, `d discount`, `per_seat`, `free`, `wrong_2`, `twice`, `r0`, `r0_error`, `r1`, `r1_error`, `r2`, `r2_error`, `r3`, `r3_error`, `r4`, `r4_error`, `r5`, `r5_error`, `x0`, `x0_error`, `floor`, `floor_error`, `t5`, `t5_bad`, hit_row AS t7, (hit_error IS NOT NULL) AS t7_bad FROM (SELECT decided.*, CASE WHEN hit_row IS NULL THEN 'none' WHEN hit_row IN (1) THEN 'vp' WHEN hit_row IN (2) THEN 'desk' ELSE NULL END AS `out 0` FROM (SELECT `tabled_5`.*, CASE WHEN (`twice` > CAST('5000' AS DECIMAL(4, 0))) THEN 1 WHEN (`twice` > CAST('4000' AS DECIMAL(4, 0))) THEN 2 ELSE NULL END AS hit_row, NULL AS hit_error FROM `tabled_5`) AS decided) AS d),
said AS (SELECT `own id`, `own number`, `own submitted_on`, `own region`, `own currency`, `own amount_minor`, `own state`, `own auto_reason`, `own asked_roles`, `own minutes`, (r3) AS forbidden, ((x0 AND (`note` IS NULL))) AS missing, (wrong_2 OR (r0_error IS NOT NULL) OR (r1_error IS NOT NULL) OR (r2_error IS NOT NULL) OR (r3_error IS NOT NULL) OR (r4_error IS NOT NULL) OR (r5_error IS NOT NULL) OR (x0_error IS NOT NULL) OR (floor_error IS NOT NULL)) AS wrong, NOT floor AS above_floor, CAST(((((((CASE WHEN r0 THEN 1 ELSE 0 END) | (CASE WHEN r1 THEN 10 ELSE 0 END))) | (((CASE WHEN r2 THEN 16 ELSE 0 END) | (((CASE WHEN r4 THEN 4 ELSE 0 END) | (CASE WHEN (r5 AND (NOT t5_bad AND t5 IS NOT NULL)) THEN element_at(array(CAST(0 AS BIGINT), CAST(2 AS BIGINT), CAST(6 AS BIGINT), CAST(16 AS BIGINT)), CAST((t5 - 1) AS INTEGER) + 1) ELSE 0 END))))))) | (((((CASE WHEN (r5 AND (t5_bad OR t5 IS NULL)) THEN 8 ELSE 0 END) | (((CASE WHEN COALESCE((`d seats` > CAST('100' AS DECIMAL(3, 0))), FALSE) THEN 8 ELSE 0 END) | (CASE WHEN COALESCE((`d seats` > CAST('500' AS DECIMAL(3, 0))), FALSE) THEN 20 ELSE 0 END))))) | (((CASE WHEN COALESCE(((`urgent` IS NOT NULL AND `urgent` = TRUE)), FALSE) THEN 2 ELSE 0 END) | (((CASE WHEN (NOT t7_bad AND t7 IS NOT NULL) THEN element_at(array(CAST(8 AS BIGINT), CAST(4 AS BIGINT)), CAST((t7 - 1) AS INTEGER) + 1) ELSE 0 END) | (CASE WHEN t7_bad THEN 4 ELSE 0 END)))))))) AS BIGINT) AS said FROM tabled_7),
asked_for AS (SELECT `own id`, `own number`, `own submitted_on`, `own region`, `own currency`, `own amount_minor`, `own state`, `own auto_reason`, `own asked_roles`, `own minutes`, forbidden, missing, wrong, CAST(CASE WHEN said = 0 AND above_floor THEN 4 ELSE said & 30 END AS BIGINT) AS asks FROM said),
highest_9 AS (SELECT `own id`, `own number`, `own submitted_on`, `own region`, `own currency`, `own amount_minor`, `own state`, `own auto_reason`, `own asked_roles`, `own minutes`, forbidden, missing, wrong, CAST(CASE WHEN (asks & 12) <> 0 THEN asks & 29 ELSE asks END AS BIGINT) AS asks FROM asked_for)
SELECT id, number, submitted_on, region, currency, amount_minor, CASE WHEN COALESCE(auto_reason, '') <> '' THEN 'auto-approved' ELSE state END AS then_outcome, COALESCE(asked_roles, '') AS then_roles, minutes AS then_minutes, found AS outcome, SUBSTRING(listed, 2) AS roles, takes AS minutes FROM (SELECT `own id` AS id, `own number` AS number, `own submitted_on` AS submitted_on, `own region` AS region, `own currency` AS currency, `own amount_minor` AS amount_minor, `own state` AS state, `own auto_reason` AS auto_reason, `own asked_roles` AS asked_roles, `own minutes` AS minutes, CASE WHEN (asks & 1) <> 0 THEN ';ae' ELSE '' END || CASE WHEN (asks & 2) <> 0 THEN ';manager' ELSE '' END || CASE WHEN (asks & 16) <> 0 THEN ';legal' ELSE '' END || CASE WHEN (asks & 4) <> 0 THEN ';desk' ELSE '' END || CASE WHEN (asks & 8) <> 0 THEN ';vp' ELSE '' END AS listed, CASE WHEN forbidden THEN 'forbidden' WHEN missing OR wrong THEN 'incomplete' WHEN asks <> 0 THEN 'needs-approval' ELSE 'auto-approved' END AS found, CASE WHEN forbidden OR missing OR wrong OR (asks & 1) <> 0 OR (asks & 16) <> 0 THEN NULL ELSE CAST(CASE WHEN (asks & 2) <> 0 THEN 480 ELSE 0 END + GREATEST(CASE WHEN (asks & 4) <> 0 THEN 240 ELSE 0 END, CASE WHEN (asks & 8) <> 0 THEN 960 ELSE 0 END) AS BIGINT) END AS takes FROM highest_9) AS asked
