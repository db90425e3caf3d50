-- What the account side keeps of the ledger, and the ends of records that the ledger never decides.

-- A copy of ledger.currencies, so that requests are taken in while every node with the ledger is away.
CREATE TABLE account.currencies (
  code     text COLLATE "C" PRIMARY KEY CHECK (code ~ '^[A-Z]{3}$'),
  exponent smallint NOT NULL CHECK (exponent BETWEEN 0 AND 18)
);

-- The highest transaction of the ledger that was known when the record was made: a verdict that names this one or a
-- lower one is older than its record, and answers another request.
ALTER TABLE account.transaction_records ADD COLUMN after_transaction bigint CHECK (after_transaction >= 0);

-- A request that was parked has no verdict: its reason is that of the dead letter. Not validated: the rows that are
-- there have passed a stricter rule.
ALTER TABLE account.transaction_records
  DROP CONSTRAINT transaction_records_verdict_check,
  ADD CONSTRAINT transaction_records_verdict_check CHECK (
    CASE status
      WHEN 'PENDING' THEN transaction_id IS NULL AND reason IS NULL AND balance_after IS NULL
      WHEN 'SUCCESS' THEN transaction_id IS NOT NULL AND reason IS NULL AND balance_after IS NOT NULL
      WHEN 'FAILED' THEN CASE
        WHEN reason IN ('INSUFFICIENT_FUNDS', 'BALANCE_OVERFLOW')
          THEN transaction_id IS NOT NULL AND balance_after IS NOT NULL
        WHEN reason IN ('RECORD_ID_CONFLICT', 'MALFORMED_JSON', 'TOO_LARGE', 'INVALID_FIELD', 'ATTEMPTS_EXHAUSTED')
          THEN transaction_id IS NULL AND balance_after IS NULL
        ELSE false
      END
      ELSE false
    END) NOT VALID;

-- A schema that is made anew beside a ledger that is not must not give the ids of the one before: it begins somewhere
-- between 10^15 and 5 * 10^15, which leaves room for as many again below 2^53.
SELECT setval('account.transaction_records_id_seq', 1000000000000000 + floor(random() * 4000000000000000)::bigint, false)
WHERE NOT EXISTS (SELECT FROM account.transaction_records)
  AND NOT (SELECT is_called FROM account.transaction_records_id_seq);
