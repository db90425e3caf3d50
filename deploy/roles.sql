-- The role a daemon runs as with --migrate=false: it may look, add movements and move balances, and nothing else.
-- It changes and deletes no movement, and cannot even try to.
--
-- Run by the owner of the schema after `ledgerd migrate`, and again after an upgrade:
--
--   psql -d DATABASE -f roles.sql
--   psql -d DATABASE -c "CREATE ROLE ledgerd LOGIN PASSWORD '...' IN ROLE ledgerd_writer"
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ledgerd_writer') THEN
    CREATE ROLE ledgerd_writer NOLOGIN;
  END IF;
END $$;

GRANT USAGE ON SCHEMA ledger TO ledgerd_writer;
GRANT SELECT ON ledger.schema_migrations, ledger.currencies TO ledgerd_writer;
GRANT SELECT, INSERT, UPDATE (balance, seq, updated_at) ON ledger.accounts TO ledgerd_writer;
GRANT SELECT, INSERT ON ledger.transactions TO ledgerd_writer;
