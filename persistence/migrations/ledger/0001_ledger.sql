-- The ledger: what every account holds, and every movement that was ever decided.
--
-- Money is bigint, in minor units of the currency. Texts compare by their bytes (COLLATE "C"): the daemon and the
-- database must agree on the order of keys, and the order must not change with a library of the operating system.

-- Digits after the decimal point. More currencies are added by INSERT.
CREATE TABLE ledger.currencies (
  code     text COLLATE "C" PRIMARY KEY CHECK (code ~ '^[A-Z]{3}$'),
  exponent smallint NOT NULL CHECK (exponent BETWEEN 0 AND 18)
);

-- One row for each user and currency, opened by the first movement of any kind.
--
-- Every batch updates the accounts it touches, so the updates must stay within their page (HOT): room is left in it,
-- no index but the key exists, and autovacuum comes early. Only the opening of an account checks its currency.
CREATE TABLE ledger.accounts (
  balance    bigint NOT NULL CHECK (balance >= 0),
  seq        bigint NOT NULL CHECK (seq > 0), -- that of its last transaction
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  currency   text COLLATE "C" NOT NULL REFERENCES ledger.currencies (code),
  user_id    text COLLATE "C" NOT NULL CHECK (octet_length(user_id) BETWEEN 1 AND 128),
  PRIMARY KEY (user_id, currency)
) WITH (
  fillfactor = 60,
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0
);

-- Every movement that was decided, refused ones too: the stored verdict that answers its record id for ever.
--
-- There is no foreign key to accounts: it would take a share lock on the account's row for every movement, and the
-- daemon writes both in one transaction, the account first. Words instead of enumerated types cost 9 bytes a row
-- (126 against 117) and no measurable time, and more of them need no ALTER TYPE.
CREATE TABLE ledger.transactions (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  record_id     bigint NOT NULL UNIQUE CHECK (record_id > 0),
  seq           bigint NOT NULL CHECK (seq > 0), -- the account's own number: 1, 2, 3, ...
  amount        bigint NOT NULL CHECK (amount > 0),
  balance_after bigint NOT NULL CHECK (balance_after >= 0),
  fingerprint   bigint NOT NULL, -- FNV-1a of user, currency, type and amount
  created_at    timestamptz NOT NULL DEFAULT now(),
  currency      text COLLATE "C" NOT NULL,
  type          text COLLATE "C" NOT NULL CHECK (type IN ('DEPOSIT', 'WITHDRAWAL')),
  status        text COLLATE "C" NOT NULL,
  reason        text COLLATE "C",
  user_id       text COLLATE "C" NOT NULL CHECK (octet_length(user_id) BETWEEN 1 AND 128),
  UNIQUE (user_id, currency, seq),
  CONSTRAINT transactions_verdict_check CHECK (
    CASE status
      WHEN 'SUCCESS' THEN reason IS NULL
      WHEN 'FAILED' THEN reason IS NOT NULL AND reason IN ('INSUFFICIENT_FUNDS', 'BALANCE_OVERFLOW')
      ELSE false
    END)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);

-- Append-only. One trigger for each statement, none for INSERT: adding a movement costs nothing.
CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'ledger.transactions is append-only: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.transactions
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- ISO 4217, with ANG and BGN, which were withdrawn lately and still have balances. Codes without a minor unit (metals,
-- special drawing rights, test codes) are left out: there is nothing to count them in.
INSERT INTO ledger.currencies (code, exponent)
SELECT code, exponent FROM (VALUES
  (0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'),
  (2, 'AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN
      BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD
      FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW
      KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR
      MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG
      SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD
      USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG'),
  (3, 'BHD IQD JOD KWD LYD OMR TND'),
  (4, 'CLF UYW')
) AS list (exponent, codes), regexp_split_to_table(codes, '\s+') AS code;
