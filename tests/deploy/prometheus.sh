#!/usr/bin/env bash
# The configuration and the alerts of Prometheus, with the tests of each alert. Usage: prometheus.sh PROMTOOL
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly promtool=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cp deploy/prometheus/*.yml "$scratch"
echo token >"$scratch/ledgerd.token"
"$promtool" check config --lint=all --lint-fatal "$scratch/prometheus.yml"
"$promtool" test rules tests/deploy/alerts_test.yml

# The dashboard's expressions, with all nodes chosen, as rules.
node - >"$scratch/dashboard.yml" <<'END'
const {readFileSync} = require('node:fs');
const rules = [];
JSON.parse(readFileSync('deploy/grafana/ledgerd.json', 'utf8'), (key, value) => {
  if (key === 'expr') {
    rules.push({record: `dashboard:${rules.length}`, expr: value.replace(/\$(job|instance)/g, '.*')});
  }
  return value;
});
console.log(JSON.stringify({groups: [{name: 'dashboard', rules}]}));
END
"$promtool" check rules "$scratch/dashboard.yml"

# The tests of the alerts can fail: an alert that never comes, and one that does not end.
mkdir -p "$scratch/deploy/prometheus" "$scratch/tests/deploy"
cp tests/deploy/alerts_test.yml "$scratch/tests/deploy"
for change in 's/ledgerd_stalled > 0/ledgerd_stalled > 9/' 's/ledgerd_aside_accounts > 0 and .*/ledgerd_aside_accounts > 0/'; do
  sed "$change" deploy/prometheus/alerts.yml >"$scratch/deploy/prometheus/alerts.yml"
  if "$promtool" test rules "$scratch/tests/deploy/alerts_test.yml" >/dev/null 2>&1; then
    echo "the tests pass with $change, so they test nothing"
    exit 1
  fi
done
