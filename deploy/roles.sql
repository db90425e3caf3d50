-- What may be done in the database, by role; nobody here changes or deletes a movement, or can even try to:
--
--   ledgerd_ledger   a node with --roles ledger and --migrate=false: adds movements, opens accounts and moves their balances
--   ledgerd_account  one with --roles account: records requests and settles them
--   ledgerd_writer   both, for a node with both roles, which is the default
--   ledgerd_reader   only looks: status, trace, account, audit, currency list, dead, locks list, shadow report
--
-- Run after `ledgerd migrate`, and again after an upgrade, on each of the databases that holds one of the two schemas, or
-- both, by their owner, who has to be one that may make roles (CREATEROLE) while there is one to be made:
--
--   psql -d DATABASE -f roles.sql
--   psql -d DATABASE -c 'CREATE ROLE ledgerd LOGIN IN ROLE ledgerd_writer'
--   psql -d DATABASE -c '\password ledgerd'
--
-- The last one asks for the password and sends only its digest: it stands on no command line, where other users and the
-- shell's history would see it, and in no log of the server. Whoever only looks gets a login IN ROLE ledgerd_reader; who ends
-- sessions that block (`ledgerd locks end`) one IN ROLE ledgerd_reader, pg_signal_backend, pg_read_all_stats.
DO $$
DECLARE
  role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['ledgerd_ledger', 'ledgerd_account', 'ledgerd_writer', 'ledgerd_reader'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', role);
    END IF;
  END LOOP;
  IF NOT pg_has_role('ledgerd_writer', 'ledgerd_ledger', 'USAGE') THEN
    GRANT ledgerd_ledger TO ledgerd_writer;
  END IF;
  IF NOT pg_has_role('ledgerd_writer', 'ledgerd_account', 'USAGE') THEN
    GRANT ledgerd_account TO ledgerd_writer;
  END IF;
END $$;

DO $$
BEGIN
  IF to_regnamespace('ledger') IS NOT NULL THEN
    GRANT USAGE ON SCHEMA ledger TO ledgerd_ledger, ledgerd_reader;
    GRANT SELECT ON ledger.schema_migrations, ledger.currencies TO ledgerd_ledger;
    GRANT SELECT, INSERT, UPDATE (balance, seq, updated_at) ON ledger.accounts TO ledgerd_ledger;
    GRANT SELECT, INSERT ON ledger.transactions TO ledgerd_ledger;
    GRANT SELECT ON SEQUENCE ledger.transactions_id_seq TO ledgerd_ledger;
    GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO ledgerd_reader;
  END IF;
END $$;

-- A reader sees no idempotency key: who knows one may ask for its record (SECURITY.md).
DO $$
BEGIN
  IF to_regnamespace('account') IS NOT NULL THEN
    GRANT USAGE ON SCHEMA account TO ledgerd_account, ledgerd_reader;
    GRANT SELECT ON account.schema_migrations TO ledgerd_account, ledgerd_reader;
    GRANT SELECT, INSERT ON account.currencies TO ledgerd_account;
    GRANT SELECT, UPDATE ON SEQUENCE account.transaction_records_id_seq TO ledgerd_account;
    GRANT SELECT, INSERT, UPDATE (transaction_id, status, reason, balance_after, updated_at)
      ON account.transaction_records TO ledgerd_account;
    GRANT SELECT ON account.currencies TO ledgerd_reader;
    GRANT SELECT (id, transaction_id, user_id, type, amount, currency, status, reason, balance_after, fingerprint,
      after_transaction, created_at, updated_at) ON account.transaction_records TO ledgerd_reader;
  END IF;
END $$;
