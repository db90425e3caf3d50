-- The role a daemon runs as with --migrate=false: it may look, add movements and requests, move balances and settle
-- requests, and nothing else. It changes and deletes no movement, and cannot even try to.
--
-- Run by the owner of the schemas after `ledgerd migrate`, and again after an upgrade, on each of the databases that
-- holds one of the two schemas, or both:
--
--   psql -d DATABASE -f roles.sql
--   psql -d DATABASE -c 'CREATE ROLE ledgerd LOGIN IN ROLE ledgerd_writer'
--   psql -d DATABASE -c '\password ledgerd'
--
-- The last one asks for the password and sends only its digest: it stands on no command line, where other users and the
-- shell's history would see it, and in no log of the server.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ledgerd_writer') THEN
    CREATE ROLE ledgerd_writer NOLOGIN;
  END IF;
END $$;

DO $$
BEGIN
  IF to_regnamespace('ledger') IS NOT NULL THEN
    GRANT USAGE ON SCHEMA ledger TO ledgerd_writer;
    GRANT SELECT ON ledger.schema_migrations, ledger.currencies TO ledgerd_writer;
    GRANT SELECT, INSERT, UPDATE (balance, seq, updated_at) ON ledger.accounts TO ledgerd_writer;
    GRANT SELECT, INSERT ON ledger.transactions TO ledgerd_writer;
    GRANT SELECT ON SEQUENCE ledger.transactions_id_seq TO ledgerd_writer;
  END IF;
END $$;

DO $$
BEGIN
  IF to_regnamespace('account') IS NOT NULL THEN
    GRANT USAGE ON SCHEMA account TO ledgerd_writer;
    GRANT SELECT ON account.schema_migrations TO ledgerd_writer;
    GRANT SELECT, INSERT ON account.currencies TO ledgerd_writer;
    GRANT SELECT, UPDATE ON SEQUENCE account.transaction_records_id_seq TO ledgerd_writer;
    GRANT SELECT, INSERT, UPDATE (transaction_id, status, reason, balance_after, updated_at)
      ON account.transaction_records TO ledgerd_writer;
  END IF;
END $$;
