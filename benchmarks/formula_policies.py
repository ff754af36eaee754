"""Ten realistic policies as formulas, and as many generated records as one likes for them."""

TYPES = {
    "id": "number(12,0)", "amount": "money(14,2)", "price": "money(12,4)", "list_price": "money(12,2)", "quantity": "quantity(9,0)", "discount": "percent(5,4)", "cpi": "percent(5,4)", "rate": "number(12,6)",
    "payment": "text", "country": "text", "postcode": "text", "industry": {"type": "picklist", "values": ["Energy", "Retail", "Banking", "Public", "Health"]}, "employees": "number(9,0)", "email": "text", "stage": "text", "next_step": "text",
    "created": "date", "close": "date", "start": "date", "end": "date", "as_of": "date", "last_activity": "date", "opened": "datetime", "pushes": "number(4,0)", "score": "number(5,2)", "priority": "text", "strategic": "yes/no",
}  # fmt: skip
POLICIES = {
    "discount approval": 'IF(strategic AND discount > 50%, "CEO", IF(discount > 40% OR (payment = "NET60" AND quantity * price > 100000), "CFO", IF(discount > 25% OR quantity * price * discount > 50000, "VP", IF(discount > 10%, "Manager", "none"))))',
    "territory": 'CASE(country, "US", IF(LEFT(postcode, 1) IN ("0", "1", "2"), "US East", IF(LEFT(postcode, 1) IN ("8", "9"), "US West", "US Central")), "DE", "DACH", "AT", "DACH", "CH", "DACH", "International") & " " & IF(employees >= 5000 || ISPICKVAL(industry, "Public"), "Enterprise", IF(employees >= 250, "Mid Market", "Commercial"))',
    "commission": "ROUND(TIER_SLAB(amount * (1 - discount), 0, 4%, 50000, 7.5%, 250000, 10%, 1000000, 12.5%) + IF(strategic, amount * 0.25%, 0), 2)",
    "deal at risk": 'TRIM(IF(close < as_of, "close date passed; ", "") & IF(as_of - last_activity > 21, "quiet for " & TEXT(as_of - last_activity) & " days; ", "") & IF(pushes >= 3, "pushed " & TEXT(pushes) & " times; ", "") & IF(ISBLANK(next_step) && NOT(stage IN ("Won", "Lost")), "no next step", ""))',
    "validity": 'IF(ISBLANK(email), "email missing", IF(NOT(REGEX(email, "[a-z0-9.]+@[a-z0-9-]+[.][a-z]{2,4}")), "email wrong", IF(close < created, "closes before it was created", IF(amount <= 0 && stage <> "Lost", "no amount", IF(LEN(postcode) <> 5 && country = "US", "postcode wrong", "valid")))))',
    "proration": 'ROUND(PRORATE(amount, start, end, "actual/365"), 2) + ROUND(PRORATE(list_price, start, end, "30/360"), 2)',
    "threshold in one currency": 'IF(ROUND(amount * rate, 2) >= 250000, "board", IF(amount / rate >= 100000, "director", IF(quantity * price / rate >= 25000, "manager", "rep")))',
    "renewal uplift": "ROUND(MIN(amount * (1 + MAX(3%, MIN(cpi, 8%))), list_price * quantity), 2) / quantity",
    "lead routing": 'IF(score >= 85 && employees > 1000, "named:" & CASE(MOD(id, 3), 0, "Ann", 1, "Bo", "Cy"), IF(score >= 50, "pool:" & UPPER(LEFT(country, 2)) & TEXT(MOD(id, 7)), "nurture"))',
    "due": 'opened + (CASE(priority, "P1", 4, "P2", 24, 72) + CASE(WEEKDAY(opened), 7, 48, 1, 24, IF(WEEKDAY(opened) = 6 && priority <> "P1", 48, 0))) / 24',
}  # fmt: skip


