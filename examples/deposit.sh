#!/bin/sh
# Deposits an amount and prints the verdict: deposit.sh USER AMOUNT [IDEMPOTENCY_KEY]. Needs curl. USER must not hold
# quotes or backslashes. curl repeats the call when there is no answer; thanks to the key nothing is paid twice.
set -eu
if [ $# -lt 2 ]; then
  echo "usage: $0 USER AMOUNT [IDEMPOTENCY_KEY]" >&2
  exit 2
fi
key=${3:-$(cat /proc/sys/kernel/random/uuid)}
echo "Idempotency-Key: $key" >&2 # kept first: your service writes it down with the payment
curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused --max-time 20 \
  ${LEDGERD_TOKEN:+--oauth2-bearer "$LEDGERD_TOKEN"} \
  --header 'Content-Type: application/json' --header "Idempotency-Key: $key" --header 'Prefer: wait=10' \
  --data "{\"userId\": \"$1\", \"type\": \"DEPOSIT\", \"amount\": \"$2\", \"currency\": \"KRW\"}" \
  "${LEDGERD_URL:-http://127.0.0.1:8080}/v1/transactions"
