-- Return of a coin from the close of the day before to the close of the day: null where that day is
-- missing. close / previous - 1 is exact as PostgreSQL divides decimals; the logarithm is a double.
with days as (
    select
        crypto_id,
        vs_currency,
        day,
        close_price,
        lag(close_price) over coin as previous_close,
        lag(day) over coin as previous_day
    from {{ source('gold', 'fact_crypto_price_daily') }}
    window coin as (partition by crypto_id, vs_currency order by day)
)

select
    crypto_id,
    vs_currency,
    day,
    close_price,
    case when previous_day = day - 1 then close_price / previous_close - 1 end as simple_return,
    case when previous_day = day - 1 then ln((close_price / previous_close)::double precision) end
        as log_return
from days