def records(rows: int) -> str:
    """DuckDB's SELECT that makes the records: the same every time, with blanks, edges and amounts of all sizes."""

    def draw(salt: int, size: int) -> str:
        return f"CAST(hash(range * 1000003 + {salt}) % {size} AS BIGINT)"

    def blank(salt: int, sql: str, every: int = 50) -> str:
        return f"CASE WHEN {draw(salt + 500, every)} = 0 THEN NULL ELSE {sql} END"

    def of(salt: int, *items: str) -> str:
        return f"[{', '.join(repr(item) for item in items)}][1 + {draw(salt, len(items))}]"

    columns = {
        "id": "CAST(range AS DECIMAL(12,0))",
        "amount": blank(1, f"CAST(({draw(1, 10**10)} % power(10, 3 + {draw(101, 8)})::BIGINT - 5000) / 100::DECIMAL(14,2) AS DECIMAL(14,2))"),
        "price": blank(2, f"CAST({draw(2, 10**8)} AS DECIMAL(18,0)) * 0.0001::DECIMAL(4,4)"),
        "list_price": blank(3, f"CAST({draw(3, 10**7)} AS DECIMAL(18,0)) * 0.01::DECIMAL(2,2)"),
        "quantity": blank(4, f"CAST({draw(4, 500)} AS DECIMAL(9,0))"),
        "discount": blank(5, f"CAST({draw(5, 6001)} AS DECIMAL(18,0)) * 0.0001::DECIMAL(4,4)"),
        "cpi": blank(6, f"CAST({draw(6, 1200)} - 100 AS DECIMAL(18,0)) * 0.0001::DECIMAL(4,4)"),
        "rate": blank(7, f"CAST({draw(7, 3 * 10**6)} AS DECIMAL(18,0)) * 0.000001::DECIMAL(6,6)"),
        "payment": of(8, "NET30", "NET45", "NET60"), "country": blank(9, of(9, "US", "DE", "AT", "CH", "FR", "jp")), "postcode": blank(10, f"lpad(CAST({draw(10, 99999)} AS VARCHAR), CAST(4 + {draw(110, 2)} AS INTEGER), '0')"),
        "industry": blank(11, of(11, "Energy", "Retail", "Banking", "Public", "Health")), "employees": blank(12, f"CAST({draw(12, 20000)} AS DECIMAL(9,0))"),
        "email": blank(13, f"{of(13, 'ann', 'bo.li', 'Cy', 'd!', 'eve9')} || '@' || {of(113, 'acme.com', 'example.test', 'x-y.io', 'nowhere')}"), "stage": of(14, "Open", "Commit", "Won", "Lost"), "next_step": blank(15, "'call'", 4),
        "created": f"DATE '2024-01-01' + CAST({draw(16, 700)} AS INTEGER)", "close": blank(17, f"DATE '2024-06-01' + CAST({draw(17, 900)} AS INTEGER)"), "start": f"DATE '2023-12-31' + CAST({draw(18, 800)} AS INTEGER)",
        "end": blank(19, f"DATE '2024-02-28' + CAST({draw(19, 1500)} AS INTEGER)"), "as_of": "DATE '2025-11-30'", "last_activity": blank(20, f"DATE '2025-09-01' + CAST({draw(20, 90)} AS INTEGER)"),
        "opened": f"TIMESTAMP '2024-01-01' + to_microseconds({draw(21, 63_072_000_000_000)})", "pushes": blank(22, f"CAST({draw(22, 6)} AS DECIMAL(4,0))"), "score": f"CAST({draw(23, 10001)} AS DECIMAL(18,0)) * 0.01::DECIMAL(2,2)",
        "priority": of(24, "P1", "P2", "P3"), "strategic": f"{draw(25, 10)} = 0",
    }  # fmt: skip
    shapes = {"price": "12,4", "list_price": "12,2", "discount": "5,4", "cpi": "5,4", "rate": "12,6", "score": "5,2"}
    cells = [
        f"CAST({sql} AS DECIMAL({shapes[name]})) AS {name}" if name in shapes else f'{sql} AS "{name}"' for name, sql in columns.items()
    ]
    return f"SELECT {', '.join(cells)} FROM range({rows})"
