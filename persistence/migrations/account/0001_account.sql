-- The account side: every request that was ever taken in, from its arrival to its verdict.
--
-- Conventions as in the schema ledger: money is bigint in minor units of the currency, texts compare by their bytes.
-- Nothing refers to that schema, for it may live in another database.

-- Ids begin at 10^15, far above the small numbers of those who make up record ids of their own, and end at 2^53 - 1,
-- so that JavaScript reads every one of them exactly.
--
-- The verdict changes `status`, which the index of the pending depends on, so no update stays within its page (HOT);
-- hence no room is left in it, and autovacuum comes early. Requests without an idempotency key hold NULL, of which
-- UNIQUE allows any number.
CREATE TABLE account.transaction_records (
  id              bigint GENERATED ALWAYS AS IDENTITY (START WITH 1000000000000000 MAXVALUE 9007199254740991)
                  PRIMARY KEY,
  transaction_id  bigint CHECK (transaction_id > 0), -- the ledger's, of the verdict
  amount          bigint NOT NULL CHECK (amount > 0),
  balance_after   bigint CHECK (balance_after >= 0), -- of the verdict
  fingerprint     bigint NOT NULL, -- FNV-1a of user, currency, type and amount
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now(), -- last recorded, claimed or settled
  currency        text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  type            text COLLATE "C" NOT NULL CHECK (type IN ('DEPOSIT', 'WITHDRAWAL')),
  status          text COLLATE "C" NOT NULL DEFAULT 'PENDING',
  reason          text COLLATE "C",
  user_id         text COLLATE "C" NOT NULL CHECK (octet_length(user_id) BETWEEN 1 AND 128),
  idempotency_key text COLLATE "C" UNIQUE CHECK (octet_length(idempotency_key) BETWEEN 1 AND 255),
  -- A verdict is complete. RECORD_ID_CONFLICT says that the ledger decided other content under this id: what it
  -- decided there, maybe for another user, is not this record's to tell.
  CONSTRAINT transaction_records_verdict_check CHECK (
    CASE status
      WHEN 'PENDING' THEN transaction_id IS NULL AND reason IS NULL AND balance_after IS NULL
      WHEN 'SUCCESS' THEN transaction_id IS NOT NULL AND reason IS NULL AND balance_after IS NOT NULL
      WHEN 'FAILED' THEN CASE reason
        WHEN 'INSUFFICIENT_FUNDS' THEN transaction_id IS NOT NULL AND balance_after IS NOT NULL
        WHEN 'BALANCE_OVERFLOW' THEN transaction_id IS NOT NULL AND balance_after IS NOT NULL
        WHEN 'RECORD_ID_CONFLICT' THEN transaction_id IS NULL AND balance_after IS NULL
        ELSE false
      END
      ELSE false
    END)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05);

-- For the sweeper: the few that wait, the longest first.
CREATE INDEX transaction_records_pending ON account.transaction_records (updated_at, id) WHERE status = 'PENDING';

-- A verdict is for ever, and no request vanishes. Settling a pending record calls no function.
CREATE FUNCTION account.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'account.transaction_records keeps its verdicts: % is refused', TG_OP
    USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER keep_verdict BEFORE UPDATE ON account.transaction_records
  FOR EACH ROW WHEN (OLD.status <> 'PENDING') EXECUTE FUNCTION account.refuse_change();

CREATE TRIGGER keep_records BEFORE DELETE OR TRUNCATE ON account.transaction_records
  FOR EACH STATEMENT EXECUTE FUNCTION account.refuse_change();
