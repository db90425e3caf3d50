-- The trace of the call, with which a request is published again. The caller's own span, of version 00.
ALTER TABLE account.transaction_records ADD COLUMN traceparent text COLLATE "C";

-- Not validated, so that the table is not read through: the rows that are there have none.
ALTER TABLE account.transaction_records ADD CONSTRAINT transaction_records_traceparent_check
  CHECK (octet_length(traceparent) = 55 AND traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$') NOT VALID;
