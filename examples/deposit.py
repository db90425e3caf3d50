"""Deposits an amount and prints the verdict: python3 deposit.py USER AMOUNT [IDEMPOTENCY_KEY]. Standard library only."""
import json, os, sys, urllib.error, urllib.request, uuid

if len(sys.argv) < 3:
    print("usage: python3 deposit.py USER AMOUNT [IDEMPOTENCY_KEY]", file=sys.stderr)
    sys.exit(2)
user, amount, key = (sys.argv[1:] + [str(uuid.uuid4())])[:3]
print("Idempotency-Key:", key, file=sys.stderr)  # kept first: your service writes it down with the payment
headers = {"Content-Type": "application/json", "Idempotency-Key": key, "Prefer": "wait=10"}
if "LEDGERD_TOKEN" in os.environ:
    headers["Authorization"] = "Bearer " + os.environ["LEDGERD_TOKEN"]
body = json.dumps({"userId": user, "type": "DEPOSIT", "amount": amount, "currency": "KRW"})  # the amount stays text: no rounding
url = os.environ.get("LEDGERD_URL", "http://127.0.0.1:8080") + "/v1/transactions"
try:
    print(urllib.request.urlopen(urllib.request.Request(url, body.encode(), headers)).read().decode())
except urllib.error.HTTPError as problem:  # no answer, or 503? Repeat with the same key: nothing is paid twice.
    sys.exit(problem.read().decode())
