-- A currency is for ever: daemons remember the number of its digits, and balances are counted in it. One that was
-- changed would turn 12.50 into 1.250; one that was deleted and inserted anew would be counted differently by two
-- daemons. Whoever has inserted a wrong row, which nothing uses yet, stops all daemons, disables the trigger, repairs
-- the row and enables it again.
CREATE FUNCTION ledger.refuse_currency_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'ledger.currencies keeps what it holds: % is refused', TG_OP
    USING ERRCODE = 'restrict_violation',
      HINT = 'Balances are counted in the digits that a currency has. Add another currency under a code of its own.';
END $$;

CREATE TRIGGER keep_currencies BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.currencies
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_currency_change();
